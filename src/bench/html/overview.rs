//! All ratios on one page: where others cost more than Margay, and where less.

use super::escape::escape;
use crate::bench::outline::{BASELINE, Outline, Panel, Part, Phase, Row, Scenario};
use crate::bench::quantity::{self, Direction, NOTHING};
use crate::bench::statistics::{Ratio, Summary};

/// A factor below this is no difference.
const SAME: f64 = 1.1;

/// The table; nothing where nothing is compared.
pub(super) fn section(outline: &Outline<'_>) -> Option<String> {
    let peers = outline.peers();
    let others: Vec<_> = peers.into_iter().filter(|peer| *peer != BASELINE).collect();
    let bodies = outline
        .scenarios
        .iter()
        .map(|scenario| body(scenario, &others));
    let bodies: String = bodies.collect();
    if bodies.is_empty() {
        return None;
    }
    let heads = others.iter().map(|peer| {
        let floor = match Part::of(peer) {
            Part::Floor => " <span class=\"metric\">floor</span>",
            Part::Baseline | Part::Rival => "",
        };
        format!("<th scope=\"col\" class=\"n\">{}{floor}</th>", escape(peer))
    });
    let heads: String = heads.collect();
    Some(format!(
        "<section id=\"overview\">\n<h2>At a glance</h2>\n\
         <p class=\"note\">How many times Margay’s figure each peer’s is. \
         <span class=\"key good3\">Margay is better</span> <span class=\"key bad3\">the peer is better</span>; \
         the stronger, the more. What is uncoloured differs by less than a tenth or no more than its \
         interval allows; so are floors, which do no policy or are sent bytes made beforehand. Without × it is \
         the figure itself.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Ratios to Margay\"><table class=\"overview\">\n<caption class=\"hidden\">Ratios to Margay</caption>\n\
         <thead><tr><th scope=\"col\">phase and quantity</th><th scope=\"col\">scale</th>\
         <th scope=\"col\" class=\"n\">{BASELINE}</th>{heads}</tr></thead>\n{bodies}</table></div>\n</section>\n"
    ))
}

fn body(scenario: &Scenario<'_>, others: &[&str]) -> String {
    let panels = scenario
        .phases
        .iter()
        .flat_map(|phase| phase.panels.iter().map(move |panel| (phase, panel)));
    let rows = panels.filter_map(|(phase, panel)| line(phase, panel, others));
    let rows: String = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    let span = others.len() + 3;
    let name = escape(scenario.name);
    format!(
        "<tbody>\n<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{span}\">{name}</th></tr>\n{rows}</tbody>\n"
    )
}

/// A panel in which somebody stands beside the baseline.
fn line(phase: &Phase<'_>, panel: &Panel<'_>, others: &[&str]) -> Option<String> {
    let of = |peer: &str| panel.rows.iter().find(|row| row.measurement.peer == peer);
    let own = of(BASELINE)?.summary?;
    panel.rows.get(1)?;
    let cells = others.iter().map(|peer| cell(panel, of(peer)));
    let cells: String = cells.collect();
    Some(format!(
        "<tr><th scope=\"row\">{} <span class=\"metric\">{}</span></th><td>{}</td><td class=\"n\">{}</td>{cells}</tr>\n",
        escape(phase.name),
        escape(panel.metric),
        escape(&quantity::scale(panel.scale)),
        quantity::text(panel.unit, own.median)
    ))
}

/// The ratio of a peer, or what it measured where there is no ratio. Who does no policy is no rival.
fn cell(panel: &Panel<'_>, row: Option<&Row<'_>>) -> String {
    let Some((row, summary)) = row.and_then(|row| Some((row, row.summary?))) else {
        return format!("<td class=\"n absent\">{NOTHING}</td>");
    };
    let Some(ratio) = row.ratio else {
        let median = quantity::text(panel.unit, summary.median);
        let class = beside_nothing(panel, &summary);
        return format!("<td class=\"n {class}\">{median}</td>");
    };
    let class = match Part::of(&row.measurement.peer) {
        Part::Floor => "floor".to_owned(),
        Part::Baseline | Part::Rival => {
            shade(&ratio, quantity::direction(panel.metric, panel.unit))
        }
    };
    format!(
        "<td class=\"n {class}\">×{}</td>",
        quantity::number(ratio.value)
    )
}

/// How a figure is coloured that has no ratio: something beside nothing could not be more.
fn beside_nothing(panel: &Panel<'_>, summary: &Summary) -> &'static str {
    let own = panel
        .rows
        .iter()
        .find(|row| row.measurement.peer == BASELINE);
    let own = own.and_then(|row| row.summary);
    match (
        own.is_some_and(|own| own.high == 0.0),
        quantity::direction(panel.metric, panel.unit),
    ) {
        (true, Direction::Down) if summary.median > 0.0 => "good4",
        (true, Direction::Up) if summary.median > 0.0 => "bad4",
        (true | false, Direction::Down | Direction::Up | Direction::Neither) => "absent",
    }
}

/// How strongly a ratio is coloured, and for whom.
fn shade(ratio: &Ratio, direction: Direction) -> String {
    let unsure = ratio
        .interval
        .is_some_and(|interval| interval.low <= 1.0 && 1.0 <= interval.high);
    let advantage = match direction {
        Direction::Down => ratio.value,
        Direction::Up => 1.0 / ratio.value,
        Direction::Neither => return "even".to_owned(),
    };
    let factor = advantage.max(1.0 / advantage);
    // Below zero there is no factor.
    if unsure || factor.is_nan() || factor < SAME {
        return "even".to_owned();
    }
    let strength = match factor {
        ..2.0 => 1,
        ..10.0 => 2,
        ..100.0 => 3,
        _ => 4,
    };
    format!("{}{strength}", if advantage > 1.0 { "good" } else { "bad" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::statistics::Interval;

    #[test]
    fn a_colour_says_for_whom_a_ratio_is_and_how_much() {
        let ratio = |value: f64| Ratio {
            value,
            interval: None,
        };
        let shaded = [1.05, 1.5, 5.0, 50.0, 500.0, 0.02, 0.0, -3.0]
            .map(|v| shade(&ratio(v), Direction::Down));
        assert_eq!(
            shaded,
            [
                "even", "good1", "good2", "good3", "good4", "bad3", "bad4", "even"
            ]
        );
        assert_eq!(shade(&ratio(0.5), Direction::Up), "good2");
        let interval = Some(Interval {
            low: 0.9,
            high: 3.0,
        });
        assert_eq!(
            shade(
                &Ratio {
                    value: 2.0,
                    interval
                },
                Direction::Down
            ),
            "even"
        );
    }
}
