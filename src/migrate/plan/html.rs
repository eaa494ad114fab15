//! A plan as a page that stands alone.

use super::Plan;
use super::coverage::percent;
use crate::bench::html::escape::escape;
use crate::bench::html::page::{Entry, Page};
use crate::migrate::acknowledged::counted;
use crate::migrate::translate::{Class, Judgement};

/// What this page has beside the frame.
const STYLE: &str = "code { font-size: 0.82rem; overflow-wrap: anywhere; }\n\
                     .badge.doubtful { color: var(--warn); background: var(--faint); }\n";

/// The page.
pub(super) fn render(plan: &Plan<'_>) -> String {
    let coverage = &plan.coverage;
    let mut contents = vec![entry("coverage", "Coverage")];
    let mut body = sums(plan);
    for class in [Class::Unsupported, Class::Approximate, Class::Equivalent] {
        let rules: Vec<_> = plan
            .judgements
            .iter()
            .filter(|one| one.class == class)
            .collect();
        if !rules.is_empty() {
            contents.push(entry(class.as_str(), class.as_str()));
            body.push_str(&section(plan, class, &rules));
        }
    }
    body.push_str(&notes(plan));
    let exact = coverage.exact();
    let lead = format!(
        "{} of {} rules can be said in nft without a difference, {} of {} packets that they counted",
        exact.rules, coverage.all.rules, exact.packets, coverage.all.packets
    );
    let page = Page {
        title: "Migration plan",
        lead: &lead,
        style: STYLE,
        contents: &contents,
        summary: &tiles(plan),
        body: &body,
    };
    page.render()
}

fn entry(anchor: &str, label: &str) -> Entry {
    Entry {
        anchor: anchor.to_owned(),
        label: label.to_owned(),
    }
}

fn tiles(plan: &Plan<'_>) -> String {
    let coverage = &plan.coverage;
    let open = plan.open().len();
    let tile = |class: &str, value: &str, label: &str| {
        format!("<li class=\"{class}\"><b>{value}</b> {label}</li>\n")
    };
    let exact = coverage.exact();
    let state = if open == 0 { "holds" } else { "fails" };
    let counted = counted(open, ["stands in the way", "stand in the way"]);
    let (number, stand) = counted.split_once(' ').unwrap_or((&counted, ""));
    let tiles = [
        tile(state, number, stand),
        tile(
            "plain",
            &percent(exact.rules, coverage.all.rules),
            "of all rules",
        ),
        tile(
            "plain",
            &percent(exact.packets, coverage.all.packets),
            "of counted packets",
        ),
    ];
    format!("<ul class=\"tiles\">\n{}</ul>\n", tiles.concat())
}

fn sums(plan: &Plan<'_>) -> String {
    let coverage = &plan.coverage;
    let mut rows = String::new();
    for class in Class::ALL {
        let share = coverage.share(class);
        rows.push_str(&format!(
            "<tr><th scope=\"row\">{class}</th><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            share.rules,
            percent(share.rules, coverage.all.rules),
            share.packets,
            percent(share.packets, coverage.all.packets),
        ));
    }
    format!(
        "<section id=\"coverage\">\n<h2>Coverage</h2>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Class</th><th class=\"n\" scope=\"col\">Rules</th><th class=\"n\" scope=\"col\">Share</th>\
         <th class=\"n\" scope=\"col\">Packets</th><th class=\"n\" scope=\"col\">Share</th></tr></thead>\n<tbody>\n\
         {rows}</tbody>\n</table>\n</div>\n</section>\n"
    )
}

fn notes(plan: &Plan<'_>) -> String {
    let notes = plan.notes.iter();
    let notes = notes.map(|note| format!("<p>{}</p>\n", escape(note)));
    notes.collect()
}

fn section(plan: &Plan<'_>, class: Class, rules: &[&Judgement]) -> String {
    let rows: String = rules.iter().map(|one| row(plan, one)).collect();
    format!(
        "<section id=\"{class}\">\n<h2>{class}</h2>\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Where</th><th scope=\"col\">Rule</th><th scope=\"col\">Why</th>\
         <th class=\"n\" scope=\"col\">Packets</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n\
         </section>\n"
    )
}

fn row(plan: &Plan<'_>, judgement: &Judgement) -> String {
    let badge = match (judgement.class, plan.acknowledged.covers(judgement)) {
        (Class::Approximate | Class::Unsupported, true) => {
            "<br><span class=\"badge doubtful\">acknowledged</span>"
        }
        (Class::Approximate | Class::Unsupported, false) => {
            "<br><span class=\"badge fails\">open</span>"
        }
        (Class::Native | Class::Equivalent, _) => "",
    };
    let mut why: Vec<_> = judgement
        .reasons
        .iter()
        .map(|reason| escape(reason))
        .collect();
    let instead = judgement.suggestion.as_ref();
    why.extend(instead.map(|text| format!("Instead: {}", escape(text))));
    let packets = judgement
        .counters
        .map_or_else(String::new, |counters| counters.packets.to_string());
    format!(
        "<tr><th scope=\"row\">{} {} {}{badge}</th><td><code>{}</code></td><td class=\"reason\">{}</td>\
         <td class=\"n\">{packets}</td></tr>\n",
        judgement.family,
        judgement.table,
        judgement.line,
        escape(&judgement.text),
        why.join("<br>"),
    )
}
