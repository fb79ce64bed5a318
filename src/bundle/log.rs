//! Logs, whoever wrote them, as events with a time, a level and a message.
//!
//! An event is one line, or several: what is set in below an error, such as a stack trace, belongs to it. No format is
//! configured: JSON, logfmt, PostgreSQL's and plain text are told apart line by line.

mod level;
mod line;
mod shape;
mod time;

pub use level::Level;
pub use shape::shape;
pub use time::of_value as time_of;

use jiff::Timestamp;

use line::Part;

/// A log of one container or operation.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The member that holds it.
    pub member: String,
    /// The service that it is of; of none, the container or the operation.
    pub service: String,
    /// What happened, in the order of the lines.
    pub events: Vec<LogEvent>,
}

/// Something that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Its first line, counted from 1.
    pub line: usize,
    /// How many lines it takes.
    pub lines: usize,
    /// When, by the log itself; a line without a time has that of the one before it.
    pub at: Option<Timestamp>,
    /// How bad, if it says so.
    pub level: Option<Level>,
    /// What it says, without time and level; of a JSON line the message and what is said of an error.
    pub message: String,
}

/// Most characters of a message that are kept.
const MESSAGE: usize = 4000;

impl Log {
    /// Reads a log. `year` is assumed where a time has none.
    pub fn read<'a>(
        member: &str,
        service: &str,
        lines: impl Iterator<Item = &'a str>,
        year: Option<i16>,
    ) -> Self {
        let mut log = Self { member: member.to_owned(), service: service.to_owned(), events: Vec::new() };
        let mut is_trace = false;
        for (index, text) in lines.enumerate() {
            let before = log.events.last().map(|event| event.message.as_str());
            match line::read(text, year, before.is_some(), is_trace) {
                Part::Blank => {}
                Part::More(text) => log.add(&text),
                Part::TraceEnds(text) => {
                    is_trace = false;
                    log.add(&text);
                }
                Part::Event { at, level, message } => {
                    is_trace = message.starts_with("Traceback (most recent call last)");
                    let at = at.or_else(|| log.events.last().and_then(|event| event.at));
                    log.events.push(LogEvent { line: index + 1, lines: 1, at, level, message });
                }
            }
        }
        log
    }

    fn add(&mut self, text: &str) {
        if let Some(event) = self.events.last_mut() {
            event.lines += 1;
            if event.message.len() < MESSAGE {
                event.message.push('\n');
                event.message.push_str(text);
            }
        }
    }

    /// What went wrong, by what it says of itself.
    pub fn errors(&self) -> impl DoubleEndedIterator<Item = &LogEvent> {
        self.events.iter().filter(|event| event.is_error())
    }
}

impl LogEvent {
    /// Whether it is an error or worse.
    pub fn is_error(&self) -> bool {
        self.level.is_some_and(|level| level >= Level::Error)
    }

    /// Whether it may tell of trouble: a warning or worse, or it does not say what it is.
    pub fn may_be_trouble(&self) -> bool {
        self.level.is_none_or(|level| level >= Level::Warning)
    }

    /// The first line of what it says.
    pub fn headline(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
