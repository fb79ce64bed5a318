//! One line of a log, as far as it is counted by.

use jiff::Timestamp;
use serde_json::Value;

use crate::bundle::log::time_of;
use crate::profile::{Logs, Metric, NumberRange};

/// A JSON object.
pub(super) struct Line {
    object: Value,
    pub(super) time: Option<Timestamp>,
    level: Option<String>,
    message: Option<String>,
}

impl Line {
    /// Reads a line; `None` where it is no JSON object.
    pub(super) fn read(text: &[u8], logs: &Logs) -> Option<Self> {
        let object: Value = serde_json::from_slice(text).ok().filter(Value::is_object)?;
        let at = |pointer: &str| object.pointer(pointer);
        let time = at(logs.time.as_str()).and_then(time_of);
        let level = at(logs.level.as_str()).and_then(|level| match level {
            Value::String(word) => Some(word.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let message = at(logs.message.as_str()).and_then(Value::as_str).map(str::to_owned);
        Some(Self { object, time, level, message })
    }

    /// Whether everything that a metric asks for holds.
    pub(super) fn is_counted_by(&self, metric: &Metric) -> bool {
        let message = self.message.as_deref();
        let is = |wanted: &String| message == Some(wanted);
        let starts = |start: &String| message.is_some_and(|message| message.starts_with(start));
        let is_level = |levels: &Vec<String>| {
            let level = self.level.as_deref();
            level.is_some_and(|level| levels.iter().any(|name| name.eq_ignore_ascii_case(level)))
        };
        metric.message.as_ref().is_none_or(is)
            && metric.message_starts.as_ref().is_none_or(starts)
            && metric.level.as_ref().is_none_or(is_level)
            && metric.number.as_ref().is_none_or(|number| self.holds(number))
    }

    fn holds(&self, number: &NumberRange) -> bool {
        let found = self.object.pointer(number.at.as_str()).and_then(Value::as_i64);
        found.is_some_and(|found| (number.from..=number.to).contains(&found))
    }
}
