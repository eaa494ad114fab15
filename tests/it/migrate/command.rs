//! `margay migrate` as scripts see it.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::assert_loads;
use crate::support::netns::{in_netns, nft_result};

const WHOLE: &str = "\
*filter
:INPUT DROP [0:0]
:f2b-sshd - [0:0]
[7:420] -A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
[90:5400] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
[3:180] -A f2b-sshd -m set --match-set banned src -j DROP
COMMIT
";

const SETS: &str =
    "create banned hash:net family inet\nadd banned 10.0.0.0/8\nadd banned 10.1.0.0/16 nomatch\n";

const DOUBTFUL: &str = "\
*filter
:INPUT DROP [0:0]
[1:60] -A INPUT -m string --string \"x\" --algo bm -j DROP
[99:6000] -A INPUT -j ACCEPT
COMMIT
";

pub(super) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

pub(super) fn margay(folder: &TempDir, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_margay"))
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
pub(super) fn exits(output: Output, code: i32) -> (String, String) {
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
    (stdout, stderr)
}

#[test]
fn a_translation_is_whole_or_nothing() {
    let files = folder(&[("v4", WHOLE), ("sets", SETS), ("bad", DOUBTFUL)]);
    let (printed, _) = exits(
        margay(
            &files,
            "migrate translate --iptables-save v4 --ipset-save sets",
        ),
        0,
    );
    assert!(printed.contains("policy drop"), "{printed}");
    assert!(printed.contains("10.2.0.0-10.255.255.255"), "{printed}");
    assert!(
        printed.contains("counter packets 90 bytes 5400"),
        "{printed}"
    );
    in_netns("a_translation_is_whole_or_nothing", || {
        assert_loads(&printed);
    });
    // Without the set one rule cannot be said, and the drop policy is not printed either.
    let (printed, said) = exits(margay(&files, "migrate translate --iptables-save v4"), 4);
    assert_eq!(printed, "");
    assert!(
        said.contains("line 6")
            && said.contains("set banned")
            && said.contains("1 rule stands in the way"),
        "{said}"
    );
}

#[test]
fn a_set_that_no_rule_looks_up_is_noted() {
    let sets = format!(
        "{SETS}create idle hash:ip\ncreate part hash:ip\ncreate list list:set\nadd list part\n"
    );
    let rule = "-A INPUT -m set --match-set list src -j DROP\nCOMMIT";
    let files = folder(&[("v4", &WHOLE.replace("COMMIT", rule)), ("sets", &sets)]);
    let arguments = "migrate plan --iptables-save v4 --ipset-save sets";
    let (plan, _) = exits(margay(&files, arguments), 0);
    assert!(plan.contains("note: set idle is left out"), "{plan}");
    assert_eq!(plan.matches("is left out").count(), 1, "{plan}");
    let (plan, _) = exits(margay(&files, &format!("{arguments} -o json")), 0);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["notes"].as_array().unwrap().len(), 1, "{plan}");
    let arguments = "migrate translate --iptables-save v4 --ipset-save sets";
    let (_, said) = exits(margay(&files, arguments), 0);
    assert!(said.contains("note: set idle is left out"), "{said}");
}

#[test]
fn bits_of_the_mark_that_are_free_tell_ports_of_bridges() {
    let rule = "-A INPUT -m physdev --physdev-in tap1 -m mark --mark 0x1/0x1 -j DROP";
    let dump = format!("*filter\n:INPUT DROP [0:0]\n{rule}\nCOMMIT\n");
    let files = folder(&[("v4", &dump)]);
    let run = |command: &str, bits: &str, code| {
        let arguments = format!("migrate {command} --iptables-save v4{bits}");
        exits(margay(&files, &arguments), code)
    };
    let (_, said) = run("translate", "", 4);
    assert!(said.contains("--free-mark"), "{said}");
    let (printed, _) = run("translate", " --free-mark 0xf00", 0);
    assert!(printed.contains("meta mark & 0xc00 == 0x400"), "{printed}");
    let (report, _) = run("verify", " --free-mark 0xf00", 0);
    assert!(report.contains("0xf00 of the mark"), "{report}");
    let (_, said) = run("translate", " --free-mark 0x700", 4);
    assert!(
        said.contains("too few bits") && said.contains("4 are needed"),
        "{said}"
    );
    let (_, said) = run("translate", " --free-mark 0xf", 4);
    assert!(said.contains("rules use the bits"), "{said}");
    run("translate", " --free-mark 0", 64);
}

#[test]
fn what_iptables_refuses_is_not_read() {
    let rule = "-m statistic --mode nth --every 3 -j ACCEPT";
    let dump = format!("*filter\n:INPUT DROP [0:0]\n-A INPUT {rule}\nCOMMIT\n");
    let files = folder(&[("v4", &dump)]);
    let (plan, _) = exits(margay(&files, "migrate plan --iptables-save v4"), 4);
    assert!(plan.contains("--every also asks for --packet"), "{plan}");
    assert!(
        plan.contains("1 rule is approximate or unsupported"),
        "{plan}"
    );
}

#[test]
fn sets_alone_are_nothing_to_verify() {
    let files = folder(&[("sets", "create s hash:ip\n")]);
    let (_, said) = exits(margay(&files, "migrate verify --ipset-save sets"), 64);
    assert!(said.contains("--iptables-save"), "{said}");
}

#[test]
fn what_was_acknowledged_is_left_out_by_name() {
    let files = folder(&[("v4", DOUBTFUL)]);
    let (plan, _) = exits(margay(&files, "migrate plan --iptables-save v4 -o json"), 4);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["schema"], "margay.migrate.plan/1");
    assert_eq!(plan["open"], 1);
    assert_eq!(plan["coverage"]["native"]["packets"], 99);
    assert_eq!(plan["rules"][0]["class"], "unsupported");
    assert_eq!(plan["rules"][0]["line"], 3);
    let line = plan["rules"][0]["acknowledge"].as_str().unwrap();
    fs::write(files.path().join("ack"), format!("# known\n{line}\n")).unwrap();
    let (text, _) = exits(
        margay(
            &files,
            "migrate plan --iptables-save v4 --ack ack --html page.html",
        ),
        0,
    );
    assert!(
        text.contains("acknowledged") && text.contains("99.00 %"),
        "{text}"
    );
    let page = fs::read_to_string(files.path().join("page.html")).unwrap();
    assert!(
        page.contains("Migration plan") && page.contains("99.00 %"),
        "{page}"
    );
    let (printed, _) = exits(
        margay(&files, "migrate translate --iptables-save v4 --ack ack"),
        0,
    );
    assert!(
        printed.contains("3: left out: -A INPUT -m string"),
        "{printed}"
    );
    fs::write(files.path().join("v4"), DOUBTFUL.replace("\"x\"", "\"y\"")).unwrap();
    exits(
        margay(&files, "migrate translate --iptables-save v4 --ack ack"),
        4,
    );
}

#[test]
fn idiomatic_rules_have_sets_maps_and_one_table() {
    let v4 = "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n:b - [0:0]\n:c - [0:0]\n\
              -A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
              [1:60] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n\
              -A INPUT -s 10.0.0.0/8 -j ACCEPT\n\
              [2:120] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n\
              -A INPUT -i x -j a\n-A INPUT -i y -j b\n-A INPUT -i z -j c\nCOMMIT\n";
    let v6 = v4.replace("10.0.0.0/8", "fd00::/8");
    let files = folder(&[("v4", v4), ("v6", &v6)]);
    let arguments = "migrate translate --idiomatic --iptables-save v4 --ip6tables-save v6";
    let (printed, _) = exits(margay(&files, arguments), 0);
    for part in [
        "table inet filter",
        "tcp dport { 22, 80 } counter packets 6 bytes 360 accept",
        "ip6 saddr fd00::/8 counter accept",
        "ip saddr 10.0.0.0/8 counter accept",
        "iifname vmap { \"x\" : jump a, \"y\" : jump b, \"z\" : jump c }",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert_eq!(printed.matches("iifname \"lo\"").count(), 1, "{printed}");
    in_netns("idiomatic_rules_have_sets_maps_and_one_table", || {
        assert_loads(&printed);
    });
}

#[test]
fn an_inventory_names_owners() {
    let files = folder(&[("v4", WHOLE), ("sets", SETS)]);
    let arguments = "migrate inventory --iptables-save v4 --ipset-save sets -o json";
    let (found, _) = exits(margay(&files, arguments), 0);
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["schema"], "margay.migrate.inventory/1");
    let chains = &found["tables"][0]["chains"];
    assert_eq!(chains[1]["owner"], "fail2ban");
    assert_eq!(chains[0]["guests"]["fail2ban"], 1);
    assert_eq!(chains[0]["policy"], "DROP");
    assert_eq!(chains[0]["packets"], 97);
    let modules =
        serde_json::json!({ "conntrack": 1, "multiport": 1, "set": 1, "DROP": 1, "ACCEPT": 1 });
    assert_eq!(found["modules"], modules);
    assert_eq!(found["beside"], serde_json::json!([]));
    assert_eq!(found["sets"][0]["used"], true);
    assert_eq!(found["sets"][0]["elements"], 2);
}

#[test]
fn a_broken_dump_is_refused_with_its_line() {
    let files = folder(&[(
        "v4",
        "*filter\n:INPUT DROP [0:0]\nroot@host:~# iptables-save\nCOMMIT\n",
    )]);
    for command in ["inventory", "plan", "translate"] {
        let (printed, said) = exits(
            margay(&files, &format!("migrate {command} --iptables-save v4")),
            1,
        );
        assert_eq!(printed, "");
        assert!(said.contains("iptables-save, line 3"), "{said}");
    }
    exits(margay(&files, "migrate plan --iptables-save absent"), 1);
}

#[test]
fn the_running_host_is_asked() {
    in_netns("the_running_host_is_asked", || {
        let files = folder(&[]);
        let (found, _) = exits(margay(&files, "migrate inventory -o json"), 0);
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["tables"].as_array().unwrap().len(), 0, "{found:#}");
        let filled = Command::new("iptables-legacy")
            .args(["-A", "INPUT", "-s", "10.0.0.1", "-j", "DROP"])
            .status();
        if !filled.is_ok_and(|status| status.success()) {
            return crate::support::netns::skip(
                "the_running_host_is_asked",
                "iptables-legacy does not run",
            );
        }
        let (found, _) = exits(margay(&files, "migrate inventory -o json"), 0);
        let found: Value = serde_json::from_str(&found).unwrap();
        let legacy = &found["tables"][0];
        assert_eq!(legacy["backend"], "legacy", "{found:#}");
        assert_eq!(legacy["chains"][0]["rules"], 1);
        let (printed, _) = exits(margay(&files, "migrate translate"), 0);
        assert!(printed.contains("ip saddr 10.0.0.1"), "{printed}");
        // The other program's rules are there beside them, so that it has to be said which are meant.
        let filled = Command::new("iptables-nft")
            .args(["-A", "INPUT", "-s", "10.0.0.2", "-j", "DROP"])
            .status();
        assert!(filled.unwrap().success());
        let (found, _) = exits(margay(&files, "migrate inventory -o json"), 0);
        assert!(found.contains("\"backend\": \"nft\""), "{found}");
        nft_result(&["-f", "-"], "table inet other { }\ntable arp mine { }\n").unwrap();
        let (found, _) = exits(margay(&files, "migrate inventory"), 0);
        let beside = found
            .lines()
            .filter(|line| line.starts_with("not translated"));
        assert_eq!(
            beside.collect::<Vec<_>>(),
            [
                "not translated: nft inet other",
                "not translated: nft arp mine"
            ]
        );
        let (_, said) = exits(margay(&files, "migrate translate"), 4);
        assert!(said.contains("--backend"), "{said}");
        let (printed, _) = exits(margay(&files, "migrate translate --backend nft"), 0);
        assert!(printed.contains("ip saddr 10.0.0.2"), "{printed}");
    });
}

#[test]
fn chains_may_lead_into_one_another_as_deep_as_they_like() {
    const CHAINS: usize = 20_000;
    let (mut heads, mut rules, mut nft) = (String::new(), String::new(), String::new());
    for at in 0..CHAINS {
        let [next, to] = match at + 1 {
            CHAINS => ["DROP".to_owned(), "drop".to_owned()],
            next => [format!("c{next}"), format!("jump c{next}")],
        };
        heads += &format!(":c{at} - [0:0]\n");
        rules += &format!("-A c{at} -s 10.0.0.1/32 -j {next}\n");
        nft += &format!("chain c{at} {{\nip saddr 10.0.0.1 {to}\n}}\n");
    }
    let base =
        "chain INPUT {\ntype filter hook input priority filter; policy accept;\njump c0\n}\n";
    let files = folder(&[
        (
            "v4",
            &format!("*filter\n:INPUT ACCEPT [0:0]\n{heads}-A INPUT -j c0\n{rules}COMMIT\n"),
        ),
        ("nft", &format!("table ip filter {{\n{base}{nft}}}\n")),
    ]);
    let (printed, said) = exits(margay(&files, "migrate translate --iptables-save v4"), 4);
    assert_eq!(printed, "");
    assert!(
        said.contains("nft follows 15 jumps from a hook, and this is one more"),
        "{said}"
    );
    let verify = "migrate verify --iptables-save v4 --nft nft";
    let (told, _) = exits(margay(&files, verify), 1);
    assert!(
        told.starts_with(
            "undecided  IPv4 filter input: a chain leads to itself, or more than 64 lead into one another\n"
        ),
        "{told}"
    );
}

#[test]
fn a_list_of_sets_in_itself_holds_nothing() {
    let files = folder(&[
        (
            "v4",
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set a src -j DROP\nCOMMIT\n",
        ),
        ("sets", "create a list:set size 8\nadd a a\n"),
        (
            "nft",
            "table ip filter {\nchain INPUT {\ntype filter hook input priority filter; policy accept;\n}\n}\n",
        ),
    ]);
    let verify = "migrate verify --iptables-save v4 --ipset-save sets --nft nft";
    let (told, _) = exits(margay(&files, verify), 0);
    assert_eq!(told, "equal      IPv4 filter input\n");
    let translate = "migrate translate --iptables-save v4 --ipset-save sets";
    exits(margay(&files, translate), 4);
}

#[test]
fn messages_say_what_is_meant() {
    let rules = "-A INPUT -m string --string \"x\" --algo bm -j DROP\n-A INPUT -m geoip --src-cc DE -j DROP\n\
                 -A INPUT -m u32 --u32 \"0>>22\" -j DROP\n-A INPUT -m time --monthdays 1 -j DROP\n";
    let dump = format!("*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n");
    let one =
        "*filter\n:INPUT ACCEPT [1:60]\n[1:60] -A INPUT -m set --match-set s src -j DROP\nCOMMIT\n";
    let sets = "\u{feff}create s hash:ip family inet\nadd s 192.0.2.1\n";
    let files = folder(&[("v4", &dump), ("one", one), ("sets", sets)]);
    let (plan, _) = exits(margay(&files, "migrate plan --iptables-save v4"), 4);
    for suggestion in [
        "instead: take the rule out, or let a program",
        "instead: put the prefixes of the countries into a set",
        "instead: compare the bits by hand",
    ] {
        assert!(plan.contains(suggestion), "{suggestion}: {plan}");
    }
    let (counted, _) = exits(
        margay(
            &files,
            "migrate inventory --iptables-save one --ipset-save sets",
        ),
        0,
    );
    for line in [
        "IPv4 filter: 1 rule\n",
        " 1 rule ",
        " 1 packet\n",
        " 1 element",
    ] {
        assert!(counted.contains(line), "{line}: {counted}");
    }
    fs::write(files.path().join("empty"), "table ip filter {\n}\n").unwrap();
    let (report, _) = exits(
        margay(&files, "migrate verify --iptables-save v4 --nft empty"),
        1,
    );
    assert!(report.contains("-m geoip --src-cc DE"), "{report}");
    assert!(
        !report.contains("Unknown {") && !report.contains("Calendar {"),
        "{report}"
    );
    assert!(report.contains("days 1 of the month"), "{report}");
    let (_, said) = exits(
        margay(
            &files,
            "migrate plan --iptables-save one --ipset-save sets --html /no/x",
        ),
        1,
    );
    assert!(said.contains("cannot write /no/x: "), "{said}");
    for option in ["--backend nft", "--netns x"] {
        for command in ["inventory", "plan", "translate", "verify"] {
            let line = format!("migrate {command} --iptables-save one --ipset-save sets {option}");
            let (_, said) = exits(margay(&files, &line), 64);
            assert!(said.contains("running host"), "{said}");
        }
    }
}

#[test]
fn jumps_that_are_too_deep_are_told_from_rules_that_share() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a\nCOMMIT\n";
    let files = folder(&[("v4", dump)]);
    let (plan, _) = exits(margay(&files, "migrate plan --iptables-save v4"), 4);
    assert!(
        plan.contains("break the circle") && !plan.contains("share"),
        "{plan}"
    );
}
