//! A cluster of Calico v3 resources in an etcd, and those who change it.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use etcd_client::{Client, Txn, TxnOp};
use margay::codec::calico::key::PREFIX;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

/// The host that the daemon runs on.
pub(super) const HOST: &str = "node0";
/// How many puts one transaction may have (`--max-txn-ops` of etcd).
const TRANSACTION: usize = 128;
/// Policies that choose endpoints share this many labels.
const APPLICATIONS: usize = 50;

/// How large a cluster is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Endpoints of this host.
    pub(super) local: usize,
    /// Endpoints of others.
    pub(super) remote: usize,
    /// Policies.
    pub(super) policies: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} here, {} elsewhere", self.local, self.remote)
    }
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A prefix of a network set that a policy names.
    NetworkSet,
    /// A prefix in a rule of a policy.
    Policy,
    /// The address of an endpoint of another host, which policies know by its labels.
    Endpoint,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::NetworkSet, Self::Policy, Self::Endpoint];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkSet => "a network set",
            Self::Policy => "a policy",
            Self::Endpoint => "an endpoint elsewhere",
        })
    }
}

/// All keys of a cluster.
#[derive(Debug)]
pub(super) struct Cluster(Vec<(String, Value)>);

impl Cluster {
    pub(super) fn of(size: Size) -> Self {
        let mut keys = vec![ready(), network_set(Ipv4Addr::new(198, 18, 0, 1))];
        keys.extend((0..size.policies).map(|n| policy(n, Ipv4Addr::new(198, 18, 0, 2))));
        keys.extend((0..size.local + size.remote).map(|n| endpoint(n, size, address(n))));
        Self(keys)
    }

    /// Puts all of it.
    pub(super) fn fill(&self, etcd: &str) {
        let runtime = runtime();
        runtime.block_on(async {
            let mut client = Client::connect([etcd], None).await.unwrap();
            for keys in self.0.chunks(TRANSACTION) {
                let puts = keys
                    .iter()
                    .map(|(key, value)| TxnOp::put(key.as_str(), value.to_string(), None));
                let transaction = Txn::new().and_then(puts.collect::<Vec<_>>());
                client.txn(transaction).await.unwrap();
            }
        });
    }
}

/// Somebody who changes the cluster.
pub(super) struct Writer {
    runtime: Runtime,
    client: Client,
    size: Size,
    serial: u32,
}

impl Writer {
    pub(super) fn new(etcd: &str, size: Size) -> Self {
        let runtime = runtime();
        // It connects with the first question, which is asked in this thread's namespace.
        let client = runtime.block_on(async {
            let mut client = Client::connect([etcd], None).await.unwrap();
            client.get("nothing", None).await.unwrap();
            client
        });
        // Markers of one writer are not those of another.
        let serial = fastrand::u32(..) % 200 * 1_000;
        Self {
            runtime,
            client,
            size,
            serial,
        }
    }

    /// Changes something, and says by which address the kernel will know.
    pub(super) fn change(&mut self, kind: Kind) -> Ipv4Addr {
        self.serial += 1;
        let [_, a, b, c] = self.serial.to_be_bytes();
        let marker = Ipv4Addr::new(101 + a, b, c, 77);
        let (key, value) = match kind {
            Kind::NetworkSet => network_set(marker),
            Kind::Policy => policy(0, marker),
            Kind::Endpoint => endpoint(self.size.local, self.size, marker),
        };
        let put = self.client.put(key, value.to_string(), None);
        self.runtime.block_on(put).unwrap();
        marker
    }

    /// Changes addresses of other endpoints so many times a second, until it is dropped.
    pub(super) fn load(mut self, a_second: u32) -> Load {
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let work = move || {
            let every = Duration::from_secs(1) / a_second;
            self.runtime.block_on(async {
                let mut tick = tokio::time::interval(every);
                let mut n = 0_usize;
                while !end.load(Ordering::SeqCst) {
                    tick.tick().await;
                    n += 1;
                    let at = self.size.local + 1 + n % (self.size.remote - 1);
                    let [.., a, b] = n.to_be_bytes();
                    let address = Ipv4Addr::new(100, 64 + a % 64, b, 1);
                    let (key, value) = endpoint(at, self.size, address);
                    self.client.put(key, value.to_string(), None).await.unwrap();
                }
            });
        };
        Load {
            ended,
            thread: Some(std::thread::spawn(work)),
        }
    }
}

/// Changes that go on.
pub(super) struct Load {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn key(plural: &str, name: &str) -> String {
    format!("{PREFIX}{plural}/{name}")
}

fn ready() -> (String, Value) {
    let value = json!({
        "kind": "ClusterInformation", "apiVersion": "projectcalico.org/v3",
        "metadata": { "name": "default" }, "spec": { "datastoreReady": true },
    });
    (key("clusterinformations", "default"), value)
}

fn network_set(member: Ipv4Addr) -> (String, Value) {
    let value = json!({
        "kind": "GlobalNetworkSet", "apiVersion": "projectcalico.org/v3",
        "metadata": { "name": "partners", "labels": { "partners": "yes" } },
        "spec": { "nets": [format!("{member}/32"), "203.0.113.0/24"] },
    });
    (key("globalnetworksets", "partners"), value)
}

/// The policy of an application: two roles may come, the partners, and one prefix.
fn policy(n: usize, peer: Ipv4Addr) -> (String, Value) {
    let role = |role: usize, port: usize| {
        json!({
            "action": "Allow", "protocol": "TCP", "destination": { "ports": [port] },
            "source": { "selector": format!("role == 'role{}'", role % APPLICATIONS) },
        })
    };
    let partners = json!({
        "action": "Allow", "protocol": "TCP", "destination": { "ports": [n % 60_000 + 1] },
        "source": { "selector": "partners == 'yes'" },
    });
    let one = json!({
        "action": "Allow", "protocol": "UDP", "source": { "nets": [format!("{peer}/32")] },
    });
    let value = json!({
        "kind": "GlobalNetworkPolicy", "apiVersion": "projectcalico.org/v3",
        "metadata": { "name": format!("default.p{n}") },
        "spec": {
            "tier": "default", "order": n, "types": ["Ingress"],
            "selector": format!("app == 'app{}'", n % APPLICATIONS),
            "ingress": [role(n, 80), role(n + 1, 443), partners, one],
        },
    });
    (
        key("globalnetworkpolicies", &format!("default.p{n}")),
        value,
    )
}

fn address(n: usize) -> Ipv4Addr {
    let [.., high, middle, low] = n.to_be_bytes();
    Ipv4Addr::new(10, high, middle, low)
}

/// The n-th endpoint; the first ones are here.
fn endpoint(n: usize, size: Size, address: Ipv4Addr) -> (String, Value) {
    let node = match n < size.local {
        true => HOST.to_owned(),
        false => format!("node{}", 1 + n % 1_000),
    };
    let name = format!("{node}-k8s-pod{n}-eth0");
    let value = json!({
        "kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
        "metadata": { "name": name, "namespace": "ns", "labels": {
            "app": format!("app{}", n % APPLICATIONS), "role": format!("role{}", n % APPLICATIONS),
            "projectcalico.org/namespace": "ns", "projectcalico.org/orchestrator": "k8s",
        }},
        "spec": {
            "orchestrator": "k8s", "node": node, "pod": format!("pod{n}"),
            "endpoint": "eth0", "interfaceName": format!("cali{n}"),
            "ipNetworks": [format!("{address}/32")],
        },
    });
    (key("workloadendpoints", &format!("ns/{name}")), value)
}
