//! Ports of bridges. Chains of the families of IP do not see them, so chains of family bridge write them into bits of
//! the packet's mark that nothing else uses: they come before the hooks of IP see a bridged packet.

use std::collections::BTreeSet;

use super::case::{Cases, Outcome, constant, masked, one};
use super::class::Obstacle;
use crate::migrate::host::Host;
use crate::migrate::ipset::{Kind, Type};
use crate::migrate::iptables::{
    Bits, Connmark, Direction, InterfacePattern, LoopbackRoute, Physical, Rule, Sense,
    SocketOption, Target, Test,
};
use crate::migrate::nft::{
    Base, Chain, Expression, Family, Field, HookPoint, Match, Operand, Operator, Policy,
    Rule as Said, Statement, Table, Value,
};
use crate::ruleset::Name;

/// Before the hooks of bridges at which IP is asked (`NF_BR_PRI_BRNF` and the one before it).
const PRIORITY: i32 = -301;

/// So many bits are taken at most for one direction.
const WIDTH_MAX: u32 = 8;

/// The ports that rules name, and the bits that tell them.
#[derive(Debug, Default)]
pub(super) struct Ports {
    names: Vec<String>,
    width: u32,
    asked: bool,
    /// Bits of the mark that rules read or write.
    used: u32,
    /// Bits of the mark of which somebody said that nothing uses them.
    free: Option<u32>,
}

impl Ports {
    /// The ports that the rules of a host name.
    pub(super) fn of(host: &Host, free: Option<u32>) -> Self {
        let mut names = BTreeSet::new();
        let mut ports = Self {
            free,
            ..Self::default()
        };
        let dumps = host.dumps.iter();
        for rule in dumps.flat_map(|dump| dump.rules().map(|(_, _, rule)| rule)) {
            for test in rule.matches.iter().map(|one| &one.test) {
                ports.asked |= matches!(test, Test::PhysicalInterface(..) | Test::Physical(_));
                if let Test::PhysicalInterface(_, InterfacePattern::Name(name)) = test {
                    names.insert(name.clone());
                }
            }
            ports.used |= marks(rule);
        }
        let has_mark =
            |kind: &Type| matches!(kind, Type::Hash(kinds) if kinds.contains(&Kind::Mark));
        if host.sets.iter().any(|set| has_mark(&set.kind)) {
            ports.used = u32::MAX;
        }
        ports.names = names.into_iter().collect();
        // One number is for no port, and one for any other.
        let numbers = u32::try_from(ports.names.len())
            .unwrap_or(u32::MAX)
            .saturating_add(2);
        ports.width = u32::BITS - (numbers - 1).leading_zeros();
        ports
    }

    /// The chains that write the bits, where rules ask for them.
    pub(super) fn table(&self) -> Option<Table> {
        if !self.asked || self.check().is_err() {
            return None;
        }
        let mut table = Table::new(Family::Bridge, Name::from_parts("ports"));
        table.comment =
            Some("tells the families of IP by which port of a bridge a packet passes".to_owned());
        let (input, output) = (Direction::In, Direction::Out);
        let both = self.mask(input) | self.mask(output);
        table.chains = vec![
            self.chain(input, HookPoint::Prerouting, both),
            self.chain(output, HookPoint::Forward, self.mask(output)),
        ];
        Some(table)
    }

    /// `--physdev-in`, `--physdev-out`.
    pub(super) fn named(
        &self,
        sense: Sense,
        direction: Direction,
        pattern: &InterfacePattern,
    ) -> Outcome<Cases> {
        self.check()?;
        match pattern {
            InterfacePattern::Prefix(prefix) if prefix.is_empty() => Ok(match (sense, direction) {
                (Sense::IsNot, Direction::Out) => one(self.no_bridge()),
                (Sense::Is | Sense::IsNot, _) => self.any(sense, direction),
            }),
            InterfacePattern::Prefix(_) => Err(Obstacle::new(
                "a pattern of names of ports of a bridge",
                "name each port, or write the rule in a chain of table bridge",
            )),
            InterfacePattern::Name(name) => {
                let place = self.names.iter().position(|known| known == name);
                let number = place.and_then(|place| u32::try_from(place + 1).ok());
                Ok(match number {
                    None => constant(sense, false),
                    Some(number) => self.numbered(sense, direction, number),
                })
            }
        }
    }

    fn numbered(&self, sense: Sense, direction: Direction, number: u32) -> Cases {
        let mask = self.mask(direction);
        let value = number << self.shift(direction);
        match (sense, direction) {
            // What came by a bridge and is not bridged on has no port to be another than this one.
            (Sense::IsNot, Direction::Out) => {
                let other = compared(mask, Operator::NotEqual, value.into());
                let some = compared(mask, Operator::NotEqual, 0);
                vec![
                    vec![some.into(), other.into()],
                    vec![self.no_bridge().into()],
                ]
            }
            (Sense::Is | Sense::IsNot, _) => masked(sense, Field::Mark, value, mask),
        }
    }

    /// Of packets that no bridge has seen.
    fn no_bridge(&self) -> Match {
        let both = self.mask(Direction::In) | self.mask(Direction::Out);
        compared(both, Operator::Equal, 0)
    }

    /// `--physdev-is-in`, `--physdev-is-out`, `--physdev-is-bridged`.
    pub(super) fn physical(&self, sense: Sense, asked: Physical) -> Outcome<Cases> {
        self.check()?;
        Ok(match asked {
            Physical::IsIn => self.any(sense, Direction::In),
            Physical::IsOut | Physical::IsBridged => self.any(sense, Direction::Out),
        })
    }

    /// Whether nothing else uses the bits, as far as somebody said.
    pub(super) fn are_free(&self) -> bool {
        self.free.is_some()
    }

    /// What a reader should know of all of this.
    pub(super) fn remark(&self) -> String {
        let bits = self.mask(Direction::In) | self.mask(Direction::Out);
        let free = match self.are_free() {
            true => "which --free-mark gives for that",
            false => {
                "nothing else on the host may use these bits (--free-mark says which are free)"
            }
        };
        format!(
            "ports of a bridge are told by the bits {bits:#x} of the mark, which chains of table bridge write: {free}; \
             rules of IP see bridged packets where br_netfilter is loaded, which iptables does and nft does not"
        )
    }

    fn any(&self, sense: Sense, direction: Direction) -> Cases {
        let operator = match sense {
            Sense::Is => Operator::NotEqual,
            Sense::IsNot => Operator::Equal,
        };
        one(compared(self.mask(direction), operator, 0))
    }

    /// Whether the bits are free and enough.
    fn check(&self) -> Outcome<()> {
        let hint = "write the rule in a chain of table bridge, with iifname and oifname";
        if self.width > WIDTH_MAX {
            let reason = "more ports of bridges than the mark has bits for";
            return Err(Obstacle::new(reason, hint));
        }
        let bits = self.mask(Direction::In) | self.mask(Direction::Out);
        let one_twice = self.mask(Direction::In) & self.mask(Direction::Out) != 0;
        if self.free.is_some_and(|free| one_twice || bits & !free != 0) {
            return Err(Obstacle::new(
                format!(
                    "--free-mark gives too few bits side by side to tell the ports of bridges: {} are needed",
                    2 * self.width
                ),
                hint,
            ));
        }
        if self.used & bits != 0 {
            return Err(Obstacle::new(
                "ports of a bridge are seen in family bridge alone, and rules use the bits of the mark that could tell them",
                hint,
            ));
        }
        Ok(())
    }

    /// The bits below the highest that is free.
    fn shift(&self, direction: Direction) -> u32 {
        let width = self.width.clamp(1, WIDTH_MAX);
        let end = u32::BITS - self.free.unwrap_or(u32::MAX).leading_zeros();
        match direction {
            Direction::In => end.saturating_sub(width),
            Direction::Out => end.saturating_sub(2 * width),
        }
    }

    fn mask(&self, direction: Direction) -> u32 {
        let width = self.width.clamp(1, WIDTH_MAX);
        ((1_u32 << width) - 1) << self.shift(direction)
    }

    fn chain(&self, direction: Direction, hook: HookPoint, cleared: u32) -> Chain {
        let field = match direction {
            Direction::In => Field::Iifname,
            Direction::Out => Field::Oifname,
        };
        let mut chain = Chain::new(Name::from_parts(hook.text()));
        chain.base = Some(Base {
            kind: "filter".to_owned(),
            hook,
            priority: PRIORITY,
            policy: Policy::Accept,
        });
        let mut rules = vec![vec![mark(Expression::And(
            Box::new(Field::Mark.into()),
            Value::Hex(u64::from(!cleared)),
        ))]];
        for (number, name) in (1_u32..).zip(&self.names) {
            let value = u64::from(number << self.shift(direction));
            let test = Match::new(field, Value::text(&name.replace('*', "\\*")));
            rules.push(vec![test.into(), mark(or(value))]);
        }
        let mask = self.mask(direction);
        let other = compared(mask, Operator::Equal, 0);
        rules.push(vec![other.into(), mark(or(mask.into()))]);
        let rule = |statements| Said {
            statements,
            comment: None,
        };
        chain.rules = rules.into_iter().map(rule).collect();
        chain
    }
}

fn compared(mask: u32, operator: Operator, value: u64) -> Match {
    Match {
        left: vec![Expression::masked(Field::Mark, mask.into())],
        operator,
        right: Operand::Items(vec![Value::Hex(value).into()]),
    }
}

fn or(value: u64) -> Expression {
    Expression::Or(Box::new(Field::Mark.into()), Value::Hex(value))
}

fn mark(value: Expression) -> Statement {
    Statement::Set {
        field: Field::Mark.into(),
        value,
    }
}

/// The bits of the packet's mark that a rule reads or writes.
fn marks(rule: &Rule) -> u32 {
    let mut read = 0;
    for one in &rule.matches {
        if let Test::Mark(mark) = &one.test {
            read |= mark.mask;
        } else if let Test::Socket(options) = &one.test
            && options.contains(&SocketOption::RestoreMark)
        {
            read = u32::MAX;
        } else if let Test::ReversePath(options) = &one.test
            && options.contains(&LoopbackRoute::ValidMark)
        {
            read = u32::MAX;
        }
    }
    let all = |bits: &Bits| bits.clear | bits.toggle;
    let written = if let Target::Mark(bits)
    | Target::Tproxy {
        mark: Some(bits), ..
    } = &rule.target
    {
        all(bits)
    } else if let Target::Connmark(Connmark::Save { nfmask, .. }) = &rule.target {
        *nfmask
    } else if let Target::Connmark(Connmark::Restore { nfmask, ctmask }) = &rule.target {
        // The kernel puts `ctmark & ctmask` over what is left of the mark.
        nfmask | ctmask
    } else {
        0
    };
    read | written
}
