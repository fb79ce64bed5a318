//! Times as logs write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// How far into a line a time may begin, in bytes.
const REACH: usize = 48;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A time and where it stands in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) at: Timestamp,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The first time near the beginning of a line. One without a zone is in UTC, as containers run.
pub(super) fn find(text: &str, year: Option<i16>) -> Option<Found> {
    let bytes = text.as_bytes();
    (0..bytes.len().min(REACH)).filter(|&start| begins_word(bytes, start)).find_map(|start| {
        let mut scan = Scan { bytes, next: start };
        let at = match bytes[start] {
            b'0'..=b'9' => scan.iso().or_else(|| {
                scan.next = start;
                scan.common_log()
            }),
            b'I' | b'W' | b'E' | b'F' if bytes.get(start + 1).is_some_and(u8::is_ascii_digit) => {
                scan.glog(year)
            }
            b'A'..=b'Z' => scan.syslog(year),
            _ => None,
        }?;
        Some(Found { at, start, end: scan.next })
    })
}

/// A whole value that is a time: text, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
pub fn of_value(value: &serde_json::Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str() {
        return text
            .parse()
            .ok()
            .or_else(|| find(text, None).map(|found| found.at))
            .or_else(|| text.parse::<f64>().ok().and_then(of_number));
    }
    value.as_f64().and_then(of_number)
}

#[expect(clippy::cast_possible_truncation, reason = "the sizes are looked at, and milliseconds are enough")]
fn of_number(number: f64) -> Option<Timestamp> {
    let milliseconds = match number {
        number if number >= 1e17 => number / 1e6,
        number if number >= 1e14 => number / 1e3,
        number if number >= 1e11 => number,
        number if number >= 1e8 => number * 1e3,
        _ => return None,
    };
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

fn begins_word(bytes: &[u8], start: usize) -> bool {
    start == 0 || !bytes[start - 1].is_ascii_alphanumeric() && !matches!(bytes[start - 1], b'.' | b'-' | b':')
}

/// The hour, minute, second and nanosecond of a day.
type Clock = (i8, i8, i8, i32);

struct Scan<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Scan<'_> {
    /// `2026-03-14T02:00:00.123Z`, `2026-03-14 02:00:00,123 UTC`, `2026/03/14 02:00:00 +01:00`.
    fn iso(&mut self) -> Option<Timestamp> {
        let year = self.number(4)?;
        let separator = self.one_of(b"-/")?;
        let month = self.number(2)?;
        self.one_of(&[separator])?;
        let day = self.number(2)?;
        self.one_of(b"T t_")?;
        let clock = self.clock()?;
        let offset = self.zone().unwrap_or(0);
        timestamp(i16::try_from(year).ok()?, month, day, clock, offset)
    }

    /// `14/Mar/2026:02:00:00 +0000`.
    fn common_log(&mut self) -> Option<Timestamp> {
        let day = self.number(2)?;
        self.one_of(b"/ -")?;
        let month = self.month()?;
        self.one_of(b"/ -")?;
        let year = self.number(4)?;
        self.one_of(b": ")?;
        let clock = self.clock()?;
        let offset = self.zone().unwrap_or(0);
        timestamp(i16::try_from(year).ok()?, month, day, clock, offset)
    }

    /// `Mar 14 02:00:00`.
    fn syslog(&mut self, year: Option<i16>) -> Option<Timestamp> {
        let month = self.month()?;
        self.one_of(b" ")?;
        let day = if self.one_of(b" ").is_some() { self.number(1)? } else { self.number(2)? };
        self.one_of(b" ")?;
        let clock = self.clock()?;
        timestamp(year?, month, day, clock, 0)
    }

    /// `E0314 02:00:00.123456`.
    fn glog(&mut self, year: Option<i16>) -> Option<Timestamp> {
        self.next += 1;
        let month = self.number(2)?;
        let day = self.number(2)?;
        self.one_of(b" ")?;
        let clock = self.clock()?;
        timestamp(year?, month, day, clock, 0)
    }

    fn clock(&mut self) -> Option<Clock> {
        let hour = self.number(2)?;
        self.one_of(b":")?;
        let minute = self.number(2)?;
        self.one_of(b":")?;
        let second = self.number(2)?;
        let mut nanosecond = 0;
        if self.one_of(b".,").is_some() {
            let mut unit = 100_000_000;
            while let Some(digit) = self.digit() {
                nanosecond += digit * unit;
                unit /= 10;
            }
        }
        Some((small(hour)?, small(minute)?, small(second)?, nanosecond))
    }

    /// The seconds by which the clock is ahead of UTC.
    fn zone(&mut self) -> Option<i32> {
        let start = self.next;
        self.one_of(b" ");
        if self.one_of(b"Zz").is_some() || self.word(b"UTC") || self.word(b"GMT") {
            return Some(0);
        }
        let seconds = self.one_of(b"+-").and_then(|sign| {
            let hours = self.number(2)?;
            self.one_of(b":");
            let minutes = self.number(2).unwrap_or(0);
            let seconds = hours * 3600 + minutes * 60;
            Some(if sign == b'-' { -seconds } else { seconds })
        });
        if seconds.is_none() {
            self.next = start;
        }
        seconds
    }

    fn month(&mut self) -> Option<i32> {
        let word = self.bytes.get(self.next..self.next + 3)?;
        let month = MONTHS.iter().position(|month| word.eq_ignore_ascii_case(month.as_bytes()))?;
        self.next += 3;
        i32::try_from(month + 1).ok()
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let is_there = self.bytes[self.next..].starts_with(word);
        if is_there {
            self.next += word.len();
        }
        is_there
    }

    fn number(&mut self, digits: usize) -> Option<i32> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    fn digit(&mut self) -> Option<i32> {
        let digit = self.bytes.get(self.next).filter(|byte| byte.is_ascii_digit())?;
        self.next += 1;
        Some(i32::from(digit - b'0'))
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = *self.bytes.get(self.next).filter(|byte| bytes.contains(byte))?;
        self.next += 1;
        Some(byte)
    }
}

fn small(number: i32) -> Option<i8> {
    i8::try_from(number).ok()
}

fn timestamp(year: i16, month: i32, day: i32, clock: Clock, offset: i32) -> Option<Timestamp> {
    let (hour, minute, second, nanosecond) = clock;
    let local = DateTime::new(year, small(month)?, small(day)?, hour, minute, second, nanosecond).ok()?;
    let offset = Offset::from_seconds(offset).ok()?;
    TimeZone::fixed(offset).to_timestamp(local).ok()
}
