//! What must hold, and whether it does.

use super::escape::escape;
use crate::bench::measurement::{Claim, Run};
use crate::bench::quantity::NOTHING;

/// The table; nothing where nothing was claimed.
pub(super) fn section(run: &Run) -> Option<String> {
    if run.claims.is_empty() {
        return None;
    }
    let floors = run.claims.iter().any(|claim| claim.floor.is_some());
    let rows = run.claims.iter().map(|claim| row(claim, floors));
    let rows: String = rows.collect();
    let floor = if floors {
        "<th scope=\"col\" class=\"reason\">the floor that prevents it</th>"
    } else {
        ""
    };
    Some(format!(
        "<section id=\"claims\">\n<h2>What must hold</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Claims\"><table class=\"claims\">\n\
         <caption class=\"hidden\">Claims</caption>\n<thead><tr><th scope=\"col\">verdict</th>\
         <th scope=\"col\">scenario</th><th scope=\"col\">claim</th><th scope=\"col\" class=\"n\">measured</th>\
         <th scope=\"col\" class=\"n\">required</th>{floor}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n\
         </section>\n"
    ))
}

fn row(claim: &Claim, floors: bool) -> String {
    let class = if claim.holds() { "holds" } else { "fails" };
    let floor = claim.floor.as_deref().map_or(NOTHING.to_owned(), escape);
    let floor = if floors {
        format!("<td class=\"reason\">{floor}</td>")
    } else {
        String::new()
    };
    format!(
        "<tr><td><span class=\"badge {class}\">{}</span></td><td>{}</td><th scope=\"row\">{}</th>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td>{floor}</tr>\n",
        claim.verdict(),
        escape(&claim.scenario),
        escape(&claim.what),
        claim.measured(),
        claim.limit
    )
}
