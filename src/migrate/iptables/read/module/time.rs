//! `time`.

use super::{has, option, plain, read, whole};
use crate::migrate::iptables::read::number::required;
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{Calendar, Match, Sense, Test, TimeOfDay};
use crate::net::decimal;

/// `time`.
pub(super) fn calendar(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--weekdays", "--monthdays"])?;
    let test = Test::Time(Calendar {
        date_start: read(given, "--datestart", date)?,
        date_stop: read(given, "--datestop", date)?,
        start: read(given, "--timestart", time_of_day)?,
        stop: read(given, "--timestop", time_of_day)?,
        weekdays: days(given, "--weekdays", 7, weekday)?,
        month_days: days(given, "--monthdays", 31, |text| {
            required("day of a month", text)
        })?,
        kernel_zone: has(given, "--kerneltz"),
        contiguous: has(given, "--contiguous"),
    });
    Ok(whole(Sense::Is, test))
}

/// The days of a list; a negated list is all others.
fn days(
    given: &[Given],
    name: &str,
    last: u8,
    day: impl Fn(&str) -> Result<u8, String>,
) -> Result<Vec<u8>, String> {
    let Some(given) = option(given, name) else {
        return Ok(Vec::new());
    };
    let named: Vec<u8> = given
        .value()
        .split(',')
        .map(day)
        .collect::<Result<_, _>>()?;
    if let Some(wrong) = named.iter().find(|day| !(1..=last).contains(*day)) {
        return Err(format!("{wrong} is no day, 1-{last}"));
    }
    let wanted = |day: &u8| named.contains(day) == (given.sense == Sense::Is);
    let days: Vec<u8> = (1..=last).filter(wanted).collect();
    match days.is_empty() {
        true => Err("no day is left".to_owned()),
        false => Ok(days),
    }
}

fn weekday(text: &str) -> Result<u8, String> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let lower = text.to_ascii_lowercase();
    let named = NAMES
        .iter()
        .position(|name| lower.len() >= 2 && (name.starts_with(&lower) || lower.starts_with(name)));
    let numbered = || required("day of the week, Mon-Sun or 1-7", text);
    named
        .and_then(|at| u8::try_from(at + 1).ok())
        .map_or_else(numbered, Ok)
}

fn time_of_day(text: &str) -> Result<TimeOfDay, String> {
    const LIMITS: [u32; 3] = [24, 60, 60];
    let mut parts = [0; 3];
    let given: Vec<_> = text.split(':').collect();
    if !(2..=3).contains(&given.len()) {
        return Err(format!("{text:?} is no time hh:mm or hh:mm:ss"));
    }
    for ((part, text), limit) in parts.iter_mut().zip(&given).zip(LIMITS) {
        *part = decimal::<u32>(text)
            .filter(|part| *part < limit)
            .ok_or_else(|| format!("{text:?} of a time is not below {limit}"))?;
    }
    let [hours, minutes, seconds] = parts;
    Ok(TimeOfDay(hours * 3600 + minutes * 60 + seconds))
}

/// `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]` in UTC, in seconds since 1970.
fn date(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no date YYYY-MM-DDThh:mm:ss");
    let (day, clock) = text.split_once('T').unwrap_or((text, "0:0:0"));
    let numbers = |text: &str, separator: char| -> Option<Vec<i64>> {
        let each = text
            .split(separator)
            .map(|part| decimal::<u32>(part).map(i64::from));
        each.collect()
    };
    let day = numbers(day, '-').ok_or_else(wrong)?;
    let clock = numbers(clock, ':').ok_or_else(wrong)?;
    let part = |list: &[i64], at: usize, default: i64| list.get(at).copied().unwrap_or(default);
    let (year, month, date) = (part(&day, 0, 1970), part(&day, 1, 1), part(&day, 2, 1));
    let (hours, minutes, seconds) = (part(&clock, 0, 0), part(&clock, 1, 0), part(&clock, 2, 0));
    let fits = (1970..=2105).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&date)
        && hours < 24
        && minutes < 60
        && seconds < 60
        && day.len() <= 3
        && clock.len() <= 3;
    fits.then(|| ((days_since_1970(year, month, date) * 24 + hours) * 60 + minutes) * 60 + seconds)
        .ok_or_else(wrong)
}

/// Days of the Gregorian calendar; the year begins in March here, so that a leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_TO_1970_03_01: i64 = 719_468;
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - DAYS_TO_1970_03_01
}

#[cfg(test)]
mod tests {
    use super::{date, weekday};

    #[test]
    fn dates_are_seconds() {
        assert_eq!(date("1970-01-01T00:00:00"), Ok(0));
        assert_eq!(date("2024-02-29T12:34:56"), Ok(1_709_210_096));
        assert_eq!(date("2038-01-19T03:14:07"), Ok(2_147_483_647));
        assert!(date("2024-13-01").is_err());
    }

    #[test]
    fn weekdays_have_names_and_numbers() {
        assert_eq!(weekday("Sun"), Ok(7));
        assert_eq!(weekday("1"), Ok(1));
        assert!(weekday("x").is_err());
    }
}
