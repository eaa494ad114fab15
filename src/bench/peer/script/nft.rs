//! Scripts of nft.

use std::fmt::Write as _;

use crate::bench::peer::command::Job;
use crate::bench::peer::program::{Chain, Delta, Elements, Place, Program, Set, SetKind};

/// Elements in one command, where there may be several.
const TOGETHER: usize = 1_000;

/// How elements are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench::peer) enum Batch {
    /// A command each, as knftables writes them.
    Each,
    Together,
}

/// A run of nft with a script.
pub(in crate::bench::peer) fn job(script: String) -> Job {
    Job {
        program: "nft",
        arguments: &["-f", "-"],
        input: script,
    }
}

/// Takes the first element of the first set away.
pub(in crate::bench::peer) fn spoil(program: &Program) -> Option<Job> {
    let (place, key) = program.first_element()?;
    Some(job(format!("delete element {place} {{ {key} }}\n")))
}

/// Everything in one transaction for each table.
pub(in crate::bench::peer) fn by_table(delta: &Delta<'_>, batch: Batch) -> Vec<Job> {
    let tables = delta.tables().into_iter();
    let scripts = tables.map(|table| {
        let delta = delta.within(table);
        let mut script = Script::new(batch);
        script.tables(&delta);
        if delta.gone_tables.is_empty() {
            script.new_sets(&delta, SetKind::Set);
            script.elements(&delta, SetKind::Set);
            script.new_sets(&delta, SetKind::Map);
            script.chains(&delta);
            script.gone_chains(&delta);
            script.gone_sets(&delta, SetKind::Map);
            script.gone_sets(&delta, SetKind::Set);
        }
        script.text
    });
    scripts.map(job).collect()
}

/// Felix's three: sets that come and their members, chains and maps, sets that go.
pub(in crate::bench::peer) fn in_three(delta: &Delta<'_>) -> Vec<Job> {
    let tables = delta.tables().into_iter();
    let scripts = tables.flat_map(|table| {
        let delta = delta.within(table);
        let mut scripts = [Batch::Each; 3].map(Script::new);
        let [sets, chains, collect] = &mut scripts;
        if !delta.gone_tables.is_empty() {
            collect.tables(&delta);
            return scripts;
        }
        sets.tables(&delta);
        sets.new_sets(&delta, SetKind::Set);
        sets.elements(&delta, SetKind::Set);
        chains.new_sets(&delta, SetKind::Map);
        chains.chains(&delta);
        chains.gone_chains(&delta);
        chains.gone_sets(&delta, SetKind::Map);
        collect.gone_sets(&delta, SetKind::Set);
        scripts
    });
    let texts = scripts.map(|script| script.text);
    texts.filter(|text| !text.is_empty()).map(job).collect()
}

struct Script {
    text: String,
    batch: Batch,
}

impl Script {
    fn new(batch: Batch) -> Self {
        Self {
            text: String::new(),
            batch,
        }
    }

    fn say(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn tables(&mut self, delta: &Delta<'_>) {
        for table in &delta.new_tables {
            self.say(format_args!("add table {table}"));
        }
        for table in &delta.gone_tables {
            self.say(format_args!("delete table {table}"));
        }
    }

    fn new_sets(&mut self, delta: &Delta<'_>, kind: SetKind) {
        let sets = delta.new_sets.iter();
        for (place, set) in sets.filter(|(_, set)| set.kind == kind) {
            let (keyword, said) = (keyword(kind), &set.declaration);
            self.say(format_args!("add {keyword} {place} {{ {said} }}"));
        }
    }

    fn gone_sets(&mut self, delta: &Delta<'_>, kind: SetKind) {
        let sets = delta.gone_sets.iter();
        for (place, Set { kind, .. }) in sets.filter(|(_, set)| set.kind == kind) {
            self.say(format_args!("delete {} {place}", keyword(*kind)));
        }
    }

    fn elements(&mut self, delta: &Delta<'_>, kind: SetKind) {
        let all = delta.elements.iter();
        for elements in all.filter(|elements| elements.kind == kind) {
            self.gone_elements(elements);
            self.new_elements(elements);
        }
    }

    fn gone_elements(&mut self, elements: &Elements<'_>) {
        let place = elements.place;
        for keys in elements.gone.chunks(self.at_once()) {
            self.say(format_args!(
                "delete element {place} {{ {} }}",
                keys.join(", ")
            ));
        }
    }

    fn new_elements(&mut self, elements: &Elements<'_>) {
        let place = elements.place;
        for chunk in elements.new.chunks(self.at_once()) {
            let pairs = chunk.iter().map(|(key, value)| match elements.kind {
                SetKind::Set => (*key).to_owned(),
                SetKind::Map => format!("{key} : {value}"),
            });
            let pairs: Vec<String> = pairs.collect();
            self.say(format_args!(
                "add element {place} {{ {} }}",
                pairs.join(", ")
            ));
        }
    }

    fn at_once(&self) -> usize {
        match self.batch {
            Batch::Each => 1,
            Batch::Together => TOGETHER,
        }
    }

    /// Chains first, so that rules and elements may lead to them, then rules, then the elements of maps.
    fn chains(&mut self, delta: &Delta<'_>) {
        let gone = delta.elements.iter().filter(|e| e.kind == SetKind::Map);
        for elements in gone.clone() {
            self.gone_elements(elements);
        }
        for (place, chain) in &delta.new_chains {
            match &chain.hook {
                None => self.say(format_args!("add chain {place}")),
                Some(hook) => self.say(format_args!("add chain {place} {{ {hook} }}")),
            }
        }
        for (place, _) in &delta.rewritten {
            self.say(format_args!("flush chain {place}"));
        }
        for (place, chain) in delta.new_chains.iter().chain(&delta.rewritten) {
            self.rules(place, chain);
        }
        for elements in gone {
            self.new_elements(elements);
        }
    }

    fn rules(&mut self, place: &Place, chain: &Chain) {
        for line in &chain.lines {
            self.say(format_args!("add rule {place} {line}"));
        }
    }

    /// One may lead to another, so all are emptied before the first goes.
    fn gone_chains(&mut self, delta: &Delta<'_>) {
        for (place, _) in &delta.gone_chains {
            self.say(format_args!("flush chain {place}"));
        }
        for (place, _) in &delta.gone_chains {
            self.say(format_args!("delete chain {place}"));
        }
    }
}

fn keyword(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Set => "set",
        SetKind::Map => "map",
    }
}

impl std::fmt::Display for Place {
    /// As nft names it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}
