//! Which backup is meant: the second it was begun, in UTC.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// A backup's identity, written `YYYY-MM-DD-HHMMSS` (UTC).
///
/// Ids sort by time, and those recorded for one install are strictly increasing: see [`BackupId::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BackupId(DateTime);

/// The id for a new backup, and what had to be known of the clock to choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextId {
    /// Later than every id recorded before.
    pub id: BackupId,
    /// Whether the id is the present time.
    pub clock: Clock,
}

/// What the clock said when an id was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It is not behind the newest backup.
    Sound,
    /// It is this far behind the newest backup, so the id is the first free second after that one instead.
    Behind(SignedDuration),
}

/// A text that is not `YYYY-MM-DD-HHMMSS`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a backup's id (YYYY-MM-DD-HHMMSS, UTC)")]
pub struct BackupIdError(String);

impl BackupId {
    /// The id of a backup begun at `moment`; parts of a second are dropped.
    pub fn at(moment: Timestamp) -> Self {
        let civil = moment.to_zoned(TimeZone::UTC).datetime();
        Self(civil.with().subsec_nanosecond(0).build().unwrap_or(civil))
    }

    /// The id for a backup begun `now`, given the newest id recorded so far.
    ///
    /// Order must not depend on the clock: if it does not lie after `newest`, the next free second after that is taken.
    pub fn next(now: Timestamp, newest: Option<Self>) -> NextId {
        let by_clock = Self::at(now);
        match newest {
            Some(newest) if by_clock <= newest => {
                let behind = newest.timestamp().duration_since(by_clock.timestamp());
                let clock = if behind.is_zero() { Clock::Sound } else { Clock::Behind(behind) };
                NextId { id: Self(newest.0.saturating_add(1.second())), clock }
            }
            _ => NextId { id: by_clock, clock: Clock::Sound },
        }
    }

    /// The moment that the id names.
    pub fn timestamp(self) -> Timestamp {
        self.0.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }

    /// `backup-YYYY-MM-DD-HHMMSS.tar.gz`.
    pub fn file_name(self) -> String {
        format!("backup-{self}.tar.gz")
    }

    /// The id in a file name such as [`BackupId::file_name`] gives; `None` for any other name.
    pub fn from_file_name(name: &str) -> Option<Self> {
        name.strip_prefix("backup-")?.strip_suffix(".tar.gz")?.parse().ok()
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.0;
        let (year, month, day) = (at.year(), at.month(), at.day());
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}-{:02}{:02}{:02}",
            at.hour(),
            at.minute(),
            at.second()
        )
    }
}

impl FromStr for BackupId {
    type Err = BackupIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Self).ok_or_else(|| BackupIdError(text.chars().take(40).collect()))
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for BackupId {
    type Error = BackupIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

fn parse(text: &str) -> Option<DateTime> {
    let shape = text.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 | 10 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if text.len() != 17 || !shape {
        return None;
    }
    let two = |from: usize| text.get(from..from + 2)?.parse::<i8>().ok();
    let year = text.get(..4)?.parse().ok()?;
    // The clock knows no second 60, whatever the calendar says.
    DateTime::new(year, two(5)?, two(8)?, two(11)?, two(13)?, two(15)?, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn written_and_read_back() {
        let id = BackupId::at(moment("2026-03-04T05:06:07.891Z"));
        assert_eq!(id.to_string(), "2026-03-04-050607");
        assert_eq!(id.file_name(), "backup-2026-03-04-050607.tar.gz");
        assert_eq!(BackupId::from_file_name(&id.file_name()), Some(id));
        assert_eq!(id.timestamp(), moment("2026-03-04T05:06:07Z"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2026-03-04",
            "2026-03-04-05060",
            "2026-03-04-0506077",
            "2026-13-04-050607",
            "2026-02-30-050607",
            "2026-03-04-240000",
            "2026-03-04-05060x",
            "2026-03-04-+50607",
            "٢٠٢٦-03-04-050",
        ] {
            assert!(text.parse::<BackupId>().is_err(), "{text}");
        }
        assert_eq!(BackupId::from_file_name("backup-2026-03-04-050607.tar.gz.part"), None);
    }

    #[test]
    fn a_clock_that_went_back_does_not_change_the_order() {
        let newest = "2026-03-04-050607".parse().unwrap();
        let later = BackupId::next(moment("2026-03-04T05:06:08Z"), Some(newest));
        assert_eq!((later.id.to_string().as_str(), later.clock), ("2026-03-04-050608", Clock::Sound));
        let same = BackupId::next(moment("2026-03-04T05:06:07.5Z"), Some(newest));
        assert_eq!((same.id.to_string().as_str(), same.clock), ("2026-03-04-050608", Clock::Sound));
        let behind = BackupId::next(moment("2026-03-04T04:06:07Z"), Some(newest));
        assert_eq!(behind.id.to_string(), "2026-03-04-050608");
        assert_eq!(behind.clock, Clock::Behind(SignedDuration::from_hours(1)));
    }
}
