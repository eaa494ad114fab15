//! An inventory for people.

use super::{Beside, BootUnit, ChainEntry, Inventory, TableEntry};

/// The inventory as text.
pub(super) fn render(inventory: &Inventory) -> String {
    let mut text = String::new();
    for table in &inventory.tables {
        text.push_str(&self::table(table));
    }
    if !inventory.sets.is_empty() {
        text.push_str("sets\n");
        for set in &inventory.sets {
            let owner = set.owner.map_or("", |owner| owner.as_str());
            let used = if set.used { "" } else { "no rule looks it up" };
            text.push_str(&format!(
                "  {:<32} {:<20} {:>8} {:<8}  {owner:<12} {used}\n",
                set.name,
                set.kind,
                set.elements,
                several("element", set.elements == 1)
            ));
        }
        text.push('\n');
    }
    if !inventory.modules.is_empty() {
        let modules = inventory.modules.iter();
        let modules: Vec<_> = modules
            .map(|(name, rules)| format!("{name} {rules}"))
            .collect();
        text.push_str(&format!("modules and targets: {}\n", modules.join(", ")));
    }
    for Beside { program, table } in &inventory.beside {
        text.push_str(&format!("not translated: {program} {table}\n"));
    }
    for unit in &inventory.boot {
        text.push_str(&match unit {
            BootUnit::Service(name) => format!("loaded at start by {name}\n"),
            BootUnit::File(name) => format!("loaded at start from {name}\n"),
        });
    }
    for note in &inventory.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

fn table(table: &TableEntry) -> String {
    let backend = table
        .backend
        .map_or(String::new(), |backend| format!(" ({backend})"));
    let rules: usize = table.chains.iter().map(|chain| chain.rules).sum();
    let mut text = format!(
        "{} {}{backend}: {rules} {}\n",
        table.family,
        table.name,
        several("rule", rules == 1)
    );
    for entry in &table.chains {
        text.push_str(&chain(entry));
    }
    text.push('\n');
    text
}

fn chain(chain: &ChainEntry) -> String {
    let owner = chain.owner.map_or("", |owner| owner.as_str());
    let mut remarks: Vec<String> = Vec::new();
    if chain.translations > 0 {
        remarks.push(format!("{} translate addresses", chain.translations));
    }
    for (guest, count) in &chain.guests {
        remarks.push(format!("{count} of {guest}"));
    }
    format!(
        "  {:<32} {:<7} {:>5} {:<5} {:>14} {:<7}  {owner:<12} {}\n",
        chain.name,
        chain.policy.unwrap_or("-"),
        chain.rules,
        several("rule", chain.rules == 1),
        chain.packets,
        several("packet", chain.packets == 1),
        remarks.join(", ")
    )
}

/// The word for one, or for several.
fn several(word: &str, is_one: bool) -> String {
    match is_one {
        true => word.to_owned(),
        false => format!("{word}s"),
    }
}
