//! One quantity of several peers: a bar each, with its rounds and the range of most of them.

use super::axis::{Axis, Kind};
use super::escape::shortened;
use super::svg::{self, Anchor, WIDTH};
use super::{Palette, described};
use crate::bench::outline::{Panel, Row};
use crate::bench::quantity;
use crate::bench::statistics::Summary;

const ROW: f64 = 32.0;
const BAR: f64 = 16.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;
/// Room for the median and the ratio.
const RIGHT: f64 = 150.0;
/// About how wide a character of a name is.
const CHARACTER: f64 = 7.6;
/// Characters of a name that are shown.
const NAME_MAX: usize = 26;
/// A range that is narrower would be a blot.
const RANGE_MIN: f64 = 3.0;
/// A round that is farther from the middle half than so many times its width is off the axis.
const FAR: f64 = 3.0;
/// More rounds than these would be a smear.
const ROUNDS_MAX: usize = 60;

/// The drawing.
pub(super) fn plot(id: &str, title: &str, panel: &Panel<'_>, palette: &Palette<'_>) -> String {
    let rows: Vec<_> = panel
        .rows
        .iter()
        .filter_map(|row| Some((row, row.summary?)))
        .collect();
    let names = rows
        .iter()
        .map(|(row, _)| row.measurement.peer.chars().count());
    let left = 14.0 + CHARACTER * names.max().unwrap_or_default().min(NAME_MAX) as f64;
    let ends = rows.iter().flat_map(|(row, summary)| usual(row, summary));
    let axis = Axis::of(&ends.collect::<Vec<_>>(), panel.unit, left, WIDTH - RIGHT);
    let bottom = TOP + ROW * rows.len() as f64;
    let mut content = marks(panel, &axis, bottom);
    for (at, (row, summary)) in rows.iter().enumerate() {
        let middle = TOP + ROW * (at as f64 + 0.5);
        content.push_str(&bar(panel, row, summary, &axis, middle, palette));
    }
    svg::frame(
        id,
        bottom + BOTTOM,
        title,
        &described(panel, axis.kind),
        &content,
    )
}

/// The rounds that the axis must hold: all but those that are far from the others.
fn usual(row: &Row<'_>, summary: &Summary) -> Vec<f64> {
    let far = FAR * (summary.p75 - summary.p25);
    let (low, high) = (summary.p25 - far, summary.p75 + far);
    let near = |value: &f64| (low..=high).contains(value);
    let rounds = row.measurement.values.iter().copied().filter(near);
    rounds
        .chain([summary.p25, summary.median, summary.p75])
        .collect()
}

/// The axis and its marks. The first and the last stand at the ends of a line that may be narrow, so those
/// in between give way to each other.
fn marks(panel: &Panel<'_>, axis: &Axis, bottom: f64) -> String {
    let mut text = String::new();
    let mut free = f64::NEG_INFINITY;
    for mark in axis.marks() {
        let x = axis.at(mark);
        text.push_str(&svg::line("grid", [x, TOP], [x, bottom]));
        let label = quantity::mark(panel.unit, mark);
        let half = CHARACTER * label.chars().count() as f64 / 2.0;
        if x - half > free {
            text.push_str(&svg::text("mark", x, bottom + 18.0, Anchor::Middle, &label));
            free = x + half + CHARACTER;
        }
    }
    let zero = axis.at(0.0);
    text.push_str(&svg::line("axis", [zero, TOP], [zero, bottom]));
    text
}

fn bar(
    panel: &Panel<'_>,
    row: &Row<'_>,
    summary: &Summary,
    axis: &Axis,
    middle: f64,
    palette: &Palette<'_>,
) -> String {
    let peer = &row.measurement.peer;
    let class = palette.class(peer);
    let (zero, end) = (axis.at(0.0), axis.at(summary.median));
    let name = shortened(peer, NAME_MAX);
    let mut text = svg::text(
        "name",
        axis.at(f64::NEG_INFINITY).min(zero) - 8.0,
        middle + 4.0,
        Anchor::End,
        &name,
    );
    text.push_str(&match axis.kind {
        Kind::Linear => format!(
            "<rect class=\"bar {class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{BAR}\" rx=\"2\"/>\n",
            svg::place(zero.min(end)),
            svg::place(middle - BAR / 2.0),
            svg::place((end - zero).abs()),
        ),
        // A length on a logarithm says nothing, so there is a stem and a sign at its end.
        Kind::Logarithmic => {
            svg::line(&format!("stem {class}"), [zero, middle], [end, middle])
        }
    });
    text.push_str(&rounds(&row.measurement.values, axis, middle));
    text.push_str(&range(axis.at(summary.p25), axis.at(summary.p75), middle));
    if axis.kind == Kind::Logarithmic {
        text.push_str(&palette.sign(peer, end, middle));
    }
    let median = quantity::text(panel.unit, summary.median);
    text.push_str(&svg::text(
        "value",
        WIDTH - 66.0,
        middle + 4.0,
        Anchor::End,
        &median,
    ));
    if let Some(ratio) = row.ratio {
        let ratio = format!("×{}", quantity::number(ratio.value));
        text.push_str(&svg::text(
            "ratio",
            WIDTH - 4.0,
            middle + 4.0,
            Anchor::End,
            &ratio,
        ));
    }
    text
}

/// The half of all rounds that is in the middle, where it can be seen.
fn range(from: f64, to: f64, middle: f64) -> String {
    if to - from < RANGE_MIN {
        return String::new();
    }
    let [from, to] = [from, to].map(svg::place);
    let [top, bottom] = [middle - 5.0, middle + 5.0].map(svg::place);
    let middle = svg::place(middle);
    format!(
        "<path class=\"range\" d=\"M{from} {top}V{bottom}M{to} {top}V{bottom}M{from} {middle}H{to}\"/>\n"
    )
}

/// Every round as a dot; one that is off the axis as an arrow at its end.
fn rounds(values: &[f64], axis: &Axis, middle: f64) -> String {
    if values.len() > ROUNDS_MAX {
        return String::new();
    }
    let rounds = values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_finite());
    let dots = rounds.map(|(round, value)| {
        // Rounds of one value would hide each other: they are spread over five lines.
        let y = middle + ((round * 2 % 5) as f64 - 2.0) * 2.6;
        let (x, y) = (svg::place(axis.at(*value)), svg::place(y));
        match axis.is_beyond(*value) {
            true => format!("<path class=\"beyond\" d=\"M{x} {y}m-1 -3l5 3l-5 3z\"/>\n"),
            false => format!("<circle class=\"round\" cx=\"{x}\" cy=\"{y}\" r=\"1.7\"/>\n"),
        }
    });
    dots.collect()
}
