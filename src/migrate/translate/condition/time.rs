//! `time`. Numbers, not texts, since nft reads texts in the time zone of whoever loads them.

use super::super::case::{Cases, Outcome, among, compared, ordered, product};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::unsayable;
use crate::migrate::iptables::{Calendar, Sense};
use crate::migrate::nft::{Field, Item, Operator, Statement, Value};

const DAY_END: u32 = 24 * 3600 - 1;

/// Says when a rule holds.
pub(super) fn cases(draft: &mut Draft<'_>, calendar: &Calendar) -> Outcome<Cases> {
    if !calendar.month_days.is_empty() {
        return Err(unsayable("days of a month"));
    }
    if calendar.kernel_zone {
        return Err(Obstacle::new(
            "--kerneltz: nft compares hours in UTC",
            "write the times in UTC",
        ));
    }
    draft.equivalent("hours and dates are numbers in UTC");
    let start = calendar.start.map_or(0, |time| time.0);
    let stop = calendar.stop.map_or(DAY_END, |time| time.0);
    // The kernel takes a span that ends where it begins for one past midnight, which is the whole day.
    let wraps = start >= stop;
    if wraps && calendar.contiguous && !calendar.weekdays.is_empty() {
        return Err(Obstacle::new(
            "--contiguous past midnight on some days",
            "write two rules, one for each day",
        ));
    }
    let mut cases = vec![dates(calendar)];
    if !calendar.weekdays.is_empty() {
        draft.approximate(
            "nft adds the kernel's time zone to days of the week, which is UTC on most hosts",
        );
        cases = product(cases, &vec![vec![weekdays(&calendar.weekdays)]]);
    }
    if start == stop {
        return Ok(cases);
    }
    if wraps {
        let late = ordered(Field::Hour, Operator::GreaterOrEqual, seconds(start));
        let early = ordered(Field::Hour, Operator::LessOrEqual, seconds(stop));
        return Ok(product(cases, &vec![vec![late.into()], vec![early.into()]]));
    }
    if start > 0 || stop < DAY_END {
        let hours = Item::Range(seconds(start), seconds(stop));
        let test = compared(Sense::Is, Field::Hour, hours);
        cases = product(cases, &vec![vec![test.into()]]);
    }
    Ok(cases)
}

fn seconds(number: u32) -> Value {
    Value::Number(number.into())
}

fn dates(calendar: &Calendar) -> Vec<Statement> {
    let number = |seconds: i64| Value::Number(u64::try_from(seconds).unwrap_or(0));
    let start = calendar
        .date_start
        .map(|start| ordered(Field::Time, Operator::GreaterOrEqual, number(start)).into());
    // The kernel counts nanoseconds, and the last second belongs to it whole.
    let stop = calendar
        .date_stop
        .map(|stop| ordered(Field::Time, Operator::Less, number(stop + 1)).into());
    start.into_iter().chain(stop).collect()
}

/// Monday is 1 and Sunday 0 in nft.
fn weekdays(days: &[u8]) -> Statement {
    let items = days
        .iter()
        .map(|day| Value::Number((day % 7).into()).into());
    let mut items: Vec<Item> = items.collect();
    items.sort();
    among(Sense::Is, Field::Day, items).into()
}
