//! `results.csv`: a line for each measurement, with what its rounds say.

use std::collections::BTreeSet;

use super::outline::{Outline, Panel, Row};

/// The table of a run. What is not known is empty.
pub fn render(outline: &Outline<'_>) -> String {
    let scales = outline
        .panels()
        .flat_map(|(_, _, panel)| panel.scale.keys());
    let axes: BTreeSet<&String> = scales.collect();
    let mut text = line(head(&axes));
    for (scenario, phase, panel) in outline.panels() {
        for row in &panel.rows {
            let names = [scenario.name, phase.name].map(str::to_owned);
            let cells = names.into_iter().chain(cells(&axes, panel, row));
            text.push_str(&line(cells));
        }
    }
    text
}

fn head(axes: &BTreeSet<&String>) -> impl Iterator<Item = String> {
    let axes: Vec<_> = axes.iter().map(|axis| format!("scale_{axis}")).collect();
    let names = ["scenario", "phase"].map(str::to_owned).into_iter();
    let rest = [
        "peer",
        "metric",
        "unit",
        "rounds",
        "failed",
        "min",
        "p25",
        "median",
        "p75",
        "p90",
        "p99",
        "max",
        "spread",
        "ratio",
        "ratio_low",
        "ratio_high",
    ];
    names.chain(axes).chain(rest.map(str::to_owned))
}

fn cells(axes: &BTreeSet<&String>, panel: &Panel<'_>, row: &Row<'_>) -> Vec<String> {
    let sizes = axes.iter().map(|axis| panel.scale.get(*axis));
    let mut cells: Vec<_> = sizes
        .map(|size| size.map(u64::to_string).unwrap_or_default())
        .collect();
    let names = [
        row.measurement.peer.as_str(),
        panel.metric,
        panel.unit.word(),
    ];
    cells.extend(names.map(str::to_owned));
    let summary = row.summary;
    cells.push(summary.map_or(0, |s| s.rounds).to_string());
    cells.push(
        summary
            .map_or(row.measurement.values.len(), |s| s.failed)
            .to_string(),
    );
    let numbers = match summary {
        Some(s) => [
            s.low, s.p25, s.median, s.p75, s.p90, s.p99, s.high, s.spread,
        ]
        .map(Some),
        None => [None; 8],
    };
    let interval = row.ratio.and_then(|ratio| ratio.interval);
    let ratio = [
        row.ratio.map(|ratio| ratio.value),
        interval.map(|interval| interval.low),
        interval.map(|interval| interval.high),
    ];
    let numbers = numbers.into_iter().chain(ratio);
    cells.extend(numbers.map(|number| number.map(|n| n.to_string()).unwrap_or_default()));
    cells
}

/// A line as RFC 4180 has it, but for the end of line.
fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<_> = cells.into_iter().map(quoted).collect();
    format!("{}\n", cells.join(","))
}

fn quoted(cell: String) -> String {
    match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parts_cells_is_quoted() {
        let cells = ["a", "b,c", "d\"e", "f\ng"].map(str::to_owned);
        assert_eq!(line(cells), "a,\"b,c\",\"d\"\"e\",\"f\ng\"\n");
    }
}
