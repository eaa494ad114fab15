//! Chains that packets come to. What does the same with all of them is found once.

use std::rc::Rc;

use super::super::bdd::Node;
use super::super::program::{Place, Rule};
use super::{Behaviour, Machine};

impl<'a> Machine<'a> {
    /// The packets that come back from a chain.
    pub(super) fn chain(&mut self, name: &str, packets: Node) -> Node {
        let Some((name, rules)) = self.program.chains.get_key_value(name) else {
            return packets;
        };
        if self.traced || !self.is_plain(name) {
            return self.rules(name, rules, packets);
        }
        let effect = self.effect(name, rules);
        let (behaviour, back) = &*effect;
        for (word, those) in &behaviour.ends {
            let those = self.bdd.and(packets, *those);
            self.note_end(word, those);
        }
        for (what, times) in &behaviour.notes {
            for once in times {
                let once = self.bdd.and(packets, *once);
                self.note(what, once, &Place::default());
            }
        }
        self.bdd.and(packets, *back)
    }

    /// Whether a chain does the same with a packet as if it came here first.
    fn is_plain(&self, name: &str) -> bool {
        let reads = self.plain.get(name).and_then(Option::as_ref);
        let written = &self.seen.written;
        reads.is_some_and(|reads| !reads.iter().any(|variable| written.contains_key(*variable)))
    }

    /// What a plain chain does, found once for all packets: of those that come to it only its own bits matter then,
    /// and those that come to it again are one step.
    fn effect(&mut self, name: &'a str, rules: &'a [Rule]) -> Rc<(Behaviour, Node)> {
        if let Some(effect) = self.effects.get(name) {
            return Rc::clone(effect);
        }
        let outer = std::mem::take(&mut self.seen);
        let back = self.rules(name, rules, Node::TRUE);
        let inner = std::mem::replace(&mut self.seen, outer);
        self.seen.endless |= inner.endless;
        let effect = Rc::new((inner, back));
        self.effects.insert(name, Rc::clone(&effect));
        effect
    }
}
