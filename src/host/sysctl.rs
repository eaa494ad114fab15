//! Settings of interfaces under `/proc/sys/net`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;

use crate::net::InterfaceName;

/// What an interface is to be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// Where the interfaces stand.
    pub tree: Tree,
    /// Which of an interface's files.
    pub key: &'static str,
    /// What it is to say.
    pub value: &'static str,
}

/// A folder with a folder for each interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    /// `net.ipv4.conf`
    Ipv4,
    /// `net.ipv4.neigh`
    Ipv4Neighbours,
    /// `net.ipv6.conf`
    Ipv6,
    /// `net.ipv6.neigh`
    Ipv6Neighbours,
}

impl Tree {
    const ALL: [Self; 4] = [
        Self::Ipv4,
        Self::Ipv4Neighbours,
        Self::Ipv6,
        Self::Ipv6Neighbours,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Ipv4 => "/proc/sys/net/ipv4/conf",
            Self::Ipv4Neighbours => "/proc/sys/net/ipv4/neigh",
            Self::Ipv6 => "/proc/sys/net/ipv6/conf",
            Self::Ipv6Neighbours => "/proc/sys/net/ipv6/neigh",
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "net.ipv4.conf",
            Self::Ipv4Neighbours => "net.ipv4.neigh",
            Self::Ipv6 => "net.ipv6.conf",
            Self::Ipv6Neighbours => "net.ipv6.neigh",
        })
    }
}

/// The trees of the network namespace of the thread that opened them.
#[derive(Debug)]
pub(super) struct Sysctls {
    /// A kernel without IPv6 lacks its trees.
    trees: [Option<OwnedFd>; Tree::ALL.len()],
}

/// What became of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was so.
    Kept,
    /// It was written.
    Written,
    /// There is no such file.
    Absent,
}

impl Sysctls {
    pub(super) fn open() -> io::Result<Self> {
        let mut trees = [const { None }; Tree::ALL.len()];
        for tree in Tree::ALL {
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
            match open(tree.path(), flags, Mode::empty()) {
                Ok(folder) => trees[tree as usize] = Some(folder),
                Err(Errno::NOENT) if matches!(tree, Tree::Ipv6 | Tree::Ipv6Neighbours) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { trees })
    }

    /// Whether an interface can have no IPv6: `disable_ipv6` says so, or there is no such file.
    pub(super) fn is_ipv6_off(&self, interface: &InterfaceName) -> bool {
        let read = |tree: &OwnedFd| {
            let path = format!("{interface}/disable_ipv6");
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let mut text = String::new();
            let file = openat(tree, path.as_str(), flags, Mode::empty()).ok()?;
            File::from(file).read_to_string(&mut text).ok()?;
            Some(text)
        };
        let tree = self.trees[Tree::Ipv6 as usize].as_ref();
        tree.and_then(read)
            .is_none_or(|text| text.trim_end() != "0")
    }

    /// Makes an interface's file say something, if it does not yet.
    pub(super) fn set(&self, interface: &InterfaceName, setting: Setting) -> io::Result<Outcome> {
        // These folders are not of one interface but of all.
        if ["all", "default"].contains(&interface.as_str()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let Some(tree) = &self.trees[setting.tree as usize] else {
            return Ok(Outcome::Absent);
        };
        let path = format!("{interface}/{}", setting.key);
        let file = |flags| openat(tree, path.as_str(), flags | OFlags::CLOEXEC, Mode::empty());
        let mut old = String::new();
        match file(OFlags::RDONLY) {
            Ok(found) => File::from(found).read_to_string(&mut old)?,
            Err(Errno::NOENT) => return Ok(Outcome::Absent),
            Err(error) => return Err(error.into()),
        };
        if old.trim_end() == setting.value {
            return Ok(Outcome::Kept);
        }
        File::from(file(OFlags::WRONLY)?).write_all(setting.value.as_bytes())?;
        Ok(Outcome::Written)
    }
}
