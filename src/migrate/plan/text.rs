//! A plan for people.

use super::Plan;
use super::coverage::percent;
use crate::migrate::acknowledged::{counted, line};
use crate::migrate::translate::{Class, Judgement};

/// The plan as text: what is not native, rule by rule, and the sums.
pub(super) fn render(plan: &Plan<'_>) -> String {
    let mut text = String::new();
    let noted = plan.judgements.iter();
    for judgement in noted.filter(|one| one.class != Class::Native) {
        text.push_str(&rule(plan, judgement));
    }
    for note in plan.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&sums(plan));
    let open = plan.open();
    if !open.is_empty() {
        text.push_str(&format!(
            "\n{} approximate or unsupported and not acknowledged. To let that be, put what follows into a file and \
             name it by --ack:\n\n",
            counted(open.len(), ["is", "are"])
        ));
        for judgement in open {
            text.push_str(&format!("{}\n", line(judgement)));
        }
    }
    text
}

fn rule(plan: &Plan<'_>, judgement: &Judgement) -> String {
    let Judgement {
        family,
        table,
        line,
        class,
        text,
        ..
    } = judgement;
    let known = match plan.acknowledged.covers(judgement) {
        true => ", acknowledged",
        false => "",
    };
    let mut lines = format!("{class}{known}: {family} {table}, line {line}: {text}\n");
    for reason in &judgement.reasons {
        lines.push_str(&format!("    {reason}\n"));
    }
    if let Some(suggestion) = &judgement.suggestion {
        lines.push_str(&format!("    instead: {suggestion}\n"));
    }
    lines
}

fn sums(plan: &Plan<'_>) -> String {
    let coverage = &plan.coverage;
    let row = |name: &str, share: super::Share| {
        format!(
            "{name:<12} {:>8} {:>9} {:>16} {:>9}\n",
            share.rules,
            percent(share.rules, coverage.all.rules),
            share.packets,
            percent(share.packets, coverage.all.packets),
        )
    };
    let mut text = format!("{:<12} {:>8} {:>9} {:>16}\n", "", "rules", "", "packets");
    for class in Class::ALL {
        text.push_str(&row(class.as_str(), coverage.share(class)));
    }
    text.push_str(&row("all", coverage.all));
    text
}
