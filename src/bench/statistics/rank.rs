//! Whether two samples differ: the rank sum test of Mann, Whitney and Wilcoxon.
//!
//! It asks nothing of how values are distributed, which times of a kernel are in no textbook's way.

/// Up to so many values in all, every way to part them is counted; above, their sum is as good as normal.
const EXACT_MAX: usize = 40;

/// How probable ranks as far apart as these are where nothing differs, from 0 to 1. Nothing where a side
/// is empty.
pub fn difference(one: &[f64], other: &[f64]) -> Option<f64> {
    let (one, other) = (super::sorted(one), super::sorted(other));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let ranks = ranks(&one, &other);
    let sum = ranks
        .iter()
        .filter(|rank| rank.side == Side::One)
        .map(|rank| rank.doubled)
        .sum();
    Some(match ranks.len() <= EXACT_MAX {
        true => exact(&ranks, one.len(), sum),
        false => approximate(&ranks, one.len(), other.len(), sum),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    One,
    Other,
}

/// Where a value stands among all. Twice its rank, since those that are equal share a mean.
#[derive(Debug, Clone, Copy)]
struct Rank {
    side: Side,
    doubled: usize,
}

fn ranks(one: &[f64], other: &[f64]) -> Vec<Rank> {
    let one = one.iter().map(|value| (*value, Side::One));
    let mut all: Vec<_> = one
        .chain(other.iter().map(|value| (*value, Side::Other)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks: Vec<Rank> = Vec::with_capacity(all.len());
    // Equal is what `==` says: 0 and -0 are.
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let doubled = 2 * ranks.len() + tied.len() + 1;
        ranks.extend(tied.iter().map(|(_, side)| Rank {
            side: *side,
            doubled,
        }));
    }
    ranks
}

/// Of all ways to choose as many ranks as one side has, the share whose sum is as far from the middle.
fn exact(ranks: &[Rank], chosen: usize, sum: usize) -> f64 {
    let total: usize = ranks.iter().map(|rank| rank.doubled).sum();
    // ways[k][s]: in how many ways k ranks have the sum s. Up to 40 values that is exact in 53 bits.
    let mut ways = vec![vec![0.0; total + 1]; chosen + 1];
    if let Some(none) = ways.first_mut().and_then(|row| row.first_mut()) {
        *none = 1.0;
    }
    for rank in ranks {
        for count in (1..=chosen).rev() {
            let (below, from) = ways.split_at_mut(count);
            let (Some(fewer), Some(row)) = (below.last(), from.first_mut()) else {
                continue;
            };
            for (to, ways) in row.iter_mut().skip(rank.doubled).zip(fewer) {
                *to += ways;
            }
        }
    }
    let row = ways.pop().unwrap_or_default();
    let middle = total as f64 * chosen as f64 / ranks.len() as f64;
    let distance = |sum: usize| (sum as f64 - middle).abs();
    let far = distance(sum) - 1e-9;
    let extreme = row
        .iter()
        .enumerate()
        .filter(|(sum, _)| distance(*sum) >= far);
    let extreme: f64 = extreme.map(|(_, ways)| ways).sum();
    (extreme / row.iter().sum::<f64>()).min(1.0)
}

/// As exact would have it, if the sum were normal; with corrections for ties and for sums being whole.
fn approximate(ranks: &[Rank], one: usize, other: usize, sum: usize) -> f64 {
    let (n, m) = (one as f64, other as f64);
    let all = n + m;
    let ties = ranks
        .chunk_by(|a, b| a.doubled == b.doubled)
        .map(|tied| tied.len() as f64);
    let ties: f64 = ties.map(|t| t * t * t - t).sum();
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = (sum as f64 / 2.0 - n * (all + 1.0) / 2.0).abs();
    let deviations = (distance - 0.5).max(0.0) / variance.sqrt();
    beyond(deviations)
}

/// How much of a normal distribution is farther from its middle than so many deviations, at either end: the
/// complementary error function in its rational approximation, wrong by less than 2e-7.
fn beyond(deviations: f64) -> f64 {
    const TERMS: [f64; 5] = [
        0.254829592,
        -0.284496736,
        1.421413741,
        -1.453152027,
        1.061405429,
    ];
    let x = deviations / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.3275911 * x);
    let sum = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    (sum * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, expected: f64, within: f64) {
        let found = found.unwrap();
        assert!(
            (found - expected).abs() < within,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn small_samples_are_exact() {
        // All of 3 below all of 3: two of the 20 ways to choose 3 of 6 are as extreme.
        near(difference(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.1, 1e-12);
        near(difference(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]), 0.2, 1e-12);
        // 2 of the 252 ways to choose 5 of 10, with ties and without.
        near(difference(&[1.0; 5], &[2.0; 5]), 2.0 / 252.0, 1e-12);
        near(difference(&[1.0; 5], &[1.0; 5]), 1.0, 1e-12);
        near(difference(&[1.0], &[2.0]), 1.0, 1e-12);
        assert_eq!(difference(&[], &[2.0]), None);
        assert_eq!(difference(&[f64::NAN], &[2.0]), None);
    }

    #[test]
    fn large_samples_are_near_to_exact() {
        let one: Vec<f64> = (0..20).map(|at| f64::from(at * 3 % 20)).collect();
        let other: Vec<f64> = (0..20).map(|at| f64::from(at * 7 % 20) + 3.5).collect();
        let ranks = ranks(&one, &other);
        let own = ranks.iter().filter(|rank| rank.side == Side::One);
        let sum = own.map(|rank| rank.doubled).sum();
        let (exact, approximate) = (exact(&ranks, 20, sum), approximate(&ranks, 20, 20, sum));
        assert!((exact - approximate).abs() < 0.003, "{exact} {approximate}");
        assert!((0.001..0.2).contains(&exact), "{exact}");
    }

    #[test]
    fn the_normal_distribution_is_known() {
        for (deviations, share) in [
            (0.0, 1.0),
            (1.0, 0.317_310_5),
            (1.96, 0.049_995_8),
            (3.29, 0.001_001_9),
        ] {
            near(Some(beyond(deviations)), share, 1e-6);
        }
    }

    #[test]
    fn the_sides_may_be_swapped() {
        let (one, other) = ([1.0, 5.0, 5.0, 9.0], [2.0, 5.0, 11.0, 12.0, 13.0]);
        assert_eq!(difference(&one, &other), difference(&other, &one));
    }
}
