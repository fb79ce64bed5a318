//! Times, as people say them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// A time, as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This one.
    At(Timestamp),
    /// So long ago.
    Ago(SignedDuration),
}

impl Moment {
    /// The time, as seen from `now`.
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Times without a zone are UTC, as everything in a bundle.
pub(super) fn moment(text: &str) -> Result<Moment, &'static str> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| Moment::At(zoned.timestamp()));
    let ago = |span: Span| {
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        (!duration.is_negative()).then_some(Moment::Ago(duration))
    };
    let text = text.trim();
    let absolute = text.parse().ok().map(Moment::At);
    absolute
        .or_else(|| text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(|date| utc(date.into())))
        .or_else(|| text.parse::<DateTime>().ok().and_then(utc))
        .or_else(|| text.parse().ok().and_then(ago))
        .ok_or("write how long ago (90m, 2h, 3d) or a time in UTC (2026-03-14T12:00:00Z)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_understood_as_people_write_them() {
        let at = |text: &str| Ok(Moment::At(text.parse().unwrap()));
        let ago = |hours| Ok(Moment::Ago(SignedDuration::from_hours(hours)));
        for (text, expected) in [
            ("2026-03-14T12:00:00Z", at("2026-03-14T12:00:00Z")),
            ("2026-03-14T12:00:00+02:00", at("2026-03-14T10:00:00Z")),
            ("2026-03-14", at("2026-03-14T00:00:00Z")),
            ("2026-03-14 12:00", at("2026-03-14T12:00:00Z")),
            ("2h", ago(2)),
            ("90m", Ok(Moment::Ago(SignedDuration::from_mins(90)))),
            ("3d", ago(72)),
            ("1w", ago(168)),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
        for text in ["", "x", "-2h", "2026-13-01", "5"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
