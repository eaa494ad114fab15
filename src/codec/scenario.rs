//! Scenarios of benchmarks as documents: `apiVersion: margay/v1`, `kind: Scenario`.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::Path as FilePath;
use std::sync::Arc;

use super::fields::{Fields, Findings, Path};
use super::files::text;
use super::node::{Node, Place, Value};
use super::problem::Problem;
use super::yaml::Documents;
use super::{Severity, Strictness};

const API_VERSION: &str = "margay/v1";
const KIND: &str = "Scenario";
/// The longest name, so that it is a file's and a column's.
const NAME_CHARACTERS_MAX: usize = 60;

/// The numbers that something allows: in words, and the ends of the range.
pub type Numbers = (&'static str, RangeInclusive<u64>);

/// The words that a scenario may use, and the numbers of each axis.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// The names of the axes.
    pub axes: &'static [&'static str],
    /// What an axis allows.
    pub allowed: fn(&str) -> Option<Numbers>,
    /// The names of the phases.
    pub phases: &'static [&'static str],
    /// The names of the peers.
    pub peers: &'static [&'static str],
}

/// A scenario as its document says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioDocument {
    /// Its name.
    pub name: String,
    /// What it is to show.
    pub about: String,
    /// From which everything random is made.
    pub seed: u64,
    /// The axes that were written, with their values.
    pub axes: Vec<(&'static str, Vec<u64>)>,
    /// The phases.
    pub phases: Vec<&'static str>,
    /// The peers that were written.
    pub peers: Vec<&'static str>,
}

/// Reads the scenario of a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(path: &FilePath, words: &Vocabulary) -> Result<ScenarioDocument, Vec<Problem>> {
    let name = path.display().to_string();
    match text(path) {
        Ok(text) => parse(&name, &text, words),
        Err(fault) => {
            let mut reader = Reader::new(*words);
            let place = Place::default();
            let complaint = fault.to_string();
            reader
                .findings
                .error(place, &Path::Document, complaint, None);
            Err(reader.problems(&name, ""))
        }
    }
}

/// Reads the scenario of a text.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(name: &str, text: &str, words: &Vocabulary) -> Result<ScenarioDocument, Vec<Problem>> {
    let mut reader = Reader::new(*words);
    let mut documents = Documents::new(text, Place::start(0));
    let found = match documents.next() {
        None => {
            let place = Place::start(0);
            let empty = "there is no document";
            reader.findings.error(place, &Path::Document, empty, None);
            None
        }
        Some(Err(unparsable)) => {
            let (place, message) = (unparsable.place, unparsable.message);
            reader.findings.error(place, &Path::Document, message, None);
            None
        }
        Some(Ok(node)) => reader.scenario(&node),
    };
    if let Some(Ok(another)) = documents.next() {
        let message = "a second document; a file holds one scenario";
        let place = another.place;
        reader.findings.error(place, &Path::Document, message, None);
    }
    let problems = reader.problems(name, text);
    match found {
        Some(found) if problems.is_empty() => Ok(found),
        Some(_) | None => Err(problems),
    }
}

struct Reader {
    findings: Findings,
    words: Vocabulary,
}

impl Reader {
    fn new(words: Vocabulary) -> Self {
        Self {
            findings: Findings::new(Strictness::Strict),
            words,
        }
    }

    fn problems(self, name: &str, text: &str) -> Vec<Problem> {
        let name: Arc<str> = name.into();
        let findings = self.findings.into_vec().into_iter();
        let problems = findings.map(|finding| finding.of_source(&name, text));
        let mut problems: Vec<_> = problems.collect();
        problems.retain(|problem| problem.severity == Severity::Error);
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    fn scenario(&mut self, node: &Node) -> Option<ScenarioDocument> {
        const FIELDS: &[&str] = &[
            "apiVersion",
            "kind",
            "name",
            "about",
            "seed",
            "axes",
            "phases",
            "peers",
        ];
        let top = Path::Document;
        let fields = self.findings.fields(node, &top, FIELDS)?;
        self.constant(&fields, "apiVersion", API_VERSION);
        self.constant(&fields, "kind", KIND);
        let name = self.name(&fields);
        let about = self.findings.some_text(&fields, &top, "about");
        let about = about.map_or(String::new(), |(text, _)| text.to_owned());
        let seed = match fields.get("seed") {
            Some(node) => self.number(
                node,
                &Path::Field(&top, "seed"),
                "a number",
                &(0..=u64::MAX),
            ),
            None => Some(1),
        };
        let axes = self.axes(&fields);
        let phases = self.findings.required(&fields, &top, "phases");
        let phases = phases.map(|node| {
            let path = Path::Field(&top, "phases");
            self.listed(node, &path, self.words.phases)
        });
        let peers = fields.get("peers").map(|node| {
            let path = Path::Field(&top, "peers");
            self.listed(node, &path, self.words.peers)
        });
        Some(ScenarioDocument {
            name: name?,
            about,
            seed: seed?,
            axes,
            phases: phases?,
            peers: peers.unwrap_or_default(),
        })
    }

    fn constant(&mut self, fields: &Fields<'_>, name: &'static str, wanted: &'static str) {
        let Some(node) = self.findings.required(fields, &Path::Document, name) else {
            return;
        };
        let path = Path::Field(&Path::Document, name);
        self.one_of(node, &path, std::slice::from_ref(&wanted));
    }

    fn name(&mut self, fields: &Fields<'_>) -> Option<String> {
        let node = self.findings.required(fields, &Path::Document, "name")?;
        let path = Path::Field(&Path::Document, "name");
        let (text, _) = self.findings.text(node, &path)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let short = (1..=NAME_CHARACTERS_MAX).contains(&text.len());
        if short && text.chars().all(fits) {
            return Some(text.to_owned());
        }
        let allowed = Cow::Borrowed("1 to 60 of A-Z a-z 0-9 . _ -");
        let message = format!("invalid name {text:?}");
        self.findings.error(node.place, &path, message, allowed);
        None
    }

    fn axes(&mut self, fields: &Fields<'_>) -> Vec<(&'static str, Vec<u64>)> {
        let Some(node) = fields.get("axes") else {
            return Vec::new();
        };
        let path = Path::Field(&Path::Document, "axes");
        let known = self.words.axes;
        let Some(written) = self.findings.fields(node, &path, known) else {
            return Vec::new();
        };
        let mut axes = Vec::new();
        for name in written.names().collect::<Vec<_>>() {
            let Some(node) = written.get(name) else {
                continue;
            };
            axes.push((name, self.values(node, &Path::Field(&path, name), name)));
        }
        axes
    }

    /// One number or a list of them.
    fn values(&mut self, node: &Node, path: &Path<'_>, axis: &str) -> Vec<u64> {
        let Some((allowed, range)) = (self.words.allowed)(axis) else {
            return Vec::new();
        };
        match &node.value {
            Value::List(items) if items.is_empty() => {
                let message = "an empty list";
                let allowed = Cow::Borrowed(allowed);
                self.findings.error(node.place, path, message, allowed);
                Vec::new()
            }
            Value::List(items) => {
                let items = items.iter().enumerate();
                let number = |(at, item): (usize, &Node)| {
                    self.number(item, &Path::Item(path, at), allowed, &range)
                };
                items.filter_map(number).collect()
            }
            Value::Null | Value::Scalar(_) | Value::Map(_) => {
                let number = self.number(node, path, allowed, &range);
                number.into_iter().collect()
            }
        }
    }

    fn number(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        allowed: &'static str,
        range: &RangeInclusive<u64>,
    ) -> Option<u64> {
        let (text, _) = self.findings.text(node, path)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("invalid number {text:?}");
            let allowed = Cow::Borrowed(allowed);
            self.findings.error(node.place, path, message, allowed);
        }
        number
    }

    fn listed(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        known: &'static [&'static str],
    ) -> Vec<&'static str> {
        let items = self.findings.list(Some(node), path).iter().enumerate();
        items
            .filter_map(|(at, item)| self.one_of(item, &Path::Item(path, at), known))
            .collect()
    }

    fn one_of(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        known: &[&'static str],
    ) -> Option<&'static str> {
        let (text, _) = self.findings.text(node, path)?;
        let found = known.iter().copied().find(|word| *word == text);
        if found.is_none() {
            let message = format!("unknown word {text:?}");
            let allowed: Cow<'static, str> = Cow::Owned(known.join(", "));
            self.findings.error(node.place, path, message, allowed);
        }
        found
    }
}
