//! What a rule reads from a packet.

use std::fmt::{self, Formatter};

use super::write_separated;
use crate::ruleset::Expression;
use crate::ruleset::keyword::{
    CT_KEYS, FIB_FLAGS, FIB_RESULTS, META_KEYS, PAYLOAD_FIELDS, is_unqualified, word,
};

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(field) => {
                let mut known = PAYLOAD_FIELDS.iter().filter(|(known, ..)| known == field);
                known.try_for_each(|(_, header, field)| write!(f, "{header} {field}"))
            }
            Self::Meta(key) if is_unqualified(*key) => f.write_str(word(&META_KEYS, key)),
            Self::Meta(key) => write!(f, "meta {}", word(&META_KEYS, key)),
            Self::Ct(key) => write!(f, "ct {}", word(&CT_KEYS, key)),
            Self::Fib(flags, result) => {
                f.write_str("fib ")?;
                let set = FIB_FLAGS.iter().filter(|(flag, _)| flags.contains(*flag));
                write_separated(f, " . ", set, |f, (_, flag)| f.write_str(flag))?;
                write!(f, " {}", word(&FIB_RESULTS, result))
            }
        }
    }
}

/// Writes the expressions of a concatenation.
pub(super) fn write_expressions(f: &mut Formatter<'_>, expressions: &[Expression]) -> fmt::Result {
    write_separated(f, " . ", expressions, |f, expression| {
        write!(f, "{expression}")
    })
}
