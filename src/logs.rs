//! What logs tell in numbers: how often what happened, and how often at most in one window of time.

mod line;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::profile::Logs;

use line::Line;

/// A window of time that events are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

/// From when to when lines count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Nothing before this.
    pub since: Option<Timestamp>,
    /// Nothing from this on.
    pub until: Option<Timestamp>,
}

/// Counts lines as they are read.
#[derive(Debug)]
pub struct Counter<'a> {
    logs: &'a Logs,
    per: Per,
    span: Span,
    lines: Lines,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    totals: Vec<u64>,
    /// By the number of the window since 1970: how often each metric. Only windows in which something was counted.
    windows: BTreeMap<i64, Vec<u64>>,
}

/// What the lines were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// JSON objects within the span.
    pub counted: u64,
    /// JSON objects outside of it, or of which that cannot be told.
    pub outside: u64,
    /// JSON objects that were counted, in no window: they have no time.
    pub without_time: u64,
    /// What is no JSON object.
    pub not_json: u64,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// What the lines were.
    pub lines: Lines,
    /// The beginning of what was counted.
    pub from: Option<Timestamp>,
    /// The end of what was counted.
    pub to: Option<Timestamp>,
    /// The window.
    pub per: Per,
    /// What was counted, in the order of the description.
    pub metrics: Vec<Counted>,
    /// The windows in which something was counted, oldest first.
    pub series: Vec<Window>,
}

/// How often something happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// For machines.
    pub name: String,
    /// For people.
    pub title: String,
    /// What a person should know of the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How often.
    pub count: u64,
    /// How often in one window on average, from the beginning to the end; absent where no line has a time.
    pub mean: Option<f64>,
    /// How often in one window at most, and in which.
    pub most: Option<Peak>,
}

/// The window in which something happened most often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// How often.
    pub count: u64,
    /// When the window begins; the first of several that are alike.
    pub at: Timestamp,
}

/// What happened in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// When it begins.
    pub at: Timestamp,
    /// How often, in the order of the metrics.
    pub counts: Vec<u64>,
}

impl Per {
    /// The window's length in seconds.
    fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    fn begin(self, window: i64) -> Timestamp {
        Timestamp::from_second(window * self.seconds()).unwrap_or_default()
    }
}

impl Span {
    fn is_open(self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    fn holds(self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

impl<'a> Counter<'a> {
    /// Counts what `logs` describes.
    pub fn new(logs: &'a Logs, per: Per, span: Span) -> Self {
        let totals = vec![0; logs.metrics.len()];
        let (lines, windows) = (Lines::default(), BTreeMap::new());
        Self { logs, per, span, lines, first: None, last: None, totals, windows }
    }

    /// Takes a line, with its end or without. Empty ones are nothing.
    pub fn line(&mut self, text: &[u8]) {
        if text.trim_ascii().is_empty() {
            return;
        }
        let Some(line) = Line::read(text, self.logs) else {
            self.lines.not_json += 1;
            return;
        };
        if !line.time.map_or(self.span.is_open(), |time| self.span.holds(time)) {
            self.lines.outside += 1;
            return;
        }
        self.lines.counted += 1;
        let holds = self.logs.metrics.iter().map(|metric| line.is_counted_by(metric));
        let holds: Vec<bool> = holds.collect();
        add(&mut self.totals, &holds);
        match line.time {
            Some(time) => self.at(time, &holds),
            None => self.lines.without_time += 1,
        }
    }

    fn at(&mut self, time: Timestamp, holds: &[bool]) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        if holds.contains(&true) {
            let window = time.as_second().div_euclid(self.per.seconds());
            add(self.windows.entry(window).or_insert_with(|| vec![0; holds.len()]), holds);
        }
    }

    /// What was counted.
    pub fn finish(self) -> Stats {
        let from = self.span.since.or(self.first);
        let to = self.span.until.or(self.last);
        let windows = from.zip(to).map(|(from, to)| in_windows(to.duration_since(from), self.per));
        let counted = |(index, metric): (usize, &crate::profile::Metric)| {
            let count = self.totals[index];
            Counted {
                name: metric.name.to_string(),
                title: metric.title.clone(),
                note: metric.note.clone(),
                count,
                mean: windows.map(|windows| as_float(count) / windows),
                most: self.most(index),
            }
        };
        let metrics = self.logs.metrics.iter().enumerate().map(counted).collect();
        let begin = |(window, counts): (&i64, &Vec<u64>)| Window {
            at: self.per.begin(*window),
            counts: counts.clone(),
        };
        let series = self.windows.iter().map(begin).collect();
        Stats { lines: self.lines, from, to, per: self.per, metrics, series }
    }

    fn most(&self, index: usize) -> Option<Peak> {
        let counts = self.windows.iter().map(|(window, counts)| (counts[index], *window));
        let most = counts.max_by_key(|(count, window)| (*count, std::cmp::Reverse(*window)));
        most.filter(|(count, _)| *count > 0).map(|(count, window)| Peak { count, at: self.per.begin(window) })
    }
}

fn add(counts: &mut [u64], holds: &[bool]) {
    for (count, holds) in counts.iter_mut().zip(holds) {
        *count += u64::from(*holds);
    }
}

/// How many windows a time takes, at least one: what happened once within a moment did not happen a thousand times.
fn in_windows(length: SignedDuration, per: Per) -> f64 {
    (length.as_secs_f64() / as_float(per.seconds().unsigned_abs())).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "for a rate, fifty-two bits are plenty")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
