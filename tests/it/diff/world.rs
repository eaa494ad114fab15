//! A toy world of endpoints and groups, and the table in the shape in which the compiler makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use margay::net::PortRange;
use margay::ruleset::key::{KeyBuilder, interface_bytes};
use margay::ruleset::{
    Chain, Datatype, Key, Name, Rule, Set, SetFlags, Statement, Table, TableFamily, TableKey,
    Verdict,
};

use super::skeleton;

/// What policy knows.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) endpoints: BTreeMap<u8, Endpoint>,
    /// Rules by group; a group without rules has a policy all the same.
    pub(super) groups: BTreeMap<u8, BTreeSet<Allow>>,
}

/// One endpoint, on interface `tap<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Its address is 10.0.0.<this>.
    pub(super) address: u8,
    pub(super) groups: BTreeSet<u8>,
    pub(super) has_mac: bool,
}

/// One thing that a group's policy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Allow {
    pub(super) direction: Direction,
    pub(super) peer: Peer,
    pub(super) ports: Option<PortRange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    In,
    Out,
}

/// Whom a rule lets in or out to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    Group(u8),
    Host(u8),
    /// 10.0.0.<first>-10.0.0.<last>.
    Range(u8, u8),
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn table_key() -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: name("margay"),
    }
}

pub(super) fn interface(id: u8) -> Key {
    Key::value(&interface_bytes(&format!("tap{id}")))
}

pub(super) fn address(last: u8) -> [u8; 4] {
    [10, 0, 0, last]
}

const PREFIX: [Datatype; 1] = [Datatype::Ipv4Addr];
const SERVICE: [Datatype; 2] = [Datatype::InetProto, Datatype::InetService];
const BOX: [Datatype; 3] = [
    Datatype::Ipv4Addr,
    Datatype::InetProto,
    Datatype::InetService,
];

impl World {
    /// The table, from scratch.
    pub(super) fn table(&self) -> Table {
        let mut table = skeleton::table();
        for (id, endpoint) in &self.endpoints {
            self.add_endpoint(&mut table, *id, endpoint);
        }
        for (id, allows) in &self.groups {
            self.add_group(&mut table, *id);
            // A group that is not there has no members.
            let known = |allow: &&Allow| match allow.peer {
                Peer::Group(peer) => self.groups.contains_key(&peer),
                Peer::Host(_) | Peer::Range(..) => true,
            };
            for direction in [Direction::In, Direction::Out] {
                let allows = allows.iter().filter(|allow| allow.direction == direction);
                add_policy(&mut table, *id, direction, allows.filter(known));
            }
        }
        let digest = Rule {
            comment: Some(self.digest()),
            ..Rule::new(vec![Statement::Counter])
        };
        chain(&mut table, "state").rules = vec![digest];
        table
    }

    fn digest(&self) -> String {
        let mut hasher = DefaultHasher::new();
        format!("{self:?}").hash(&mut hasher);
        format!("{:x}", hasher.finish())
    }

    fn add_endpoint(&self, table: &mut Table, id: u8, endpoint: &Endpoint) {
        let key = interface(id);
        set(table, "endpoints").insert(key.clone());
        let address = address(endpoint.address);
        let source = KeyBuilder::default().exact(&key.start).exact(&address);
        if endpoint.has_mac {
            let source = source.exact(&mac(id)).build();
            set(table, "source-mac4").insert(source);
            let known = KeyBuilder::default().exact(&key.start).exact(&mac(id));
            set(table, "source-macs").insert(known.build());
        } else {
            set(table, "source-ip4").insert(source.build());
            set(table, "source-any-mac").insert(key.clone());
        }
        let groups = endpoint
            .groups
            .iter()
            .filter(|id| self.groups.contains_key(id));
        let groups: Vec<_> = groups.map(u8::to_string).collect();
        let bundle = format!("bundle/b{}", groups.join("-"));
        for (map, direction) in [("from", "out"), ("to", "in")] {
            let chain_name = format!("{bundle}/{direction}");
            let jump = |id: &String| {
                skeleton::verdict_rule(Verdict::Jump(name(&format!("policy/g{id}/{direction}"))))
            };
            chain(table, &chain_name).rules = groups.iter().map(jump).collect();
            // What egress does not allow comes back to be dropped; what ingress does not, need not.
            let verdict = match direction {
                "out" => Verdict::Jump(name(&chain_name)),
                _ => Verdict::Goto(name(&chain_name)),
            };
            set(table, map).insert_verdict(key.clone(), verdict);
        }
    }

    fn add_group(&self, table: &mut Table, id: u8) {
        let mut members = Set::of(&PREFIX);
        for endpoint in self.endpoints.values() {
            if endpoint.groups.contains(&id) {
                members.insert(Key::value(&address(endpoint.address)));
            }
        }
        table.sets.insert(name(&format!("group/g{id}/v4")), members);
    }
}

pub(super) fn mac(id: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, id]
}

fn set<'a>(table: &'a mut Table, text: &str) -> &'a mut Set {
    table.sets.get_mut(text).unwrap()
}

fn chain<'a>(table: &'a mut Table, text: &str) -> &'a mut Chain {
    table.chains.entry(name(text)).or_default()
}

/// One rule per shape, and the sets that it looks up.
fn add_policy<'a>(
    table: &mut Table,
    id: u8,
    direction: Direction,
    allows: impl Iterator<Item = &'a Allow>,
) {
    let way = match direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    let policy = format!("policy/g{id}/{way}");
    let mut owned: BTreeMap<String, (Set, Option<String>)> = BTreeMap::new();
    let mut rules = Vec::new();
    for allow in allows {
        let group = match allow.peer {
            Peer::Group(peer) => Some(format!("group/g{peer}/v4")),
            Peer::Host(_) | Peer::Range(..) => None,
        };
        let Some((shape, types, flags, key)) = element(allow) else {
            rules.extend(group.map(|set| skeleton::allow(direction, &set, &PREFIX, None)));
            continue;
        };
        let (set, _) = owned
            .entry(format!("{policy}/{shape}"))
            .or_insert((Set::of(types), group));
        set.flags = flags;
        set.insert(key);
    }
    for (shape, (set, group)) in owned {
        rules.push(skeleton::allow(
            direction,
            &shape,
            &set.key,
            group.as_deref(),
        ));
        table.sets.insert(name(&shape), set);
    }
    chain(table, &policy).rules = rules;
}

/// The shape of a rule, how its set is declared, and the element; a group on every port needs none.
fn element(allow: &Allow) -> Option<(String, &'static [Datatype], SetFlags, Key)> {
    let empty = KeyBuilder::default;
    let (shape, types, flags, key): (_, &[Datatype], _, _) = match (allow.peer, allow.ports) {
        (Peer::Group(_), None) => return None,
        (Peer::Group(peer), Some(ports)) => {
            let shape = format!("ports-of/g{peer}/4");
            let key = service(empty(), ports);
            return Some((shape, &SERVICE, SetFlags::INTERVAL, key));
        }
        (Peer::Host(host), None) => (
            "net4",
            &PREFIX,
            SetFlags::default(),
            Key::value(&address(host)),
        ),
        (Peer::Range(first, last), None) => {
            let key = Key::range(&address(first), &address(last));
            ("prefix4", &PREFIX, SetFlags::INTERVAL, key)
        }
        (Peer::Host(host), Some(ports)) if ports.first() == ports.last() => {
            let key = service(empty().exact(&address(host)), ports);
            ("port4", &BOX, SetFlags::default(), key)
        }
        (Peer::Host(host), Some(ports)) => {
            let key = service(empty().exact(&address(host)), ports);
            ("ports4", &BOX, SetFlags::INTERVAL, key)
        }
        (Peer::Range(first, last), Some(ports)) => {
            let key = service(empty().range(&address(first), &address(last)), ports);
            ("box4", &BOX, SetFlags::INTERVAL, key)
        }
    };
    Some((shape.to_owned(), types, flags, key))
}

fn service(key: KeyBuilder, ports: PortRange) -> Key {
    let (first, last) = (ports.first().to_be_bytes(), ports.last().to_be_bytes());
    key.exact(&[6]).range(&first, &last).build()
}
