//! `time`: when a rule holds.

use std::fmt;

/// `time`; all times are UTC unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Calendar {
    /// Not before this second since 1970.
    pub date_start: Option<i64>,
    /// Not after this second since 1970.
    pub date_stop: Option<i64>,
    /// From this time of day.
    pub start: Option<TimeOfDay>,
    /// To this time of day; before `start` it is on the next day.
    pub stop: Option<TimeOfDay>,
    /// Days of the week, 1 for Monday to 7; empty is all.
    pub weekdays: Vec<u8>,
    /// Days of the month; empty is all.
    pub month_days: Vec<u8>,
    /// `--kerneltz`: in the kernel's time zone.
    pub kernel_zone: bool,
    /// `--contiguous`: past midnight is the same day.
    pub contiguous: bool,
}

/// Seconds since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(pub u32);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = self;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}
