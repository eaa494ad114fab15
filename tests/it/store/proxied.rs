//! An etcd through its own proxy, which makes many watches one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use margay::agent::store::Update;
use tokio::time::sleep;

use super::etcd::{followed, store};
use super::heard::Heard;
use crate::support::cluster::Fan;
use crate::support::etcd::Etcd;
use crate::support::netns::report;

const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

/// How many hosts follow.
const HOSTS: usize = 40;

fn key(name: &str) -> String {
    format!("{PREFIX}tiers/{name}")
}

/// How many watches an etcd serves.
fn watches(etcd: &Etcd) -> usize {
    let mut stream = TcpStream::connect(("127.0.0.1", etcd.port())).unwrap();
    let asked = b"GET /metrics HTTP/1.0\r\nHost: etcd\r\n\r\n";
    stream.write_all(asked).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let name = "etcd_debugging_mvcc_watcher_total ";
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

#[tokio::test]
async fn one_watch_of_the_etcd_serves_many_through_its_proxy() {
    let etcd = Etcd::start();
    etcd.put(&key("a"), "1");
    let fan = Fan::start("http", &etcd.endpoint(), &[], &[]);
    let mut all: Vec<Heard> = (0..HOSTS)
        .map(|_| followed(store(&[fan.endpoint()])))
        .collect();
    for heard in &mut all {
        heard.until_in_sync().await;
    }
    let begun = Instant::now();
    let mut changes = 0;
    loop {
        changes += 1;
        etcd.put(&key("a"), &format!("change {changes}"));
        let wanted = format!("change {changes}");
        for heard in &mut all {
            heard.until(|heard| heard.value("a") == Some(&wanted)).await;
        }
        if watches(&etcd) < 5 {
            break;
        }
        let late = begun.elapsed() > Duration::from_secs(20);
        assert!(!late, "{} watches", watches(&etcd));
    }
    report(&format!(
        "{HOSTS} hosts through the proxy after {changes} changes: {} watches of the etcd",
        watches(&etcd)
    ));
    etcd.delete(&key("a"));
    for heard in &mut all {
        heard.until(|heard| heard.was_gone("tiers/a")).await;
    }
}

#[tokio::test]
async fn looks_through_a_proxy_find_nothing_wrong() {
    let etcd = Etcd::start();
    etcd.put(&key("a"), "1");
    let fan = Fan::start("http", &etcd.endpoint(), &[], &[]);
    let mut heard = followed(store(&[fan.endpoint()]));
    heard.until_in_sync().await;
    // Longer than several looks, and than a look may take.
    for n in 0..8 {
        etcd.put(&key("b"), &n.to_string());
        etcd.delete(&key("c"));
        etcd.put(&key("c"), "1");
        sleep(Duration::from_secs(1)).await;
    }
    etcd.put(&key("end"), "");
    heard.until(|heard| heard.value("end").is_some()).await;
    let lost = heard.log.iter().filter(|update| match update {
        Update::Lost { .. } => true,
        Update::Keys(_) | Update::InSync | Update::Connected | Update::Listing => false,
    });
    assert_eq!(lost.count(), 0, "{:#?}", heard.log);
    let listings = heard.log.iter().filter(|update| **update == Update::InSync);
    assert_eq!(listings.count(), 1);
    assert!(heard.is_silent_for(Duration::from_secs(5)).await);
}
