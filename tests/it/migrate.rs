//! An iptables host in nft: read, judged, translated, loaded.

mod bridges;
mod command;
mod corners;
mod dumps;
mod dynamic;
mod families;
mod forms;
mod forms_packets;
mod fragments;
mod full;
mod idiomatic;
mod listing;
mod missing;
mod mutant;
mod mutation;
mod named;
mod options;
mod packets;
mod refused;
mod replay;
mod reverse_path;
mod rings;
mod untracked;
mod verify;
mod walker;

use std::path::PathBuf;

use margay::migrate::host::{Host, HostError, Texts};
use margay::migrate::translate::{Class, Judgement};
use margay::net::Family;

use crate::support::cases;
use crate::support::netns::nft_result;

/// What was read of the text of one dump.
fn host(text: &str, family: Family) -> Result<Host, HostError> {
    let text = Some(text.to_owned());
    Host::read(&match family {
        Family::V4 => Texts {
            v4: text,
            ..Texts::default()
        },
        Family::V6 => Texts {
            v6: text,
            ..Texts::default()
        },
    })
}

/// The dumps that others collected, in order, each with the family that its name tells.
fn collected(folder: &str) -> Option<Vec<(PathBuf, Family)>> {
    let folder = cases::folder(folder)?;
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut dumps: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "save"))
        .collect();
    dumps.sort();
    let with_family = dumps.into_iter().map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let six = ["aud6", "ip6tables", "ipv6", "-v6-"]
            .iter()
            .any(|sign| name.contains(sign));
        (path, if six { Family::V6 } else { Family::V4 })
    });
    Some(with_family.collect())
}

/// A dump as text; what is no text in it stands out.
fn text(path: &std::path::Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

/// How many rules nft cannot say.
fn unsupported(judgements: &[Judgement]) -> usize {
    let classes = judgements.iter().map(|one| one.class);
    classes.filter(|class| *class == Class::Unsupported).count()
}

/// Loads a text into this namespace and throws it away again: `nft -c` does not look at how deep chains jump.
#[track_caller]
fn assert_loads(printed: &str) {
    nft_result(&["-f", "-"], printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    nft_result(&["flush", "ruleset"], "").unwrap();
}
