//! The page as a browser sees it: Debian's chromium, without a window.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{golden, text};

const PROGRAM: &str = "chromium";
/// A browser that hangs is ended after this.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the browser writes to its standard output; nothing where there is no browser.
fn browse(options: &[&str], page: &Path) -> Option<String> {
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
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(options)
        .arg(format!("file://{}", page.display()))
        .stdout(fs::File::create(&output).unwrap())
        .stderr(Stdio::null())
        .spawn();
    match spawned {
        Ok(child) => ended(child),
        Err(_) => {
            println!("*** SKIPPED: there is no {PROGRAM} to look at the report with ***");
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

fn report() -> PathBuf {
    golden().join("report.html")
}

/// Elements of a name that have a class.
fn count(dom: &str, begin: &str) -> usize {
    dom.matches(begin).count()
}

#[test]
fn the_page_has_its_plots_and_tables_with_and_without_scripts() {
    let Some(dom) = browse(&["--dump-dom"], &report()) else {
        return;
    };
    // A sweep, the bars of one member, of connections and of wrong verdicts.
    assert_eq!(
        (
            count(&dom, "<svg "),
            count(&dom, "<table class=\"numbers\"")
        ),
        (4, 4)
    );
    assert_eq!(count(&dom, "</title>"), 1 + count(&dom, "<desc "), "{dom}");
    assert_eq!(
        (
            count(&dom, "<path class=\"line "),
            count(&dom, "<rect class=\"bar ")
        ),
        (3, 4)
    );
    assert_eq!(
        (count(&dom, "badge holds"), count(&dom, "badge fails")),
        (2, 1)
    );
    assert_eq!(
        (count(&dom, "<script"), count(&dom, "<img")),
        (0, 0),
        "{dom}"
    );
    assert!(dom.contains("iptables-nft-restore is not installed"));
    assert!(dom.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let without = browse(
        &["--blink-settings=scriptEnabled=false", "--dump-dom"],
        &report(),
    );
    assert_eq!(without.unwrap(), dom);
}

#[test]
fn the_page_prints() {
    let folder = tempfile::tempdir().unwrap();
    let pdf = folder.path().join("report.pdf");
    let option = format!("--print-to-pdf={}", pdf.display());
    if browse(&[&option, "--no-pdf-header-footer"], &report()).is_none() {
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
fn the_page_fetches_nothing() {
    let page = text(&golden(), "report.html");
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
        "http:", "https:", "//", "url(", "@import", "src=", "<link", "srcset",
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
