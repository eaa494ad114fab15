//! Kinds of update of Calico's policies: order, tiers, sets that deny, and labels that change.

use std::fmt::Write;

use margay::codec;
use margay::net::Family;
use margay::scenario::place;

use super::kinds::{Kind, Size, States};
use super::script::remote_address;

/// All of them.
pub(crate) fn all() -> Vec<Kind> {
    [of_policies(), of_labels(), of_several()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_policies() -> Vec<Kind> {
    vec![
        kind("policy order swapped", move || {
            [ordered(1, 2), ordered(2, 1)]
        }),
        kind("a tier's default changed", move || {
            [tiered("Deny"), tiered("Pass")]
        }),
        kind("a Deny set replaced", move || [denying(2), denying(3)]),
        kind("first-match rules replaced", move || {
            [mixed(150), mixed(350)]
        }),
        kind("a Pass rule's selector changes", move || {
            [passing("open"), passing("closed")]
        }),
    ]
}

fn of_labels() -> Vec<Kind> {
    let both = |first, second| selecting().remote(1, first).remote(2, second);
    vec![
        kind("a selector's members moving", move || {
            [both("open", "closed"), both("closed", "open")]
        }),
        kind("an endpoint moves between selections", move || {
            [
                selecting().endpoint("c", 2, "open"),
                selecting().endpoint("c", 2, "closed"),
            ]
        }),
        kind(
            "a label change moves an endpoint between bundles",
            move || {
                [
                    changing().endpoint("c", 2, "open"),
                    changing().endpoint("c", 2, "closed"),
                ]
            },
        ),
        kind(
            "a label change moves an endpoint between verdict maps",
            move || {
                [
                    changing().mixes().endpoint("c", 2, "open"),
                    changing().mixes().endpoint("c", 2, "closed"),
                ]
            },
        ),
        kind("members of selectors that deny and allow", move || {
            [
                opposed().remote(1, "open").remote(2, "closed"),
                opposed().remote(1, "closed").remote(2, "open"),
            ]
        }),
    ]
}

/// Changes of which more than one thing is true at once.
fn of_several() -> Vec<Kind> {
    vec![
        kind(
            "an endpoint moves between tiers of verdict maps",
            move || {
                [
                    layered().mixes().endpoint("c", 2, "open"),
                    layered().mixes().endpoint("c", 2, "closed"),
                ]
            },
        ),
        kind("an endpoint that rules select at its own end", move || {
            [
                receiving().endpoint("c", 2, "open"),
                receiving().endpoint("c", 2, "closed"),
            ]
        }),
        kind("a selector that denies and a policy's own set", move || {
            [beside(2).remote(1, "closed"), beside(1).remote(1, "open")]
        }),
    ]
}

fn kind(name: &'static str, documents: impl FnOnce() -> [Documents; 2] + Send + 'static) -> Kind {
    let states = States::new(Box::new(|| documents().map(|documents| documents.state())));
    let size = Size::Small;
    Kind { name, size, states }
}

/// What the one allows the other denies; port 300 is allowed by both.
fn ordered(one: u8, other: u8) -> Documents {
    Documents::default()
        .policy(
            "one",
            one,
            "server",
            &["Allow udp 100:199", "Deny udp 200:299", "Allow udp 300"],
        )
        .policy(
            "other",
            other,
            "server",
            &["Allow udp 300", "Deny udp 100:149", "Allow udp 200:249"],
        )
}

/// Port 100 is allowed by the first tier, 300 by what comes after it.
fn tiered(default: &str) -> Documents {
    Documents::default()
        .tier("first", default)
        .policy(
            "first.p",
            1,
            "server",
            &["Allow udp 100", "Deny udp 200", "Pass udp 300"],
        )
        .policy("last", 1, "server", &["Allow udp 100:300"])
}

/// The set denies either slot 2 or slot 3, and many prefixes that nobody is in.
fn denying(slot: usize) -> Documents {
    let far = (0..100).map(|n| format!("Deny udp from far {}", 2 * n + slot));
    let rules: Vec<String> = far
        .chain([format!("Deny udp from slot {slot}"), "Allow udp".to_owned()])
        .collect();
    Documents::default().policy("p", 1, "server", &rules)
}

/// Rules that allow and deny by turns become one map.
fn mixed(last: u16) -> Documents {
    Documents::default().policy(
        "p",
        1,
        "server",
        &[
            format!("Deny udp 120:{last} from slot 2"),
            "Allow udp 100 from slot 2".to_owned(),
            "Allow udp 300 from slot 0".to_owned(),
            format!("Deny udp 130:{last} from slot 0"),
            "Allow udp 100:395 from slot 0".to_owned(),
            "Deny udp 170 from slot 3".to_owned(),
            format!("Allow udp 100:{last}"),
        ],
    )
}

/// What is not passed is denied; what is passed is allowed. Port 300 always is.
fn passing(passed: &str) -> Documents {
    Documents::default()
        .tier("first", "Deny")
        .policy(
            "first.p",
            1,
            "server",
            &[
                "Pass udp 300",
                "Pass udp from role open",
                "Deny udp from role closed",
            ],
        )
        .policy("last", 1, "server", &["Allow udp 100:300"])
        .endpoint("c", 2, passed)
}

/// Either selection may use port 300, and each a port of its own.
fn selecting() -> Documents {
    Documents::default().policy(
        "p",
        1,
        "server",
        &[
            "Allow udp 100 from role open",
            "Allow udp 200 from role closed",
            "Allow udp 300 from role open",
            "Allow udp 300 from role closed",
        ],
    )
}

/// What an endpoint may do depends on its own label as well.
fn changing() -> Documents {
    selecting()
        .policy("open", 1, "open", &["Allow udp 300", "Allow udp 100"])
        .policy("closed", 1, "closed", &["Allow udp 300", "Allow udp 200"])
}

/// The same in two tiers, the first of which passes some of it on.
fn layered() -> Documents {
    changing()
        .tier("first", "Pass")
        .policy(
            "first.open",
            1,
            "open",
            &["Pass udp 300", "Deny udp 170", "Pass udp 100"],
        )
        .policy(
            "first.closed",
            1,
            "closed",
            &["Pass udp 300", "Deny udp 120", "Pass udp 200"],
        )
}

/// What everybody may receive depends on who receives it.
fn receiving() -> Documents {
    Documents::default()
        .received("mine", "open", &["100", "300"])
        .received("yours", "closed", &["200", "300"])
}

/// Whom a selector denies a policy's own set lets in before that, if it begins with the first remote.
fn beside(first: u16) -> Documents {
    let named = (first..20).map(|n| format!("Allow udp 300 from remote {n}"));
    let then = ["Deny udp from role open", "Allow udp 300 from remote 1"];
    let rules: Vec<String> = named.chain(then.map(str::to_owned)).collect();
    Documents::default().policy("p", 1, "server", &rules)
}

/// The first rule that matches counts, for and against.
fn opposed() -> Documents {
    Documents::default().policy(
        "p",
        1,
        "server",
        &[
            "Allow udp 300 from role open",
            "Deny udp 200:300 from role open",
            "Deny udp 100 from role closed",
            "Allow udp 300 from role closed",
            "Allow udp 100:240",
        ],
    )
}

/// Documents that grow, with a client in slot 0 and a server in slot 1 from the beginning.
#[derive(Debug, Clone)]
struct Documents(String);

impl Default for Documents {
    fn default() -> Self {
        Self(String::new())
            .policy_of("clients", 9, "client", &["Allow udp"], "[Ingress, Egress]")
            .policy_of("senders", 9, "server", &["Allow udp"], "[Egress]")
            .policy_of("movers", 9, "open", &["Allow udp"], "[Egress]")
            .policy_of("others", 9, "closed", &["Allow udp"], "[Egress]")
            .endpoint("a", 0, "client")
            .endpoint("b", 1, "server")
    }
}

impl Documents {
    /// A tier before the default one.
    fn tier(self, name: &str, default: &str) -> Self {
        let spec = format!("{{order: 1, defaultAction: {default}}}");
        self.document("Tier", &format!("{{name: {name}}}"), &spec)
    }

    /// A policy of what those of a role receive; a rule is `Deny udp 100:199 from role open`, ports and
    /// peer being what it may lack, and is written once for each family where it names a prefix.
    fn policy<R: AsRef<str>>(self, name: &str, order: u8, role: &str, ingress: &[R]) -> Self {
        self.policy_of(name, order, role, ingress, "[Ingress]")
    }

    fn policy_of<R: AsRef<str>>(
        self,
        name: &str,
        order: u8,
        role: &str,
        rules: &[R],
        types: &str,
    ) -> Self {
        let rules: Vec<String> = rules
            .iter()
            .flat_map(|rule| in_yaml(rule.as_ref()))
            .collect();
        let tier = name.split_once('.').map_or("default", |(tier, _)| tier);
        let rules = rules.join(", ");
        let [ingress, egress] = ["Ingress", "Egress"].map(|direction| {
            if types.contains(direction) {
                rules.as_str()
            } else {
                ""
            }
        });
        let spec = format!(
            "{{tier: {tier}, order: {order}, selector: \"role == '{role}'\", types: {types}, \
             ingress: [{ingress}], egress: [{egress}]}}"
        );
        self.document("GlobalNetworkPolicy", &format!("{{name: {name}}}"), &spec)
    }

    /// A policy of all endpoints that lets those of a role receive on ports.
    fn received(self, name: &str, role: &str, ports: &[&str]) -> Self {
        let rule = format!(
            "{{action: Allow, protocol: UDP, destination: {{selector: \"role == '{role}'\", ports: {ports:?}}}}}"
        );
        let spec = format!("{{order: 1, selector: all(), types: [Ingress], ingress: [{rule}]}}");
        self.document("GlobalNetworkPolicy", &format!("{{name: {name}}}"), &spec)
    }

    /// An endpoint of this host, in a slot.
    fn endpoint(self, name: &str, slot: usize, role: &str) -> Self {
        let addresses = Family::ALL.map(|family| place::in_slot(slot, family, 2).to_string());
        self.workload(place::HOST, name, place::SLOTS[slot], &addresses, role)
    }

    /// An endpoint of another host: the n-th of 65,536.
    fn remote(self, n: u16, role: &str) -> Self {
        let addresses = Family::ALL.map(|family| remote_address(n, family));
        self.workload("node2", &format!("remote{n}"), "tap0", &addresses, role)
    }

    fn workload(
        self,
        node: &str,
        pod: &str,
        interface: &str,
        addresses: &[String],
        role: &str,
    ) -> Self {
        let metadata = format!(
            "{{name: {node}-k8s-{pod}-eth0, namespace: ns, labels: {{role: {role}, \
             projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}}}"
        );
        let nets: Vec<String> = addresses
            .iter()
            .map(|address| format!("\"{}\"", whole(address)))
            .collect();
        let spec = format!(
            "{{orchestrator: k8s, node: {node}, pod: {pod}, endpoint: eth0, \
             interfaceName: {interface}, ipNetworks: [{}]}}",
            nets.join(", ")
        );
        self.document("WorkloadEndpoint", &metadata, &spec)
    }

    /// The same with more rules in every policy of roles, enough of them for verdict maps.
    fn mixes(self) -> Self {
        let more = [
            "Deny udp 1 from far 1",
            "Allow udp 2 from far 2",
            "Deny udp 3 from far 3",
        ];
        let more: Vec<String> = more.iter().flat_map(|rule| in_yaml(rule)).collect();
        let first = "ingress: [{action: Allow, protocol: UDP, destination: {ports: [\"300\"]}}";
        Self(self.0.replace(
            first,
            &format!("ingress: [{}, {}", more.join(", "), &first[10..]),
        ))
    }

    fn document(mut self, kind: &str, metadata: &str, spec: &str) -> Self {
        let _ = writeln!(
            self.0,
            "---\napiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}"
        );
        self
    }

    /// The state that the documents say.
    fn state(&self) -> margay::model::State {
        let loaded = codec::parse("labelled.yaml", &self.0);
        assert!(!loaded.has_errors(), "{:?} in {}", loaded.problems, self.0);
        loaded.state
    }
}

/// An address as a prefix.
fn whole(address: &str) -> String {
    format!("{address}/{}", if address.contains(':') { 128 } else { 32 })
}

fn in_yaml(rule: &str) -> Vec<String> {
    let (what, from) = rule
        .split_once(" from ")
        .map_or((rule, None), |(w, f)| (w, Some(f)));
    let mut words = what.split(' ');
    let action = words.next().unwrap();
    let protocol = words.next().unwrap().to_uppercase();
    let ports = words.next().map_or(String::new(), |ports| {
        format!(", destination: {{ports: [\"{ports}\"]}}")
    });
    let sources: Vec<String> = match from {
        None => vec![String::new()],
        Some(peer) => sources(peer),
    };
    let rule =
        |source: String| format!("{{action: {action}, protocol: {protocol}{source}{ports}}}");
    sources.into_iter().map(rule).collect()
}

fn sources(peer: &str) -> Vec<String> {
    let nets = |net: &dyn Fn(Family) -> String| {
        let nets = Family::ALL.map(|family| format!(", source: {{nets: [\"{}\"]}}", net(family)));
        nets.to_vec()
    };
    match peer.split_once(' ') {
        Some(("slot", slot)) => {
            let slot = slot.parse().unwrap();
            nets(&|family| place::prefix(slot, family))
        }
        Some(("far", n)) => {
            let n = n.parse().unwrap();
            nets(&|family| super::script::far(n, family))
        }
        Some(("remote", n)) => {
            let n = n.parse().unwrap();
            nets(&|family| whole(&remote_address(n, family)))
        }
        Some(("role", role)) => vec![format!(", source: {{selector: \"role == '{role}'\"}}")],
        Some(_) | None => panic!("a rule from {peer}"),
    }
}
