//! A folder that is watched: how files come, change and go.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use margay::agent::store::folder::Folder;
use margay::agent::store::{Content, Update};
use tempfile::TempDir;
use tokio::sync::mpsc::channel;
use tokio::time::sleep;

use super::heard::Heard;

/// Longer than the folder needs to find that all is quiet.
const LONG: Duration = Duration::from_millis(600);

fn watched(path: &Path) -> Heard {
    let (sender, receiver) = channel(16);
    let folder = Folder::new(path);
    tokio::spawn(async move { folder.run(sender).await.unwrap() });
    Heard::new(receiver)
}

async fn changed(heard: &mut Heard, ending: &str, value: Option<&str>) {
    heard.until(|heard| heard.value(ending) == value).await;
}

#[tokio::test]
async fn files_are_keys_and_others_are_not() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in [
        "a.yaml", "b.yml", "c.json", "d.txt", ".e.yaml", "f.yaml~", "g",
    ] {
        fs::write(at(name), name).unwrap();
    }
    fs::create_dir(at("h.yaml")).unwrap();
    let mut heard = watched(folder.path());
    heard.until_in_sync().await;
    assert_eq!(heard.log[0], Update::Connected);
    let keys: Vec<_> = heard.keys.keys().cloned().collect();
    let expected = ["a.yaml", "b.yml", "c.json"].map(|name| at(name).display().to_string());
    assert_eq!(keys, expected);

    fs::write(at("a.yaml"), "new").unwrap();
    changed(&mut heard, "a.yaml", Some("new")).await;
    fs::rename(at("a.yaml"), at("z.yaml")).unwrap();
    changed(&mut heard, "z.yaml", Some("new")).await;
    assert!(heard.was_gone("a.yaml"));
    fs::write(at(".x.yaml"), "x").unwrap();
    fs::write(at("z.yaml"), "new").unwrap();
    assert!(
        heard.is_silent_for(LONG).await,
        "what says the same is no change"
    );
}

#[tokio::test]
async fn an_editor_that_renames_over_a_file_changes_it_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.yaml");
    fs::write(&file, "old").unwrap();
    let mut heard = watched(folder.path());
    heard.until_in_sync().await;
    fs::rename(&file, folder.path().join("a.yaml~")).unwrap();
    fs::write(folder.path().join("4913"), "").unwrap();
    fs::remove_file(folder.path().join("4913")).unwrap();
    fs::write(&file, "new").unwrap();
    let update = heard.next().await;
    assert!(
        matches!(&update, Update::Keys(keys) if keys.len() == 1),
        "{update:?}"
    );
    assert_eq!(heard.value("a.yaml"), Some("new"));
    assert!(!heard.was_gone("a.yaml"));
}

#[tokio::test]
async fn a_file_that_is_being_written_is_read_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.yaml");
    fs::write(&path, "old").unwrap();
    let mut heard = watched(folder.path());
    heard.until_in_sync().await;
    let mut file = fs::File::create(&path).unwrap();
    for part in ["one ", "two ", "three"] {
        file.write_all(part.as_bytes()).unwrap();
        sleep(Duration::from_millis(400)).await;
    }
    drop(file);
    heard.next().await;
    assert_eq!(heard.value("a.yaml"), Some("one two three"));
}

#[tokio::test]
async fn a_folder_that_goes_is_lost_and_its_files_are_not_gone() {
    let home = TempDir::new().unwrap();
    let (folder, away) = (home.path().join("policy"), home.path().join("away"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), "a").unwrap();
    let mut heard = watched(&folder);
    heard.until_in_sync().await;
    fs::rename(&folder, &away).unwrap();
    let why = heard.until_lost().await;
    assert!(
        why.contains("policy") && why.contains("No such file"),
        "{why}"
    );
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("b.yaml"), "b").unwrap();
    heard.until_in_sync().await;
    assert_eq!(heard.value("b.yaml"), Some("b"));
    assert!(
        heard.was_gone("a.yaml"),
        "now a complete look does not show it"
    );
    fs::write(folder.join("b.yaml"), "c").unwrap();
    changed(&mut heard, "b.yaml", Some("c")).await;
    fs::remove_dir_all(&folder).unwrap();
    heard.until_lost().await;
    assert!(!heard.was_gone("b.yaml"));
}

#[tokio::test]
async fn a_folder_that_is_not_there_at_first_is_waited_for() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("policy");
    let mut heard = watched(&folder);
    heard.until_lost().await;
    fs::create_dir(&folder).unwrap();
    heard.until_in_sync().await;
    assert!(heard.keys.is_empty());
}

#[tokio::test]
async fn a_configuration_map_of_kubernetes_switches_at_once() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("policy");
    let version = |name: &str, text: &str| {
        fs::create_dir_all(folder.join(name)).unwrap();
        for file in ["a.yaml", "b.yaml"] {
            fs::write(folder.join(name).join(file), text).unwrap();
        }
    };
    version("..1", "one");
    symlink("..1", folder.join("..data")).unwrap();
    for file in ["a.yaml", "b.yaml"] {
        symlink(format!("..data/{file}"), folder.join(file)).unwrap();
    }
    let mut heard = watched(&folder);
    heard.until_in_sync().await;
    assert_eq!(heard.keys.len(), 2);
    version("..2", "two");
    symlink("..2", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..1")).unwrap();
    let update = heard.next().await;
    assert!(
        matches!(&update, Update::Keys(keys) if keys.len() == 2),
        "{update:?}"
    );
    assert_eq!(heard.value("a.yaml"), Some("two"));
    assert_eq!(heard.value("b.yaml"), Some("two"));
}

#[tokio::test]
async fn a_link_to_a_folder_is_followed_when_it_changes() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    for name in ["one", "two"] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("a.yaml"), name).unwrap();
    }
    symlink("one", at("policy")).unwrap();
    let mut heard = watched(&at("policy"));
    heard.until_in_sync().await;
    symlink("two", at("new")).unwrap();
    fs::rename(at("new"), at("policy")).unwrap();
    changed(&mut heard, "a.yaml", Some("two")).await;
    fs::write(at("two").join("a.yaml"), "three").unwrap();
    changed(&mut heard, "a.yaml", Some("three")).await;
}

#[tokio::test]
async fn one_file_is_watched_alone() {
    let home = TempDir::new().unwrap();
    let (file, other) = (home.path().join("a.yaml"), home.path().join("b.yaml"));
    fs::write(&file, "one").unwrap();
    fs::write(&other, "other").unwrap();
    let mut heard = watched(&file);
    heard.until_in_sync().await;
    assert_eq!(heard.keys.len(), 1);
    fs::write(home.path().join("new"), "two").unwrap();
    fs::rename(home.path().join("new"), &file).unwrap();
    changed(&mut heard, "a.yaml", Some("two")).await;
    fs::remove_file(&file).unwrap();
    heard.until_lost().await;
    assert!(!heard.was_gone("a.yaml"));
}

#[tokio::test]
async fn what_cannot_be_read_is_said_of_the_file() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("loop.yaml", at("loop.yaml")).unwrap();
    fs::write(at("bytes.yaml"), b"\xff").unwrap();
    symlink("nowhere", at("dangling.yaml")).unwrap();
    let mut heard = watched(folder.path());
    heard.until_in_sync().await;
    let content = |name: &str| heard.keys.get(&at(name).display().to_string());
    assert!(matches!(content("loop.yaml"), Some(Content::Unreadable(_))));
    assert_eq!(
        content("bytes.yaml"),
        Some(&Content::Value(b"\xff".to_vec()))
    );
    assert_eq!(content("dangling.yaml"), None);
}

#[tokio::test]
async fn a_folder_in_which_much_happens_costs_little() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), "a").unwrap();
    let mut heard = watched(folder.path());
    heard.until_in_sync().await;
    let busy = folder.path().join("busy.log");
    for at in 0..3_000 {
        fs::write(&busy, at.to_string()).unwrap();
        if at % 100 == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    fs::write(folder.path().join("a.yaml"), "b").unwrap();
    let update = heard.next().await;
    assert!(
        matches!(&update, Update::Keys(keys) if keys.len() == 1),
        "{update:?}"
    );
    assert_eq!(heard.value("a.yaml"), Some("b"));
}
