//! The shorter form means the same, also where rules write what later ones ask: small hosts that are drawn, and proven.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::print;
use margay::migrate::translate::{Class, translate};
use margay::net::Family;

use super::host;
use super::verify::proven;

const HOSTS: u64 = 120;

#[test]
fn small_hosts_mean_the_same_in_fewer_rules() {
    let mut proofs = 0;
    for seed in 0..HOSTS {
        let texts = Drawn::new(seed).texts();
        let host = Host::read(&texts).unwrap();
        let translation = translate(&host);
        let worst = translation.judgements.iter().map(|one| one.class).max();
        if worst > Some(Class::Equivalent) {
            continue;
        }
        proofs += 1;
        let shorter = translation.idiomatic().ruleset;
        let report = proven(&host, &shorter).unwrap();
        assert!(
            report.is_equal(),
            "{seed}: {}\n{}\n{:#?}",
            texts.v4.unwrap_or_default(),
            print::print(&shorter),
            report.parts
        );
    }
    assert!(proofs * 10 > HOSTS * 9, "{proofs} of {HOSTS}");
}

/// Rules of a host, drawn so that neighbours often ask for one field.
struct Drawn {
    random: fastrand::Rng,
    table: &'static str,
    family: Family,
}

/// What rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Mark,
    ConnectionMark,
    State,
    Source,
    Tcp,
    Udp,
}

impl Field {
    /// No rule asks for both.
    fn excludes(self, other: Self) -> bool {
        let is_port = |field| matches!(field, Self::Tcp | Self::Udp);
        self == other || is_port(self) && is_port(other)
    }
}

/// Where rules come in, by table, and the chains that they lead to, each to later ones alone.
const TABLES: [(&str, &str); 4] = [
    ("raw", "PREROUTING"),
    ("mangle", "PREROUTING"),
    ("mangle", "PREROUTING"),
    ("filter", "INPUT"),
];
const CHAINS: [&str; 3] = ["one", "two", "three"];

impl Drawn {
    fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            table: "",
            family: Family::V4,
        }
    }

    fn texts(&mut self) -> Texts {
        let (table, base) = TABLES[self.random.usize(..TABLES.len())];
        self.table = table;
        let v4 = self.dump(base);
        let v6 = self.random.bool().then(|| {
            self.family = Family::V6;
            self.dump(base)
        });
        Texts {
            v4: Some(v4),
            v6,
            sets: None,
        }
    }

    fn dump(&mut self, base: &str) -> String {
        let mut text = format!("*{}\n:{base} ACCEPT [0:0]\n", self.table);
        for chain in CHAINS {
            text.push_str(&format!(":{chain} - [0:0]\n"));
        }
        for (at, chain) in [base].into_iter().chain(CHAINS).enumerate() {
            for _ in 0..self.random.usize(1..4) {
                text.push_str(&self.burst(chain, &CHAINS[at..]));
            }
        }
        text + "COMMIT\n"
    }

    /// A few rules about one field.
    fn burst(&mut self, chain: &str, later: &[&str]) -> String {
        let field = self.field();
        let rules = (0..self.random.usize(2..6)).map(|_| {
            let other = self.field();
            let second = match self.random.u8(..8) {
                0 if other.excludes(field) => String::new(),
                0 => self.asked(other),
                1 => " -m limit --limit 5/sec".to_owned(),
                _ => String::new(),
            };
            let (first, target) = (self.asked(field), self.target(later));
            format!("-A {chain}{first}{second} {target}\n")
        });
        rules.collect()
    }

    fn field(&mut self) -> Field {
        match self.random.u8(..8) {
            0..=2 => Field::Mark,
            3 => Field::ConnectionMark,
            4 if self.table != "raw" => Field::State,
            4 | 5 => Field::Source,
            6 => Field::Tcp,
            _ => Field::Udp,
        }
    }

    fn asked(&mut self, field: Field) -> String {
        let few = self.random.u8(..4);
        match field {
            Field::Mark => format!(" -m mark --mark {few:#x}"),
            Field::ConnectionMark => format!(" -m connmark --mark {few:#x}"),
            Field::State => {
                let state = ["NEW", "ESTABLISHED", "UNTRACKED", "INVALID"][usize::from(few)];
                format!(" -m conntrack --ctstate {state}")
            }
            Field::Source => match self.family {
                Family::V4 => format!(" -s 192.0.2.{few}/32"),
                Family::V6 => format!(" -s 2001:db8::{few}/128"),
            },
            Field::Tcp => format!(" -p tcp -m tcp --dport {few}"),
            Field::Udp => format!(" -p udp -m udp --dport {few}"),
        }
    }

    fn target(&mut self, later: &[&str]) -> String {
        let few = self.random.u8(..4);
        let tracks = self.table == "raw";
        match self.random.u8(..12) {
            0 | 1 => "-j ACCEPT".to_owned(),
            2 => "-j DROP".to_owned(),
            3 => "-j RETURN".to_owned(),
            4 | 5 if self.table == "mangle" => format!("-j MARK --set-xmark {few:#x}/0xffffffff"),
            6 if tracks => "-j CT --notrack".to_owned(),
            6 => format!("-j CONNMARK --set-xmark {few:#x}/0xffffffff"),
            7 if !tracks => {
                "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff".to_owned()
            }
            8 if self.table == "mangle" => "-j DSCP --set-dscp 0x0a".to_owned(),
            9 => "-j LOG --log-prefix x".to_owned(),
            number => match later {
                [] => "-j ACCEPT".to_owned(),
                later => {
                    let word = if number == 10 { "-g" } else { "-j" };
                    format!("{word} {}", later[self.random.usize(..later.len())])
                }
            },
        }
    }
}

#[test]
fn rules_are_not_merged_over_a_chain_that_changes_what_they_ask() {
    let rules = "-A PREROUTING -m mark --mark 0x0 -j classify\n-A PREROUTING -m mark --mark 0x2 -j ACCEPT\n\
                 -A PREROUTING -m mark --mark 0x3 -j DROP\n-A PREROUTING -m mark --mark 0x4 -j ACCEPT\n";
    for (write, jumps_apart) in [
        ("-j MARK --set-xmark 0x3/0xffffffff", 1),
        // Nothing that the map asks is written.
        ("-j CONNMARK --set-xmark 0x3/0xffffffff", 0),
    ] {
        let dump = format!(
            "*mangle\n:PREROUTING ACCEPT [0:0]\n:classify - [0:0]\n{rules}-A classify -p tcp -m tcp --dport 25 {write}\nCOMMIT\n"
        );
        let host = host(&dump, Family::V4).unwrap();
        let shorter = translate(&host).idiomatic().ruleset;
        let printed = print::print(&shorter);
        assert!(proven(&host, &shorter).unwrap().is_equal(), "{printed}");
        let apart =
            printed.matches("jump classify").count() - printed.matches(" : jump classify").count();
        assert_eq!(apart, jumps_apart, "{printed}");
        assert!(printed.contains("vmap"), "{printed}");
    }
}

#[test]
fn a_set_that_a_chain_fills_is_no_matter_to_those_that_do_not_look_it_up() {
    let jumps: String = (1..=4)
        .map(|n| format!("-A INPUT -s 192.0.2.{n}/32 -j LIM\n"))
        .collect();
    let dump = format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:LIM - [0:0]\n{jumps}\
         -A LIM -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name h -j DROP\nCOMMIT\n"
    );
    let host = host(&dump, Family::V4).unwrap();
    let shorter = translate(&host).idiomatic().ruleset;
    let printed = print::print(&shorter);
    assert!(proven(&host, &shorter).unwrap().is_equal(), "{printed}");
    assert_eq!(printed.matches("jump LIM").count(), 1, "{printed}");
}
