//! A busy host as `iptables-save` and `ipset save` print it: workloads of Felix, services of kube-proxy, a router of
//! Neutron and rules of the operator's own.

mod felix;
mod kube;
mod neutron;
mod operator;
mod text;

use text::Text;

use super::Random;

/// What the two programs print.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// `iptables-save -c`.
    pub rules: String,
    /// `ipset save`.
    pub sets: String,
}

/// A host of exactly so many rules, as long as there are a few hundred.
pub fn saved(rules: usize, seed: u64) -> Saved {
    let mut random = Random::new(seed);
    let mut text = Text::default();
    felix::workloads(&mut text, rules / 150, &mut random);
    kube::services(&mut text, rules / 16, &mut random);
    neutron::router(&mut text, rules / 40, &mut random);
    operator::host(&mut text, &mut random);
    while text.rules() < rules {
        operator::blocked(&mut text, &mut random);
    }
    text.printed()
}

#[cfg(test)]
mod tests {
    use super::saved;

    #[test]
    fn a_seed_decides_everything() {
        let rules = |text: &str| text.lines().filter(|line| line.contains(" -A ")).count();
        let host = saved(2_000, 7);
        assert_eq!(rules(&host.rules), 2_000);
        assert_eq!(host, saved(2_000, 7));
        assert_ne!(host, saved(2_000, 8));
    }
}
