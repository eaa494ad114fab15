//! The nft text of rulesets, in the layout of `nft list ruleset` 1.0.6.
//!
//! `Display` of [`Ruleset`], `Table`, `Rule`, `Statement`, `Verdict`, `Limit` and `Expression` gives the text
//! that stands in a table. What needs more than the value to be printed has a wrapper here:
//! [`KeyText`], [`HookText`], [`SetHeader`]. What changes a table is a [`script`].

mod expression;
mod script;
mod statement;
mod table;
pub(super) mod value;

use std::fmt::{self, Formatter, Write};
use std::time::Duration;

pub use script::{operation, script};
pub use table::{HookText, SetHeader};
pub use value::KeyText;

use super::Ruleset;

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (key, table) in &self.tables {
            table::write_table(f, key, table)?;
        }
        Ok(())
    }
}

/// Writes things with a separator between them.
fn write_separated<T>(
    f: &mut Formatter<'_>,
    separator: &str,
    things: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (position, thing) in things.into_iter().enumerate() {
        if position > 0 {
            f.write_str(separator)?;
        }
        write(f, thing)?;
    }
    Ok(())
}

/// Writes a string in quotes. nft has no escapes: what would end the string or the line, or name a
/// variable, is replaced, so that no text can become rules.
fn write_quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        f.write_char(match character {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })?;
    }
    f.write_char('"')
}

/// Writes ` comment "..."` if there is one.
fn write_comment(f: &mut Formatter<'_>, comment: Option<&str>) -> fmt::Result {
    let Some(comment) = comment else {
        return Ok(());
    };
    f.write_str(" comment ")?;
    write_quoted(f, comment)
}

/// Writes a time as nft does: `1d2h3m4s5ms`, without the units that are 0.
fn write_duration(f: &mut Formatter<'_>, duration: Duration) -> fmt::Result {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    if parts.iter().all(|(count, _)| *count == 0) {
        return f.write_str("0s");
    }
    for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
        write!(f, "{count}{unit}")?;
    }
    Ok(())
}
