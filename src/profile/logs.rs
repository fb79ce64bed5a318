//! What a product's logs tell: where its fields are, and what is counted.

use std::path::Path;

use serde::Deserialize;

use super::{JsonPointer, MetricName, ProcessProfile};

/// How the product's JSON logs are read: one object a line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Where in a line its time is: RFC 3339, or a number of seconds or milliseconds since 1970.
    pub time: JsonPointer,
    /// Where its level is.
    pub level: JsonPointer,
    /// Where its message is.
    pub message: JsonPointer,
    /// What is counted.
    pub metrics: Vec<Metric>,
}

/// Something that is counted: the lines for which every condition that is given holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// For machines.
    pub name: MetricName,
    /// For people.
    pub title: String,
    /// What a person should know of the number.
    pub note: Option<String>,
    /// The whole message.
    pub message: Option<String>,
    /// How the message begins.
    pub message_starts: Option<String>,
    /// The levels, as the log writes them, in any case.
    pub level: Option<Vec<String>>,
    /// A number in the line, such as a status of HTTP.
    pub number: Option<NumberRange>,
}

/// A number, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRange {
    /// Where it is.
    pub at: JsonPointer,
    /// The smallest.
    pub from: i64,
    /// The largest.
    pub to: i64,
}

/// A product whose logs opsctl can read without an install of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KnownLogs {
    /// A collector of agent receipts.
    Collector,
}

impl KnownLogs {
    /// How its logs are read.
    pub fn logs(self) -> Logs {
        let text = match self {
            Self::Collector => super::COLLECTOR,
        };
        ProcessProfile::parse(text, Path::new("collector.toml")).expect("a test reads it").logs
    }
}

impl Metric {
    /// Whether it says which lines it counts.
    pub(super) fn has_condition(&self) -> bool {
        self.message.is_some()
            || self.message_starts.is_some()
            || self.level.is_some()
            || self.number.is_some()
    }

    fn of_levels(name: &str, title: &str, levels: &[&str]) -> Self {
        Self {
            name: MetricName::try_from(name).expect("a name"),
            title: title.to_owned(),
            note: None,
            message: None,
            message_starts: None,
            level: Some(levels.iter().map(|level| (*level).to_owned()).collect()),
            number: None,
        }
    }
}

impl Default for Logs {
    fn default() -> Self {
        let pointer = |text| JsonPointer::try_from(text).expect("a pointer");
        Self {
            time: pointer("/time"),
            level: pointer("/level"),
            message: pointer("/msg"),
            metrics: vec![
                Metric::of_levels("warnings", "warnings", &["warn", "warning", "40"]),
                Metric::of_levels("errors", "errors", &["error", "fatal", "critical", "panic", "50", "60"]),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_that_are_known_can_be_read_and_count_something() {
        let logs = KnownLogs::Collector.logs();
        let names: Vec<_> = logs.metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["ingest", "conflicts", "client-errors", "server-errors"]);
        assert!(logs.metrics.iter().all(Metric::has_condition));
        assert_eq!((logs.time.as_str(), logs.message.as_str()), ("/time", "/msg"));
    }
}
