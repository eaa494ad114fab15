//! Targets as steps.

use std::collections::BTreeSet;

use super::super::labels::{Change, Is, Kept};
use super::super::program::{ACCEPT, DROP, Source};
use super::super::{Condition, Pattern, Step, fields, labels};
use super::{Ground, write};
use crate::migrate::ipset::Type;
use crate::migrate::iptables::{
    Bits, ConnectionField, Connmark, ConntrackTarget, Hook, HopLimit, Nat, Reject, SegmentSize,
    SetAction, SetTarget, Side, Target,
};

impl Ground<'_> {
    /// The steps of a target.
    pub(super) fn target(&self, target: &Target, chain: &str) -> Vec<Step> {
        let end = |what: &str| vec![Step::End(what.to_owned())];
        match target {
            Target::Continue => Vec::new(),
            Target::Accept => end(ACCEPT),
            Target::Drop => end(DROP),
            Target::Return => vec![Step::Return],
            Target::Jump(chain) => vec![Step::Jump(self.chain(chain))],
            Target::Goto(chain) => vec![Step::Goto(self.chain(chain))],
            Target::Reject(Reject::TcpReset) => end(labels::REJECT_RESET),
            Target::Reject(Reject::Unreachable { code, .. }) => {
                end(&labels::reject((*code).into()))
            }
            Target::Dnat(nat) => end(&translation("dnat", nat)),
            Target::Snat(nat) => end(&translation("snat", nat)),
            Target::Masquerade(nat) => end(&translation("masquerade", nat)),
            Target::Redirect(nat) => end(&translation("redirect", nat)),
            Target::Netmap(to) => {
                let address = self.address(self.translated(chain));
                super::super::netmap(&address, to.network(), to.prefix_len())
            }
            Target::Queue(queue) => {
                let (first, last) = (queue.numbers.first, queue.numbers.last);
                end(&labels::queue(first, last, queue.bypass, queue.fanout))
            }
            Target::Synproxy(proxy) => {
                let label =
                    labels::synproxy(proxy.mss, proxy.window_scale, proxy.timestamp, proxy.sack);
                vec![Step::Test(handshake()), Step::End(label)]
            }
            Target::Tproxy {
                address,
                port,
                mark,
            } => {
                let address = address.filter(|address| !address.is_unspecified());
                tproxy(&tproxy_label(address, Some(*port)), *mark)
            }
            Target::TcpMss(size) => self.segment(*size, chain),
            other => self.change(other),
        }
    }

    /// Which address NETMAP changes: the destination of what comes, the source of what goes.
    fn translated(&self, chain: &str) -> Side {
        let comes = |hook: Hook| matches!(hook, Hook::Prerouting | Hook::Output);
        if self.is_reached(chain, comes) {
            Side::Destination
        } else {
            Side::Source
        }
    }

    /// Whether packets come to a chain from one of some hooks.
    fn is_reached(&self, chain: &str, from: impl Fn(Hook) -> bool) -> bool {
        let built_in = self
            .table
            .chains
            .iter()
            .filter(|chain| chain.hook.is_some_and(&from));
        let mut reached: BTreeSet<&str> = built_in.map(|chain| chain.name.as_str()).collect();
        let mut waiting: Vec<&str> = reached.iter().copied().collect();
        while let Some(name) = waiting.pop() {
            let rules = self.table.chain(name).map(|chain| chain.rules.as_slice());
            for rule in rules.unwrap_or(&[]) {
                if let Target::Jump(next) | Target::Goto(next) = &rule.target
                    && reached.insert(next)
                {
                    waiting.push(next);
                }
            }
        }
        reached.contains(chain)
    }

    /// A segment size is written. What this host sends to itself may have an MTU that nft's `rt mtu` does not hold.
    fn segment(&self, size: SegmentSize, chain: &str) -> Vec<Step> {
        let elsewhere = |hook: Hook| hook != Hook::Forward;
        if size != SegmentSize::ClampToPathMtu || !self.is_reached(chain, elsewhere) {
            return segment(size);
        }
        let loopback = Pattern::Exactly("lo".to_owned());
        let loopback = Condition::Name(fields::oifname(), loopback);
        let borne = vec![Step::Note(labels::segment("of the loopback interface"))];
        vec![Step::Branch(vec![
            (loopback.clone(), borne),
            (loopback.negated(), segment(size)),
        ])]
    }

    /// Targets after which a packet goes on.
    fn change(&self, target: &Target) -> Vec<Step> {
        let note = |what: String| vec![Step::Note(what)];
        match target {
            Target::Log(log) => {
                let prefix = log.prefix.as_deref().unwrap_or("");
                note(labels::log(log.level.into(), prefix, log.flags.into()))
            }
            Target::NetfilterLog(log) => {
                let prefix = log.prefix.as_deref().unwrap_or("");
                let (size, threshold) = (log.size.unwrap_or(0), log.threshold.unwrap_or(0));
                note(labels::group_log(log.group, prefix, size, threshold))
            }
            Target::Mark(bits) => vec![write_bits(fields::mark(), *bits)],
            Target::Connmark(connmark) => connection_mark(*connmark),
            Target::NoTrack => vec![write(fields::ct_state(), 4)],
            Target::Ct(ct) => connection(ct),
            Target::TcpOptStrip(options) => {
                let each = options
                    .iter()
                    .map(|kind| format!("tcp option {kind} removed"));
                // Later fragments go on as they are.
                let readable = [Step::Test(fields::not_a_later_fragment())];
                readable.into_iter().chain(each.map(Step::Note)).collect()
            }
            Target::Tee { gateway, interface } => {
                note(copy(&gateway.to_string(), interface.as_deref()))
            }
            Target::Dscp(value) => vec![Step::Write {
                variable: fields::tos(),
                keep: 0x03,
                source: Source::Constant(u128::from(*value) << 2),
            }],
            Target::Tos(bits) => vec![write_bits(fields::tos(), *bits)],
            Target::Ttl(change) | Target::Hl(change) => vec![hop_limit(*change)],
            Target::Classify { major, minor } => {
                let value = u128::from(*major) << 16 | u128::from(*minor);
                vec![write(fields::priority(), value)]
            }
            Target::Audit(_) => note("audit".to_owned()),
            Target::Trace => note("trace".to_owned()),
            Target::Set(set) => self.set_target(set),
            Target::Unknown { text, .. } => note(text.clone()),
            other => note(format!("{other:?}")),
        }
    }

    fn set_target(&self, target: &SetTarget) -> Vec<Step> {
        let actions = target.actions.iter().flat_map(|(action, set, sides)| {
            let takes = self.takes(set, sides);
            let key = match takes {
                true => self.key_text(set, sides),
                false => format!("what it takes of {}", self.key_text(set, sides)),
            };
            let (note, is_there) = match action {
                SetAction::Add => (
                    labels::added(&key, set, self.kept(target, set)),
                    Some(Is::There),
                ),
                SetAction::Delete => (labels::deleted(&key, set), Some(Is::Gone)),
                SetAction::Map => (format!("map {key} by {set}"), None),
            };
            let learned = is_there.filter(|_| takes);
            let learned = learned.map(|is_there| labels::learn(set, &key, is_there));
            [Step::Note(note)].into_iter().chain(learned)
        });
        actions.collect()
    }

    /// Whether the kernel puts every packet into a set: not into one of another family or of more dimensions, nor into
    /// what a bitmap has no place for.
    fn takes(&self, name: &str, sides: &[Side]) -> bool {
        let found = self.sets.iter().find(|set| set.name == name);
        found.is_none_or(|set| {
            let family = set.options.family;
            let fits = matches!(&set.kind, Type::Hash(kinds) if kinds.len() <= sides.len());
            fits && family.is_none_or(|family| family == self.family)
        })
    }

    /// How a set keeps what a rule puts there. An element of a rule that says nothing stays as long as the set says.
    fn kept(&self, target: &SetTarget, name: &str) -> Kept {
        let set = self.sets.iter().find(|set| set.name == name);
        let change = match target.exist {
            true => Change::Update,
            false => Change::Add,
        };
        let stays = target.timeout.or(set.and_then(|set| set.options.timeout));
        let size = set.and_then(|set| set.options.max_elements);
        Kept {
            size,
            ..Kept::for_seconds(change, stays.filter(|seconds| *seconds > 0))
        }
    }

    /// What of a packet a set looks at.
    pub(super) fn key_text(&self, set: &str, sides: &[Side]) -> String {
        let variables = self.variables(set, sides);
        labels::key(
            &variables
                .into_iter()
                .map(|v| (v.clone(), v.largest()))
                .collect::<Vec<_>>(),
        )
    }
}

/// A packet that names no size gets the option besides.
fn segment(size: SegmentSize) -> Vec<Step> {
    let written = match size {
        SegmentSize::Set(size) => labels::segment(&size.to_string()),
        SegmentSize::ClampToPathMtu => labels::segment(labels::OF_THE_ROUTE),
    };
    let added = vec![Step::Note(format!("{written}, where none was"))];
    // One of another length is none.
    let there = Condition::atom(labels::SEGMENT_OPTION).and(fields::segment_option().is(4));
    vec![Step::Branch(vec![
        (there.clone(), vec![Step::Note(written)]),
        (there.negated(), added),
    ])]
}

fn translation(kind: &str, nat: &Nat) -> String {
    let label = labels::Translation {
        kind,
        addresses: nat.range.map(|span| (span.first, span.last)),
        ports: nat.ports.map(|ports| (ports.first(), ports.last())),
        random: nat.random,
        fully_random: nat.random_fully,
        persistent: nat.persistent,
    }
    .label();
    match nat.base {
        Some(base) => format!("{label} from port {base} on"),
        None => label,
    }
}

/// The packets of a handshake, which a synproxy takes.
pub(in crate::migrate::verify::symbolic) fn handshake() -> Condition {
    let flags = fields::tcp_flags();
    let opens = flags.masked(0x17, 0x02);
    let answers = flags.masked(0x17, 0x10);
    Condition::Any(vec![opens, answers]).and(fields::transport(6))
}

/// What a transparent proxy is called.
pub(in crate::migrate::verify::symbolic) fn tproxy_label(
    address: Option<std::net::IpAddr>,
    port: Option<u16>,
) -> String {
    let address = address.map_or("the packet's address".to_owned(), |a| a.to_string());
    let port = port.filter(|port| *port != 0);
    let port = port.map_or("its port".to_owned(), |p| p.to_string());
    format!("tproxy to {address} and {port}")
}

/// Without a socket the packet is gone.
fn tproxy(label: &str, mark: Option<Bits>) -> Vec<Step> {
    let found = Condition::atom(format!("{label} finds a socket"));
    let mut steps: Vec<_> = mark
        .map(|bits| write_bits(fields::mark(), bits))
        .into_iter()
        .collect();
    steps.push(Step::Note(label.to_owned()));
    steps.push(Step::End(ACCEPT.to_owned()));
    let lost = vec![Step::End(DROP.to_owned())];
    vec![Step::Branch(vec![
        (found, steps),
        (Condition::Always, lost),
    ])]
}

fn write_bits(variable: super::super::Variable, bits: Bits) -> Step {
    let keep = variable.largest() & !u128::from(bits.clear);
    Step::Write {
        variable,
        keep,
        source: Source::Constant(bits.toggle.into()),
    }
}

fn connection_mark(change: Connmark) -> Vec<Step> {
    let step = match change {
        Connmark::Set(bits) => write_bits(fields::ct_mark(), bits),
        Connmark::Save { nfmask, ctmask } => Step::Write {
            variable: fields::ct_mark(),
            keep: u128::from(!ctmask),
            source: Source::Of(fields::mark(), nfmask.into(), 0),
        },
        Connmark::Restore { nfmask, ctmask } => Step::Write {
            variable: fields::mark(),
            keep: u128::from(!nfmask),
            source: Source::Of(fields::ct_mark(), ctmask.into(), 0),
        },
    };
    vec![Step::Test(fields::has_connection()), step]
}

fn connection(ct: &ConntrackTarget) -> Vec<Step> {
    let mut notes = Vec::new();
    for (direction, zone) in &ct.zones {
        let direction = match direction {
            Some(ConnectionField::Original) => "original ",
            Some(ConnectionField::Reply) => "reply ",
            None => "",
        };
        notes.push(format!("ct {direction}zone {zone}"));
    }
    notes.extend(ct.zone_of_mark.then(|| "ct zone of the mark".to_owned()));
    notes.extend(
        ct.helper
            .as_ref()
            .map(|helper| format!("ct helper {helper}")),
    );
    notes.extend(
        ct.events
            .as_ref()
            .map(|events| format!("ct events {events}")),
    );
    let expectations = ct.expectation_events.as_ref();
    notes.extend(expectations.map(|events| format!("ct expectation events {events}")));
    notes.extend(
        ct.timeout
            .as_ref()
            .map(|timeout| format!("ct timeout {timeout}")),
    );
    notes.into_iter().map(Step::Note).collect()
}

/// A copy of the packet.
pub(in crate::migrate::verify::symbolic) fn copy(to: &str, device: Option<&str>) -> String {
    match device {
        Some(device) => format!("copy to {to} by {device}"),
        None => format!("copy to {to}"),
    }
}

fn hop_limit(change: HopLimit) -> Step {
    let add = |amount| Step::Add {
        variable: fields::ttl(),
        amount,
    };
    match change {
        HopLimit::Set(value) => write(fields::ttl(), value.into()),
        HopLimit::Increase(amount) => add(i16::from(amount)),
        HopLimit::Decrease(amount) => add(-i16::from(amount)),
    }
}
