//! A network namespace for one test, and nft inside it.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::FlockOperation;

use super::tun::enter_new_network;

/// Runs a kernel test in a thread and network namespace of its own, with `lo` up.
///
/// `test` is the name of the test function. Without root the test runs itself again in a user
/// namespace. Where neither is allowed it is skipped loudly, or fails if `REQUIRE_KERNEL=1`.
pub(crate) fn in_netns(test: &str, body: impl FnOnce() + Send) {
    beside(FlockOperation::LockShared, test, body);
}

/// The same while no other kernel test runs: for tests that need both cores.
pub(crate) fn in_netns_alone(test: &str, body: impl FnOnce() + Send) {
    beside(FlockOperation::LockExclusive, test, body);
}

fn beside(others: FlockOperation, test: &str, body: impl FnOnce() + Send) {
    if !rustix::process::geteuid().is_root() {
        return run_again_as_root_of_a_user_namespace(test);
    }
    let _lock = locked(others);
    isolated(|entered| match entered {
        Ok(()) => body(),
        Err(error) => skip(test, &format!("a network namespace is refused: {error}")),
    });
}

/// Runs a test in a process of its own in new namespaces, of which `kinds` are `unshare`'s letters.
/// With `m` among them `/run` is empty there and nobody else's. Without root a user namespace is added.
pub(crate) fn again_in_namespaces(kinds: &str, test: &str, body: impl FnOnce()) {
    const INSIDE: &str = "MARGAY_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return body();
    }
    let kinds = match rustix::process::geteuid().is_root() || kinds.contains('U') {
        true => kinds.to_owned(),
        false => format!("-Ur{}", kinds.trim_start_matches('-')),
    };
    if let Err(error) = run("unshare", &[&kinds, "true"], "") {
        return skip(test, &format!("unshare {kinds}: {}", error.trim()));
    }
    let script = match kinds.contains('m') {
        true => "mount -t tmpfs margay-test /run && exec \"$0\" \"$@\"",
        false => "exec \"$0\" \"$@\"",
    };
    let _lock = locked(FlockOperation::LockShared);
    let status = Command::new("unshare")
        .args([&kinds, "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, test)
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in namespaces {kinds}");
}

/// Runs a part of a kernel test in one more thread and namespace.
pub(crate) fn in_another_netns<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    isolated(|entered| {
        entered.unwrap();
        body()
    })
}

/// In a thread of its own, because a namespace cannot be left again; panics pass through.
fn isolated<T: Send>(body: impl FnOnce(std::io::Result<()>) -> T + Send) -> T {
    let run = || {
        let entered = enter_new_network();
        if entered.is_ok() {
            ip("link set lo up\n");
        }
        body(entered)
    };
    thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Says that a test could not run; a failure where `REQUIRE_KERNEL=1`.
pub(crate) fn skip(test: &str, why: &str) {
    let required = std::env::var_os("REQUIRE_KERNEL").is_some_and(|value| value == "1");
    assert!(!required, "REQUIRE_KERNEL=1, but {test} cannot run: {why}");
    report(&format!("*** SKIPPED {test}: {why} ***"));
}

/// Prints a line past libtest, which would keep it to itself.
pub(crate) fn report(line: &str) {
    let line = format!("\n{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Runs `nft` in the calling thread's namespace and gives what it printed; a failure panics.
pub(crate) fn nft(arguments: &[&str], stdin: &str) -> String {
    nft_result(arguments, stdin).unwrap_or_else(|error| panic!("nft {arguments:?}: {error}"))
}

/// Runs `nft` in the calling thread's namespace: what it printed, or its complaint.
pub(crate) fn nft_result(arguments: &[&str], stdin: &str) -> Result<String, String> {
    run("nft", arguments, stdin)
}

/// Runs lines of `ip -batch`; a failure panics.
pub(crate) fn ip(batch: &str) {
    run("ip", &["-batch", "-"], batch).unwrap_or_else(|error| panic!("ip {batch}: {error}"));
}

/// What `ip -j` prints; a failure panics.
pub(crate) fn ip_json(arguments: &str) -> serde_json::Value {
    let arguments: Vec<_> = ["-j", "-d"]
        .into_iter()
        .chain(arguments.split(' '))
        .collect();
    let text =
        run("ip", &arguments, "").unwrap_or_else(|error| panic!("ip {arguments:?}: {error}"));
    serde_json::from_str(if text.trim().is_empty() { "[]" } else { &text }).unwrap()
}

/// Runs lines of `tc -batch`; a failure panics.
pub(crate) fn tc(batch: &str) {
    run("tc", &["-batch", "-"], batch).unwrap_or_else(|error| panic!("tc {batch}: {error}"));
}

/// A lock that all kernel tests take, until it is dropped.
fn locked(others: FlockOperation) -> File {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/kernel-tests.lock");
    let lock = File::open(path).or_else(|_| File::create(path)).unwrap();
    rustix::fs::flock(&lock, others).unwrap();
    lock
}

/// A child inherits the network namespace of the thread that starts it.
pub(crate) fn run(program: &str, arguments: &[&str], stdin: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let mut input = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // A program that exits early closes its end; what it says is its complaint.
        scope.spawn(move || drop(input.write_all(stdin.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// libtest starts its threads before any test runs, and a process with threads cannot enter a user
/// namespace: so another process runs this one test there, and its outcome is ours.
fn run_again_as_root_of_a_user_namespace(test: &str) {
    let allowed = run("unshare", &["-Urn", "true"], "");
    if let Err(error) = allowed {
        return skip(
            test,
            &format!("no root, and no user namespace: {}", error.trim()),
        );
    }
    let program = std::env::current_exe().unwrap();
    let thread = thread::current();
    let path = thread.name().filter(|name| *name != "main");
    let mut again = Command::new("unshare");
    again.arg("-Ur").arg(program).arg(path.unwrap_or(test));
    if path.is_some() {
        again.arg("--exact");
    }
    let status = again.arg("--nocapture").status().unwrap();
    assert!(status.success(), "{test} failed in a user namespace");
}

mod tests {
    use super::{in_netns, nft, nft_result};

    #[test]
    fn a_namespace_of_its_own_is_empty() {
        in_netns("a_namespace_of_its_own_is_empty", || {
            assert_eq!(nft(&["list", "ruleset"], ""), "");
            nft(&["-f", "-"], "table inet probe {}");
            assert!(nft_result(&["list", "table", "inet", "other"], "").is_err());
        });
        in_netns("a_namespace_of_its_own_is_empty", || {
            assert_eq!(nft(&["list", "ruleset"], ""), "");
        });
    }

    #[test]
    fn a_panic_inside_is_the_tests() {
        let outcome = std::panic::catch_unwind(|| {
            in_netns("a_panic_inside_is_the_tests", || panic!("from inside"));
        });
        assert!(outcome.is_err() || !rustix::process::geteuid().is_root());
    }
}
