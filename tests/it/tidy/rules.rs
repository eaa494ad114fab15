//! What holds for every Rust file: edges, doors, lengths and words.

use super::source::{Source, Word};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Which modules a module may use beside itself.
const EDGES: &[(&str, &[&str])] = &[
    ("net", &[]),
    ("model", &["net"]),
    ("ruleset", &["net"]),
    ("codec", &["model", "net"]),
    ("config", &["codec", "model", "net"]),
    ("compile", &["model", "ruleset", "net"]),
    ("scenario", &["model", "net"]),
    ("netlink", &[]),
    ("backend", &["ruleset", "netlink", "net"]),
    ("host", &["model", "netlink", "net"]),
    ("undo", &["backend", "ruleset"]),
    (
        "doctor",
        &["backend", "host", "netlink", "compile", "ruleset", "model"],
    ),
    (
        "demo",
        &[
            "backend", "scenario", "compile", "codec", "ruleset", "model", "net",
        ],
    ),
    (
        "agent",
        &[
            "config", "backend", "host", "compile", "codec", "ruleset", "model", "net",
        ],
    ),
    (
        "bench",
        &[
            "backend", "scenario", "host", "netlink", "compile", "codec", "ruleset", "model", "net",
        ],
    ),
    (
        "migrate",
        &["backend", "bench", "netlink", "ruleset", "net"],
    ),
    (
        "cli",
        &[
            "agent", "bench", "demo", "doctor", "migrate", "config", "undo", "backend", "scenario",
            "compile", "codec", "host", "ruleset", "model", "net",
        ],
    ),
];

/// Third-party crates and the only places in `src` that may use them.
const DOORS: &[(&str, &[&str])] = &[
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/"]),
    ("clap_mangen", &["src/cli/"]),
    ("indicatif", &["src/cli/"]),
    ("signal_hook", &["src/cli/"]),
    ("perf_event", &["src/bench/syscalls.rs"]),
    ("serde", &["src/codec/"]),
    ("serde_saphyr", &["src/codec/"]),
    (
        "serde_json",
        &[
            "src/codec/",
            "src/cli/",
            "src/ruleset/json/",
            "src/agent/",
            "src/bench/",
            "src/migrate/",
        ],
    ),
    ("neli", &["src/netlink/"]),
    ("libc", &["src/backend/nft/", "src/host/", "src/netlink/"]),
    ("tokio", &["src/agent/"]),
    ("etcd_client", &["src/agent/store/etcd/"]),
    ("hyper", &["src/agent/http.rs"]),
    ("hyper_util", &["src/agent/http.rs"]),
    ("http_body_util", &["src/agent/http.rs"]),
    ("metrics", &["src/agent/"]),
    ("metrics_exporter_prometheus", &["src/agent/metrics/"]),
    ("sd_listen_fds", &["src/agent/notify.rs"]),
    ("humantime", &["src/agent/"]),
    ("tracing_appender", &["src/agent/logging.rs"]),
    ("tracing_journald", &["src/agent/logging.rs"]),
    ("tracing_subscriber", &["src/agent/logging.rs"]),
];

/// The only two files with `unsafe` in them.
const UNSAFE: &[&str] = &["src/netlink/socket.rs", "tests/it/support/tun.rs"];

/// The oracle of the tests: what it shared with the code it judges, it could not judge.
const REFERENCE: &str = "tests/it/support/reference";

/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "manager", "common", "misc", "shared", "types",
];

/// Every path that a rule is about. A rule about a path that is not there would hold always.
pub(super) fn paths() -> impl Iterator<Item = String> {
    let modules = EDGES
        .iter()
        .flat_map(|(own, allowed)| allowed.iter().chain([own]))
        .map(|name| format!("src/{name}"));
    let doors = DOORS.iter().flat_map(|(_, places)| places.iter().copied());
    let files = doors.chain(UNSAFE.iter().copied()).chain([REFERENCE]);
    modules.chain(files.map(str::to_owned))
}

/// The third-party crates that have a door.
pub(super) fn crates_behind_doors() -> impl Iterator<Item = &'static str> {
    DOORS.iter().map(|(name, _)| *name)
}

/// Everything that is wrong with a file.
pub(super) fn violations(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut found: Vec<_> = shape(source).map(|c| format!("{path}: {c}")).collect();
    for word in source.words() {
        let complaints = [
            escape(source, &word),
            edge(source, &word),
            door(source, &word),
            banned(source, &word),
            overlong(&word),
        ];
        let at = || format!("{path}:{}", word.line(source));
        found.extend(
            complaints
                .into_iter()
                .flatten()
                .map(|c| format!("{}: {c}", at())),
        );
    }
    for (at, line) in source.comments.lines().enumerate() {
        found.extend(comment(line.trim()).map(|c| format!("{path}:{}: {c}", at + 1)));
    }
    found
}

fn shape(source: &Source) -> impl Iterator<Item = String> {
    let lines = source.text.lines().count();
    let file = source.path.rsplit('/').next().unwrap_or_default();
    let stem = file.trim_end_matches(".rs");
    let stray = module(&source.path).filter(|(own, _)| EDGES.iter().all(|(name, _)| name != own));
    let silent = !source.text.starts_with("//! ");
    [
        silent.then(|| "a file begins with `//!`".to_owned()),
        stray.map(|(own, _)| format!("{own} is not in the table of edges")),
        (lines > FILE_LINES_MAX).then(|| format!("{lines} lines are more than {FILE_LINES_MAX}")),
        EMPTY_NAMES
            .contains(&stem)
            .then(|| format!("the name {stem} says nothing")),
    ]
    .into_iter()
    .flatten()
}

/// The module of `src` that a file belongs to, and how deep it lies in it, from 1.
fn module(path: &str) -> Option<(&str, usize)> {
    let parts: Vec<_> = path
        .strip_prefix("src/")?
        .strip_suffix(".rs")?
        .split('/')
        .collect();
    let depth = parts.len() - usize::from(parts.last() == Some(&"mod"));
    (!["lib", "main"].contains(&parts[0])).then_some((parts[0], depth))
}

/// `super::super::` as far as the root of the crate would hide an edge.
fn escape(source: &Source, word: &Word<'_>) -> Option<String> {
    let (_, depth) = module(&source.path)?;
    if word.text != "super" || word.before.ends_with("super::") {
        return None;
    }
    let climbed = 1 + word
        .after
        .split("::")
        .skip(1)
        .take_while(|part| *part == "super")
        .count();
    let inner = usize::from(word.before.contains("\nmod tests {"));
    let path = word.after.starts_with("::");
    (path && climbed >= depth + inner)
        .then(|| "a path climbs out of its module: say crate::".to_owned())
}

fn edge(source: &Source, word: &Word<'_>) -> Option<String> {
    let after = word.after.strip_prefix("::")?;
    let targets = first_names(after);
    if source.path.starts_with(REFERENCE) && word.text == "margay" {
        let wrong = targets.iter().any(|t| !["model", "net"].contains(t));
        return wrong.then(|| "the reference interpreter may use model and net alone".to_owned());
    }
    let (own, _) = module(&source.path)?;
    let (_, allowed) = EDGES.iter().find(|(name, _)| *name == own)?;
    let wrong = |t: &&&str| **t != own && !allowed.contains(*t);
    let target = targets
        .iter()
        .filter(|_| word.text == "crate")
        .find(wrong)?;
    Some(format!("{own} may not use {target}"))
}

/// What a path goes on with: `a` of `a::b`, `a` and `d` of `{a::{b, c}, d}`.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![leading_name(path)];
    };
    let (mut depth, mut start, mut names) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(leading_name(&group[start..at]));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn leading_name(path: &str) -> &str {
    let path = path.trim_start();
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    &path[..end.unwrap_or(path.len())]
}

fn door(source: &Source, word: &Word<'_>) -> Option<String> {
    let (name, places) = DOORS.iter().find(|(name, _)| *name == word.text)?;
    let inside =
        !source.path.starts_with("src/") || places.iter().any(|p| source.path.starts_with(p));
    let used = word.after.starts_with("::") || word.before.ends_with("use");
    (used && !inside).then(|| format!("{name} may only be used in {}", places.join(", ")))
}

fn banned(source: &Source, word: &Word<'_>) -> Option<String> {
    let bang = word.after.starts_with('!');
    match word.text {
        "todo" | "unimplemented" | "dbg" if bang => Some(format!("{}!", word.text)),
        "ignore" if word.before.ends_with("#[") => Some("#[ignore]".to_owned()),
        "unsafe" if !UNSAFE.contains(&source.path.as_str()) => {
            Some(format!("unsafe outside {}", UNSAFE.join(", ")))
        }
        "println" | "print" if bang && source.path.starts_with("src/") => {
            let inside = source.path.starts_with("src/cli/");
            (!inside).then(|| "prints outside src/cli".to_owned())
        }
        _ => None,
    }
}

/// What is wrong with a comment: a promise to come back, or code that was left behind.
fn comment(line: &str) -> Option<String> {
    if let Some(mark) = ["FIXME", "XXX", "TODO"]
        .iter()
        .find(|mark| line.contains(*mark))
    {
        return Some(format!("a comment says {mark}"));
    }
    let text = line
        .strip_prefix("//")
        .filter(|t| !t.starts_with(['/', '!']))?
        .trim();
    let begins = [
        "let ", "use ", "fn ", "pub ", "if ", "for ", "while ", "match ", "return ", "impl ",
    ];
    let statement = begins.iter().any(|b| text.starts_with(b)) && text.ends_with([';', '{']);
    let code = statement || text.starts_with("#[") || text.ends_with(");") || text.ends_with("?;");
    code.then(|| "commented-out code".to_owned())
}

fn overlong(word: &Word<'_>) -> Option<String> {
    let named = word.text == "fn" && !word.after.starts_with('(');
    let lines = if named { function_lines(word.after) } else { 0 };
    (lines > FUNCTION_LINES_MAX)
        .then(|| format!("a function of {lines} lines is longer than {FUNCTION_LINES_MAX}"))
}

/// Lines from `fn` to the end of the body; 0 for a declaration.
fn function_lines(after: &str) -> usize {
    let (mut brackets, mut braces) = (0, 0);
    for (at, c) in after.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        match c {
            ';' if brackets == 0 && braces == 0 => return 0,
            '}' if braces == 0 => return after[..at].matches('\n').count() + 1,
            _ => {}
        }
    }
    0
}
