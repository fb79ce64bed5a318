//! What the journal has of a unit: what its processes wrote, and what systemd says of them.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::bytes::BytesMut;

use crate::adapters::process::HostCommand;
use crate::adapters::tool_output::{Stdin, ToolError, ToolOutput};
use crate::error::Fault;
use crate::profile::UnitName;

const JOURNALCTL: &str = "journalctl";

/// How long a journal is read.
const READING: Duration = Duration::from_secs(10);

/// An entry is no longer than this, whatever was written.
const MOST_OF_ENTRY: usize = 4 << 20;

/// So many older entries are looked at for the beginnings of lines: what a program wrote as one line is written to the journal
/// in one go.
const MOST_BETWEEN: usize = 200;

/// The fields of an entry that are asked for; its time is in every one.
const FIELDS: &str = "MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_STREAM_ID,_LINE_BREAK";

/// How much of a journal is wanted: its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// At most this many lines.
    pub lines: usize,
    /// At most this many bytes.
    pub bytes: usize,
    /// Nothing older than this.
    pub since: Option<Timestamp>,
    /// Nothing newer than this.
    pub until: Option<Timestamp>,
}

/// The end of what the journal has of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEnd {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Whether older ones were left out for want of room or time.
    pub shortened: bool,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its text. Bytes that are not UTF-8 are replaced.
    text: String,
    /// When and by whom, where the unit's own processes did not write it.
    about: Option<String>,
}

/// An entry as journalctl prints it.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at: Option<String>,
    #[serde(rename = "MESSAGE")]
    message: Option<Value>,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    identifier: Option<Value>,
    #[serde(rename = "_SYSTEMD_UNIT")]
    unit: Option<Value>,
    #[serde(rename = "_STREAM_ID")]
    stream: Option<Value>,
    #[serde(rename = "_LINE_BREAK")]
    line_break: Option<Value>,
}

/// The end of what the journal has of a unit.
///
/// # Errors
/// If journalctl is not there, or this user may not read the journal.
pub async fn end(unit: &UnitName, wanted: Wanted) -> Result<JournalEnd, Fault> {
    let cannot = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("the journal of {unit} cannot be read"), error)
            .hint("does systemd run this machine? its journal is read by journalctl")
    };
    let mut running = HostCommand::new(JOURNALCTL, arguments(unit, wanted))
        .start(Stdin::Empty)
        .map_err(|error| cannot(&error))?;
    let mut backwards = Backwards::new(unit, wanted);
    let read = tokio::time::timeout(READING, read(&mut running, &mut backwards)).await;
    match read {
        Ok(Ok(())) if backwards.is_full => return Ok(backwards.finish(true)),
        // What came in that time is worth having.
        Err(_) if !backwards.entries.is_empty() => return Ok(backwards.finish(true)),
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(cannot(&error)),
        Err(_) => {
            return Err(cannot(&ToolError::TimedOut { program: JOURNALCTL.to_owned(), limit: READING }));
        }
    }
    let exit = running.finish().await.map_err(|error| cannot(&error))?;
    let has_no_right = exit.stderr.contains("insufficient permissions")
        || exit.stderr.contains("not seeing messages") && backwards.entries.is_empty();
    if has_no_right {
        return Err(Fault::new(format!("the journal of {unit} cannot be read: this user may not"))
            .hint("who is in the group systemd-journal may: `usermod -aG systemd-journal USER` (as root), and log in anew"));
    }
    if !exit.success() {
        return Err(Fault::new(format!("`{JOURNALCTL} --unit={unit}` ended with {}", exit.status))
            .evidence(exit.stderr.lines().map(str::to_owned)));
    }
    Ok(backwards.finish(false))
}

/// The newest come first, so that it can be left off when there is enough.
fn arguments(unit: &UnitName, wanted: Wanted) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--no-pager", "--output=json", "--all", "--reverse"].map(str::to_owned).into();
    arguments.push(format!("--output-fields={FIELDS}"));
    arguments.push(format!("--unit={unit}"));
    // Whole seconds, as every journalctl understands them.
    let since = wanted.since.map(|at| format!("--since=@{}", at.as_second()));
    let until = wanted.until.map(|at| format!("--until=@{}", at.as_second() + 1));
    arguments.extend(since.into_iter().chain(until));
    arguments
}

async fn read(running: &mut ToolOutput, backwards: &mut Backwards<'_>) -> Result<(), ToolError> {
    let broken = |source| ToolError::Output { program: JOURNALCTL.to_owned(), source };
    let mut waiting = BytesMut::new();
    while let Some(piece) = running.stdout().next().await {
        waiting.extend_from_slice(&piece.map_err(broken)?);
        while let Some(end) = memchr::memchr(b'\n', &waiting) {
            let line = waiting.split_to(end + 1);
            backwards.take(&line);
            if backwards.has_ended() {
                return Ok(());
            }
        }
        if waiting.len() > MOST_OF_ENTRY {
            return Err(broken(std::io::Error::other("an entry is too long")));
        }
    }
    Ok(())
}

/// Entries as they come, newest first.
struct Backwards<'a> {
    unit: &'a UnitName,
    wanted: Wanted,
    entries: Vec<Entry>,
    bytes: usize,
    is_full: bool,
    /// Of each stream, where its oldest entry is, of which an older one may be the beginning.
    oldest: HashMap<String, usize>,
    /// Entries whose beginning was left out.
    headless: Vec<usize>,
    /// How many entries were left out.
    left_out: usize,
}

impl<'a> Backwards<'a> {
    fn new(unit: &'a UnitName, wanted: Wanted) -> Self {
        let (entries, oldest, headless) = (Vec::new(), HashMap::new(), Vec::new());
        Self { unit, wanted, entries, bytes: 0, is_full: false, oldest, headless, left_out: 0 }
    }

    fn take(&mut self, line: &[u8]) {
        let Ok(raw) = serde_json::from_slice::<Raw>(line) else { return };
        let (text, goes_on) = (text_of(raw.message), raw.line_break.is_some());
        let stream = raw.stream.map(|stream| text_of(Some(stream)));
        let rest = stream.as_ref().and_then(|stream| self.oldest.get(stream)).copied().filter(|_| goes_on);
        if self.is_full {
            return self.leave_out(stream.as_deref(), goes_on);
        }
        // The journal cuts long lines, and what other streams say comes between. What is secret has to be found whole.
        if let Some(rest) = rest {
            self.bytes += text.len();
            self.entries[rest].text.insert_str(0, &text);
            self.is_full = self.bytes > self.wanted.bytes;
            return;
        }
        if self.entries.len() >= self.wanted.lines || self.bytes + text.len() > self.wanted.bytes {
            self.is_full = true;
            return self.leave_out(stream.as_deref(), goes_on);
        }
        let is_its_own = raw.unit.is_some_and(|unit| unit == self.unit.as_str());
        let at = raw.at.and_then(|at| Timestamp::from_microsecond(at.parse().ok()?).ok()).unwrap_or_default();
        let about = (!is_its_own).then(|| format!("{at} {}: ", text_of(raw.identifier)));
        self.bytes += text.len();
        if let Some(stream) = stream {
            self.oldest.insert(stream, self.entries.len());
        }
        self.entries.push(Entry { text, about });
    }

    /// What is left out tells whether what was taken of its stream begins with a line, or in the middle of one.
    fn leave_out(&mut self, stream: Option<&str>, goes_on: bool) {
        self.left_out += 1;
        let rest = stream.and_then(|stream| self.oldest.remove(stream));
        self.headless.extend(rest.filter(|_| goes_on));
    }

    fn has_ended(&self) -> bool {
        self.is_full && (self.oldest.is_empty() || self.left_out >= MOST_BETWEEN)
    }

    fn finish(mut self, shortened: bool) -> JournalEnd {
        // From the last on, so that none of them moves another.
        self.headless.sort_unstable();
        for headless in self.headless.iter().rev() {
            self.entries.remove(*headless);
        }
        self.entries.reverse();
        JournalEnd { entries: self.entries, shortened }
    }
}

/// A field: a text, or its bytes where they are not all plain; several if it was given several times.
fn text_of(field: Option<Value>) -> String {
    match field {
        Some(Value::String(text)) => text,
        Some(Value::Array(values)) => {
            let bytes = values.iter().map(|value| value.as_u64().and_then(|byte| u8::try_from(byte).ok()));
            match bytes.collect::<Option<Vec<u8>>>() {
                Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                None => values.into_iter().map(|value| text_of(Some(value))).collect::<Vec<_>>().join(" "),
            }
        }
        _ => String::new(),
    }
}

impl Entry {
    /// What the unit's own processes wrote; none where systemd, or somebody else, speaks about it.
    pub fn own(&self) -> Option<&str> {
        if self.about.is_none() { Some(&self.text) } else { None }
    }

    /// As a line of a log.
    pub fn line(&self) -> String {
        format!("{}{}", self.about.as_deref().unwrap_or_default(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[&str], wanted: Wanted) -> JournalEnd {
        let unit = UnitName::try_from("c.service").unwrap();
        let mut backwards = Backwards::new(&unit, wanted);
        for entry in entries {
            backwards.take(entry.as_bytes());
        }
        let is_full = backwards.is_full;
        backwards.finish(is_full)
    }

    const ALL: Wanted = Wanted { lines: 10, bytes: 1000, since: None, until: None };

    #[test]
    fn the_products_lines_are_as_they_were_and_systemds_tell_when_and_by_whom() {
        let end = read(
            &[
                r#"{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":"ended","SYSLOG_IDENTIFIER":"systemd","_SYSTEMD_UNIT":"init.scope"}"#,
                r#"{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":[104,255,105],"_SYSTEMD_UNIT":"c.service"}"#,
                r#"{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":null,"_SYSTEMD_UNIT":"c.service"}"#,
                "no entry",
            ],
            ALL,
        );
        let lines: Vec<String> = end.entries.iter().map(Entry::line).collect();
        assert_eq!(lines, ["", "h\u{fffd}i", "1970-01-01T00:00:01Z systemd: ended"]);
        assert_eq!(end.entries.iter().filter_map(Entry::own).count(), 2);
        assert!(!end.shortened);
    }

    /// A line of a stream, or a piece of one behind which the journal cut.
    fn piece(text: &str, stream: &str, cut: bool) -> String {
        let rest = if cut { r#","_LINE_BREAK":"line-max""# } else { "" };
        format!(r#"{{"MESSAGE":"{text}","_SYSTEMD_UNIT":"c.service","_STREAM_ID":"{stream}"{rest}}}"#)
    }

    fn lines(newest_first: &[String], wanted: Wanted) -> Vec<String> {
        let newest_first: Vec<&str> = newest_first.iter().map(String::as_str).collect();
        read(&newest_first, wanted).entries.iter().map(Entry::line).collect()
    }

    #[test]
    fn a_line_that_the_journal_cut_is_whole_again() {
        let newest_first = [
            piece("d", "2", false),
            piece("c", "1", false),
            piece("b", "1", true),
            piece("a", "1", true),
            piece("x", "1", false),
        ];
        assert_eq!(lines(&newest_first, ALL), ["x", "abc", "d"]);
    }

    #[test]
    fn what_another_stream_says_between_the_pieces_of_a_line_does_not_part_them() {
        let newest_first = [
            piece("-end", "out", false),
            piece("-END", "err", false),
            piece("middle", "out", true),
            piece("MIDDLE", "err", true),
            piece("begin-", "out", true),
            piece("BEGIN-", "err", true),
            piece("before", "out", false),
        ];
        assert_eq!(lines(&newest_first, ALL), ["before", "BEGIN-MIDDLE-END", "begin-middle-end"]);
    }

    #[test]
    fn a_line_whose_beginning_was_not_read_is_left_out() {
        let newest_first = [
            piece("whole", "err", false),
            piece("ret", "out", false),
            piece("other", "third", false),
            piece("whole before", "err", false),
            piece("sec", "out", true),
            piece("long before", "out", false),
        ];
        assert_eq!(lines(&newest_first, Wanted { lines: 3, ..ALL }), ["other", "whole"]);
        // The same where it is the piece itself that there is no room for, and where the room was filled by one.
        let newest_first = [
            piece("x", "err", false),
            piece("ret", "out", false),
            piece("c", "out", true),
            piece("se", "out", true),
        ];
        assert_eq!(lines(&newest_first, Wanted { bytes: 4, ..ALL }), ["x"]);
        assert_eq!(lines(&newest_first, Wanted { lines: 1, ..ALL }), ["x"]);
    }

    #[test]
    fn the_newest_are_kept_when_there_are_too_many_or_too_much() {
        let newest_first = ["ccc", "bbb", "aaa"]
            .map(|text| format!(r#"{{"MESSAGE":"{text}","_SYSTEMD_UNIT":"c.service"}}"#));
        let newest_first = newest_first.each_ref().map(String::as_str);
        for wanted in [Wanted { lines: 2, ..ALL }, Wanted { bytes: 7, ..ALL }] {
            let end = read(&newest_first, wanted);
            let lines: Vec<String> = end.entries.iter().map(Entry::line).collect();
            assert_eq!((lines, end.shortened), (vec!["bbb".to_owned(), "ccc".to_owned()], true));
        }
        assert!(!read(&newest_first, ALL).shortened);
    }
}
