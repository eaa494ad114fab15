//! What the system tells of a folder: inotify(7).

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long nothing may happen before it is a good time to look.
const QUIET: Duration = Duration::from_millis(100);

/// How long after its last change a file that is still open for writing is taken for whole.
const HALF_WRITTEN_MAX: Duration = Duration::from_secs(2);

/// How long what never gets quiet puts a look off.
const UNQUIET_MAX: Duration = Duration::from_secs(5);

/// Room for a few hundred notices.
const BUFFER_BYTES: usize = 16 << 10;

/// What is told of a folder and of the name that it has.
#[derive(Debug)]
pub(super) struct Notices {
    inotify: AsyncFd<OwnedFd>,
    /// The folder itself, through links; nothing, while it is not there.
    folder: Option<i32>,
    /// The folder that its name is in, or that the file is in.
    parent: Option<i32>,
    /// The name in it that matters; for a file all do, for a link may lead past any.
    name: Option<CString>,
    /// Files that were written to and not closed since.
    half_written: BTreeSet<CString>,
}

impl Notices {
    /// Nothing is watched yet.
    #[allow(
        deprecated,
        reason = "the newer way is unsafe; an OwnedFd is what it asks for: open for as long as it is there"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self {
            inotify: AsyncFd::new(inotify)?,
            folder: None,
            parent: None,
            name: None,
            half_written: BTreeSet::new(),
        })
    }

    /// Watches what a path names now. What cannot be watched is looked at after a while.
    pub(super) fn watch(&mut self, path: &Path) {
        let (folder, parent) = (self.folder, self.parent);
        let is_folder = path.is_dir();
        self.folder = is_folder.then(|| self.add(path)).flatten();
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        self.parent = self.add(above.unwrap_or(Path::new(".")));
        let name = path.file_name().map(OsStr::as_bytes);
        self.name = name
            .filter(|_| is_folder)
            .and_then(|name| CString::new(name).ok());
        for old in [folder, parent].into_iter().flatten() {
            if ![self.folder, self.parent].contains(&Some(old)) {
                // The kernel lets go of what is deleted by itself.
                let _gone = inotify::remove_watch(self.inotify.get_ref(), old);
                self.half_written.clear();
            }
        }
    }

    /// Returns when something has happened and all is quiet again, or after a time.
    pub(super) async fn settled(&mut self, at_most: Duration) {
        let end = Instant::now() + at_most;
        while !self.read() {
            if !self.readable_until(end).await {
                return;
            }
        }
        let latest = Instant::now() + UNQUIET_MAX;
        let mut last = Instant::now();
        loop {
            let wait = match self.half_written.is_empty() {
                true => QUIET,
                false => HALF_WRITTEN_MAX,
            };
            let quiet = (last + wait).min(latest);
            if !self.readable_until(quiet).await {
                break;
            }
            if self.read() {
                last = Instant::now();
            }
        }
        self.half_written.clear();
    }

    fn add(&self, path: &Path) -> Option<i32> {
        let flags = WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(self.inotify.get_ref(), path, flags).ok()
    }

    /// Whether there is something to read before a time.
    async fn readable_until(&self, end: Instant) -> bool {
        match timeout_at(end, self.inotify.readable()).await {
            Ok(Ok(mut ready)) => {
                // What is read next may be a part of what is there: the kernel is asked again.
                ready.clear_ready();
                true
            }
            Ok(Err(_)) => {
                sleep_until(end).await;
                false
            }
            Err(_) => false,
        }
    }

    /// Reads all notices; whether one of them matters.
    fn read(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(self.inotify.get_ref().as_fd(), &mut buffer);
        let mut matters = false;
        loop {
            match reader.next() {
                Ok(event) => {
                    let flags = event.events();
                    let name = event.file_name().map(CString::from);
                    let elsewhere = self.folder != self.parent && Some(event.wd()) == self.parent;
                    if elsewhere && self.name.is_some() && name != self.name {
                        continue;
                    }
                    matters = true;
                    // An editor keeps a file of its own open, whose name begins with a dot.
                    if let Some(name) = name.filter(|name| !name.to_bytes().starts_with(b".")) {
                        match flags.contains(ReadFlags::MODIFY) {
                            true => drop(self.half_written.insert(name)),
                            false if flags.contains(ReadFlags::ATTRIB) => {}
                            false => drop(self.half_written.remove(&name)),
                        }
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => return matters,
            }
        }
    }
}
