//! The members of an ipset, in order, in runs that two states of it share: who changes one member copies one run,
//! and who compares two states looks at the runs that differ.
//!
//! Ports of one address and protocol that follow one another stand together. Where a run ends follows from its last address
//! alone. So the same members stand in the same way, whatever became of them before.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Of so many bits of a hash: where they are nought the address is the last of its run, which is one of 256.
const RUN_BITS: u32 = 8;

/// A member as `ipset save` prints it, after the name of its set; or several that differ in their ports alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// All of it, or what stands before the ports: `10.0.0.0/24,tcp`.
    of: Box<str>,
    /// The first and the last port.
    ports: Option<(u16, u16)>,
}

/// All members of an ipset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members(Vec<Arc<Vec<Member>>>);

impl Member {
    /// A member without ports that is known to be in the form of `ipset save`.
    pub fn new(text: &str) -> Self {
        Self {
            of: text.into(),
            ports: None,
        }
    }

    /// Those of all ports from first to last; what stands before them is known to be in the form of `ipset save`.
    pub fn ported(of: &str, first: u16, last: u16) -> Self {
        Self {
            of: of.into(),
            ports: Some((first, last)),
        }
    }

    /// How many members of the kernel's these are.
    pub fn count(&self) -> usize {
        self.ports
            .map_or(1, |(first, last)| usize::from(last - first) + 1)
    }
}

impl fmt::Display for Member {
    /// As `ipset restore` takes it: a range is a member for each port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports {
            None => f.write_str(&self.of),
            Some((first, last)) if first == last => write!(f, "{}:{first}", self.of),
            Some((first, last)) => write!(f, "{}:{first}-{last}", self.of),
        }
    }
}

impl Members {
    /// How many there are in the kernel.
    pub fn len(&self) -> usize {
        self.iter().map(Member::count).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.0.iter().flat_map(|run| run.iter())
    }

    /// Those that are not among others.
    pub fn without<'m>(&'m self, others: &'m Self) -> impl Iterator<Item = Member> + 'm {
        let runs = self.0.iter().filter(|run| !others.has(run));
        let alike = runs.flat_map(|run| run.chunk_by(|a, b| a.of == b.of));
        alike.flat_map(|these| {
            let of = these.first().map_or("", |first| &first.of);
            without(these, others.alike(of))
        })
    }

    /// Adds what is not there, and says whether that was all of it.
    pub fn insert(&mut self, member: Member) -> bool {
        let (one, held) = (std::slice::from_ref(&member), self.alike(&member.of));
        let is_new = without(one, held) == one;
        let mut all = [held, one].concat();
        all.sort_unstable();
        self.replace(&member.of, joined(all));
        is_new
    }

    /// Takes out what is there, and says whether that was all of it.
    pub fn remove(&mut self, member: &Member) -> bool {
        let (one, held) = (std::slice::from_ref(member), self.alike(&member.of));
        let was_there = without(one, held).is_empty();
        self.replace(&member.of, without(held, one));
        was_there
    }

    /// Those of an address and protocol.
    fn alike(&self, of: &str) -> &[Member] {
        let run = self.0.get(self.run(of));
        let alike = run.and_then(|run| run.get(place(run, of)));
        alike.unwrap_or_default()
    }

    /// The number of the run that an address is in or belongs to; behind the last one it is none.
    fn run(&self, of: &str) -> usize {
        let before = |last: &Member| &*last.of < of;
        self.0.partition_point(|run| run.last().is_some_and(before))
    }

    /// Whether there is a run just like this.
    fn has(&self, run: &Arc<Vec<Member>>) -> bool {
        let last = run.last();
        let own = last.and_then(|last| self.0.get(self.run(&last.of)));
        own == Some(run)
    }

    /// Puts all that there is of an address in the place of what there was.
    fn replace(&mut self, of: &str, all: Vec<Member>) {
        let goes_on = |run: &[Member]| run.last().is_some_and(|last| !is_last(&last.of));
        let mut at = self.run(of);
        if at == self.0.len() {
            // Behind all others: in a run of its own, if the last one is at its end.
            match self.0.last().is_some_and(|run| goes_on(run)) {
                true => at -= 1,
                false => self.0.push(Arc::default()),
            }
        }
        let Some(run) = self.0.get_mut(at).map(Arc::make_mut) else {
            return;
        };
        let (place, count) = (place(run, of), all.len());
        let end = place.start + count;
        drop(run.splice(place, all));
        if count > 0 && is_last(of) && end < run.len() {
            let next = run.split_off(end);
            self.0.insert(at + 1, Arc::new(next));
        } else if run.is_empty() {
            self.0.remove(at);
        } else if goes_on(run) && at + 1 < self.0.len() {
            let next = self.0.remove(at + 1);
            if let Some(run) = self.0.get_mut(at) {
                Arc::make_mut(run).extend(next.iter().cloned());
            }
        }
    }
}

impl FromIterator<Member> for Members {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        let mut all: Vec<Member> = members.into_iter().collect();
        all.sort_unstable();
        let mut runs = Self::default();
        let mut run: Vec<Member> = Vec::new();
        for member in joined(all) {
            let last = run.last();
            if last.is_some_and(|last| last.of != member.of && is_last(&last.of)) {
                runs.0.push(Arc::new(std::mem::take(&mut run)));
            }
            run.push(member);
        }
        if !run.is_empty() {
            runs.0.push(Arc::new(run));
        }
        runs
    }
}

/// Whether no other address follows in the run of this one.
fn is_last(of: &str) -> bool {
    // FNV-1a (Fowler, Noll and Vo), and the golden ratio, which brings all of it to the highest bits.
    let hash = of.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - RUN_BITS) == 0
}

/// Where the members of an address are in a run, or would be.
fn place(run: &[Member], of: &str) -> Range<usize> {
    let first = run.partition_point(|member| &*member.of < of);
    first..run.partition_point(|member| &*member.of <= of)
}

/// Members in order, those of one address whose ports touch made one.
fn joined(members: Vec<Member>) -> Vec<Member> {
    let mut joined: Vec<Member> = Vec::with_capacity(members.len());
    for member in members {
        let last = joined.last_mut().filter(|last| last.of == member.of);
        match (last, member.ports) {
            (Some(last), None) if last.ports.is_none() => {}
            (
                Some(Member {
                    ports: Some((_, end)),
                    ..
                }),
                Some((first, last)),
            ) if first <= end.saturating_add(1) => {
                *end = last.max(*end);
            }
            (Some(_) | None, _) => joined.push(member),
        }
    }
    joined
}

/// Members of one address without others of it.
fn without(these: &[Member], those: &[Member]) -> Vec<Member> {
    let mut left = Vec::new();
    for member in these {
        let Some((first, last)) = member.ports else {
            left.extend((!those.contains(member)).then(|| member.clone()));
            continue;
        };
        let mut next = Some(first);
        for (low, high) in those.iter().filter_map(|member| member.ports) {
            let Some(from) = next.filter(|from| low <= last && *from <= high) else {
                continue;
            };
            if from < low {
                left.push(Member::ported(&member.of, from, low - 1));
            }
            next = high.checked_add(1).filter(|next| *next <= last);
        }
        left.extend(next.map(|from| Member::ported(&member.of, from, last)));
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn address(number: u64) -> String {
        format!("10.0.{}.{}", number / 256, number % 256)
    }

    fn members(numbers: impl IntoIterator<Item = u64>) -> Members {
        let each = numbers.into_iter();
        each.map(|number| Member::new(&address(number))).collect()
    }

    /// Members with ports, of sets of an address's number and a port.
    fn ported(known: &BTreeSet<(u64, u16)>) -> Members {
        let each = known.iter();
        each.map(|(number, port)| Member::ported(&address(*number), *port, *port))
            .collect()
    }

    fn texts(members: impl Iterator<Item = Member>) -> Vec<String> {
        members.map(|member| member.to_string()).collect()
    }

    #[test]
    fn who_changes_one_member_copies_one_run() {
        let before = members(0..10_000);
        let mut after = before.clone();
        assert!(after.insert(Member::new(&address(10_007))));
        assert!(after.remove(&Member::new(&address(17))));
        let shared = |run: &&Arc<Vec<Member>>| before.0.iter().any(|own| Arc::ptr_eq(own, run));
        assert!(before.0.len() > 20, "{} runs", before.0.len());
        assert!(after.0.iter().filter(shared).count() + 3 >= before.0.len());
        assert_eq!(texts(after.without(&before)), ["10.0.39.23"]);
        assert_eq!(texts(before.without(&after)), ["10.0.0.17"]);
    }

    #[test]
    fn ports_that_follow_one_another_are_one_range() {
        let ports = |of: &str, ports: &[u16]| -> Vec<Member> {
            ports
                .iter()
                .map(|port| Member::ported(of, *port, *port))
                .collect()
        };
        let all = [
            ports("10.0.0.0/24,tcp", &[10, 11, 9, 65_535, 65_534]),
            ports("fd00::1,udp", &[0, 2]),
        ];
        let all: Members = all.concat().into_iter().collect();
        let told = [
            "10.0.0.0/24,tcp:9-11",
            "10.0.0.0/24,tcp:65534-65535",
            "fd00::1,udp:0",
            "fd00::1,udp:2",
        ];
        assert_eq!(texts(all.iter().cloned()), told);
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn whatever_became_of_them_the_same_members_stand_in_the_same_way() {
        let mut all = members(0..4_000);
        let mut known: BTreeSet<u64> = (0..4_000).collect();
        let mut random = fastrand::Rng::with_seed(7);
        for turn in 0..20_000 {
            let number = random.u64(..8_000);
            let member = Member::new(&address(number));
            match turn % 2 {
                0 => assert_eq!(all.insert(member), known.insert(number)),
                _ => assert_eq!(all.remove(&member), known.remove(&number)),
            }
            if turn % 1_000 == 0 {
                assert_eq!(all, members(known.iter().copied()));
            }
        }
        assert!(all.iter().is_sorted());
        assert_eq!(all.len(), known.len());
        for number in known {
            assert!(all.remove(&Member::new(&address(number))));
        }
        assert_eq!(all, Members::default());
    }

    #[test]
    fn ranges_come_and_go_port_by_port() {
        let mut all = Members::default();
        let mut known: BTreeSet<(u64, u16)> = BTreeSet::new();
        let mut random = fastrand::Rng::with_seed(9);
        for turn in 0..2_000 {
            let (number, first) = (random.u64(..400), random.u16(..40));
            let last = first + random.u16(..8);
            let member = Member::ported(&address(number), first, last);
            let each: BTreeSet<_> = (first..=last).map(|port| (number, port)).collect();
            let before = (all.clone(), known.clone());
            match turn % 3 {
                0 => {
                    assert_eq!(all.remove(&member), known.is_superset(&each));
                    known.retain(|one| !each.contains(one));
                }
                _ => {
                    assert_eq!(all.insert(member), known.is_disjoint(&each));
                    known.extend(each);
                }
            }
            if turn % 100 == 0 {
                assert_eq!(all, ported(&known));
            }
            let gone: Members = before.0.without(&all).collect();
            let come: Members = all.without(&before.0).collect();
            assert_eq!(
                gone,
                ported(&before.1.difference(&known).copied().collect())
            );
            assert_eq!(
                come,
                ported(&known.difference(&before.1).copied().collect())
            );
        }
        assert!(all.0.len() > 1, "{} runs", all.0.len());
    }
}
