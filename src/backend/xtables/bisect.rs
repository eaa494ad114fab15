//! Which rule of a table it is that the kernel does not take: it says only that one of them is it.

use super::TableName;
use super::blame::Refused;
use super::name::{CHAIN_PREFIX, ChainName};
use super::provider::{Provider, RunError};
use super::script::{Origin, Script};
use crate::net::Family;

/// The first rule of a script that is refused by itself. Rules are tried in a chain that nothing
/// leads to, half of them at a time, so that no packet meets one.
pub(super) fn culprit(
    provider: &Provider,
    (family, table): (Family, TableName),
    script: &Script,
) -> Result<Option<Origin>, Refused> {
    let chain = ChainName::of("trial");
    let takes = |rules: &[(&str, &Origin)]| {
        let lines = rules.iter().map(|(rule, _)| alone(rule));
        let lines: String = lines.map(|rule| format!("-A {chain} {rule}\n")).collect();
        let text = format!("*{table}\n:{chain} - [0:0]\n{lines}COMMIT\n");
        let taken = match provider.restore(family, &text) {
            Ok(()) => true,
            Err(RunError::Complaint(_)) => false,
            // Nobody is to blame for what was not tried.
            Err(RunError::Locked(complaint)) => return Err(Refused::Locked(complaint)),
            Err(RunError::Io(error)) => return Err(Refused::Io(error)),
        };
        if taken {
            let text = format!("*{table}\n:{chain} - [0:0]\n-X {chain}\nCOMMIT\n");
            // What stays is found at the next look, and goes.
            let _gone = provider.restore(family, &text);
        }
        Ok(taken)
    };
    let rules = script.rules();
    let mut suspects = &rules[..];
    if takes(suspects)? {
        return Ok(None);
    }
    while suspects.len() > 1 {
        let (first, second) = suspects.split_at(suspects.len() / 2);
        suspects = if takes(first)? { second } else { first };
    }
    Ok(suspects.first().map(|(_, origin)| (*origin).clone()))
}

/// A rule without the chain of ours that it leads to, which may not be there yet.
fn alone(rule: &str) -> &str {
    let leads = |option: &str| rule.find(&format!(" {option} {CHAIN_PREFIX}"));
    let end = leads("-j").or_else(|| leads("-g"));
    end.map_or(rule, |end| &rule[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_tried_without_where_it_leads_to() {
        assert_eq!(alone("-s 10.0.0.0/8 -j mgy-a"), "-s 10.0.0.0/8");
        assert_eq!(alone("-p 6 -g mgy-b"), "-p 6");
        assert_eq!(alone("-p 6 -j DROP"), "-p 6 -j DROP");
    }
}
