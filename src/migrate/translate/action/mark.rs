//! Marks.

use super::super::case::{Outcome, any_bit};
use super::super::draft::Draft;
use super::Ends;
use crate::migrate::iptables::{Bits, Connmark, Sense};
use crate::migrate::nft::{Expression, Field, Match, Operand, Operator, Statement, Value};

/// A change of a mark.
pub(super) fn mark(field: Field, bits: Bits) -> Statement {
    let Bits { clear, toggle } = bits;
    let old = Expression::Field(field);
    let hex = |number: u32| Value::Hex(number.into());
    let value = match (clear, toggle) {
        (u32::MAX, toggle) => Expression::Value(hex(toggle)),
        (0, toggle) => Expression::Xor(Box::new(old), hex(toggle)),
        (clear, 0) => Expression::And(Box::new(old), hex(!clear)),
        (clear, toggle) if clear == toggle => Expression::Or(Box::new(old), hex(toggle)),
        (clear, toggle) => Expression::Xor(
            Box::new(Expression::And(Box::new(old), hex(!clear))),
            hex(toggle),
        ),
    };
    Statement::Set {
        field: field.into(),
        value,
    }
}

/// `CONNMARK`.
pub(super) fn connmark(draft: &mut Draft<'_>, change: Connmark) -> Outcome<Ends> {
    let (from, to, kept, cleared, word) = match change {
        Connmark::Set(bits) => return Ok(vec![vec![mark(Field::CtMark, bits)]]),
        Connmark::Save { nfmask, ctmask } => (Field::Mark, Field::CtMark, nfmask, ctmask, "save"),
        Connmark::Restore { nfmask, ctmask } => {
            (Field::CtMark, Field::Mark, ctmask, nfmask, "restore")
        }
    };
    if cleared == u32::MAX {
        let value = match kept {
            u32::MAX => Expression::Field(from),
            kept => Expression::masked(from, kept.into()),
        };
        return Ok(vec![vec![Statement::Set {
            field: to.into(),
            value,
        }]]);
    }
    draft.equivalent("a part of a mark is copied bit by bit, in a chain of its own");
    let name = format!("connmark-{word}-{kept:x}-{cleared:x}");
    let chain = draft.helper_chain(&name, || copied(from, to, kept, cleared));
    Ok(vec![vec![Statement::Verdict(
        crate::migrate::nft::Verdict::Jump(chain),
    )]])
}

/// `to = (to & !cleared) ^ (from & kept)`, where there is a connection.
fn copied(from: Field, to: Field, kept: u32, cleared: u32) -> Vec<Vec<Statement>> {
    let without = ["invalid", "untracked"].map(str::to_owned).to_vec();
    let none = any_bit(Sense::Is, Field::CtState, without);
    let mut rules = vec![vec![
        none.into(),
        Statement::Verdict(crate::migrate::nft::Verdict::Return),
    ]];
    if cleared != 0 {
        rules.push(vec![mark(
            to,
            Bits {
                clear: cleared,
                toggle: 0,
            },
        )]);
    }
    let bits = (0..u32::BITS).map(|place| 1_u32 << place);
    for bit in bits.filter(|bit| kept & bit != 0) {
        let set = Match {
            left: vec![Expression::masked(from, bit.into())],
            operator: Operator::Equal,
            right: Operand::Items(vec![Value::Hex(bit.into()).into()]),
        };
        let toggled = Bits {
            clear: 0,
            toggle: bit,
        };
        rules.push(vec![set.into(), mark(to, toggled)]);
    }
    rules
}
