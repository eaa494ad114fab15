//! A run laid out for a lane: one rule a shape, which looks a set up; a shape of one box stays a plain
//! rule without a set.

use std::collections::BTreeSet;
use std::iter::once;

use super::boxes::{self, Block};
use super::census::{Count, Exact, Whole};
use super::comparisons;
use super::laid::Laid;
use super::lane::{Lane, WHOLE_WORDS};
use super::names;
use super::objects::Objects;
use super::prefixes::Prefixes;
use super::ranges::RangeSet;
use super::rules::{self, Side};
use super::run::Run;
use super::selection::{Holder, Selection};
use super::service::{Field, Numbered, Shape, icmp};
use crate::net::{Family, Octets};
use crate::ruleset::{Expression, Key, Name, Rule, Statement};

/// What becomes of packets that end before the ports or messages of their protocol: no lookup of those
/// finds them, not even among whole prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Whole prefixes match them too.
    Matched,
    /// They may be missed: all rules allow, and without the setting that lets through what conntrack takes
    /// for invalid hardly any such packet comes here.
    Missed,
}

/// Makes the rules of one run in one lane, and puts their sets among the objects.
pub(super) struct Layout<'o> {
    objects: &'o mut Objects,
    owner: &'o Name,
    side: Side,
    run: &'o Run,
    family: Family,
    lane: Lane,
    prefixed: &'o BTreeSet<Selection>,
    cut: Cut,
    rules: Vec<Rule>,
    count: Option<Count>,
}

impl<'o> Layout<'o> {
    /// The rules of a run for the packets of a lane, and how many prefixes there are, unless they are laid
    /// out as few are. The selections of `prefixed` hold prefixes.
    pub(super) fn rules(
        objects: &'o mut Objects,
        owner: &'o Name,
        side: Side,
        run: &'o Run,
        lane: Lane,
        prefixed: &'o BTreeSet<Selection>,
        cut: Cut,
    ) -> (Vec<Rule>, Option<Count>) {
        let mut layout = Self {
            objects,
            owner,
            side,
            run,
            family: run.family,
            lane,
            prefixed,
            cut,
            rules: Vec::new(),
            count: None,
        };
        layout.prefixes(run.prefixes(lane));
        let selected = layout.rules.len();
        for (selection, services) in run.selected(lane) {
            layout.selection(selection, services.as_ref());
        }
        layout.compare_first(selected);
        for plain in run.plain(lane) {
            layout.push(plain.tests.clone());
        }
        (layout.rules, layout.count)
    }

    /// A comparison that fails costs less than a lookup that does, so those come first: few of them before
    /// the sets of prefixes too, many only before the lookups of groups, which begin at `selected`.
    fn compare_first(&mut self, selected: usize) {
        let from = match comparisons::are_few(&self.rules) {
            true => 0,
            false => selected,
        };
        self.rules[from..].sort_by_key(rules::begins_with_lookup);
    }

    /// Rules whose peer is a prefix.
    fn prefixes(&mut self, prefixes: &Prefixes) {
        let mut count = Count::of(prefixes);
        let laid = Laid::of(&mut count, self.lane, prefixes);
        if laid.whole == Whole::Apart {
            self.whole_prefixes(prefixes);
        }
        for &shape in self.lane.shapes() {
            let layers = laid.shapes.of(shape).iter();
            for (depth, boxes) in layers.enumerate() {
                count.note(shape, boxes);
                self.shape(shape, depth, boxes);
            }
        }
        if let Whole::Among(shape) = laid.whole
            && shape.is_read_from_header()
            && self.cut == Cut::Matched
        {
            self.whole_prefixes(prefixes);
        }
        self.count = laid.is_plain(&count, self.lane).then_some(count);
    }

    /// Prefixes that match everything. Lanes share their rules, unless a lane has a protocol of its own in them.
    fn whole_prefixes(&mut self, prefixes: &Prefixes) {
        let from = self.rules.len();
        if prefixes.own > 0 {
            return self.sets_of_whole(prefixes, self.lane.whole_words());
        }
        if let Some(shared) = self.run.whole.get() {
            return self.rules.extend_from_slice(shared);
        }
        self.sets_of_whole(prefixes, WHOLE_WORDS);
        let _first = self.run.whole.set(self.rules[from..].to_vec());
    }

    /// Addresses in a hash set, the rest in an interval set.
    fn sets_of_whole(&mut self, prefixes: &Prefixes, [host, net]: [&'static str; 2]) {
        let merged = boxes::merged(&prefixes.wholly);
        let address = self.side.address(self.family);
        let (hosts, nets): (Vec<_>, Vec<_>) = merged.into_iter().partition(|(a, b)| a == b);
        for (word, ranges) in [(host, hosts), (net, nets)] {
            let keys: Vec<Key> = ranges.iter().map(|(a, b)| Key::range(a, b)).collect();
            match keys.as_slice() {
                [] => {}
                [one] if is_everything(one) => self.push(vec![rules::family(self.family)]),
                [one] => self.push(vec![rules::equal(address, one.clone())]),
                _ => {
                    let name = names::shape(self.owner, word, self.family);
                    self.objects.set(name.clone(), &[address.datatype()], keys);
                    self.push(vec![rules::lookup(vec![address], name)]);
                }
            }
        }
    }

    /// Disjoint boxes of one shape: exact ones alone in a hash set, with others in a concatenated
    /// interval set, both where they are many.
    fn shape(&mut self, shape: Shape, depth: usize, blocks: &[Block]) {
        // Nearly every box is one key.
        let mut keys = Vec::with_capacity(blocks.len());
        keys.extend(blocks.iter().flat_map(|block| box_keys(shape, block)));
        let is_exact = |key: &Key| key.end.is_none();
        let points = keys.iter().filter(|key| is_exact(key)).count();
        let (exact, ranges) = match Exact::of(points, keys.len() - points) {
            Exact::Among => (Vec::new(), keys),
            Exact::Apart => keys.into_iter().partition(is_exact),
        };
        let address = self.side.address(self.family);
        let left = looked_up(shape, address, self.family);
        let types: Vec<_> = left.iter().map(|part| part.datatype()).collect();
        for (word, keys) in [(shape.exact_word(), exact), (shape.word(), ranges)] {
            if let Some(statements) = single(self.family, address, shape, blocks, &keys) {
                self.push(statements);
            } else if !keys.is_empty() {
                let name = names::layer(&names::shape(self.owner, word, self.family), depth);
                self.objects.set(name.clone(), &types, keys);
                self.push(vec![rules::lookup(left.clone(), name)]);
            }
        }
    }

    /// Rules whose peer is a selection: one lookup of what it holds, then of the services allowed
    /// from it.
    fn selection(&mut self, peer: &Selection, services: Option<&BTreeSet<Numbered>>) {
        let mut holders = vec![Holder::Addresses];
        holders.extend(self.prefixed.contains(peer).then_some(Holder::Prefixes));
        for holder in holders {
            let address = self.side.address(self.family);
            let member = rules::lookup(vec![address], peer.set(holder, self.family));
            let Some(services) = services else {
                self.push(vec![member]);
                continue;
            };
            for &shape in self.lane.shapes() {
                let of_shape = services.iter().filter(|service| service.0 == shape);
                self.services(peer, &member, shape, union(of_shape));
            }
        }
    }

    fn services(&mut self, peer: &Selection, member: &Statement, shape: Shape, services: RangeSet) {
        let ranges: Vec<(u32, u32)> = services.iter().collect();
        if let [(first, last)] = ranges[..]
            && let Some(test) = rules::service(self.family, shape, first, last)
        {
            // A comparison that fails is cheaper than a lookup that does.
            return self.push([test, vec![member.clone()]].concat());
        }
        let keys = ranges.iter();
        let keys: Vec<Key> = keys.flat_map(|&(a, b)| service_keys(shape, a, b)).collect();
        if keys.is_empty() {
            return;
        }
        let home = names::peer(self.owner, peer);
        let name = names::shape(&home, shape.word(), self.family);
        self.objects
            .set(name.clone(), &shape.types(self.family), keys);
        let service = rules::lookup(shape.expressions(self.family), name);
        self.push(vec![member.clone(), service]);
    }

    fn push(&mut self, mut statements: Vec<Statement>) {
        let counter = self.run.counter.clone();
        statements.extend(counter.map(Statement::NamedCounter));
        statements.extend(self.run.outcome.statements());
        self.rules.push(Rule::new(statements));
    }
}

/// The union of numbered services of one shape.
fn union<'s>(services: impl Iterator<Item = &'s Numbered>) -> RangeSet {
    services.fold(RangeSet::default(), |mut union, &(_, first, last)| {
        union.insert(first, last);
        union
    })
}

/// A box that needs no set: the only one of its kind, and one that plain matches can say.
fn single(
    family: Family,
    address: Expression,
    shape: Shape,
    blocks: &[Block],
    keys: &[Key],
) -> Option<Vec<Statement>> {
    let [key] = keys else { return None };
    let block = blocks
        .iter()
        .find(|block| box_keys(shape, block).any(|of_block| of_block == *key))?;
    let is_icmp = match shape {
        Shape::Icmp => true,
        Shape::Protocol => block.first == u32::from(icmp(family).0),
        Shape::Port | Shape::Tcp | Shape::Udp => false,
    };
    if is_icmp && block.prefix.prefix_len() == 0 {
        // nft 1.0.6 lists `meta nfproto ipv4 meta l4proto icmp` without the family.
        return None;
    }
    let service = rules::service(family, shape, block.first, block.last)?;
    let (first, last) = block.prefix.bounds();
    let prefix = match block.prefix.prefix_len() {
        0 => rules::family(family),
        _ => rules::equal(address, Key::range(&first, &last)),
    };
    Some([vec![prefix], service].concat())
}

/// The keys of a box, its fields in the order of [`looked_up`].
pub(super) fn box_keys(shape: Shape, block: &Block) -> impl Iterator<Item = Key> {
    keys(shape, block.prefix.bounds(), (block.first, block.last))
}

/// The keys of a range of addresses and a range of services, fields in the order of [`looked_up`].
pub(super) fn keys(
    shape: Shape,
    (low, high): (Octets, Octets),
    (first, last): (u32, u32),
) -> impl Iterator<Item = Key> {
    let services = shape.fields(first, last).into_iter();
    services.map(move |service| {
        let mut room = Room::default();
        let address = |room: &mut Room| room.put(&low, &high);
        if !shape.is_before_address() {
            address(&mut room);
        }
        service.iter().for_each(|field| room.field(field));
        if shape.is_before_address() {
            address(&mut room);
        }
        room.key()
    })
}

/// Room for an address and the fields of a service, each padded to whole registers. Of a large policy most
/// keys are made here, where a builder for keys of any length would take its time.
#[derive(Default)]
struct Room {
    first: [u8; KEY_BYTES_MAX],
    last: [u8; KEY_BYTES_MAX],
    bytes: usize,
}

/// An IPv6 address and two fields.
const KEY_BYTES_MAX: usize = 24;

impl Room {
    fn put(&mut self, first: &[u8], last: &[u8]) {
        let at = self.bytes..self.bytes + first.len();
        self.first[at.clone()].copy_from_slice(first);
        self.last[at.clone()].copy_from_slice(last);
        self.bytes = at.end.next_multiple_of(4);
    }

    fn field(&mut self, field: &Field) {
        let (first, last) = field.bounds();
        self.put(first, last);
    }

    fn key(&self) -> Key {
        Key::range(&self.first[..self.bytes], &self.last[..self.bytes])
    }
}

/// What is looked up for a shape, in the order of the fields of its keys.
pub(super) fn looked_up(shape: Shape, address: Expression, family: Family) -> Vec<Expression> {
    let service = shape.expressions(family).into_iter();
    match shape.is_before_address() {
        true => service.chain([address]).collect(),
        false => once(address).chain(service).collect(),
    }
}

/// The keys of a service alone; a single field is not padded.
pub(super) fn service_keys(shape: Shape, first: u32, last: u32) -> Vec<Key> {
    let boxes = shape.fields(first, last).into_iter();
    boxes
        .map(|fields| match fields.as_slice() {
            [one] => one.key(),
            several => {
                let mut room = Room::default();
                several.iter().for_each(|field| room.field(field));
                room.key()
            }
        })
        .collect()
}

/// Whether the range covers every address.
fn is_everything(key: &Key) -> bool {
    key.start.iter().all(|&byte| byte == 0) && key.last().iter().all(|&byte| byte == 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::decider::Decider;
    use crate::compile::policy;
    use crate::model::{
        Direction, Event, GroupRule, GroupRules, Origin, Peer, SecurityGroup, Service, Settings,
        State,
    };
    use crate::net::{PortRange, Protocol};

    /// Of each rule of the longest chain of an ingress policy that tests something: whether it begins with
    /// a lookup.
    fn lookups(rules: impl IntoIterator<Item = (Peer, Service)>) -> Vec<bool> {
        let rules = rules.into_iter().map(|(peer, service)| GroupRule {
            family: Family::V4,
            service,
            peer,
            origin: Origin::default(),
        });
        let group = SecurityGroup {
            name: "web".parse().unwrap(),
            ingress: rules.collect(),
            egress: GroupRules::NONE,
        };
        let decider = Decider::Group(group.name.clone());
        let mut state = State::default();
        state.apply(Event::Group(group));
        let (settings, none) = (Settings::default(), BTreeSet::new());
        let objects = policy::objects(&decider, Direction::Ingress, &state, &settings, &none);
        let chains = objects.chains.values();
        let longest = chains.max_by_key(|chain| chain.rules.len()).unwrap();
        let tests = longest
            .rules
            .iter()
            .filter(|rule| matches!(rule.statements.first(), Some(Statement::Match(_))));
        tests.map(rules::begins_with_lookup).collect()
    }

    fn group(name: &str) -> Peer {
        Peer::Group(name.parse().unwrap())
    }

    fn port(port: u16) -> Service {
        Service::Ports(Protocol::TCP, PortRange::new(port, port).unwrap())
    }

    /// Prefixes that are looked up in one set.
    fn prefixes() -> [(Peer, Service); 2] {
        ["10.0.0.0/24", "10.2.0.0/24"]
            .map(|prefix| (Peer::Cidr(prefix.parse().unwrap()), Service::Any))
    }

    /// Where the first lookup is among rules for two prefixes and these.
    fn first_lookup(rules: impl Iterator<Item = (Peer, Service)>) -> Option<usize> {
        let lookups = lookups(prefixes().into_iter().chain(rules));
        lookups.iter().position(|lookup| *lookup)
    }

    #[test]
    fn what_compares_comes_before_what_looks_up() {
        let rules = [("a", Service::Any), ("b", port(80)), ("c", Service::Any)];
        let rules = rules.map(|(name, service)| (group(name), service));
        assert_eq!(lookups(rules), [false, true, true]);
    }

    #[test]
    fn few_comparisons_come_before_prefixes_and_many_after_them() {
        let compared = |count: u16| (0..count).map(|n| (group(&format!("g{n}")), port(n)));
        for (count, before) in [(1, 1), (3, 3), (16, 16), (17, 0), (200, 0)] {
            let first = first_lookup(compared(count));
            assert_eq!(first, Some(before), "{count} comparisons");
        }
    }

    #[test]
    fn of_comparisons_that_one_packet_passes_fewer_come_before_prefixes() {
        let same = |count: u16| (0..count).map(|n| (group(&format!("g{n}")), port(443)));
        for (count, before) in [(1, 1), (4, 4), (5, 0), (16, 0)] {
            let first = first_lookup(same(count));
            assert_eq!(first, Some(before), "{count} comparisons");
        }
        let ports =
            |first, last| Service::Ports(Protocol::TCP, PortRange::new(first, last).unwrap());
        let nested = (0..8).map(|n| (group(&format!("g{n}")), ports(100 - n, 100 + n)));
        assert_eq!(first_lookup(nested), Some(0));
        let disjoint = (0..8).map(|n| (group(&format!("g{n}")), ports(10 * n, 10 * n + 9)));
        assert_eq!(first_lookup(disjoint), Some(8));
    }
}
