//! What a watch did not tell: events that were lost, history that is gone while much changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::Client;
use margay::agent::store::Update;
use tokio::time::sleep;

use super::cluster::{finals, more, putting};
use super::etcd::{followed, store};
use super::heard::Heard;
use crate::support::etcd::Etcd;
use crate::support::netns::report;
use crate::support::proxy::Proxy;

const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

fn key(name: &str) -> String {
    format!("{PREFIX}tiers/{name}")
}

/// An etcd, a proxy before it, and what a store says that follows through that.
async fn watched() -> (Etcd, Proxy, Heard) {
    let etcd = Etcd::start();
    for name in ["changes", "goes", "stays"] {
        etcd.put(&key(name), "old");
    }
    let proxy = Proxy::to(etcd.port());
    let mut heard = followed(store(&[proxy.endpoint()]));
    heard.until_in_sync().await;
    (etcd, proxy, heard)
}

fn listings(heard: &Heard) -> usize {
    let listings = heard.log.iter().filter(|update| **update == Update::InSync);
    listings.count()
}

#[tokio::test]
async fn a_change_that_the_watch_lost_is_found_by_a_look() {
    let (etcd, proxy, mut heard) = watched().await;
    proxy.lose("never told");
    etcd.put(&key("changes"), "never told");
    heard
        .until(|heard| heard.value("changes") == Some("never told"))
        .await;
    assert!(proxy.has_lost(), "the watch told it after all");
    heard.until(|heard| listings(heard) == 2).await;
    assert_eq!(heard.keys.len(), 3);
    // The same watch goes on, or another one does.
    etcd.put(&key("stays"), "after");
    heard
        .until(|heard| heard.value("stays") == Some("after"))
        .await;
}

#[tokio::test]
async fn a_key_that_went_without_a_word_is_found_by_a_look() {
    let (etcd, proxy, mut heard) = watched().await;
    proxy.lose("tiers/goes");
    etcd.delete(&key("goes"));
    heard.until(|heard| heard.was_gone("tiers/goes")).await;
    assert!(proxy.has_lost(), "the watch told it after all");
    heard.until(|heard| listings(heard) == 2).await;
    assert_eq!(heard.keys.len(), 2);
}

#[tokio::test]
async fn compaction_while_much_changes_loses_nothing() {
    let (etcd, proxy, mut heard) = watched().await;
    let (progress, stop) = <(Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
    let put = putting(vec![etcd.endpoint()], progress.clone(), stop.clone());
    let put = tokio::spawn(put);
    let end = key("end");
    let hearing = tokio::spawn(async move {
        heard.until(|heard| heard.keys.contains_key(&end)).await;
        heard
    });
    // Short pauses are behind the history, long ones lose the connection as well.
    for pause in [0, 50, 100, 200, 400, 1_500] {
        proxy.stall(true);
        more(&progress, 20).await;
        sleep(Duration::from_millis(pause)).await;
        etcd.compact();
        proxy.stall(false);
        more(&progress, 20).await;
        etcd.compact();
    }
    stop.store(true, Ordering::Relaxed);
    let put = put.await.unwrap();
    let mut client = Client::connect([etcd.endpoint()], None).await.unwrap();
    client.put(key("end"), "", None).await.unwrap();
    let last = finals(&mut client).await;
    let heard = hearing.await.unwrap();
    let told: BTreeMap<String, String> = heard
        .keys
        .keys()
        .map(|key| (key.clone(), heard.value(key).unwrap_or_default().to_owned()))
        .collect();
    report(&format!(
        "{} puts under compaction, {} listings",
        put.acknowledged.len(),
        listings(&heard)
    ));
    assert_eq!(told, last);
    assert!(put.acknowledged.len() > 200);
}
