//! Interfaces told into ipsets that hold only so many, so that one more or less moves no other.
//!
//! A packet that looks up two ipsets one after the other, while an interface moves from the second to the first, finds it
//! in neither. So where an interface belongs follows from its name; only where all of them no longer fit does one ipset
//! more take some of each other one.

use std::collections::BTreeSet;

use crate::net::InterfaceName;

/// Each interface with the number of its ipset, of which none gets more than `most`.
pub(super) fn spread<'i>(
    interfaces: &BTreeSet<&'i InterfaceName>,
    most: usize,
) -> Vec<(&'i InterfaceName, usize)> {
    let told = |count: usize| -> Vec<_> {
        let each = interfaces.iter();
        each.map(|interface| (*interface, place(interface, count)))
            .collect()
    };
    let fits = |told: &Vec<(&InterfaceName, usize)>, count: usize| {
        let mut sizes = vec![0; count];
        told.iter().for_each(|(_, at)| sizes[*at] += 1);
        sizes.iter().all(|size| *size <= most)
    };
    // The more there are, the less one more of them matters.
    let mut count = 1;
    loop {
        if interfaces.len() <= count * most {
            let told = told(count);
            if fits(&told, count) {
                return told;
            }
        }
        count += 1 + count / 16;
    }
}

/// One of so many places. With one place more it is the same or the new one.
fn place(interface: &InterfaceName, count: usize) -> usize {
    let hash = blake3::hash(interface.as_str().as_bytes());
    let mut random = u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]));
    let mut place = 0;
    for next in 1..count {
        // A generator of random numbers (Knuth, MMIX), of which the upper half is the better one.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if (random >> 32) % (next as u64 + 1) == 0 {
            place = next;
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MOST: usize = 32;

    fn names(count: usize) -> Vec<InterfaceName> {
        let names = (0..count).map(|at| format!("tap{at}").parse().unwrap());
        names.collect()
    }

    fn told(names: &[InterfaceName]) -> BTreeMap<&InterfaceName, usize> {
        spread(&names.iter().collect(), MOST).into_iter().collect()
    }

    #[test]
    fn no_ipset_gets_more_than_fit_and_few_are_needed() {
        for count in [0, 1, 32, 33, 130, 1_000, 5_000] {
            let names = names(count);
            let told = told(&names);
            assert_eq!(told.len(), count);
            let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
            told.values()
                .for_each(|at| *sizes.entry(*at).or_default() += 1);
            assert!(sizes.values().all(|size| *size <= MOST), "{sizes:?}");
            let needed = count.div_ceil(MOST);
            assert!(sizes.len() <= 1 + 2 * needed, "{} of {needed}", sizes.len());
        }
    }

    #[test]
    fn one_that_goes_moves_no_other() {
        let names = names(300);
        let before = told(&names);
        for gone in 0..names.len() {
            let mut left = names.clone();
            left.remove(gone);
            let moved = told(&left).into_iter();
            let moved: Vec<_> = moved.filter(|(name, at)| before[name] != *at).collect();
            assert_eq!(moved, [], "when {} went", names[gone]);
        }
    }

    #[test]
    fn an_ipset_more_takes_of_the_others_and_moves_nothing_between_them() {
        for name in &names(200) {
            for count in 1..40 {
                let (before, after) = (place(name, count), place(name, count + 1));
                assert!(
                    after == before || after == count,
                    "{before} {after} of {count}"
                );
            }
        }
    }
}
