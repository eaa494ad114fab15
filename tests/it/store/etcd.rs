//! An etcd as a store: how keys come, and what becomes of them when it fails.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcd_client::{Client, Txn, TxnOp};
use margay::agent::store::etcd::{Etcd, Pace};
use margay::agent::store::{Content, Update};
use tokio::sync::mpsc::channel;
use tokio::time::{sleep, timeout};

use super::heard::Heard;
use crate::support::etcd::{self, free_ports};
use crate::support::proxy::Proxy;

const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

/// What finds a fault soon.
fn hasty() -> Pace {
    Pace {
        dial_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(3),
        keepalive_interval: Duration::from_millis(500),
        keepalive_timeout: Duration::from_millis(700),
        compare_interval: Duration::from_millis(800),
        backoff_max: Duration::from_millis(500),
        page_keys: 500,
    }
}

pub(super) fn store(endpoints: &[String]) -> Etcd {
    Etcd {
        endpoints: endpoints.iter().map(|text| text.parse().unwrap()).collect(),
        prefix: PREFIX.to_owned(),
        tls: None,
        user: None,
        pace: hasty(),
    }
}

pub(super) fn followed(store: Etcd) -> Heard {
    let (sender, receiver) = channel(16);
    tokio::spawn(store.run(sender));
    Heard::new(receiver)
}

fn key(name: &str) -> String {
    format!("{PREFIX}tiers/{name}")
}

async fn says(heard: &mut Heard, name: &str, value: &str) {
    heard.until(|heard| heard.value(name) == Some(value)).await;
}

/// Hears until it is lost, connected again and up to a value of a key.
async fn lost_and_found(heard: &mut Heard, etcd: &etcd::Etcd, name: &str) {
    heard
        .until(|heard| heard.log.last() == Some(&Update::Connected))
        .await;
    etcd.put(&key(name), "found");
    says(heard, name, "found").await;
}

#[tokio::test]
async fn keys_are_listed_and_followed_and_others_are_not() {
    let etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "1");
    etcd.put("/calico/resources/v3/projectcalico.orgx", "other");
    etcd.put("/calico/v1/Ready", "true");
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    assert!(heard.log.contains(&Update::Connected));
    assert_eq!(heard.keys.len(), 1);
    etcd.put("/calico/v1/Ready", "false");
    etcd.put(&key("b"), "2");
    etcd.put(&key("a"), "3");
    etcd.delete(&key("a"));
    etcd.put(&key("a"), "");
    says(&mut heard, "b", "2").await;
    says(&mut heard, "a", "").await;
    assert!(heard.was_gone("tiers/a"));
    assert_eq!(heard.keys.len(), 2);
    // A few looks later nothing was found to differ.
    sleep(Duration::from_secs(3)).await;
    let said = heard.log.len();
    assert!(
        heard.is_silent_for(Duration::from_millis(100)).await,
        "{said}"
    );
}

#[tokio::test]
async fn an_etcd_without_our_keys_is_in_sync() {
    let etcd = etcd::Etcd::start();
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    assert!(heard.keys.is_empty());
    etcd.put(&key("a"), "1");
    says(&mut heard, "a", "1").await;
}

/// How many changes each step has.
fn steps(log: &[Update]) -> Vec<usize> {
    let steps = log.iter().filter_map(|update| match update {
        Update::Keys(changes) => Some(changes.len()),
        Update::Listing | Update::InSync | Update::Connected | Update::Lost { .. } => None,
    });
    steps.collect()
}

/// Gives many keys a value, with transactions of as many as etcd takes.
async fn fill(etcd: &etcd::Etcd, count: usize, value: &str) {
    let mut client = Client::connect([etcd.endpoint()], None).await.unwrap();
    let names: Vec<_> = (0..count).map(|at| key(&format!("t{at:05}"))).collect();
    for names in names.chunks(128) {
        let puts = names
            .iter()
            .map(|name| TxnOp::put(name.as_str(), value, None));
        let txn = Txn::new().and_then(puts.collect::<Vec<_>>());
        client.txn(txn).await.unwrap();
    }
}

#[tokio::test]
async fn twenty_thousand_keys_come_in_pages() {
    let etcd = etcd::Etcd::start();
    fill(&etcd, 20_000, &"x".repeat(200)).await;
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    assert_eq!(heard.keys.len(), 20_000);
    let sizes = steps(&heard.log);
    assert_eq!(sizes, [500; 40]);
    let changed = key("t10000");
    etcd.put(&changed, "new");
    says(&mut heard, "t10000", "new").await;
    etcd.ctl(&["del", "--prefix", &key("t0")]);
    heard.until(|heard| heard.keys.len() == 10_000).await;
    let last = heard.log.last();
    assert!(
        matches!(last, Some(Update::Keys(keys)) if keys.len() == 10_000),
        "one step"
    );
}

#[tokio::test]
async fn what_happened_behind_a_compaction_is_found_by_a_listing() {
    let etcd = etcd::Etcd::start();
    let proxy = Proxy::to(etcd.port());
    for name in ["stays", "goes", "changes"] {
        etcd.put(&key(name), "old");
    }
    let mut heard = followed(store(&[proxy.endpoint()]));
    heard.until_in_sync().await;
    proxy.stall(true);
    etcd.delete(&key("goes"));
    etcd.put(&key("changes"), "new");
    etcd.put(&key("comes"), "new");
    etcd.delete(&key("never"));
    etcd.compact();
    heard.until_lost().await;
    proxy.stall(false);
    let before = heard.log.len();
    heard.until_in_sync().await;
    let steps = steps(&heard.log[before..]);
    assert_eq!(steps, [4], "what may differ, in one step");
    let listings = heard
        .log
        .iter()
        .filter(|update| **update == Update::Listing);
    assert_eq!(listings.count(), 2, "each listing is told of");
    assert!(heard.was_gone("goes"));
    assert_eq!(heard.value("changes"), Some("new"));
    assert_eq!(heard.value("comes"), Some("new"));
    etcd.put(&key("stays"), "after");
    says(&mut heard, "stays", "after").await;
}

#[tokio::test]
async fn what_a_listing_that_broke_off_has_shown_is_not_forgotten() {
    let etcd = etcd::Etcd::start();
    let proxy = Proxy::to(etcd.port());
    let (old, new) = ("o".repeat(200), "n".repeat(200));
    fill(&etcd, 5_000, &old).await;
    let mut heard = followed(store(&[proxy.endpoint()]));
    heard.until_in_sync().await;
    proxy.stall(true);
    fill(&etcd, 5_000, &new).await;
    etcd.compact();
    heard.until_lost().await;
    proxy.stall_after(600_000);
    while !proxy.is_stalled() {
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs(2)).await;
    proxy.stall(false);
    heard.until_in_sync().await;
    let all_new = |content: &Content| *content == Content::Value(new.clone().into());
    assert!(heard.keys.len() == 5_000 && heard.keys.values().all(all_new));
}

#[tokio::test]
async fn a_connection_that_swallows_everything_is_noticed_and_resumed() {
    let etcd = etcd::Etcd::start();
    let proxy = Proxy::to(etcd.port());
    etcd.put(&key("a"), "1");
    let mut heard = followed(store(&[proxy.endpoint()]));
    heard.until_in_sync().await;
    proxy.stall(true);
    etcd.put(&key("b"), "2");
    let begun = Instant::now();
    heard.until_lost().await;
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    etcd.delete(&key("a"));
    assert_eq!(heard.value("b"), None);
    sleep(Duration::from_secs(2)).await;
    proxy.stall(false);
    says(&mut heard, "b", "2").await;
    heard.until(|heard| heard.was_gone("tiers/a")).await;
    let listings = heard.log.iter().filter(|update| **update == Update::InSync);
    assert_eq!(listings.count(), 1, "the watch resumes where it was");
}

#[tokio::test]
async fn an_etcd_that_stands_still_is_lost_and_found() {
    let etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "1");
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    etcd.stop();
    heard.until_lost().await;
    etcd.cont();
    lost_and_found(&mut heard, &etcd, "b").await;
    assert!(!heard.was_gone("a"));
}

#[tokio::test]
async fn an_etcd_that_dies_and_returns_goes_on() {
    let mut etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "1");
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    etcd.kill();
    let why = heard.until_lost().await;
    assert!(why.contains(&etcd.endpoint()), "{why}");
    assert!(heard.until_lost().await.contains("Connection refused"));
    etcd.run();
    etcd.delete(&key("a"));
    lost_and_found(&mut heard, &etcd, "b").await;
    heard.until(|heard| heard.was_gone("tiers/a")).await;
    let listings = heard.log.iter().filter(|update| **update == Update::InSync);
    assert_eq!(listings.count(), 1, "the watch resumes where it was");
}

#[tokio::test]
async fn a_backup_that_is_restored_is_what_holds() {
    let mut etcd = etcd::Etcd::start();
    for name in ["stays", "deleted", "changed"] {
        etcd.put(&key(name), "old");
    }
    let backup = etcd.back_up();
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    etcd.delete(&key("deleted"));
    etcd.put(&key("changed"), "new");
    etcd.put(&key("added"), "new");
    says(&mut heard, "added", "new").await;
    etcd.replace_data(Some(&backup));
    etcd.run();
    heard.until_in_sync().await;
    assert!(heard.was_gone("added"));
    assert_eq!(heard.value("changed"), Some("old"));
    assert_eq!(heard.value("deleted"), Some("old"));
    assert_eq!(heard.keys.len(), 3);
    etcd.put(&key("stays"), "after");
    says(&mut heard, "stays", "after").await;
}

#[tokio::test]
async fn a_backup_whose_history_goes_on_to_the_same_revision_is_not_taken_for_the_old() {
    let mut etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "old");
    let backup = etcd.back_up();
    let proxy = Proxy::to(etcd.port());
    let mut heard = followed(store(&[proxy.endpoint()]));
    heard.until_in_sync().await;
    etcd.put(&key("a"), "one history");
    says(&mut heard, "a", "one history").await;
    proxy.stall(true);
    heard.until_lost().await;
    etcd.replace_data(Some(&backup));
    etcd.run();
    etcd.put(&key("a"), "another history");
    proxy.stall(false);
    says(&mut heard, "a", "another history").await;
}

#[tokio::test]
async fn an_etcd_that_begins_anew_takes_no_policy_away() {
    let mut etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "1");
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    etcd.replace_data(None);
    etcd.run();
    heard
        .until(|heard| {
            let last = heard.log.last();
            matches!(last, Some(Update::Lost { why }) if why.contains("no key of ours"))
        })
        .await;
    assert!(!heard.was_gone("a"));
    etcd.put(&key("b"), "2");
    heard.until_in_sync().await;
    assert!(heard.was_gone("tiers/a"));
    assert_eq!(heard.value("b"), Some("2"));
}

#[tokio::test]
async fn the_next_member_takes_over() {
    let etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "1");
    let [dead, _] = free_ports();
    let stalled = Proxy::to(etcd.port());
    stalled.stall(true);
    let good = Proxy::to(etcd.port());
    let dead = format!("http://127.0.0.1:{dead}");
    let endpoints = [dead, stalled.endpoint(), good.endpoint()];
    let mut heard = followed(store(&endpoints));
    heard.until_in_sync().await;
    good.stall(true);
    stalled.stall(false);
    etcd.put(&key("b"), "2");
    says(&mut heard, "b", "2").await;
    assert!(!heard.was_gone("a"));
}

/// What the thread has used of the processor.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap();
    Duration::new(u64::try_from(now.tv_sec).unwrap(), nanoseconds)
}

#[tokio::test]
async fn a_lost_etcd_costs_nothing() {
    let [dead, _] = free_ports();
    let silent = Proxy::to(dead);
    let mut heard = followed(store(&[silent.endpoint()]));
    heard.until_lost().await;
    let (before, tried) = (processor_time(), silent.accepted());
    let waited = timeout(Duration::from_secs(5), async {
        loop {
            heard.next().await;
        }
    });
    assert!(waited.await.is_err());
    let (used, tried) = (processor_time() - before, silent.accepted() - tried);
    assert!(used < Duration::from_millis(500), "{used:?}");
    assert!((5..200).contains(&tried), "{tried} attempts");
    let told = heard.log.len();
    assert!(told <= 16, "the same is said once: {:#?}", heard.log);
}

#[tokio::test]
async fn hostile_values_come_through() {
    let etcd = etcd::Etcd::start();
    let mut client = Client::connect([etcd.endpoint()], None).await.unwrap();
    let long = vec![b'x'; 10 << 20];
    client.put(key("long"), long.clone(), None).await.unwrap();
    client.put(key("zero"), [0, 255, 10], None).await.unwrap();
    client
        .put([PREFIX.as_bytes(), b"\xff\xfe"].concat(), "x", None)
        .await
        .unwrap();
    fill(&etcd, 30, "x").await;
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    assert_eq!(
        heard.keys.len(),
        32,
        "a key that is no text is none of ours"
    );
    assert_eq!(heard.keys[&key("long")], Content::Value(long));
    assert_eq!(heard.keys[&key("zero")], Content::Value(vec![0, 255, 10]));
    client
        .put(key("later"), vec![b'y'; 10 << 20], None)
        .await
        .unwrap();
    heard
        .until(|heard| heard.keys.contains_key(&key("later")))
        .await;
    sleep(Duration::from_secs(2)).await;
    let said = heard.log.len();
    assert!(
        heard.is_silent_for(Duration::from_millis(100)).await,
        "{said}"
    );
}

#[tokio::test]
async fn pages_that_are_too_long_become_shorter() {
    let etcd = etcd::Etcd::start();
    let mut client = Client::connect([etcd.endpoint()], None).await.unwrap();
    for at in 0..7 {
        let value = vec![b'x'; 15 << 20];
        client
            .put(key(&format!("long{at}")), value, None)
            .await
            .unwrap();
    }
    let mut heard = followed(store(&[etcd.endpoint()]));
    heard.until_in_sync().await;
    assert_eq!(heard.keys.len(), 7);
    assert!(
        heard
            .keys
            .values()
            .all(|content| matches!(content, Content::Value(_)))
    );
}

/// etcd's own proxy, ended with the test.
struct GrpcProxy(Child);

impl Drop for GrpcProxy {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

#[tokio::test]
async fn looks_through_the_proxy_of_etcd_are_borne_by_it() {
    let etcd = etcd::Etcd::start();
    etcd.put(&key("a"), "1");
    let [port, _] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let home = tempfile::tempdir().unwrap();
    let proxy = Command::new("etcd")
        .args(["grpc-proxy", "start", "--endpoints"])
        .arg(format!("127.0.0.1:{}", etcd.port()))
        .args(["--listen-addr", &address])
        .current_dir(home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut proxy = GrpcProxy(proxy);
    while TcpStream::connect(&address).is_err() {
        assert!(proxy.0.try_wait().unwrap().is_none(), "it does not start");
        sleep(Duration::from_millis(50)).await;
    }
    let mut store = store(&[format!("http://{address}")]);
    store.pace.keepalive_interval = Duration::from_secs(10);
    let mut heard = followed(store);
    heard.until_in_sync().await;
    sleep(Duration::from_secs(4)).await;
    etcd.put(&key("b"), "2");
    says(&mut heard, "b", "2").await;
    assert!(proxy.0.try_wait().unwrap().is_none(), "it died of us");
    let is_lost = |update: &Update| matches!(update, Update::Lost { .. });
    assert!(!heard.log.iter().any(is_lost), "{:#?}", heard.log);
}
