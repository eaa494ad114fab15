//! Chains written rule by rule. Where what follows depends on a tree, the rest of a chain is a chain of
//! its own, to which packets go and do not jump: so `return` and `goto` mean there what nft means.

use std::collections::BTreeSet;

use super::action::{action_of, is_end, is_repeatable};
use super::conjunction::Conjunction;
use super::environment::Environment;
use super::field::Field;
use super::line::{Line, joined, merged};
use super::looked::{About, Lookups};
use super::lookup::Ipsets;
use super::refusal::{Place, Refusal, Refused};
use super::test::{Found, Reader};
use super::tree::{self, Branch, Chains, put};
use super::wanted::Wanted;
use crate::backend::xtables::{Chain, ChainName, Match, Rule, Target};
use crate::ruleset::{
    Datatype, Expression, Key, Match as NftMatch, Name, Operand, Operator, Rule as NftRule,
    Statement, Table, Verdict, VmapSource,
};

/// A chain of the table in xtables terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its own chain and those it is cut into.
    pub(super) chains: Chains,
    /// The ipsets that it looks up.
    pub(super) ipsets: Ipsets,
    /// The chains of the table that it leads to.
    pub(super) leads: BTreeSet<Name>,
    /// The sets of the table that it was made of.
    pub(super) sets: BTreeSet<Name>,
    /// What could not be said.
    pub(super) refusals: Vec<Refusal>,
}

/// Writes one chain.
pub(super) struct Writer<'w> {
    /// The table.
    pub(super) table: &'w Table,
    /// The chain.
    pub(super) chain: &'w Name,
    /// What is known of packets.
    pub(super) environment: Environment,
    /// How a chain of the table is called in this environment.
    pub(super) called: &'w dyn Fn(&Name) -> String,
    /// What sets of the table are known to become.
    pub(super) lookups: &'w mut Lookups,
    /// What was written.
    pub(super) piece: Piece,
}

/// The rules that are left, and what comes after them.
#[derive(Debug, Clone, Copy)]
struct Rest<'r> {
    rules: &'r [NftRule],
    /// The number of the first in the chain, from 0.
    at: usize,
}

/// Where a chain goes on after a rule.
enum Flow {
    /// With the next rule.
    On,
    /// In chains of its own: nothing may follow.
    Elsewhere,
}

impl Writer<'_> {
    /// All rules of the chain.
    pub(super) fn write(mut self, rules: &[NftRule]) -> Piece {
        let name = (self.called)(self.chain);
        self.segment(&name, Rest { rules, at: 0 });
        self.piece
    }

    /// Rules as a chain of this name.
    fn segment(&mut self, name: &str, rest: Rest<'_>) {
        let mut lines = Chain::new();
        for (offset, rule) in rest.rules.iter().enumerate() {
            let at = rest.at + offset;
            let after = Rest {
                rules: &rest.rules[offset + 1..],
                at: at + 1,
            };
            let statements = merged(&rule.statements);
            match self.rule(&mut lines, &statements, after) {
                Ok(Flow::On) => {}
                Ok(Flow::Elsewhere) => break,
                Err(refused) => {
                    let place = Place::Rule(self.chain.clone(), at + 1);
                    self.piece.refusals.push(refused.at(place));
                }
            }
        }
        if let Err(refused) = put(&mut self.piece.chains, ChainName::of(name), lines) {
            let place = Place::Chain(self.chain.clone());
            self.piece.refusals.push(refused.at(place));
        }
    }

    /// One rule, or what is left of one.
    fn rule(
        &mut self,
        lines: &mut Chain,
        statements: &[Statement],
        after: Rest<'_>,
    ) -> Result<Flow, Refused> {
        let mut line = Line {
            tests: vec![Conjunction::default()],
            actions: Vec::new(),
        };
        for (at, statement) in statements.iter().enumerate() {
            let rest = &statements[at..];
            match statement {
                Statement::Match(_) | Statement::Limit(_) if !line.actions.is_empty() => {
                    return self.apart(lines, &line, rest, after);
                }
                Statement::Match(test) => {
                    if let Some(flow) = self.test(lines, &mut line, test, (&rest[1..], after))? {
                        return Ok(flow);
                    }
                }
                Statement::Limit(limit) => {
                    if limit.over {
                        return Err(Refused::new("`limit rate over`"));
                    }
                    if line.tests.len() > 1 {
                        return self.apart(lines, &line, rest, after);
                    }
                    line.tests = joined(&line.tests, &[Conjunction::of(Match::Limit(*limit))])?;
                }
                Statement::Vmap { key, map } => {
                    return self.map(lines, &line, key, map, after);
                }
                Statement::Verdict(verdict) => {
                    let verdict = self.verdict(verdict);
                    self.finish(lines, line, verdict, after.at)?;
                    return Ok(Flow::On);
                }
                Statement::Counter
                | Statement::NamedCounter(_)
                | Statement::CounterMap { .. }
                | Statement::NamedLimit(_)
                | Statement::Log { .. }
                | Statement::Reject(_)
                | Statement::Notrack
                | Statement::SetMark(_)
                | Statement::Dynamic { .. } => line.actions.extend(action_of(statement)?),
            }
        }
        self.finish(lines, line, None, after.at)?;
        Ok(Flow::On)
    }

    /// A test; where the chain goes on if the rest of the rule was written because of it.
    fn test(
        &mut self,
        lines: &mut Chain,
        line: &mut Line,
        test: &NftMatch,
        (left, after): (&[Statement], Rest<'_>),
    ) -> Result<Option<Flow>, Refused> {
        if let Operand::Set(set) = &test.right {
            self.piece.sets.insert(set.clone());
        }
        match self.reader(line, after.at).test(test)? {
            Found::Always => {}
            Found::Never => return Ok(Some(Flow::On)),
            Found::Any(tests) => line.tests = joined(&line.tests, &tests)?,
            Found::None(implied, tests) => {
                if !line.excludes(&implied, &tests) {
                    let flow = self.except(lines, line, &implied, &tests, (left, after))?;
                    return Ok(Some(flow));
                }
            }
            Found::Tree(operator, branches) => {
                let flow = self.tree(lines, line, operator, branches, (left, after))?;
                return Ok(Some(flow));
            }
        }
        Ok(line.tests.is_empty().then_some(Flow::On))
    }

    fn reader(&mut self, line: &Line, at: usize) -> Reader<'_> {
        let mut environment = self.environment;
        environment.protocol = environment.protocol.or_else(|| line.protocol());
        Reader {
            table: self.table,
            environment,
            lookups: self.lookups,
            ipsets: &mut self.piece.ipsets,
            name: format!("{}.{at}", self.chain),
        }
    }

    /// What was read leads to a chain of what is left of the rule, and of all rules behind it.
    fn apart(
        &mut self,
        lines: &mut Chain,
        line: &Line,
        left: &[Statement],
        after: Rest<'_>,
    ) -> Result<Flow, Refused> {
        let there = self.left(&line.actions, left, after)?;
        lines.extend(line.tests.iter().map(|test| test.rule(there.clone())));
        self.go_on(lines, after);
        Ok(Flow::Elsewhere)
    }

    /// What matches one of these has no part in the rule.
    fn except(
        &mut self,
        lines: &mut Chain,
        line: &Line,
        implied: &Conjunction,
        tests: &[Conjunction],
        (left, after): (&[Statement], Rest<'_>),
    ) -> Result<Flow, Refused> {
        let target = self.after(after).unwrap_or(Target::Return);
        lines.extend(tests.iter().map(|test| test.rule(target.clone())));
        let line = Line {
            tests: joined(&line.tests, std::slice::from_ref(implied))?,
            actions: line.actions.clone(),
        };
        self.apart(lines, &line, left, after)
    }

    /// What is left of a rule, and all behind it, as a chain that packets go to.
    fn left(
        &mut self,
        actions: &[Target],
        left: &[Statement],
        after: Rest<'_>,
    ) -> Result<Target, Refused> {
        let simple = match left {
            [Statement::Verdict(verdict)] if actions.is_empty() => self.verdict(verdict),
            _ => None,
        };
        if let Some(simple) = simple.filter(|target| !matches!(target, Target::Jump(_))) {
            return Ok(simple);
        }
        let name = format!("{}.{}-{}", (self.called)(self.chain), after.at, left.len());
        let mut chain: Chain = actions.iter().cloned().map(Rule::always).collect();
        if let Flow::On = self.rule(&mut chain, left, after)? {
            self.go_on(&mut chain, after);
        }
        put(&mut self.piece.chains, ChainName::of(&name), chain)?;
        Ok(Target::Goto(ChainName::of(&name)))
    }

    /// The rules behind one, as a chain that packets go to; `None` if there are none.
    fn after(&mut self, after: Rest<'_>) -> Option<Target> {
        if after.rules.is_empty() {
            return None;
        }
        let name = format!("{}.{}", (self.called)(self.chain), after.at);
        if !self.piece.chains.contains_key(&ChainName::of(&name)) {
            self.segment(&name, after);
        }
        Some(Target::Goto(ChainName::of(&name)))
    }

    fn go_on(&mut self, lines: &mut Chain, after: Rest<'_>) {
        lines.extend(self.after(after).map(Rule::always));
    }

    fn tree(
        &mut self,
        lines: &mut Chain,
        line: &Line,
        operator: Operator,
        branches: Vec<Branch<()>>,
        (left, after): (&[Statement], Rest<'_>),
    ) -> Result<Flow, Refused> {
        let holds = self.left(&line.actions, left, after)?;
        let other = self.after(after);
        let (hit, miss) = match operator {
            Operator::Eq => (holds, other),
            Operator::Ne => (other.unwrap_or(Target::Return), Some(holds)),
        };
        let branches = branches.into_iter().map(|branch| branch.leads(hit.clone()));
        // A rule may have several.
        let name = format!("{}.{}-{}?", (self.called)(self.chain), after.at, left.len());
        let branches = branches.collect();
        tree::write(&mut self.piece.chains, &name, branches, miss.as_ref())?;
        self.enter_tree(lines, line, &name, after);
        Ok(Flow::Elsewhere)
    }

    /// Packets that match go to a tree, all others on.
    fn enter_tree(&mut self, lines: &mut Chain, line: &Line, name: &str, after: Rest<'_>) {
        let tree = Target::Goto(ChainName::of(name));
        lines.extend(line.tests.iter().map(|test| test.rule(tree.clone())));
        if !line.tests.iter().any(Conjunction::is_empty) {
            self.go_on(lines, after);
        }
    }

    fn map(
        &mut self,
        lines: &mut Chain,
        line: &Line,
        key: &[Expression],
        map: &VmapSource,
        after: Rest<'_>,
    ) -> Result<Flow, Refused> {
        if !line.actions.is_empty() {
            let left = [Statement::Vmap {
                key: key.to_vec(),
                map: map.clone(),
            }];
            return self.apart(lines, line, &left, after);
        }
        if let VmapSource::Named(name) = map {
            self.piece.sets.insert(name.clone());
        }
        let own = format!("{}.{}", self.chain, after.at);
        let wanted = Wanted::map(self.table, map, &own)?;
        let fields = self.reader(line, after.at).fields(key)?;
        let Some(fields) = fields else {
            return Ok(Flow::On);
        };
        let types: Vec<_> = key.iter().map(|part| part.datatype()).collect();
        let read = (&fields[..], &types[..]);
        let verdict = |key: &Key| wanted.elements.verdict(key);
        let branches = tree::branches(self.environment.dispatch, read, &wanted, verdict)?;
        let Some(branches) = branches else {
            return self.verdicts(lines, line, read, &wanted, after);
        };
        let mut led = Vec::with_capacity(branches.len());
        for branch in branches {
            if let Some(target) = branch.outcome.and_then(|verdict| self.verdict(verdict)) {
                led.push(branch.leads(target));
            }
        }
        let miss = self.after(after);
        let name = format!("{}.{}?", (self.called)(self.chain), after.at);
        tree::write(&mut self.piece.chains, &name, led, miss.as_ref())?;
        self.enter_tree(lines, line, &name, after);
        Ok(Flow::Elsewhere)
    }

    /// The entries of a map whose keys are more than interfaces, by their verdicts.
    fn verdicts(
        &mut self,
        lines: &mut Chain,
        line: &Line,
        read: (&[Field], &[Datatype]),
        wanted: &Wanted<'_>,
        after: Rest<'_>,
    ) -> Result<Flow, Refused> {
        let mut reader = self.reader(line, after.at);
        let looked = reader.looked(wanted, read, About::Verdicts)?;
        for (verdict, tests) in &looked.cases {
            let target = verdict.as_ref().and_then(|verdict| self.verdict(verdict));
            let Some(target) = target else {
                continue;
            };
            let tests = joined(&line.tests, tests)?;
            lines.extend(tests.iter().map(|test| test.rule(target.clone())));
        }
        Ok(Flow::On)
    }

    /// A verdict as a target; the one that goes on is none.
    fn verdict(&mut self, verdict: &Verdict) -> Option<Target> {
        Some(match verdict {
            Verdict::Accept => Target::Accept,
            Verdict::Drop => Target::Drop,
            Verdict::Continue => return None,
            Verdict::Return => Target::Return,
            Verdict::Jump(chain) => Target::Jump(self.lead(chain)),
            Verdict::Goto(chain) => Target::Goto(self.lead(chain)),
        })
    }

    fn lead(&mut self, chain: &Name) -> ChainName {
        self.piece.leads.insert(chain.clone());
        ChainName::of(&(self.called)(chain))
    }

    /// The rules of what was read.
    fn finish(
        &mut self,
        lines: &mut Chain,
        line: Line,
        verdict: Option<Target>,
        at: usize,
    ) -> Result<(), Refused> {
        let mut targets = line.actions;
        targets.extend(verdict);
        if targets.len() > 1 {
            targets.retain(|target| *target != Target::Count);
        }
        let ends = targets.last().is_some_and(is_end);
        let again = targets.iter().all(is_repeatable);
        let one_test = line.tests.len() <= 1;
        let all = |target: &Target| -> Chain {
            line.tests
                .iter()
                .map(|test| test.rule(target.clone()))
                .collect()
        };
        match targets.as_slice() {
            [] => {}
            [one] if ends || one_test || again => lines.extend(all(one)),
            several if line.tests.iter().any(Conjunction::is_empty) => {
                lines.extend(several.iter().cloned().map(Rule::always));
            }
            several => {
                let name = format!("{}.{at}!", (self.called)(self.chain));
                let chain: Chain = several.iter().cloned().map(Rule::always).collect();
                put(&mut self.piece.chains, ChainName::of(&name), chain)?;
                let actions = ChainName::of(&name);
                if ends {
                    lines.extend(all(&Target::Goto(actions)));
                } else if one_test {
                    lines.extend(all(&Target::Jump(actions)));
                } else {
                    let any = ChainName::of(&format!("{name}*"));
                    let rules = all(&Target::Goto(actions));
                    put(&mut self.piece.chains, any.clone(), rules)?;
                    lines.push(Rule::always(Target::Jump(any)));
                }
            }
        }
        Ok(())
    }
}
