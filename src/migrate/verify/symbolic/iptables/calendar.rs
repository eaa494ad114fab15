//! `time` as a condition.

use super::super::Condition;
use super::super::fields;
use crate::migrate::iptables::{Calendar, TimeOfDay};

/// The last second of a day.
const DAY_END: u32 = 86_399;

pub(super) fn condition(calendar: &Calendar) -> Condition {
    if calendar.kernel_zone || !calendar.month_days.is_empty() {
        return Condition::atom(format!("{calendar:?}"));
    }
    let TimeOfDay(start) = calendar.start.unwrap_or(TimeOfDay(0));
    let TimeOfDay(stop) = calendar.stop.unwrap_or(TimeOfDay(DAY_END));
    let hour = fields::hour();
    let time = if start <= stop {
        hour.within(start.into(), stop.into())
            .and(days(&calendar.weekdays, 0))
    } else {
        let evening = hour
            .within(start.into(), DAY_END.into())
            .and(days(&calendar.weekdays, 0));
        // Past midnight, a contiguous span belongs to the day on which it began.
        let shift = u8::from(calendar.contiguous);
        let morning = hour
            .within(0, stop.into())
            .and(days(&calendar.weekdays, shift));
        Condition::Any(vec![evening, morning])
    };
    let second = |second: i64| u128::try_from(second).unwrap_or(0);
    let first = calendar.date_start.map_or(0, second);
    let last = calendar.date_stop.map_or(fields::date().largest(), second);
    if calendar.date_start.is_none() && calendar.date_stop.is_none() {
        return time;
    }
    time.and(fields::date().within(first, last))
}

/// It is one of these days, so many days later; days are counted from Sunday.
fn days(days: &[u8], later: u8) -> Condition {
    if days.is_empty() {
        return Condition::Always;
    }
    let each = days
        .iter()
        .map(|day| fields::day().is(u128::from((day + later) % 7)));
    Condition::Any(each.collect())
}
