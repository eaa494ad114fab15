//! A folder of documents, or one file of them, that is watched: each file is a key.
//!
//! ```text
//! inotify, or a while --quiet and whole--> scan --difference--> Update
//! ```
//!
//! What the system tells of the folder is only a reason to look: what is said comes from a complete
//! look at it. A folder that is not there, or cannot be listed, is lost, and its files are not gone.

mod notice;
mod scan;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;

use super::{Content, KeyChange, Update};
use notice::Notices;
use scan::Scan;

/// How long one look at the folder and the next are apart at most. What no notice tells of (a file
/// system of another machine, a link far away that changes) is seen then.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// The same while the folder is not there.
const LOST_INTERVAL: Duration = Duration::from_secs(1);

/// A folder of documents, or one file of them.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What was said of the folder.
#[derive(Debug, Default)]
struct Said {
    /// A digest of what each file said.
    files: BTreeMap<String, blake3::Hash>,
    standing: Standing,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Unknown,
    InSync,
    Lost(String),
}

/// Nobody listens any more.
struct Unheard;

impl Folder {
    /// The folder or file of a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Says what the files hold, and each change, until nobody listens.
    ///
    /// # Errors
    /// The system has no inotify for us.
    pub async fn run(self, updates: Sender<Update>) -> io::Result<()> {
        let mut notices = Notices::new()?;
        let mut said = Said::default();
        loop {
            // The watch is there before the look: what happens between them is a reason for another.
            notices.watch(&self.path);
            let scanned = look(&self.path).await;
            let wait = match scanned {
                Ok(_) => LOOK_INTERVAL,
                Err(_) => LOST_INTERVAL,
            };
            if said.tell(scanned, &self.path, &updates).await.is_err() {
                return Ok(());
            }
            tokio::select! {
                () = updates.closed() => return Ok(()),
                () = notices.settled(wait) => {}
            }
        }
    }
}

/// Reads the files where a file system that hangs holds nothing else up.
async fn look(path: &Path) -> io::Result<Scan> {
    let path = path.to_owned();
    let scanned = spawn_blocking(move || scan::scan(&path)).await;
    scanned.unwrap_or_else(|error| Err(io::Error::other(error)))
}

impl Said {
    async fn tell(
        &mut self,
        scanned: io::Result<Scan>,
        path: &Path,
        updates: &Sender<Update>,
    ) -> Result<(), Unheard> {
        let (told, standing) = match scanned {
            Ok(scan) => (self.difference(scan), Standing::InSync),
            Err(error) => {
                let why = format!("{}: {error}: what it said last holds", path.display());
                (Vec::new(), Standing::Lost(why))
            }
        };
        let mut all = Vec::new();
        match &standing {
            Standing::Lost(why) if self.standing != standing => {
                all.push(Update::Lost { why: why.clone() });
            }
            Standing::InSync if self.standing != standing => {
                all.extend([Update::Connected, Update::Listing]);
            }
            Standing::Lost(_) | Standing::InSync | Standing::Unknown => {}
        }
        if !told.is_empty() {
            all.push(Update::Keys(told));
        }
        if standing == Standing::InSync && self.standing != standing {
            all.push(Update::InSync);
        }
        self.standing = standing;
        for update in all {
            updates.send(update).await.map_err(|_| Unheard)?;
        }
        Ok(())
    }

    /// What a look at the folder shows that was not said.
    fn difference(&mut self, scan: Scan) -> Vec<KeyChange> {
        let mut changes = Vec::new();
        self.files.retain(|key, _| {
            let is_there = scan.contains_key(key);
            if !is_there {
                changes.push(KeyChange::gone(key.as_str()));
            }
            is_there
        });
        for (key, content) in scan {
            let digest = digest(&content);
            if self.files.insert(key.clone(), digest) != Some(digest) {
                changes.push(KeyChange { key, content });
            }
        }
        changes
    }
}

fn digest(content: &Content) -> blake3::Hash {
    match content {
        Content::Value(value) => blake3::hash(value),
        Content::Unreadable(why) => blake3::keyed_hash(&[1; 32], why.as_bytes()),
        Content::Gone => blake3::keyed_hash(&[2; 32], &[]),
    }
}
