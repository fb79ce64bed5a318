//! Structured logs: one JSON object a line with `level`, `time` (RFC 3339), `msg` and the fields given.
//!
//! Nothing here looks for secrets: callers never pass one.

use std::{
    error::Error,
    fmt::Write as _,
    io::Write as _,
    sync::atomic::{AtomicU8, Ordering},
};

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Trace, "trace"),
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Warn, "warn"),
        (Self::Error, "error"),
        (Self::Fatal, "fatal"),
    ];

    /// The level that `LOG_LEVEL` names, in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(level, _)| *level)
    }

    fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// Where logs go: stderr for the commands whose stdout is their result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sink {
    Stdout,
    Stderr,
}

/// The shape of a line: names of levels, and the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Shape {
    /// `{"level":"info","time":...,"msg":...`
    Lowercase,
    /// That of Go's `log/slog`: `{"time":...,"level":"INFO","msg":...`
    Slog,
}

static MINIMUM: AtomicU8 = AtomicU8::new(Level::Info as u8);
static SINK: AtomicU8 = AtomicU8::new(Sink::Stdout as u8);
static SHAPE: AtomicU8 = AtomicU8::new(Shape::Lowercase as u8);

pub(crate) fn init(minimum: Level, sink: Sink, shape: Shape) {
    MINIMUM.store(minimum as u8, Ordering::Relaxed);
    SINK.store(sink as u8, Ordering::Relaxed);
    SHAPE.store(shape as u8, Ordering::Relaxed);
}

pub(crate) fn debug(msg: &str, fields: Value) {
    write(Level::Debug, msg, fields);
}

pub(crate) fn info(msg: &str, fields: Value) {
    write(Level::Info, msg, fields);
}

pub(crate) fn warn(msg: &str, fields: Value) {
    write(Level::Warn, msg, fields);
}

pub(crate) fn error(msg: &str, fields: Value) {
    write(Level::Error, msg, fields);
}

pub(crate) fn fatal(msg: &str, fields: Value) {
    write(Level::Fatal, msg, fields);
}

/// The result of a maintenance command, in the shape of a log line and written at any `LOG_LEVEL`.
pub(crate) fn result(msg: &str, fields: Value) {
    put(&render(Level::Info, msg, fields, jiff::Timestamp::now(), shape()));
}

/// An error and all its causes, `outer: inner: innermost`, without repeating what the outer one quotes.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn write(level: Level, msg: &str, fields: Value) {
    if level as u8 >= MINIMUM.load(Ordering::Relaxed) {
        put(&render(level, msg, fields, jiff::Timestamp::now(), shape()));
    }
}

fn shape() -> Shape {
    if SHAPE.load(Ordering::Relaxed) == Shape::Slog as u8 { Shape::Slog } else { Shape::Lowercase }
}

fn render(level: Level, msg: &str, fields: Value, time: jiff::Timestamp, shape: Shape) -> String {
    let (name, msg) = (level.name(), Value::from(msg));
    let mut text = match shape {
        Shape::Lowercase => format!(r#"{{"level":"{name}","time":"{time:.3}","msg":{msg}"#),
        Shape::Slog => {
            let name = if level == Level::Fatal { "ERROR".to_owned() } else { name.to_uppercase() };
            format!(r#"{{"time":"{time:.9}","level":"{name}","msg":{msg}"#)
        }
    };
    if let Value::Object(fields) = fields {
        for (name, value) in fields {
            let _ = write!(text, ",{}:{value}", Value::from(name));
        }
    }
    text.push_str("}\n");
    text
}

fn put(line: &str) {
    // A closed pipe must not take the product down.
    let _ = if SINK.load(Ordering::Relaxed) == Sink::Stdout as u8 {
        std::io::stdout().lock().write_all(line.as_bytes())
    } else {
        std::io::stderr().lock().write_all(line.as_bytes())
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_one_json_object_with_the_fields() {
        let time = jiff::Timestamp::from_millisecond(1_700_000_000_123).expect("a time in range");
        let line = render(Level::Warn, "two\nlines", json!({"port": 3000}), time, Shape::Lowercase);
        assert_eq!(line.matches('\n').count(), 1);
        let parsed: Value = serde_json::from_str(&line).expect("valid JSON");
        assert_eq!(
            parsed,
            json!({"level":"warn","time":"2023-11-14T22:13:20.123Z","msg":"two\nlines","port":3000})
        );
    }

    #[test]
    fn a_line_of_the_other_shape_is_as_slog_writes_it() {
        let time = jiff::Timestamp::from_millisecond(1_700_000_000_123).expect("a time in range");
        let line = render(Level::Fatal, "receipt insert failed", json!({"id": "r"}), time, Shape::Slog);
        let expected = r#"{"time":"2023-11-14T22:13:20.123000000Z","level":"ERROR","msg":"receipt insert failed","id":"r"}"#;
        assert_eq!(line.trim_end(), expected);
    }

    #[test]
    fn levels_are_ordered_and_named() {
        assert_eq!(Level::parse("WARN"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
        assert!(Level::Debug < Level::Info);
        for (index, (level, _)) in Level::ALL.iter().enumerate() {
            assert_eq!(*level as usize, index);
        }
    }
}
