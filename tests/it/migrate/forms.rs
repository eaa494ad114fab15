//! One rule for each form of each match and target: read, judged as expected, loaded by iptables, and by nft once it is
//! translated. `forms.rules` has them, and `sets.rules` those that look up sets.

use std::io::Write;
use std::process::{Command, Stdio};

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{parse, print};
use margay::migrate::translate::{Class, Translation, translate};
use margay::net::Family;

use super::{assert_loads, host, unsupported};
use crate::support::netns::{in_netns, report, skip};

pub(super) const FORMS: &str = include_str!("forms.rules");
pub(super) const SETS: &str = include_str!("sets.rules");
const SET_DUMP: &str = include_str!("sets.ipset");

/// What the kernel of the tests may lack, by a word of the rule.
const MAY_LACK: [&str; 2] = ["NFQUEUE", "udplite"];

#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) family: Family,
    pub(super) table: &'a str,
    pub(super) chain: &'a str,
    pub(super) class: &'a str,
    pub(super) rule: &'a str,
}

impl<'a> Form<'a> {
    pub(super) fn all(text: &'a str) -> impl Iterator<Item = Self> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let parts: Vec<_> = line.splitn(5, ' ').collect();
                let [family, table, chain, class, rule] = parts[..] else {
                    panic!("{line}");
                };
                Self {
                    family: if family == "v4" {
                        Family::V4
                    } else {
                        Family::V6
                    },
                    table,
                    chain,
                    class,
                    rule,
                }
            })
    }

    pub(super) fn dump(&self) -> String {
        let Self {
            table, chain, rule, ..
        } = self;
        format!("*{table}\n:{chain} ACCEPT [0:0]\n-A {chain} {rule}\nCOMMIT\n")
    }

    pub(super) fn may_lack(&self) -> bool {
        MAY_LACK.iter().any(|word| self.rule.contains(word))
    }

    /// Where it stands, and the rule.
    pub(super) fn place(&self) -> String {
        let Self {
            family,
            table,
            chain,
            rule,
            ..
        } = self;
        format!("{family} {table} {chain} {rule}")
    }

    /// What `ipset` printed, if the rule asks a set.
    pub(super) fn sets(&self) -> Option<&'static str> {
        let asks = ["--match-set", "-j SET"];
        asks.iter()
            .any(|word| self.rule.contains(word))
            .then_some(SET_DUMP)
    }
}

#[test]
fn every_form_is_judged_as_it_should() {
    let forms: Vec<_> = Form::all(FORMS).collect();
    assert!(forms.len() >= 120, "{} forms", forms.len());
    for form in forms {
        let translation = translate(&host(&form.dump(), form.family).unwrap());
        judged(&form, &translation);
    }
}

#[test]
fn every_form_of_a_set_is_judged_as_it_should() {
    for form in Form::all(SETS) {
        judged(&form, &translate(&with_sets(&form)));
    }
}

/// Rules that share what the kernel keeps in a way that nft cannot, and so many of them that are left out for it.
const SHARING: [(&str, &str, &[&str], usize); 29] = [
    (
        "raw",
        "PREROUTING",
        &[
            "-i a -j CT --zone 1",
            "-i a -m connmark --mark 0x0 -j MARK --set-xmark 0x2/0xffffffff",
        ],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-i a -j CT --zone 1",
            "-m conntrack --ctdir ORIGINAL -j MARK --set-xmark 0x2/0xffffffff",
        ],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-i a -j CT --zone 1",
            "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
        ],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-i a -j CT --zone 1",
            "-i b -m connmark --mark 0x0 -j MARK --set-xmark 0x2/0xffffffff",
        ],
        0,
    ),
    (
        "raw",
        "PREROUTING",
        &["-i a -m connmark --mark 0x0 -j CT --zone 1"],
        0,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-i a -j CT --zone 1",
            "-m conntrack --ctstate NEW -j MARK --set-xmark 0x2/0xffffffff",
        ],
        0,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-p tcp -m tcp --dport 21 -j CT --helper ftp",
            "-m conntrack --ctstate NEW -j MARK --set-xmark 0x2/0xffffffff",
        ],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &["-i a -j NOTRACK", "-p tcp -j CT --zone 1"],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &["-i a -j CT --zone 1", "-i b -j CT --zone 2"],
        0,
    ),
    (
        "raw",
        "PREROUTING",
        &["-i a -j CT --zone 1", "-p tcp -j CT --helper ftp"],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-p tcp -m tcp --dport 21 -j CT --helper ftp",
            "-p udp -m udp --dport 69 -j CT --helper tftp",
        ],
        0,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-above 1/sec --hashlimit-mode srcip --hashlimit-name a -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode dstip --hashlimit-name a -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-srcmask 24 --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-srcmask 16 --hashlimit-name a -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode dstip --hashlimit-dstmask 24 --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode dstip --hashlimit-name a -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a --hashlimit-htable-expire 5000 -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a --hashlimit-htable-max 10 -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a --hashlimit-htable-max 20 -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-name a -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j DROP",
        ],
        0,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 2/sec --hashlimit-mode srcip --hashlimit-name a -j DROP",
        ],
        0,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1000b/s --hashlimit-mode srcip --hashlimit-name a -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m recent --rcheck --seconds 60 --reap --name a --rsource -j DROP",
            "-m recent --rcheck --seconds 90 --name a --rsource -j DROP",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m recent --rcheck --seconds 60 --reap --name a --rsource -j DROP",
            "-m recent --remove --name a --rsource",
        ],
        2,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m recent --rcheck --seconds 60 --reap --hitcount 3 --name a --rsource -j DROP",
            "-m recent --update --seconds 60 --name a --rsource -j DROP",
        ],
        0,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m recent --set --name a --mask 255.255.255.0 --rsource",
            "-m recent --rcheck --name a --mask 255.255.255.255 --rsource -j DROP",
        ],
        2,
    ),
    (
        "raw",
        "PREROUTING",
        &[
            "-m limit --limit 1/sec -j RETURN",
            "-p tcp -m tcp --dport 21 -j CT --helper ftp",
        ],
        1,
    ),
    (
        "filter",
        "INPUT",
        &[
            "-m recent --set --name a --rsource",
            "-m recent --rcheck --name a --rsource -j DROP",
        ],
        0,
    ),
    (
        "filter",
        "INPUT",
        &["-p tcp -m limit --limit 1/sec -m multiport --ports 1,2 -j DROP"],
        1,
    ),
    (
        "raw",
        "PREROUTING",
        &["-i a -j CT --zone 1", "-p tcp -j NOTRACK"],
        1,
    ),
];

#[test]
fn what_nft_cannot_share_is_left_out() {
    for (table, chain, rules, expected) in SHARING {
        let rules: String = rules
            .iter()
            .map(|rule| format!("-A {chain} {rule}\n"))
            .collect();
        let dump = format!("*{table}\n:{chain} ACCEPT [0:0]\n{rules}COMMIT\n");
        let judgements = translate(&host(&dump, Family::V4).unwrap()).judgements;
        let left = unsupported(&judgements);
        assert_eq!(left, expected, "{rules}{judgements:#?}");
    }
}

#[test]
fn a_chain_that_is_too_deep_for_nft_is_left_out() {
    let chains: String = (1..=17).map(|at| format!(":c{at} - [0:0]\n")).collect();
    let jumps: String = (1..17)
        .map(|at| format!("-A c{at} -j c{}\n", at + 1))
        .collect();
    let dump = format!("*filter\n:INPUT ACCEPT [0:0]\n{chains}-A INPUT -j c1\n{jumps}COMMIT\n");
    let judgements = translate(&host(&dump, Family::V4).unwrap()).judgements;
    let left = unsupported(&judgements);
    assert_eq!(left, 2, "the 16th and the 17th: {judgements:#?}");
}

#[test]
fn both_families_keep_limits_of_their_own() {
    let dump = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m limit --limit 1/sec -j ACCEPT\nCOMMIT\n";
    let texts = Texts {
        v4: Some(dump.to_owned()),
        v6: Some(dump.to_owned()),
        sets: None,
    };
    let made = translate(&Host::read(&texts).unwrap()).idiomatic().ruleset;
    let printed = print::print(&made);
    assert_eq!(printed.matches("limit rate").count(), 2, "{printed}");
}

#[test]
fn iptables_takes_every_form() {
    in_netns("iptables_takes_every_form", || {
        for form in Form::all(FORMS).filter(|form| !form.may_lack()) {
            let program = match form.family {
                Family::V4 => "iptables-legacy-restore",
                Family::V6 => "ip6tables-legacy-restore",
            };
            match fed(program, &form.dump()) {
                Ok(()) => {}
                Err(error) if error.starts_with("no ") => {
                    return skip("iptables_takes_every_form", &error);
                }
                Err(error) => panic!("{}: {error}", form.rule),
            }
        }
    });
}

#[test]
fn nft_takes_every_form() {
    in_netns("nft_takes_every_form", || {
        let plain = Form::all(FORMS).map(|form| (form, host(&form.dump(), form.family).unwrap()));
        let sets = Form::all(SETS).map(|form| (form, with_sets(&form)));
        let mut loaded = 0;
        for (form, host) in plain.chain(sets) {
            let translation = translate(&host);
            let printed = print::print(&translation.ruleset);
            let read =
                parse(&printed).unwrap_or_else(|error| panic!("{}: {error}\n{printed}", form.rule));
            assert_eq!(read.ruleset, translation.ruleset, "{printed}");
            if translation.judgements[0].class == Class::Unsupported || form.may_lack() {
                continue;
            }
            assert_loads(&printed);
            loaded += 1;
        }
        report(&format!("{loaded} forms load in nft"));
    });
}

fn with_sets(form: &Form<'_>) -> Host {
    read(form, &form.dump())
}

/// A dump of the family of a form, with the sets that it asks.
pub(super) fn read(form: &Form<'_>, dump: &str) -> Host {
    let mut texts = Texts {
        sets: form.sets().map(str::to_owned),
        ..Texts::default()
    };
    match form.family {
        Family::V4 => texts.v4 = Some(dump.to_owned()),
        Family::V6 => texts.v6 = Some(dump.to_owned()),
    }
    Host::read(&texts).unwrap()
}

#[track_caller]
fn judged(form: &Form<'_>, translation: &Translation) {
    let [judgement] = translation.judgements.as_slice() else {
        panic!("{}: {} rules", form.rule, translation.judgements.len());
    };
    assert_eq!(
        judgement.class.as_str(),
        form.class,
        "{}: {:?}",
        form.rule,
        judgement.reasons
    );
    assert_eq!(
        judgement.class == Class::Native,
        judgement.reasons.is_empty(),
        "{}",
        form.rule
    );
    assert_eq!(
        judgement.class == Class::Unsupported,
        judgement.suggestion.is_some(),
        "{}",
        form.rule
    );
}

/// Feeds a program; its complaint, which begins with `no` where it is not installed.
fn fed(program: &str, input: &str) -> Result<(), String> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("no {program}: {error}"))?;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
