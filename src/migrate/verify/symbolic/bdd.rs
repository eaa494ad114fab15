//! Reduced ordered binary decision diagrams: a function of bits has one form, so equal functions are the same node.

/// A function of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Node(u32);

impl Node {
    /// The function that never holds.
    pub(super) const FALSE: Self = Self(0);
    /// The function that always holds.
    pub(super) const TRUE: Self = Self(1);
}

/// Below every variable: the two constants.
const NO_VARIABLE: u32 = u32::MAX;

/// More nodes than these are more than a host should spend on a proof: about 2 GB.
const NODES_MAX: usize = 60_000_000;

/// Places for nodes at first; there are always twice as many as nodes, or more.
const KNOWN_SLOTS: usize = 1 << 12;

/// Remembered results at first; a newer one takes the place of an older one.
const CACHE_SLOTS: usize = 1 << 14;

/// Remembered results at most.
const CACHE_SLOTS_MAX: usize = 1 << 24;

/// The functions of a choice and its result.
type Remembered = (Node, Node, Node, Node);

/// What no choice is: constants are chosen from without a look here.
const FORGOTTEN: Remembered = (Node::FALSE, Node::FALSE, Node::FALSE, Node::FALSE);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Branch {
    variable: u32,
    low: Node,
    high: Node,
}

/// All nodes of one proof.
#[derive(Debug)]
pub(super) struct Bdd {
    branches: Vec<Branch>,
    /// The nodes again, each at the place of its hash or the next that was free; a constant is no node.
    known: Vec<Node>,
    cache: Vec<Remembered>,
    exhausted: bool,
}

impl Bdd {
    pub(super) fn new() -> Self {
        let constant = |node| Branch {
            variable: NO_VARIABLE,
            low: node,
            high: node,
        };
        Self {
            branches: vec![constant(Node::FALSE), constant(Node::TRUE)],
            known: vec![Node::FALSE; KNOWN_SLOTS],
            cache: vec![FORGOTTEN; CACHE_SLOTS],
            exhausted: false,
        }
    }

    /// Whether a function grew too large; nothing that was computed since then means anything.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// How many nodes there are.
    pub(super) fn size(&self) -> usize {
        self.branches.len()
    }

    fn branch(&self, node: Node) -> Branch {
        self.branches[node.0 as usize]
    }

    /// The function that holds where a bit is set.
    pub(super) fn variable(&mut self, variable: u32) -> Node {
        self.node(variable, Node::FALSE, Node::TRUE)
    }

    fn node(&mut self, variable: u32, low: Node, high: Node) -> Node {
        if low == high {
            return low;
        }
        let branch = Branch {
            variable,
            low,
            high,
        };
        let slot = self.place(&branch);
        if self.known[slot] != Node::FALSE {
            return self.known[slot];
        }
        let next = u32::try_from(self.branches.len()).ok();
        let Some(next) = next.filter(|_| self.branches.len() < NODES_MAX) else {
            self.exhausted = true;
            return Node::FALSE;
        };
        self.branches.push(branch);
        self.known[slot] = Node(next);
        if self.branches.len() * 2 > self.known.len() {
            self.spread();
        }
        if self.branches.len() > self.cache.len() && self.cache.len() < CACHE_SLOTS_MAX {
            // All of it is forgotten: that costs less, over all, than to move it.
            self.cache = vec![FORGOTTEN; self.cache.len() * 4];
        }
        Node(next)
    }

    /// Where a node stands, or is to stand.
    fn place(&self, branch: &Branch) -> usize {
        let mixed = mixed([branch.variable, branch.low.0, branch.high.0]);
        let mut slot = top(mixed, self.known.len());
        while self.known[slot] != Node::FALSE && self.branch(self.known[slot]) != *branch {
            slot = (slot + 1) % self.known.len();
        }
        slot
    }

    /// Makes twice as many places.
    fn spread(&mut self) {
        self.known = vec![Node::FALSE; self.known.len() * 2];
        for node in (2..).map(Node).take(self.branches.len() - 2) {
            let slot = self.place(&self.branch(node));
            self.known[slot] = node;
        }
    }

    /// Both.
    pub(super) fn and(&mut self, left: Node, right: Node) -> Node {
        let (left, right) = (left.min(right), left.max(right));
        self.choose(left, right, Node::FALSE)
    }

    /// One or both.
    pub(super) fn or(&mut self, left: Node, right: Node) -> Node {
        let (left, right) = (left.min(right), left.max(right));
        self.choose(left, Node::TRUE, right)
    }

    /// The first without the second.
    pub(super) fn minus(&mut self, left: Node, right: Node) -> Node {
        self.choose(right, Node::FALSE, left)
    }

    /// The opposite.
    pub(super) fn not(&mut self, node: Node) -> Node {
        self.choose(node, Node::FALSE, Node::TRUE)
    }

    /// One of them and not both.
    pub(super) fn xor(&mut self, left: Node, right: Node) -> Node {
        let inverse = self.not(right);
        self.choose(left, inverse, right)
    }

    /// `then` where the condition holds, `other` elsewhere.
    pub(super) fn choose(&mut self, condition: Node, then: Node, other: Node) -> Node {
        match condition {
            Node::TRUE => return then,
            Node::FALSE => return other,
            Node(_) if then == other => return then,
            Node(_) if then == Node::TRUE && other == Node::FALSE => return condition,
            Node(_) if condition == then && other == Node::FALSE => return condition,
            Node(_) if condition == other && then == Node::TRUE => return condition,
            Node(_) if condition == other && then == Node::FALSE => return Node::FALSE,
            Node(_) => {}
        }
        let mixed = mixed([condition.0, then.0, other.0]);
        let slot = top(mixed, self.cache.len());
        let (a, b, c, result) = self.cache[slot];
        if (a, b, c) == (condition, then, other) {
            return result;
        }
        let parts = [condition, then, other].map(|node| self.branch(node));
        let top = parts
            .iter()
            .map(|part| part.variable)
            .min()
            .unwrap_or(NO_VARIABLE);
        let cofactors = |node: Node, part: &Branch| {
            if part.variable == top {
                (part.low, part.high)
            } else {
                (node, node)
            }
        };
        let (condition_low, condition_high) = cofactors(condition, &parts[0]);
        let (then_low, then_high) = cofactors(then, &parts[1]);
        let (other_low, other_high) = cofactors(other, &parts[2]);
        let low = self.choose(condition_low, then_low, other_low);
        let high = self.choose(condition_high, then_high, other_high);
        let result = self.node(top, low, high);
        self.cache[slot] = (condition, then, other, result);
        result
    }

    /// The function that holds where all these bits are so; they come in the order of their variables.
    pub(super) fn cube(&mut self, bits: impl DoubleEndedIterator<Item = (u32, bool)>) -> Node {
        let mut below = Node::TRUE;
        for (variable, high) in bits.rev() {
            below = if high {
                self.node(variable, Node::FALSE, below)
            } else {
                self.node(variable, below, Node::FALSE)
            };
        }
        below
    }

    /// One way in which the function holds: the bits that it takes, from the first on. Nothing if it never does.
    pub(super) fn example(&self, node: Node) -> Option<Vec<(u32, bool)>> {
        let mut bits = Vec::new();
        let mut at = node;
        while at != Node::TRUE {
            if at == Node::FALSE {
                return None;
            }
            let branch = self.branch(at);
            let high = branch.low == Node::FALSE;
            bits.push((branch.variable, high));
            at = if high { branch.high } else { branch.low };
        }
        Some(bits)
    }
}

/// A fast hash of small numbers, whose high bits are the good ones; nobody chooses them to collide.
fn mixed(numbers: [u32; 3]) -> u64 {
    numbers.into_iter().fold(0, |mixed: u64, number| {
        (mixed.rotate_left(5) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// The place of a hash among so many, a power of two.
fn top(mixed: u64, places: usize) -> usize {
    usize::try_from(mixed >> (64 - places.trailing_zeros())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Bdd, Node};

    #[test]
    fn equal_functions_are_one_node() {
        let mut bdd = Bdd::new();
        let [a, b, c] = [0, 1, 2].map(|variable| bdd.variable(variable));
        let (ab, ac) = (bdd.and(a, b), bdd.and(a, c));
        let spread = bdd.or(ab, ac);
        let either = bdd.or(b, c);
        assert_eq!(spread, bdd.and(a, either));
        let (not_a, nand) = (bdd.not(a), bdd.not(ab));
        let not_b = bdd.not(b);
        assert_eq!(nand, bdd.or(not_a, not_b));
        assert_eq!(bdd.minus(a, a), Node::FALSE);
        assert_ne!(bdd.xor(a, b), Node::FALSE);
        assert_eq!(bdd.xor(ab, ab), Node::FALSE);
    }

    #[test]
    fn an_example_makes_the_function_hold() {
        let mut bdd = Bdd::new();
        let [a, b] = [0, 1].map(|variable| bdd.variable(variable));
        let only_b = bdd.minus(b, a);
        assert_eq!(bdd.example(only_b), Some(vec![(0, false), (1, true)]));
        assert_eq!(bdd.example(Node::FALSE), None);
    }
}
