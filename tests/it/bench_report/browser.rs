//! The page as a browser sees it: Debian's chromium, without a window.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{run, text, written};
use crate::support::netns::skip;

const PROGRAM: &str = "chromium";
const PAGE: &str = "report.html";
/// A browser that hangs is ended after this.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the browser writes to its standard output about the page in a folder; nothing where there is no browser.
fn browse(options: &[&str], folder: &Path) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let output = profile.path().join("stdout");
    let spawned = Command::new(PROGRAM)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(options)
        .arg(format!("file://{}", folder.join(PAGE).display()))
        .stdout(fs::File::create(&output).unwrap())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        Ok(child) => ended(child),
        Err(error) => {
            skip("the report in a browser", &format!("{PROGRAM}: {error}"));
            return None;
        }
    }
    Some(fs::read_to_string(output).unwrap())
}

fn ended(mut child: Child) {
    let begun = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return assert!(status.success(), "{PROGRAM}: {status}"),
            None if begun.elapsed() > PATIENCE => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{PROGRAM} did not end");
            }
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}

#[test]
fn the_page_has_its_plots_and_tables() {
    let folder = written(&run());
    let Some(dom) = browse(&["--dump-dom"], folder.path()) else {
        return;
    };
    // A sweep, the stems of one member, the bars of connections and of wrong verdicts.
    let parts = [
        ("<svg ", 4),
        ("<table class=\"numbers\"", 4),
        ("<desc ", 4),
        ("</title>", 1 + 4),
        ("<path class=\"line ", 3),
        ("<path class=\"stem ", 3),
        ("<rect class=\"bar ", 4),
        ("badge holds", 2),
        ("badge fails", 1),
        ("<script", 0),
        ("<img", 0),
        ("iptables-nft-restore is not installed", 1),
    ];
    for (part, count) in parts {
        assert_eq!(dom.matches(part).count(), count, "{part}");
    }
    assert!(dom.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

/// Its policy allows no script, so what is seen is what anybody sees who has none.
#[test]
fn the_page_is_drawn() {
    let folder = written(&run());
    let picture = folder.path().join("report.png");
    let option = format!("--screenshot={}", picture.display());
    if browse(&[&option, "--window-size=1200,2400"], folder.path()).is_none() {
        return;
    }
    let bytes = fs::read(picture).unwrap().len();
    assert!(bytes > 50_000, "{bytes} bytes");
}

#[test]
fn the_page_prints() {
    let folder = written(&run());
    let pdf = folder.path().join("report.pdf");
    let option = format!("--print-to-pdf={}", pdf.display());
    if browse(&[&option, "--no-pdf-header-footer"], folder.path()).is_none() {
        return;
    }
    let printed = fs::read(pdf).unwrap();
    assert!(
        printed.starts_with(b"%PDF-") && printed.len() > 20_000,
        "{} bytes",
        printed.len()
    );
}

#[test]
fn the_page_fetches_and_runs_nothing() {
    let page = text(written(&run()).path(), PAGE);
    // The text of a name may say anything; what a page fetches stands in its tags and styles.
    let tags = page
        .split('<')
        .skip(1)
        .filter_map(|tag| tag.split_once('>'));
    let tags: String = tags.map(|(tag, _)| format!("{tag}\n")).collect();
    let style = page
        .split("<style>")
        .nth(1)
        .and_then(|rest| rest.split_once("</style>"));
    let (style, _) = style.unwrap();
    for fetching in [
        "http:", "https:", "//", "url(", "@import", "src=", "<link", "srcset", "script", " on",
    ] {
        assert!(
            !tags.contains(fetching) && !style.contains(fetching),
            "{fetching}"
        );
    }
    assert!(tags.contains("default-src 'none'"));
    let links = tags.split("href=\"").skip(1);
    let links: Vec<_> = links.filter_map(|rest| rest.split('"').next()).collect();
    assert!(
        links.len() > 4 && links.iter().all(|link| link.starts_with('#')),
        "{links:?}"
    );
    for link in links {
        assert!(page.contains(&format!(" id=\"{}\"", &link[1..])), "{link}");
    }
}
