//! What is written to an etcd of the host and its endpoints, and when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, GetOptions};
use margay::agent::moment::Moment;
use margay::agent::reporting::{EndpointReporting, Layout, Reporting};
use margay::agent::status::{EndpointState, EndpointStatus, Status};
use margay::agent::store::etcd::Reporter;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::etcd::store;
use crate::support::etcd::Etcd;

const PATIENCE: Duration = Duration::from_secs(30);
const BASE: &str = "/calico/felix/v2/no-region/host/h";

/// A host all of whose endpoints are up.
fn host(endpoints: usize) -> Status {
    let mut status = Status::new("h", "etcd", Moment::now());
    status.in_force = Some(Moment::now());
    for at in 0..endpoints {
        let name = format!("openstack/h-openstack-vm{at}-port{at}")
            .parse()
            .unwrap();
        let endpoint = EndpointStatus {
            interface: format!("tap{at}").parse().unwrap(),
            state: EndpointState::Up,
        };
        status.endpoints.insert(name, endpoint);
    }
    status
}

fn reporter(etcd: &Etcd) -> Reporter {
    Reporter {
        etcd: store(&[etcd.endpoint()]),
        reporting: Reporting {
            layout: Layout::V2(None),
            host: "h".to_owned(),
            ttl: Duration::from_secs(90),
            endpoints: EndpointReporting::Enabled,
        },
        interval: Some(Duration::from_millis(300)),
        // Whatever waits for this does not come.
        delay: Duration::from_secs(3_600),
    }
}

#[tokio::test]
async fn that_the_host_lives_is_said_whatever_endpoints_wait_for() {
    let etcd = Etcd::start();
    let (_say, said) = watch::channel(Arc::new(host(1_000)));
    tokio::spawn(reporter(&etcd).run(said));
    let mut client = Client::connect([etcd.endpoint()], None).await.unwrap();
    let mut values = BTreeSet::new();
    let lives = async {
        while values.len() < 4 {
            let found = client.get(format!("{BASE}/status"), None).await.unwrap();
            let found = found
                .kvs()
                .iter()
                .map(|pair| pair.value_str().unwrap().to_owned());
            values.extend(found);
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, lives).await.unwrap();
    let first = values
        .iter()
        .filter(|value| value.contains(r#""first_update":true"#));
    assert!(first.count() <= 1, "{values:?}");
    let prefix = || Some(GetOptions::new().with_prefix());
    let all = async {
        loop {
            let found = client
                .get(format!("{BASE}/workload/"), prefix())
                .await
                .unwrap();
            if found.count() == 1_000 {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let found = timeout(PATIENCE, all).await.unwrap();
    let transactions: BTreeSet<_> = found.kvs().iter().map(|pair| pair.mod_revision()).collect();
    assert_eq!(transactions.len(), 8);
    let leases = found.kvs().iter().filter(|pair| pair.lease() != 0);
    assert_eq!(leases.count(), 0);
}
