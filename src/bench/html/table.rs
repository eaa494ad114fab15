//! The numbers of a figure.

use super::Palette;
use super::escape::escape;
use crate::bench::outline::{BASELINE, Panel, Row};
use crate::bench::quantity::{self, NOTHING};

/// The table of one or several panels; several have their sizes of an axis in the first column.
pub(super) fn table(
    caption: &str,
    axis: Option<&str>,
    panels: &[&Panel<'_>],
    palette: &Palette<'_>,
) -> String {
    let compared = panels
        .iter()
        .flat_map(|panel| &panel.rows)
        .any(|row| row.ratio.is_some());
    let mut head = String::new();
    for name in axis.iter().copied().chain(["peer"]) {
        head.push_str(&format!("<th scope=\"col\">{}</th>", escape(name)));
    }
    for name in ["median", "± spread", "p90", "p99", "max"] {
        head.push_str(&format!("<th scope=\"col\" class=\"n\">{name}</th>"));
    }
    if compared {
        head.push_str(&format!("<th scope=\"col\" class=\"n\">× {BASELINE}</th>"));
    }
    let bodies = panels
        .iter()
        .map(|panel| body(axis, panel, compared, palette));
    let bodies: String = bodies.collect();
    let caption = escape(caption);
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"numbers\">\n<caption class=\"hidden\">{caption}</caption>\n<thead><tr>{head}</tr></thead>\n{bodies}</table></div>\n"
    )
}

fn body(axis: Option<&str>, panel: &Panel<'_>, compared: bool, palette: &Palette<'_>) -> String {
    let mut rows = String::new();
    for (at, row) in panel.rows.iter().enumerate() {
        let first = axis
            .filter(|_| at == 0)
            .and_then(|axis| panel.scale.get(axis));
        let size = first.map(|size| {
            let (count, size) = (panel.rows.len(), quantity::whole(*size));
            format!("<th scope=\"rowgroup\" class=\"size\" rowspan=\"{count}\">{size}</th>")
        });
        let size = size.unwrap_or_default();
        let own = if row.measurement.peer == BASELINE {
            " class=\"own\""
        } else {
            ""
        };
        let peer = escape(&row.measurement.peer);
        let swatch = format!(
            "<span class=\"swatch {}\"></span>",
            palette.class(&row.measurement.peer)
        );
        let cells = numbers(panel, row) + &if compared { ratio(row) } else { String::new() };
        rows.push_str(&format!(
            "<tr{own}>{size}<th scope=\"row\">{swatch}{peer}</th>{cells}</tr>\n"
        ));
    }
    format!("<tbody>\n{rows}</tbody>\n")
}

fn numbers(panel: &Panel<'_>, row: &Row<'_>) -> String {
    let cell = |text: &str| format!("<td class=\"n\">{text}</td>");
    let Some(summary) = row.summary else {
        return [NOTHING; 5].map(cell).concat();
    };
    let values = [
        summary.median,
        summary.spread,
        summary.p90,
        summary.p99,
        summary.high,
    ];
    values
        .map(|value| cell(&quantity::text(panel.unit, value)))
        .concat()
}

fn ratio(row: &Row<'_>) -> String {
    let Some(ratio) = row.ratio else {
        return format!("<td class=\"n\">{NOTHING}</td>");
    };
    let interval = ratio.interval.map(|interval| {
        let [low, high] = [interval.low, interval.high].map(quantity::number);
        format!(" <span class=\"interval\">{low}–{high}</span>")
    });
    let interval = interval.unwrap_or_default();
    format!(
        "<td class=\"n\">{}{interval}</td>",
        quantity::number(ratio.value)
    )
}
