//! Which bit of which variable stands where, and what bits say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::bdd::{Bdd, Node};
use super::fields::{self, Width};
use super::{Condition, Pattern, Variable};

/// Variables that decide much stand first: that keeps functions small.
fn order(width: Width) -> Vec<Variable> {
    vec![
        fields::iifname(),
        fields::oifname(),
        fields::physical_in(),
        fields::physical_out(),
        fields::l4proto(),
        fields::ct_state(),
        fields::fragment(),
        fields::daddr(width),
        fields::dport(),
        fields::saddr(width),
        fields::sport(),
        fields::tcp_flags(),
        fields::icmp_type(),
        fields::icmp_code(),
        fields::mac(),
    ]
}

/// Marks are copied from one to the other and then compared: the function that says whether they are equal is small only
/// where their bits take turns.
fn woven() -> [Variable; 2] {
    [fields::mark(), fields::ct_mark()]
}

/// All packets of one family, as far as two programs tell them apart.
#[derive(Debug)]
pub(super) struct Space {
    /// The bits of each variable, the highest first.
    places: BTreeMap<Variable, Vec<u32>>,
    atoms: BTreeMap<String, u32>,
    next: u32,
    width: Width,
    names: Vec<String>,
}

/// What one variable is in an example.
pub(super) type Known = BTreeMap<String, String>;

impl Space {
    /// The space for two programs whose conditions are these.
    pub(super) fn new(width: Width, patterns: &BTreeSet<Pattern>) -> Self {
        let mut space = Self {
            places: BTreeMap::new(),
            atoms: BTreeMap::new(),
            next: 0,
            width,
            names: names(patterns),
        };
        for variable in order(width) {
            space.place(&variable);
        }
        space.weave(&woven());
        space
    }

    /// Gives variables of one width bits that take turns.
    fn weave(&mut self, variables: &[Variable]) {
        for (first, variable) in (self.next..).zip(variables) {
            let turns = (first..).step_by(variables.len());
            let bits = turns.zip(0..variable.bits).map(|(bit, _)| bit);
            self.places.insert(variable.clone(), bits.collect());
        }
        self.next += variables.iter().map(|variable| variable.bits).sum::<u32>();
    }

    fn place(&mut self, variable: &Variable) -> Vec<u32> {
        if let Some(place) = self.places.get(variable) {
            return place.clone();
        }
        let names = usize::BITS - self.names.len().leading_zeros();
        let bits = if variable.bits == 0 {
            names
        } else {
            variable.bits
        };
        let place: Vec<u32> = (self.next..self.next + bits).collect();
        self.next += bits;
        self.places.insert(variable.clone(), place.clone());
        place
    }

    /// The bits of a variable as the packet came in, the highest first.
    pub(super) fn bits(&mut self, bdd: &mut Bdd, variable: &Variable) -> Vec<Node> {
        let place = self.place(variable).into_iter();
        place.map(|bit| bdd.variable(bit)).collect()
    }

    pub(super) fn atom(&mut self, bdd: &mut Bdd, name: &str) -> Node {
        let bit = match self.atoms.get(name) {
            Some(bit) => *bit,
            None => {
                self.atoms.insert(name.to_owned(), self.next);
                self.next += 1;
                self.next - 1
            }
        };
        bdd.variable(bit)
    }

    /// The numbers of the interfaces that a pattern names.
    pub(super) fn named(&self, pattern: &Pattern) -> Vec<u128> {
        let matches = |name: &&String| match pattern {
            Pattern::Exactly(exact) => *name == exact,
            Pattern::Prefix(prefix) => name.starts_with(prefix),
        };
        let found = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, name)| matches(name));
        found
            .map(|(at, _)| u128::try_from(at).unwrap_or(0))
            .collect()
    }

    /// What a packet may be at all: codes that stand for nothing are left out.
    pub(super) fn possible(&self) -> Condition {
        let count = u128::try_from(self.names.len()).unwrap_or(0);
        let mut parts = vec![fields::ct_state().within(0, 4)];
        for variable in self.places.keys() {
            let last = match variable.name.as_str() {
                _ if variable.bits == 0 => count - 1,
                "hour" => 86_399,
                "day" => 6,
                name if name.starts_with("fib ") && name.ends_with(" type") => 11,
                _ => continue,
            };
            parts.push(variable.within(0, last));
        }
        // What has no connection has none that was translated, answered or announced.
        let untouched = fields::ct_status().is(0);
        parts.push(Condition::Any(vec![fields::has_connection(), untouched]));
        Condition::All(parts)
    }

    /// How many bits there are.
    pub(super) fn bit_count(&self) -> u32 {
        self.next
    }

    /// What the bits of an example say in words.
    pub(super) fn describe(&self, example: &[(u32, bool)]) -> Known {
        let set: BTreeMap<u32, bool> = example.iter().copied().collect();
        let mut known = Known::new();
        for (variable, bits) in &self.places {
            if bits.iter().all(|bit| !set.contains_key(bit)) {
                continue;
            }
            let value = bits.iter().fold(0_u128, |value, bit| {
                (value << 1) | u128::from(set.get(bit).copied().unwrap_or(false))
            });
            known.insert(variable.name.clone(), self.word(variable, value));
        }
        for (name, bit) in &self.atoms {
            if let Some(holds) = set.get(bit) {
                let answer = if *holds { "yes" } else { "no" };
                known.insert(name.clone(), answer.to_owned());
            }
        }
        known
    }

    fn word(&self, variable: &Variable, value: u128) -> String {
        const STATES: [&str; 5] = ["invalid", "established", "related", "new", "untracked"];
        let at = usize::try_from(value).unwrap_or(usize::MAX);
        let low = |value: u128| u32::try_from(value & u128::from(u32::MAX)).unwrap_or(0);
        match variable.name.as_str() {
            _ if variable.bits == 0 => match self.names.get(at).map(String::as_str) {
                Some("") | None => "none".to_owned(),
                Some(name) => name.to_owned(),
            },
            "saddr" | "daddr" => match self.width {
                Width::V4 => Ipv4Addr::from(low(value)).to_string(),
                Width::V6 => Ipv6Addr::from(value).to_string(),
            },
            "ct state" => STATES.get(at).copied().unwrap_or("none").to_owned(),
            "l4proto" => match value {
                1 => "icmp".to_owned(),
                6 => "tcp".to_owned(),
                17 => "udp".to_owned(),
                58 => "icmpv6".to_owned(),
                other => other.to_string(),
            },
            "mark" | "ct mark" | "tcp flags" | "tos" | "priority" => format!("{value:#x}"),
            "ether saddr" => {
                let bytes = value.to_be_bytes();
                let bytes: Vec<_> = bytes[10..].iter().map(|b| format!("{b:02x}")).collect();
                bytes.join(":")
            }
            _ => value.to_string(),
        }
    }
}

fn prefixes(patterns: &BTreeSet<Pattern>) -> Vec<String> {
    let prefixes = patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Prefix(prefix) => Some(prefix.clone()),
        Pattern::Exactly(_) => None,
    });
    prefixes.collect()
}

/// One name for every way in which a name can match the patterns: each that is named, no interface, one that is not
/// named, and for each prefix one that no longer prefix has.
fn names(patterns: &BTreeSet<Pattern>) -> Vec<String> {
    let mut names = BTreeSet::from([String::new()]);
    names.extend(patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Exactly(name) => Some(name.clone()),
        Pattern::Prefix(_) => None,
    }));
    let mut prefixes = prefixes(patterns);
    prefixes.push(String::new());
    for prefix in &prefixes {
        let free = |name: &String| {
            let longer = |other: &&String| other.len() > prefix.len() && name.starts_with(*other);
            !names.contains(name) && !prefixes.iter().any(|other| longer(&other))
        };
        let candidates = ('0'..='9').chain('a'..='z').flat_map(|c| {
            let once = format!("{prefix}{c}");
            [once.clone(), format!("{once}{c}")]
        });
        let exact = (!prefix.is_empty()).then(|| prefix.clone());
        if let Some(name) = candidates.chain(exact).find(free) {
            names.insert(name);
        }
    }
    names.into_iter().collect()
}
