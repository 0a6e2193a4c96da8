//! Dates as git's users write them: a day, a time, RFC 3339, seconds since 1970, or an age. Where
//! git would take a day to mean the present time on that day, here it is the whole day.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp, ToSpan, ZonedDateTime};

/// Seconds since 1970. `end`: a day without a time means its last second.
pub(super) fn parse(text: &str, now: &ZonedDateTime, end: bool) -> Option<i64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase().replace('.', " ");
    let day = |date: Date| {
        let time = if end { Time::constant(23, 59, 59, 0) } else { Time::midnight() };
        Some(date.to_datetime(time).to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp().as_second())
    };
    match lower.as_str() {
        "now" => return Some(now.timestamp().as_second()),
        "today" | "midnight" => return day(now.date()),
        "yesterday" => return day(now.date().yesterday().ok()?),
        _ => {}
    }
    if let Some(seconds) = seconds(text) {
        return Some(seconds);
    }
    if let Some(span) = age(&lower) {
        return Some(now.checked_sub(span).ok()?.timestamp().as_second());
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_second());
    }
    // A date alone is also a date and time to the parser of those.
    if text.len() <= 10 {
        return day(text.replace('/', "-").parse::<Date>().ok()?);
    }
    let civil = text.parse::<DateTime>().ok()?;
    Some(civil.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp().as_second())
}

/// `@1706700000`, or a bare number too large to be a year.
fn seconds(text: &str) -> Option<i64> {
    match text.strip_prefix('@') {
        Some(number) => number.parse().ok(),
        None if text.len() >= 9 => text.parse().ok(),
        None => None,
    }
}

/// `2 weeks ago`, `1 year 3 months ago`, `2 weeks`.
fn age(text: &str) -> Option<Span> {
    let mut words = text.split_whitespace().filter(|word| *word != "ago" && *word != "and").peekable();
    words.peek()?;
    let mut span = Span::new();
    while let Some(word) = words.next() {
        let count: i32 = match word {
            "a" | "an" | "one" | "last" => 1,
            _ => word.parse().ok().filter(|count| (0..=100_000).contains(count))?,
        };
        let unit = match words.next()?.trim_end_matches('s') {
            "second" | "sec" => count.seconds(),
            "minute" | "min" => count.minutes(),
            "hour" => count.hours(),
            "day" => count.days(),
            "week" => (i64::from(count) * 7).days(),
            "month" => i64::from(count).try_months()?,
            "year" => i64::from(count).try_years()?,
            _ => return None,
        };
        span = merge(span, unit)?;
    }
    Some(span)
}

/// Months and years beyond what a span can hold are no age.
trait Units {
    fn try_months(self) -> Option<Span>;
    fn try_years(self) -> Option<Span>;
}

impl Units for i64 {
    fn try_months(self) -> Option<Span> {
        Span::new().try_months(self).ok()
    }

    fn try_years(self) -> Option<Span> {
        Span::new().try_years(self).ok()
    }
}

fn merge(left: Span, right: Span) -> Option<Span> {
    let span = left.try_years(left.get_years() + right.get_years()).ok()?;
    let span = span.try_months(left.get_months() + right.get_months()).ok()?;
    let span = span.try_days(left.get_days() + right.get_days()).ok()?;
    let span = span.try_hours(left.get_hours() + right.get_hours()).ok()?;
    let span = span.try_minutes(left.get_minutes() + right.get_minutes()).ok()?;
    span.try_seconds(left.get_seconds() + right.get_seconds()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_users_write() {
        let now: ZonedDateTime = "2024-03-10T12:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let at =
            |text: &str| parse(text, &now, false).map(|s| Timestamp::from_second(s).unwrap().to_string());
        for (text, expected) in [
            ("2024-01-02", "2024-01-01T23:00:00Z"),
            ("2024/01/02", "2024-01-01T23:00:00Z"),
            ("2024-01-02 03:04", "2024-01-02T02:04:00Z"),
            ("2024-01-02T03:04:05", "2024-01-02T02:04:05Z"),
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+05:00", "2024-01-01T22:04:05Z"),
            ("@1704164645", "2024-01-02T03:04:05Z"),
            ("1704164645", "2024-01-02T03:04:05Z"),
            ("2 weeks ago", "2024-02-25T11:00:00Z"),
            ("2.weeks", "2024-02-25T11:00:00Z"),
            ("1 year 2 months ago", "2023-01-10T11:00:00Z"),
            ("yesterday", "2024-03-08T23:00:00Z"),
            ("now", "2024-03-10T11:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "2024-13-01", "3", "3 apples ago", "99999999999 years ago", "-"] {
            assert_eq!(at(text), None, "{text}");
        }
        assert_eq!(parse("2024-01-02", &now, true), Some(1_704_236_399));
    }
}
