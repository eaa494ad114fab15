//! A Rust file taken apart: what is code, what is comment, what is neither.

use std::path::Path;

/// A file of the repository.
pub(super) struct Source {
    /// Its path from the root of the repository.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
    /// Its code; comments and literals are blanked, lines and columns stay.
    pub(super) code: String,
    /// Its comments; all else is blanked.
    pub(super) comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Source {
    /// Takes a text apart.
    pub(super) fn of(path: &str, text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (mut code, mut comments) = (String::new(), String::new());
        let mut at = 0;
        while at < chars.len() {
            let (length, kind) = token(&chars[at..]);
            for &c in &chars[at..at + length] {
                let blank = if c == '\n' { '\n' } else { ' ' };
                code.push(if kind == Kind::Code { c } else { blank });
                comments.push(if kind == Kind::Comment { c } else { blank });
            }
            at += length;
        }
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            comments,
        }
    }

    /// Every `.rs` file below a folder of the repository, in the order of their paths.
    pub(super) fn below(root: &Path, folder: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut entries: Vec<_> = std::fs::read_dir(root.join(folder))
            .into_iter()
            .flatten()
            .map(Result::unwrap)
            .collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                found.extend(Self::below(root, &path));
            } else if path.ends_with(".rs") {
                found.push(Self::of(
                    &path,
                    &std::fs::read_to_string(entry.path()).unwrap(),
                ));
            }
        }
        found
    }

    /// The identifiers and keywords of the code, each with what stands before and after it.
    pub(super) fn words(&self) -> impl Iterator<Item = Word<'_>> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at + self.code[at..].find(is_word)?;
            let rest = &self.code[start..];
            at = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            Some(Word {
                text: &self.code[start..at],
                before: self.code[..start].trim_end(),
                after: &self.code[at..],
            })
        })
    }
}

/// A word of the code in its place.
pub(super) struct Word<'a> {
    /// The word.
    pub(super) text: &'a str,
    /// The code before it, without trailing space.
    pub(super) before: &'a str,
    /// The code after it.
    pub(super) after: &'a str,
}

impl Word<'_> {
    /// The line it stands on, from 1.
    pub(super) fn line(&self, source: &Source) -> usize {
        let start = source.code.len() - self.after.len() - self.text.len();
        source.code[..start].matches('\n').count() + 1
    }
}

/// The length and kind of what a text begins with.
fn token(rest: &[char]) -> (usize, Kind) {
    let until = |from: usize, end: &[char]| {
        let found = rest[from..].windows(end.len()).position(|w| w == end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    match rest {
        ['/', '/', ..] => (
            rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            Kind::Comment,
        ),
        ['/', '*', ..] => (until(2, &['*', '/']), Kind::Comment),
        ['"', ..] => (quoted(rest), Kind::Literal),
        ['\'', '\\', _, ..] => (until(3, &['\'']), Kind::Literal),
        ['\'', _, '\'', ..] => (3, Kind::Literal),
        [c, ..] if c.is_alphanumeric() || *c == '_' => {
            let word = |c: &char| c.is_alphanumeric() || *c == '_';
            let length = rest.iter().take_while(|c| word(c)).count();
            let hashes = rest[length..].iter().take_while(|c| **c == '#').count();
            let raw = matches!(rest[..length], ['r'] | ['b' | 'c', 'r']);
            if raw && rest.get(length + hashes) == Some(&'"') {
                let mut end = vec!['"'];
                end.resize(hashes + 1, '#');
                return (until(length + hashes + 1, &end), Kind::Literal);
            }
            (length, Kind::Code)
        }
        _ => (1, Kind::Code),
    }
}

/// The length of the string literal that a text begins with.
fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}
