//! An etcd of three members whose leader is killed while much changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, GetOptions};
use margay::agent::store::{Content, Update};
use tokio::time::{sleep, timeout};

use super::etcd::{followed, store};
use super::heard::Heard;
use crate::support::cluster::Cluster;
use crate::support::netns::report;

const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

/// How many keys change.
const KEYS: usize = 50;

/// How many follow: with as many, some were on the leader.
const FOLLOWERS: usize = 4;

/// How often the leader of the time is killed.
const KILLS: usize = 3;

/// What was put, each value once and never again, also where nobody knows what became of it.
#[derive(Debug, Default)]
pub(super) struct Put {
    /// The key and the value of puts that were acknowledged, in their order.
    pub(super) acknowledged: Vec<(String, usize)>,
    failed: usize,
}

/// Puts until told to stop.
pub(super) async fn putting(
    endpoints: Vec<String>,
    progress: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> Put {
    let mut put = Put::default();
    let mut client = Client::connect(endpoints, None).await.unwrap();
    for n in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("{PREFIX}tiers/k{:02}", n % KEYS);
        let asked = client.put(key.as_str(), n.to_string(), None);
        match timeout(Duration::from_secs(1), asked).await {
            Ok(Ok(_)) => {
                put.acknowledged.push((key, n));
                progress.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Err(_)) | Err(_) => {
                put.failed += 1;
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
    put
}

/// Waits until so many more puts were acknowledged.
pub(super) async fn more(progress: &AtomicUsize, count: usize) {
    let aim = progress.load(Ordering::Relaxed) + count;
    let reached = async {
        while progress.load(Ordering::Relaxed) < aim {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = timeout(Duration::from_secs(30), reached).await;
    assert!(reached.is_ok(), "the etcd takes no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_lost_or_told_twice_when_leaders_die() {
    let mut cluster = Cluster::start();
    let mut all: Vec<Heard> = (0..FOLLOWERS)
        .map(|_| followed(store(&cluster.endpoints())))
        .collect();
    for heard in &mut all {
        heard.until_in_sync().await;
    }
    let (progress, stop) = <(Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
    let put = putting(cluster.endpoints(), progress.clone(), stop.clone());
    let put = tokio::spawn(put);
    // What is said has to be heard, or the store waits.
    let hearing = all.into_iter().map(|mut heard| {
        tokio::spawn(async move {
            let end = format!("{PREFIX}tiers/end");
            heard.until(|heard| heard.keys.contains_key(&end)).await;
            heard
        })
    });
    let hearing: Vec<_> = hearing.collect();
    for _ in 0..KILLS {
        more(&progress, 200).await;
        let leader = cluster.leader();
        cluster.kill(leader);
        more(&progress, 200).await;
        cluster.run(leader);
    }
    more(&progress, 200).await;
    stop.store(true, Ordering::Relaxed);
    let put = put.await.unwrap();
    let mut client = Client::connect(cluster.endpoints(), None).await.unwrap();
    client
        .put(format!("{PREFIX}tiers/end"), "", None)
        .await
        .unwrap();
    let last = finals(&mut client).await;
    for hearing in hearing {
        let heard = hearing.await.unwrap();
        judge(&heard, &put, &last);
    }
}

/// What each key says at last.
pub(super) async fn finals(client: &mut Client) -> BTreeMap<String, String> {
    let options = GetOptions::new().with_prefix();
    let list = client.get(PREFIX, Some(options)).await.unwrap();
    let pairs = list.kvs().iter();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    pairs
        .map(|pair| (text(pair.key()), text(pair.value())))
        .collect()
}

/// Whether every change was said, and each once.
fn judge(heard: &Heard, put: &Put, last: &BTreeMap<String, String>) {
    let mut values: Vec<(&str, usize)> = Vec::new();
    let (mut lost, mut listings) = (0, 0);
    for update in &heard.log {
        match update {
            Update::Keys(changes) => {
                for change in changes.iter().filter(|change| !change.key.ends_with("end")) {
                    let Content::Value(value) = &change.content else {
                        panic!("nothing went: {change:?}")
                    };
                    let value = std::str::from_utf8(value).unwrap();
                    values.push((&change.key, value.parse().unwrap()));
                }
            }
            Update::InSync => listings += 1,
            Update::Lost { .. } => lost += 1,
            Update::Connected | Update::Listing => {}
        }
    }
    let told: BTreeSet<usize> = values.iter().map(|(_, value)| *value).collect();
    report(&format!(
        "{} puts acknowledged, {} failed; {} changes told, lost {lost} times, {listings} listings",
        put.acknowledged.len(),
        put.failed,
        values.len(),
    ));
    assert_eq!(told.len(), values.len(), "a change was told twice");
    let missing: Vec<_> = put
        .acknowledged
        .iter()
        .filter(|(_, n)| !told.contains(n))
        .collect();
    assert!(missing.is_empty(), "never told: {missing:?}");
    assert_eq!(listings, 1, "each watch resumes where the last one ended");
    let said = heard.keys.keys().map(|key| {
        let value = heard.value(key).unwrap_or_default();
        (key.clone(), value.to_owned())
    });
    assert_eq!(&said.collect::<BTreeMap<_, _>>(), last);
}
