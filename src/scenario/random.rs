//! Numbers from a seed (SplitMix64): the same seed gives the same world on every machine.

/// A stream of numbers that its seed determines.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for every seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits() % end).unwrap_or_default()
    }

    /// Whether something of this probability in percent happens.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// A port, any.
    pub fn port(&mut self) -> u16 {
        self.byte_pair()
    }

    /// A byte, any.
    pub fn byte(&mut self) -> u8 {
        self.bits().to_be_bytes()[0]
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn byte_pair(&mut self) -> u16 {
        let [high, low, ..] = self.bits().to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_decides_everything() {
        let mut same = [Random::new(7), Random::new(7)].map(|mut r| [r.bits(), r.bits()]);
        assert_eq!(same[0], same[1]);
        same[1] = [Random::new(8).bits(), 0];
        assert_ne!(same[0], same[1]);
        assert!((0..100).all(|_| Random::new(3).below(3) < 3));
    }
}
