//! `time` as a condition.

use super::super::Condition;
use super::super::fields;
use crate::migrate::iptables::{Calendar, TimeOfDay};

/// The last second of a day.
const DAY_END: u32 = 86_399;

pub(super) fn condition(calendar: &Calendar) -> Condition {
    if calendar.kernel_zone || !calendar.month_days.is_empty() {
        return Condition::atom(words(calendar));
    }
    let TimeOfDay(start) = calendar.start.unwrap_or(TimeOfDay(0));
    let TimeOfDay(stop) = calendar.stop.unwrap_or(TimeOfDay(DAY_END));
    let hour = fields::hour();
    let time = if start < stop {
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

/// All that a calendar says.
fn words(calendar: &Calendar) -> String {
    let time = |word: &str, time: Option<TimeOfDay>| time.map(|time| format!("{word} {time}"));
    let date = |word: &str, date: Option<i64>| date.map(|second| format!("{word} second {second}"));
    let days = |what: &str, days: &[u8]| {
        let numbers: Vec<_> = days.iter().map(u8::to_string).collect();
        (!days.is_empty()).then(|| format!("days {} of the {what}", numbers.join(",")))
    };
    let parts = [
        time("from", calendar.start),
        time("to", calendar.stop),
        days("week", &calendar.weekdays),
        days("month", &calendar.month_days),
        date("since", calendar.date_start),
        date("until", calendar.date_stop),
        calendar
            .kernel_zone
            .then(|| "in the kernel's time zone".to_owned()),
        calendar.contiguous.then(|| "contiguous".to_owned()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!("time {}", parts.join(" "))
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
