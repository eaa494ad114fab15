//! What packets can reach in a table, where on their path, and what sets are used for.

use std::collections::BTreeMap;

use bitflags::bitflags;

use super::references::{Kind, kind_and_name};
use crate::ruleset::reach::reach;
use crate::ruleset::{
    Expression, HookPoint, Match, Name, Operand, Operator, Rule, Statement, Table, Verdict,
    VmapSource,
};

bitflags! {
    /// Points of a packet's path. Of the hooks that share one, a packet passes only one.
    ///
    /// Rules switch in this order: where the table is new, policy is in force before anything else.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub(super) struct Passage: u8 {
        /// Input or forward.
        const THROUGH = 1;
        /// Before routing.
        const BEFORE = 2;
        /// From a local socket.
        const OUTPUT = 4;
        /// After routing.
        const AFTER = 8;
    }
}

impl Passage {
    /// The point at which a hook lies.
    pub(super) fn of(point: HookPoint) -> Self {
        match point {
            HookPoint::Prerouting => Self::BEFORE,
            HookPoint::Input | HookPoint::Forward => Self::THROUGH,
            HookPoint::Output => Self::OUTPUT,
            HookPoint::Postrouting => Self::AFTER,
        }
    }
}

bitflags! {
    /// What it does to traffic when a set gains elements.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Polarity: u8 {
        /// More elements let more pass.
        const ADMITS = 1;
        /// More elements let less pass.
        const DENIES = 2;
    }
}

/// What packets can reach, and how.
#[derive(Debug, Default)]
pub(super) struct Reached<'a> {
    found: BTreeMap<(Kind, &'a Name), Passage>,
    polarities: BTreeMap<&'a Name, Polarity>,
    lookups: BTreeMap<&'a Name, Vec<&'a [Expression]>>,
}

impl<'a> Reached<'a> {
    /// Everything that the base chains of a table lead to.
    pub(super) fn of(table: &'a Table) -> Self {
        let mut reached = Self::default();
        for behind in reach(table).into_values() {
            let passage = Passage::of(behind.hook.point);
            for set in behind.sets {
                reached.meet(Kind::Set, set, passage);
            }
            for name in behind.chains {
                reached.meet(Kind::Chain, name, passage);
                for rule in table.chains.get(name).iter().flat_map(|chain| &chain.rules) {
                    reached.read(rule, passage);
                }
            }
        }
        reached
    }

    /// Where packets meet an object; `None` where they never do.
    pub(super) fn passage(&self, kind: Kind, name: &Name) -> Option<Passage> {
        self.found.get(&(kind, name)).copied()
    }

    /// Whether packets can meet an object.
    pub(super) fn contains(&self, kind: Kind, name: &Name) -> bool {
        self.found.contains_key(&(kind, name))
    }

    /// What the rules that packets meet use a set for.
    pub(super) fn polarity(&self, set: &Name) -> Polarity {
        self.polarities
            .get(set)
            .copied()
            .unwrap_or(Polarity::empty())
    }

    /// What is looked up in a verdict map.
    pub(super) fn lookups(&self, map: &Name) -> &[&'a [Expression]] {
        self.lookups.get(map).map_or(&[], Vec::as_slice)
    }

    fn meet(&mut self, kind: Kind, name: &'a Name, passage: Passage) {
        *self.found.entry((kind, name)).or_insert(passage) |= passage;
    }

    fn read(&mut self, rule: &'a Rule, passage: Passage) {
        for (kind, name) in rule.references().into_iter().map(kind_and_name) {
            self.meet(kind, name, passage);
        }
        let refuses = rule
            .statements
            .iter()
            .any(|s| matches!(s, Statement::Verdict(Verdict::Drop) | Statement::Reject(_)));
        for statement in &rule.statements {
            if let Statement::Match(Match {
                operator,
                right: Operand::Set(set),
                ..
            }) = statement
            {
                let admits = refuses == (*operator == Operator::Ne);
                let polarity = if admits {
                    Polarity::ADMITS
                } else {
                    Polarity::DENIES
                };
                *self.polarities.entry(set).or_insert(polarity) |= polarity;
            }
            if let Statement::Vmap {
                key,
                map: VmapSource::Named(map),
            } = statement
            {
                self.lookups.entry(map).or_default().push(key);
            }
        }
    }
}
