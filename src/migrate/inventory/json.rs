//! An inventory for programs.

use serde_json::{Value, json};

use super::{BootUnit, ChainEntry, Inventory};

/// The inventory as JSON.
pub(super) fn render(inventory: &Inventory) -> String {
    let tables = inventory.tables.iter().map(|table| {
        let chains: Vec<_> = table.chains.iter().map(chain).collect();
        json!({
            "backend": table.backend.map(|backend| backend.to_string()),
            "family": table.family.to_string(),
            "table": table.name.as_str(),
            "chains": chains,
        })
    });
    let sets = inventory.sets.iter().map(|set| {
        json!({
            "name": set.name,
            "type": set.kind,
            "elements": set.elements,
            "used": set.used,
            "owner": set.owner.map(|owner| owner.as_str()),
        })
    });
    let beside = inventory
        .beside
        .iter()
        .map(|table| json!({ "program": table.program, "table": table.table }));
    let boot = inventory.boot.iter().map(|unit| match unit {
        BootUnit::Service(name) => json!({ "service": name }),
        BootUnit::File(name) => json!({ "file": name }),
    });
    let value = json!({
        "schema": "margay.migrate.inventory/1",
        "tables": tables.collect::<Vec<_>>(),
        "sets": sets.collect::<Vec<_>>(),
        "modules": inventory.modules,
        "beside": beside.collect::<Vec<_>>(),
        "boot": boot.collect::<Vec<_>>(),
        "notes": inventory.notes,
    });
    format!("{value:#}\n")
}

fn chain(chain: &ChainEntry) -> Value {
    let guests: serde_json::Map<String, Value> = chain
        .guests
        .iter()
        .map(|(owner, count)| (owner.to_string(), json!(count)))
        .collect();
    json!({
        "chain": chain.name,
        "policy": chain.policy,
        "owner": chain.owner.map(|owner| owner.as_str()),
        "rules": chain.rules,
        "translations": chain.translations,
        "packets": chain.packets,
        "guests": guests,
    })
}
