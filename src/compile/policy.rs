//! One policy, that is one direction of a decider: its chains and the sets that they look up.

use std::collections::BTreeSet;

use super::decider::{Decider, Rules};
use super::lane::Lane;
use super::layout::{Cut, Layout};
use super::matching::Matching;
use super::mix::{self, Piece};
use super::names;
use super::neighbours::Neighbours;
use super::objects::Objects;
use super::program::Program;
use super::remark::Remark;
use super::rules::{self, Side};
use super::run::{self, Kinds, Run};
use super::selection::Selection;
use super::verdicts::{self, Place};
use crate::model::{Direction, InvalidCheck, Settings, State};
use crate::net::Family;
use crate::ruleset::{Name, Rule};

/// The chains and sets of one policy; of one that nobody defines, a chain without rules.
///
/// ```text
/// chain policy/web/in {
///     meta nfproto ipv6 goto policy/web/in/v6
///     meta l4proto tcp goto policy/web/in/tcp
///     ip saddr . icmp type . icmp code @policy/web/in/icmp4 goto allowed
/// }
///
/// chain policy/web/in/tcp {
///     ip saddr . th dport @policy/web/in/tcp4 goto allowed
///     th dport 22 ip saddr @group/bastion/v4 goto allowed
/// }
/// ```
pub(super) fn objects(
    decider: &Decider,
    direction: Direction,
    state: &State,
    settings: &Settings,
    prefixed: &BTreeSet<Selection>,
) -> Objects {
    let owner = names::decider(decider, direction);
    let rules = decider.rules(state, direction);
    let rules = rules.unwrap_or(Rules::Group(Default::default()));
    let writer = Writer {
        program: Program {
            owner: &owner,
            direction,
            deny: settings.deny_action,
            counters: settings.policy_counters,
            log: decider.log_line(state, &settings.log),
            matching: Matching { prefixed },
        },
        prefixed,
        cut: cut(rules, settings),
        rules,
    };
    let mut objects = Objects::default();
    writer.chains(&mut objects);
    objects
}

/// What becomes of packets that end early.
pub(super) fn cut(rules: Rules<'_>, settings: &Settings) -> Cut {
    match (rules, settings.invalid_check) {
        (Rules::Group(_), InvalidCheck::Enforced) => Cut::Missed,
        (Rules::Group(_), InvalidCheck::Disabled) | (Rules::Ordered(_), _) => Cut::Matched,
    }
}

/// Every chain that a policy may have, its own first.
pub(super) fn chains(decider: &Decider, direction: Direction) -> Vec<Name> {
    let of_family = |chain: Name| {
        let lanes = Lane::OWN.map(|lane| names::lane(&chain, lane));
        [chain].into_iter().chain(lanes).collect::<Vec<_>>()
    };
    let own = names::decider(decider, direction);
    let (v6, passing) = (names::v6(&own), names::passing(&own));
    let of_families = [own, v6].into_iter().flat_map(of_family);
    of_families.chain([passing]).collect()
}

/// Lays the rules of one policy out.
struct Writer<'c> {
    program: Program<'c>,
    prefixed: &'c BTreeSet<Selection>,
    cut: Cut,
    rules: Rules<'c>,
}

impl Writer<'_> {
    fn chains(&self, objects: &mut Objects) {
        let owner = self.program.owner;
        let v6 = names::v6(owner);
        let mut runs = |family| self.program.runs(objects, family, self.rules);
        let (v6_runs, v4_runs) = (runs(Family::V6), runs(Family::V4));
        let v6_rules = self.family(objects, &v6, &v6_runs);
        let v4_rules = self.family(objects, owner, &v4_runs);
        let mut own = Vec::with_capacity(v4_rules.len() + 1);
        // A plain rule may test nothing that only its family has.
        if !v6_rules.is_empty() || v4_runs.iter().any(|run| !run.plain.is_empty()) {
            own.push(rules::family_goto(Family::V6, v6.clone()));
            objects.chain(v6, v6_rules);
        }
        own.extend(v4_rules);
        objects.chain(owner.clone(), own);
    }

    /// The rules of a family's own chain; lanes get chains below it.
    fn family(&self, objects: &mut Objects, chain: &Name, runs: &[Run]) -> Vec<Rule> {
        let mut rules = Vec::new();
        let kinds: Vec<Kinds> = runs.iter().map(Run::kinds_of_prefixes).collect();
        let of_runs = runs.iter().zip(&kinds);
        // How many rules they become, about.
        let count = of_runs.map(|(run, kinds)| kinds.len() + run.others()).sum();
        for &lane in run::lanes(count) {
            let name = names::lane(chain, lane);
            let of_lane = self.lane(objects, &name, runs, lane);
            let protocol = runs.first().and_then(|run| lane.protocol(run.family));
            match protocol {
                Some(_) if of_lane.is_empty() => {}
                Some(protocol) => {
                    rules.push(rules::protocol_goto(protocol, name.clone()));
                    objects.chain(name, of_lane);
                }
                None => rules.extend(of_lane),
            }
        }
        if let (Some(run), [kinds]) = (self.editable(runs), kinds.as_slice()) {
            let overview = objects.overviews.entry(run.family).or_default();
            overview.census.kinds = *kinds;
            overview.census.others = run.others();
            overview.neighbours = Neighbours::of(&run.prefixes);
        }
        rules
    }

    /// The run that all rules are, where keys may come and go without a look at the others: a group's, which
    /// have no order, unless each is counted.
    fn editable<'r>(&self, runs: &'r [Run]) -> Option<&'r Run> {
        match (self.rules, runs) {
            (Rules::Group(_), [run]) => Some(run).filter(|run| run.counter.is_none()),
            (Rules::Group(_) | Rules::Ordered(_), _) => None,
        }
    }

    fn lane(&self, objects: &mut Objects, chain: &Name, runs: &[Run], lane: Lane) -> Vec<Rule> {
        let side = Side::remote(self.program.direction);
        let owner = self.program.owner;
        let (pieces, why) = mix::pieces(runs, lane);
        if lane != Lane::Whole && pieces.len() >= mix::RUNS_MIN {
            let (chain, steps) = (chain.clone(), pieces.len());
            objects.remarks.insert(Remark { chain, steps, why });
        }
        let mut rules = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Run(place, run) => {
                    let home = names::run(owner, *place);
                    let (of_run, count) =
                        Layout::rules(objects, &home, side, run, lane, self.prefixed, self.cut);
                    rules.extend(of_run);
                    if let (Some(run), Some(count)) = (self.editable(runs), count) {
                        let overview = objects.overviews.entry(run.family).or_default();
                        overview.census.put_lane(lane, count);
                    }
                }
                Piece::Mix(place, mix) => {
                    let home = names::run(owner, *place);
                    let family = mix.family;
                    let place = Place {
                        owner,
                        home,
                        side,
                        family,
                    };
                    rules.extend(verdicts::rules(objects, &place, mix));
                }
            }
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Event, GroupRule, GroupRules, Origin, Peer, ProfileName, SecurityGroup, Service,
    };

    #[test]
    fn only_what_may_be_edited_is_surveyed() {
        let rule = GroupRule {
            family: Family::V4,
            service: Service::Any,
            peer: Peer::Cidr("10.0.0.0/8".parse().unwrap()),
            origin: Origin::default(),
        };
        let group = SecurityGroup {
            name: "web".parse().unwrap(),
            ingress: GroupRules::from([rule]),
            egress: GroupRules::NONE,
        };
        let mut state = State::default();
        state.apply(Event::Group(group.clone()));
        let overviews = |decider: Decider| {
            let (settings, none) = (Settings::default(), BTreeSet::new());
            objects(&decider, Direction::Ingress, &state, &settings, &none).overviews
        };
        let of_group = overviews(Decider::Group(group.name));
        assert!(of_group.contains_key(&Family::V4));
        // One rule of each family, which allows all.
        let profile = Decider::Profile(ProfileName::of_default_allow());
        assert!(profile.rules(&state, Direction::Ingress).is_some());
        assert!(overviews(profile).is_empty());
    }
}
