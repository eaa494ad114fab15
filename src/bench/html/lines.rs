//! One quantity over the size of the world: a line each peer.

use super::Palette;
use super::axis::{Axis, Kind};
use super::escape::shortened;
use super::figure::Sweep;
use super::svg::{self, Anchor, WIDTH};
use crate::bench::quantity;
use crate::bench::statistics::Summary;

/// How high a drawing is: about as high as its table, within bounds.
const HEIGHTS: (f64, f64) = (360.0, 660.0);
/// Of which each row has so much.
const ROW: f64 = 30.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 52.0;
const LEFT: f64 = 72.0;
/// Room for the names at the ends of lines.
const RIGHT: f64 = 146.0;
/// How far apart names stand at least.
const NAME: f64 = 15.0;
/// Characters of a name that are shown.
const NAME_MAX: usize = 17;

/// The drawing.
pub(super) fn plot(id: &str, title: &str, sweep: &Sweep<'_, '_>, palette: &Palette<'_>) -> String {
    let series = series(sweep);
    let rows: usize = series.iter().map(|(_, points)| points.len()).sum();
    let height = (ROW * rows as f64).clamp(HEIGHTS.0, HEIGHTS.1);
    let bottom = height - BOTTOM;
    let ends = series.iter().flat_map(|(_, points)| points);
    let ends = ends.flat_map(|(_, summary)| [summary.p25, summary.median, summary.p75]);
    let y = Axis::of(&ends.collect::<Vec<_>>(), sweep.unit, bottom, TOP);
    let x = Axis::of_sizes(&sweep.sizes(), LEFT + 14.0, WIDTH - RIGHT - 14.0);
    let mut content = marks(sweep, &x, &y, bottom);
    for (peer, points) in &series {
        content.push_str(&line(&x, &y, points, peer, palette));
    }
    content.push_str(&names(&series, &y, bottom, palette));
    svg::frame(
        id,
        height,
        title,
        &description(sweep, &series, y.kind),
        &content,
    )
}

/// A peer, and what its rounds say at each size.
type Series<'a> = (&'a str, Vec<(u64, Summary)>);

/// In the order of the table; the baseline last, so that it lies above the others.
fn series<'a>(sweep: &Sweep<'a, '_>) -> Vec<Series<'a>> {
    let mut series: Vec<Series<'a>> = Vec::new();
    for (size, panel) in &sweep.panels {
        for row in &panel.rows {
            let Some(summary) = row.summary else { continue };
            let peer = row.measurement.peer.as_str();
            match series.iter_mut().find(|(name, _)| *name == peer) {
                Some((_, points)) => points.push((*size, summary)),
                None => series.push((peer, vec![(*size, summary)])),
            }
        }
    }
    series.reverse();
    series
}

fn marks(sweep: &Sweep<'_, '_>, x: &Axis, y: &Axis, bottom: f64) -> String {
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let mut text = String::new();
    for mark in y.marks() {
        let (at, label) = (y.at(mark), quantity::mark(sweep.unit, mark));
        text.push_str(&svg::line("grid", [left, at], [right, at]));
        text.push_str(&svg::text(
            "mark",
            left - 8.0,
            at + 4.0,
            Anchor::End,
            &label,
        ));
    }
    text.push_str(&svg::line("axis", [left, bottom], [right, bottom]));
    let mut free = f64::NEG_INFINITY;
    for size in sweep.sizes() {
        let (at, label) = (x.at(size as f64), quantity::whole(size));
        text.push_str(&svg::line("axis", [at, bottom], [at, bottom + 4.0]));
        let half = 3.8 * label.len() as f64;
        if at - half > free {
            text.push_str(&svg::text(
                "mark",
                at,
                bottom + 19.0,
                Anchor::Middle,
                &label,
            ));
            free = at + half + 6.0;
        }
    }
    let axis = shortened(sweep.axis, 40);
    text + &svg::text(
        "title",
        (left + right) / 2.0,
        bottom + BOTTOM - 8.0,
        Anchor::Middle,
        &axis,
    )
}

fn line(
    x: &Axis,
    y: &Axis,
    points: &[(u64, Summary)],
    peer: &str,
    palette: &Palette<'_>,
) -> String {
    let places = points
        .iter()
        .map(|(size, summary)| (x.at(*size as f64), summary));
    let places: Vec<_> = places.collect();
    let corners = places
        .iter()
        .map(|(x, summary)| format!("{} {}", svg::place(*x), svg::place(y.at(summary.median))));
    let corners: Vec<_> = corners.collect();
    let class = palette.class(peer);
    let mut text = format!(
        "<path class=\"line {class}\" d=\"M{}\"/>\n",
        corners.join("L")
    );
    for (x, summary) in places {
        let (from, to) = (y.at(summary.p25), y.at(summary.p75));
        text.push_str(&svg::line(&format!("whisker {class}"), [x, from], [x, to]));
        text.push_str(&palette.sign(peer, x, y.at(summary.median)));
    }
    text
}

/// The names at the ends of the lines, moved apart where they would cover each other.
fn names(series: &[Series<'_>], y: &Axis, bottom: f64, palette: &Palette<'_>) -> String {
    let mut ends: Vec<_> = series
        .iter()
        .filter_map(|(peer, points)| Some((y.at(points.last()?.1.median), *peer)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let places = apart(&ends.iter().map(|(at, _)| *at).collect::<Vec<_>>(), bottom);
    let labels = ends.iter().zip(places).map(|((at, peer), place)| {
        let x = WIDTH - RIGHT;
        let class = format!("name {}", palette.class(peer));
        let leader = svg::line("leader", [x - 6.0, *at], [x + 6.0, place]);
        leader
            + &svg::text(
                &class,
                x + 10.0,
                place + 4.0,
                Anchor::Start,
                &shortened(peer, NAME_MAX),
            )
    });
    labels.collect()
}

/// Sorted places, moved so that neighbours do not touch: first down, then from the bottom up again.
fn apart(places: &[f64], bottom: f64) -> Vec<f64> {
    let mut moved = Vec::with_capacity(places.len());
    let mut free = f64::NEG_INFINITY;
    for place in places {
        free = place.max(free);
        moved.push(free);
        free += NAME;
    }
    let mut free = bottom + 6.0;
    for place in moved.iter_mut().rev() {
        *place = place.min(free);
        free = *place - NAME;
    }
    moved
}

/// What the lines say, for a reader who cannot see them.
fn description(sweep: &Sweep<'_, '_>, series: &[Series<'_>], kind: Kind) -> String {
    let told = series.iter().rev().filter_map(|(peer, points)| {
        let ((from, first), (to, last)) = (points.first()?, points.last()?);
        let text = |value| quantity::text(sweep.unit, value);
        let [from, to] = [*from, *to].map(quantity::whole);
        Some(format!(
            "{peer} from {} at {from} to {} at {to}",
            text(first.median),
            text(last.median)
        ))
    });
    let scale = match kind {
        Kind::Linear => "",
        Kind::Logarithmic => ", logarithmic",
    };
    let told: Vec<_> = told.collect();
    format!("Medians over {}{scale}: {}.", sweep.axis, told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_cover_each_other() {
        let places = apart(&[20.0, 21.0, 22.0, 100.0, 283.0, 284.0], 278.0);
        for pair in places.windows(2) {
            assert!(pair[1] - pair[0] >= NAME - 1e-9, "{places:?}");
        }
        assert!(places.iter().all(|place| *place <= 284.0), "{places:?}");
        assert_eq!(places[0], 20.0);
    }
}
