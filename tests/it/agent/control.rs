//! The control socket, asked by the client that commands use and by others.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use margay::agent::control::client::{AskError, ask};
use margay::agent::control::server::{Call, Control, ControlError};
use margay::agent::control::{REQUEST_BYTES_MAX, Refusal, Reply, Request};
use margay::agent::moment::Moment;
use margay::agent::status::{Status, Sync};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{in_force, runtime};

/// How long a lock may be held by nobody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves a run directory by a loop that answers, while something is done with it.
fn served(run_dir: &Path, body: impl FnOnce() + Send) {
    with_loop(run_dir, body, |(request, reply)| {
        let answer = match request {
            Request::Status => Reply::Status(Arc::new(in_force())),
            Request::Apply(_) => Reply::Refused(Refusal::Unsafe("not now".to_owned())),
            Request::Confirm | Request::Rollback => Reply::Told("done".to_owned()),
        };
        drop(reply.send(answer));
    });
}

fn with_loop(run_dir: &Path, body: impl FnOnce() + Send, answer: impl Fn(Call)) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let control = bound(run_dir);
    let (calls, mut taken) = mpsc::channel(4);
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ends_with_the_body = ended;
            body();
        });
        runtime.block_on(async {
            let serve = control.serve(calls);
            let answers = async {
                while let Some(call) = taken.recv().await {
                    answer(call);
                }
            };
            tokio::select! {
                () = serve => {}
                () = answers => {}
                _ = end => {}
            }
        });
    });
}

/// Binds, also where the lock of an agent that just ended is still held: a test beside this one that
/// starts a process has a copy of every descriptor until that process is another program.
fn bound(run_dir: &Path) -> Control {
    let begun = Instant::now();
    loop {
        match Control::bind(run_dir) {
            Err(ControlError::Taken(_)) if begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            bound => return bound.unwrap(),
        }
    }
}

fn said(stream: &UnixStream) -> Value {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn an_agent_says_how_it_is_to_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("margay");
    served(&run_dir, || {
        let mode = fs::metadata(run_dir.join("ctl")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        let reply = ask(&run_dir, &Request::Status).unwrap();
        assert_eq!(reply["status"]["schema"], "margay.status/1");
        assert_eq!(reply["status"]["host"], "node1");
        assert!(reply["screen"].as_str().unwrap().starts_with("healthy, "));
    });
    assert!(!run_dir.join("ctl").exists(), "the socket stayed");
    let nobody = ask(&run_dir, &Request::Status).unwrap_err();
    assert!(matches!(nobody, AskError::NoAgent(_)), "{nobody}");
}

#[test]
fn nobody_else_can_hold_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("margay");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let lock = run_dir.join("lock");
    served(&run_dir, || {
        assert_eq!([mode(&run_dir), mode(&lock)], [0o700, 0o600]);
    });
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    served(&run_dir, || assert_eq!(mode(&lock), 0o600));
}

/// What is wrong with an agent.
type Spoil = fn(&mut Status);

/// The exit code, standard output and standard error of `margay status`.
fn status(run_dir: &Path, more: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_margay"))
        .args(["status", "--run-dir"])
        .arg(run_dir)
        .args(more)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn status_is_one_screen_and_its_exit_code_is_the_health() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path();
    let cases: [(&str, i32, Spoil); 4] = [
        ("healthy", 0, |_| {}),
        ("drifted", 5, |status| status.repaired(Moment::now())),
        ("not ready", 3, |status| status.sync = Sync::Listing),
        ("failed", 1, |status| {
            status.failed("no".to_owned(), Moment::now());
        }),
    ];
    for (word, exit, spoil) in cases {
        let mut told = in_force();
        spoil(&mut told);
        let told = Arc::new(told);
        let body = || {
            let (code, stdout, stderr) = status(run_dir, &[]);
            assert_eq!((code, &*stderr), (exit, ""), "{stdout}");
            assert!(
                stdout.starts_with(&format!("{word}, host node1, ")),
                "{stdout}"
            );
            let (code, stdout, stderr) = status(run_dir, &["-o", "json"]);
            assert_eq!((code, &*stderr), (exit, ""), "{stdout}");
            let json: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!(json["schema"], "margay.status/1");
            assert_eq!(json["health"], word.replace(' ', "-"));
        };
        with_loop(run_dir, body, |(_, reply)| {
            drop(reply.send(Reply::Status(told.clone())));
        });
    }
    let (code, stdout, stderr) = status(run_dir, &[]);
    assert_eq!((code, &*stdout), (3, ""));
    let expected = format!(
        "error: no agent is running: nobody listens at {}\n",
        run_dir.join("ctl").display()
    );
    assert_eq!(stderr, expected);
}

#[test]
fn a_live_agent_keeps_its_socket_and_a_dead_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path();
    // Nobody listens on what a killed process leaves.
    drop(std::os::unix::net::UnixListener::bind(run_dir.join("ctl")).unwrap());
    let dead = ask(run_dir, &Request::Status).unwrap_err();
    assert!(matches!(dead, AskError::NoAgent(_)), "{dead}");
    for _ in 0..2 {
        served(run_dir, || {
            let runtime = runtime();
            let _entered = runtime.enter();
            let second = Control::bind(run_dir).unwrap_err();
            assert!(matches!(second, ControlError::Taken(_)), "{second}");
            ask(run_dir, &Request::Status).unwrap();
        });
    }
}

#[test]
fn what_is_no_request_is_refused_and_the_next_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    served(folder.path(), || {
        let mut stream = UnixStream::connect(folder.path().join("ctl")).unwrap();
        for (request, why) in [
            ("{\"request\":\"fly\"}\n", "unknown request \"fly\""),
            ("\n", "not JSON"),
            ("\u{0}\n", "not JSON"),
            ("{}\n", "expected an object"),
        ] {
            stream.write_all(request.as_bytes()).unwrap();
            let error = said(&stream)["error"].as_str().unwrap().to_owned();
            assert!(error.starts_with(why), "{request:?}: {error}");
        }
        stream.write_all(b"{\"request\":\"status\"}\n").unwrap();
        assert!(said(&stream)["status"].is_object());
    });
}

#[test]
fn what_changes_anything_names_its_network_namespace() {
    let folder = tempfile::tempdir().unwrap();
    served(folder.path(), || {
        ask(folder.path(), &Request::Confirm).unwrap();
        let mut stream = UnixStream::connect(folder.path().join("ctl")).unwrap();
        for namespace in ["", ",\"namespace\":7"] {
            for request in ["confirm", "rollback"] {
                let line = format!("{{\"request\":\"{request}\"{namespace}}}\n");
                stream.write_all(line.as_bytes()).unwrap();
                assert_eq!(said(&stream)["kind"], "elsewhere", "{line}");
            }
        }
    });
}

#[test]
fn a_line_without_end_is_not_gathered() {
    let folder = tempfile::tempdir().unwrap();
    served(folder.path(), || {
        let mut stream = UnixStream::connect(folder.path().join("ctl")).unwrap();
        let long = vec![b' '; REQUEST_BYTES_MAX];
        stream.write_all(&long).unwrap();
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains("longer than 67108864 bytes"), "{line}");
        let mut rest = Vec::new();
        assert_eq!(reader.read_to_end(&mut rest).unwrap(), 0);
    });
}

#[test]
fn a_loop_that_goes_down_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let asked = || {
        let refused = ask(folder.path(), &Request::Status).unwrap_err();
        assert!(
            matches!(&refused, AskError::Refused(why) if why == "it is going down"),
            "{refused}"
        );
    };
    with_loop(folder.path(), asked, drop);
}

#[test]
fn many_who_say_nothing_do_not_shut_out_who_comes_after_them() {
    let folder = tempfile::tempdir().unwrap();
    served(folder.path(), || {
        let connect = || UnixStream::connect(folder.path().join("ctl")).unwrap();
        let silent: Vec<_> = (0..31).map(|_| connect()).collect();
        ask(folder.path(), &Request::Status).unwrap();
        drop(silent);
    });
}
