//! A rule's words, sorted by who takes them.

use std::collections::BTreeSet;

use super::address::{address, interface};
use super::option::{self, Given, Options};
use super::port::protocol;
use super::words::Word;
use super::{foreign, module, target};
use crate::migrate::iptables::{Counters, Direction, Match, Sense, Side, Target, Test};
use crate::net::{Family, Protocol, decimal};

/// Where a rule stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) family: Family,
    pub(super) chains: &'a BTreeSet<String>,
}

/// What was read of a rule.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) counters: Option<Counters>,
    /// One for each pair of addresses where several were listed.
    pub(super) alternatives: Vec<Vec<Match>>,
    pub(super) target: Target,
}

/// Reads a rule from the words behind its chain. An option twice and a stray `!`, which no iptables takes, are errors.
pub(super) fn read(place: &Place<'_>, words: &[Word]) -> Result<Read, String> {
    let mut sorted = Sorted::default();
    let words = parted(words);
    let mut rest = words.as_slice();
    let mut sense = Sense::Is;
    while let Some((word, behind)) = rest.split_first() {
        rest = behind;
        if word.is_bang() {
            if !rest.first().is_some_and(Word::is_option) {
                return Err("`!` with no option behind it that it could negate".to_owned());
            }
            sense = Sense::IsNot;
            continue;
        }
        rest = sorted.take(place, sense, word, rest)?;
        sense = Sense::Is;
    }
    Ok(sorted.finish(place))
}

/// `--option=value` is two words.
fn parted(words: &[Word]) -> Vec<Word> {
    let mut parted = Vec::with_capacity(words.len());
    for word in words {
        match word.text.split_once('=') {
            Some((option, value)) if word.is_option() && option.starts_with("--") => {
                parted.push(Word {
                    text: option.to_owned(),
                    quoted: false,
                });
                parted.push(Word {
                    text: value.to_owned(),
                    quoted: true,
                });
            }
            _ => parted.push(word.clone()),
        }
    }
    parted
}

/// A module or a target with the options that it was given.
#[derive(Debug)]
struct Use {
    name: String,
    /// Nothing where it is not known: then it takes every option.
    options: Option<Options>,
    given: Vec<Given>,
    text: String,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Match,
    Target,
    Goto,
}

/// The words of a rule by who takes them.
#[derive(Debug, Default)]
struct Sorted {
    generic: Vec<Given>,
    uses: Vec<Use>,
    strays: Vec<String>,
}

impl Sorted {
    fn take<'w>(
        &mut self,
        place: &Place<'_>,
        sense: Sense,
        word: &Word,
        rest: &'w [Word],
    ) -> Result<&'w [Word], String> {
        if !word.is_option() {
            self.strays.push(written(sense, word, &[]));
            return Ok(rest);
        }
        if let Some((name, values)) = option::find(option::GENERIC, &word.text) {
            let (sense, values, rest) = take_values(sense, values, rest)?;
            self.generic(name, sense, values, word)?;
            return Ok(rest);
        }
        let user = self.user(place, &word.text);
        let Some((user, known)) = user else {
            let (values, rest) = rest.split_at(values_before_option(rest));
            self.strays.push(written(sense, word, values));
            return Ok(rest);
        };
        let Some((name, values)) = known else {
            let (values, rest) = rest.split_at(values_before_option(rest));
            user.text.push(' ');
            user.text.push_str(&written(sense, word, values));
            return Ok(rest);
        };
        let (sense, values, rest) = take_values(sense, values, rest)?;
        // Elements of a policy are told apart by --next, and each has its own.
        if user.name != "policy" {
            once(&user.given, name, &word.text)?;
        }
        user.text.push(' ');
        user.text.push_str(&written(sense, word, values));
        user.given.push(Given {
            sense,
            name,
            values: values.iter().map(|word| word.text.clone()).collect(),
        });
        Ok(rest)
    }

    fn generic(
        &mut self,
        name: &'static str,
        sense: Sense,
        values: &[Word],
        word: &Word,
    ) -> Result<(), String> {
        let value = values.first().map(|word| word.text.clone());
        let value = value.unwrap_or_default();
        let role = match name {
            "-m" => Role::Match,
            "-j" => Role::Target,
            "-g" => Role::Goto,
            _ => {
                once(&self.generic, name, &word.text)?;
                self.generic.push(Given {
                    sense,
                    name,
                    values: values.iter().map(|word| word.text.clone()).collect(),
                });
                return Ok(());
            }
        };
        if sense == Sense::IsNot {
            return Err(format!("{} cannot be negated", word.text));
        }
        let options = match role {
            Role::Match => option::of_match(&value),
            Role::Target => target::of_target(&value),
            Role::Goto => None,
        };
        self.uses.push(Use {
            name: value,
            options,
            given: Vec::new(),
            text: written(sense, word, values),
            role,
        });
        Ok(())
    }

    /// Who takes an option: whoever was named last and knows it, else the module of the protocol.
    fn user(
        &mut self,
        place: &Place<'_>,
        name: &str,
    ) -> Option<(&mut Use, Option<(&'static str, usize)>)> {
        let last = self.uses.len().checked_sub(1);
        let knows = |at: &usize| match self.uses[*at].options {
            Some(options) => option::find(options, name).is_some(),
            None => Some(*at) == last && takes_all(&self.uses[*at], place),
        };
        let at = (0..self.uses.len()).rev().find(knows);
        let at = at.or_else(|| self.implied(place.family, name))?;
        let user = &mut self.uses[at];
        let known = user.options.and_then(|options| option::find(options, name));
        Some((user, known))
    }

    /// The module of the rule's protocol, if it has the option.
    fn implied(&mut self, family: Family, name: &str) -> Option<usize> {
        let given = self.generic.iter().find(|given| given.name == "-p")?;
        let protocol = protocol(given.value()).ok()??;
        let module = match (protocol, family) {
            (Protocol::TCP, _) => "tcp",
            (Protocol::UDP, _) => "udp",
            (Protocol::UDPLITE, _) => "udplite",
            (Protocol::SCTP, _) => "sctp",
            (Protocol(33), _) => "dccp",
            (Protocol::ICMP, Family::V4) => "icmp",
            (Protocol::ICMPV6, Family::V6) => "icmp6",
            (Protocol(50), _) => "esp",
            (Protocol(51), _) => "ah",
            (Protocol(108), _) => "ipcomp",
            (Protocol(135), Family::V6) => "mh",
            _ => return None,
        };
        let options = option::of_match(module)?;
        option::find(options, name)?;
        self.uses.push(Use {
            name: module.to_owned(),
            options: Some(options),
            given: Vec::new(),
            text: format!("-m {module}"),
            role: Role::Match,
        });
        Some(self.uses.len() - 1)
    }

    fn finish(self, place: &Place<'_>) -> Read {
        let mut matches = Vec::new();
        for given in &self.generic {
            matches.extend(header(given, place.family));
        }
        matches.sort_by_key(|one| rank(&one.test));
        let mut goal = Target::Continue;
        for used in &self.uses {
            match used.role {
                Role::Match => matches.extend(conditions(used, place.family)),
                Role::Target | Role::Goto if goal != Target::Continue => {
                    matches.push(unknown(&used.text, "a rule has one target"));
                }
                Role::Target => goal = destination(used, place),
                Role::Goto => goal = Target::Goto(used.name.clone()),
            }
        }
        if !self.strays.is_empty() {
            let text = self.strays.join(" ");
            matches.push(unknown(&text, "nothing in the rule takes these words"));
        }
        if let Target::Goto(name) = &goal
            && !place.chains.contains(name)
        {
            goal = Target::Unknown {
                text: format!("-g {name}"),
                reason: format!("there is no chain {name}"),
            };
        }
        Read {
            counters: self.counters(),
            alternatives: alternatives(&self.generic, place.family, matches),
            target: goal,
        }
    }

    fn counters(&self) -> Option<Counters> {
        let given = self.generic.iter().find(|given| given.name == "-c")?;
        Some(Counters {
            packets: decimal(given.values.first()?)?,
            bytes: decimal(given.values.get(1)?)?,
        })
    }
}

/// An option that was not given before.
fn once(given: &[Given], name: &str, word: &str) -> Result<(), String> {
    match given.iter().any(|given| given.name == name) {
        true => Err(format!("{word} twice in one rule")),
        false => Ok(()),
    }
}

/// Whether options that nobody knows are those of this module or target, which nobody knows either.
fn takes_all(used: &Use, place: &Place<'_>) -> bool {
    match used.role {
        Role::Match => true,
        Role::Target => !place.chains.contains(&used.name),
        Role::Goto => false,
    }
}

/// The values of an option; an old way to write a negation is `--option ! value`.
fn take_values(
    sense: Sense,
    values: usize,
    rest: &[Word],
) -> Result<(Sense, &[Word], &[Word]), String> {
    let (sense, rest) = match rest.split_first() {
        Some((first, behind)) if values > 0 && first.is_bang() => match sense {
            Sense::Is => (Sense::IsNot, behind),
            Sense::IsNot => return Err("`!` twice before one value".to_owned()),
        },
        _ => (sense, rest),
    };
    let (values, rest) = rest.split_at(values.min(rest.len()));
    Ok((sense, values, rest))
}

fn values_before_option(rest: &[Word]) -> usize {
    let end = rest
        .iter()
        .position(|word| word.is_option() || word.is_bang());
    end.unwrap_or(rest.len())
}

fn written(sense: Sense, word: &Word, values: &[Word]) -> String {
    let mut text = match sense {
        Sense::Is => String::new(),
        Sense::IsNot => "! ".to_owned(),
    };
    text.push_str(&word.text);
    for value in values {
        text.push(' ');
        match value.quoted {
            true => text.push_str(&format!("{:?}", value.text)),
            false => text.push_str(&value.text),
        }
    }
    text
}

fn unknown(text: &str, reason: &str) -> Match {
    Match {
        sense: Sense::Is,
        test: Test::Unknown {
            text: text.to_owned(),
            reason: reason.to_owned(),
        },
    }
}

/// The order in which the kernel compares the header.
fn rank(test: &Test) -> usize {
    const ORDER: [fn(&Test) -> bool; 4] = [
        |test| matches!(test, Test::Interface(Direction::In, _)),
        |test| matches!(test, Test::Interface(Direction::Out, _)),
        |test| matches!(test, Test::Protocol(_)),
        |test| matches!(test, Test::Fragment),
    ];
    ORDER.iter().position(|is| is(test)).unwrap_or(ORDER.len())
}

/// What a generic option asks, addresses aside.
fn header(given: &Given, family: Family) -> Option<Match> {
    let value = given.value();
    let test = match given.name {
        "-i" => interface(value).map(|name| Some(Test::Interface(Direction::In, name))),
        "-o" => interface(value).map(|name| Some(Test::Interface(Direction::Out, name))),
        "-p" => protocol(value).map(|protocol| protocol.map(Test::Protocol)),
        "-f" => match family {
            Family::V4 => Ok(Some(Test::Fragment)),
            Family::V6 => Err("-f is for IPv4".to_owned()),
        },
        _ => Ok(None),
    };
    let text = || match given.sense {
        Sense::Is => format!("{} {value}", given.name),
        Sense::IsNot => format!("! {} {value}", given.name),
    };
    match test {
        Ok(Some(test)) => Some(Match {
            sense: given.sense,
            test,
        }),
        Ok(None) if given.name == "-p" && given.sense == Sense::IsNot => {
            Some(unknown(&text(), "no packet has no protocol"))
        }
        Ok(None) => None,
        Err(reason) => Some(unknown(&text(), &reason)),
    }
}

/// A rule for each source and each destination that is listed.
fn alternatives(generic: &[Given], family: Family, matches: Vec<Match>) -> Vec<Vec<Match>> {
    let of = |name: &str, side: Side| -> Vec<Option<Match>> {
        let Some(given) = generic.iter().find(|given| given.name == name) else {
            return vec![None];
        };
        let list: Vec<_> = given.value().split(',').collect();
        if list.len() > 1 && given.sense == Sense::IsNot {
            let text = format!("! {name} {}", given.value());
            return vec![Some(unknown(
                &text,
                "a list of addresses cannot be negated",
            ))];
        }
        let one = |text: &&str| match address(text, family) {
            Ok(address) => Some(Match {
                sense: given.sense,
                test: Test::Address(side, address),
            }),
            Err(reason) => Some(unknown(&format!("{name} {text}"), &reason)),
        };
        list.iter().map(one).collect()
    };
    let mut rules = Vec::new();
    for source in of("-s", Side::Source) {
        for destination in of("-d", Side::Destination) {
            let addresses = source.clone().into_iter().chain(destination);
            rules.push(addresses.chain(matches.iter().cloned()).collect());
        }
    }
    rules
}

fn conditions(used: &Use, family: Family) -> Vec<Match> {
    if let Some(reason) = foreign::of_other_family(&used.name, family) {
        return vec![unknown(&used.text, &reason)];
    }
    if used.options.is_none() {
        let reason = foreign::reason(&used.name);
        let reason = reason.unwrap_or_else(|| format!("module {} is not known", used.name));
        return vec![unknown(&used.text, &reason)];
    }
    match module::tests(&used.name, &used.given, family) {
        Ok(tests) => tests,
        Err(reason) => vec![unknown(&used.text, &reason)],
    }
}

fn destination(used: &Use, place: &Place<'_>) -> Target {
    let other = foreign::of_other_family(&used.name, place.family);
    let read = match (used.options, other) {
        (Some(_), Some(reason)) => Err(reason),
        (Some(_), None) => target::read(&used.name, &used.given, place),
        (None, _) if place.chains.contains(&used.name) => Ok(Target::Jump(used.name.clone())),
        (None, _) => Err(foreign::reason(&used.name)
            .unwrap_or_else(|| format!("{} is neither a chain nor a known target", used.name))),
    };
    read.unwrap_or_else(|reason| Target::Unknown {
        text: used.text.clone(),
        reason,
    })
}
