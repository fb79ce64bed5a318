//! One line of a log.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::level::Level;
use super::{MESSAGE, time};

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing.
    Blank,
    /// It belongs to the event before it.
    More(String),
    /// The same, and ends a trace that says what happened only there.
    TraceEnds(String),
    /// An event begins.
    Event { at: Option<Timestamp>, level: Option<Level>, message: String },
}

const LEVELS: [&str; 8] =
    ["level", "lvl", "severity", "levelname", "log.level", "loglevel", "level_name", "@l"];
const TIMES: [&str; 8] = ["time", "ts", "timestamp", "@timestamp", "t", "datetime", "date", "@t"];
const MESSAGES: [&str; 7] = ["msg", "message", "@m", "@mt", "event", "text", "body"];
const ERRORS: [&str; 6] = ["err", "error", "exception", "cause", "error.message", "exc_info"];

/// What PostgreSQL says more of an event, in lines of their own.
const DETAILS: [&str; 6] = ["DETAIL:", "HINT:", "CONTEXT:", "STATEMENT:", "QUERY:", "LOCATION:"];

/// Reads a line, after another one or as the first, and perhaps within a trace of Python.
pub(super) fn read(text: &str, year: Option<i16>, has_before: bool, is_trace: bool) -> Part {
    let text = without_colours(text);
    let text = without_prefix(&text);
    if text.trim().is_empty() {
        return Part::Blank;
    }
    if is_trace && !text.starts_with([' ', '\t']) {
        return Part::TraceEnds(kept(text));
    }
    if let Some(event) = json(text).or_else(|| logfmt(text)) {
        return event;
    }
    if has_before && continues(text) {
        return Part::More(kept(text));
    }
    plain(text, year, has_before)
}

/// `ledger-api-1  | ` of Compose.
fn without_prefix(text: &str) -> &str {
    match text.split_once("| ") {
        Some((name, rest))
            if name.len() < 64
                && !name.trim().is_empty()
                && name
                    .trim_end()
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                && name.ends_with(' ') =>
        {
            rest
        }
        _ => text,
    }
}

fn without_colours(text: &str) -> String {
    if text.contains('\u{1b}') { anstream::adapter::strip_str(text).to_string() } else { text.to_owned() }
}

fn kept(text: &str) -> String {
    text.chars().take(MESSAGE).collect()
}

/// Whether it goes on with what the line before said.
fn continues(text: &str) -> bool {
    let is_set_in = text.starts_with([' ', '\t']);
    let closes = text.trim_end().len() <= 2 && text.starts_with(['}', ']', ')']);
    is_set_in
        || closes
        || ["Caused by:", "...", "goroutine ", "stack backtrace:"].iter().any(|start| text.starts_with(start))
}

fn json(text: &str) -> Option<Part> {
    let object: Map<String, Value> =
        serde_json::from_str(text.trim().strip_prefix('{').map(|_| text)?).ok()?;
    let first = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
    let level = first(&LEVELS).and_then(level_of);
    let at = first(&TIMES).and_then(time::of_value);
    let mut message = first(&MESSAGES).map(in_words).unwrap_or_default();
    for said in ERRORS.iter().filter_map(|name| object.get(*name)).map(in_words) {
        if !said.is_empty() && !message.contains(&said) {
            message = if message.is_empty() { said } else { format!("{message}: {said}") };
        }
    }
    if message.is_empty() {
        text.clone_into(&mut message);
    }
    Some(Part::Event { at, level, message: kept(&message) })
}

fn level_of(value: &Value) -> Option<Level> {
    match value {
        Value::Number(number) => Level::of_number(number.as_i64()?),
        Value::String(word) => Level::of_word(word).or_else(|| word.parse().ok().and_then(Level::of_number)),
        _ => None,
    }
}

/// A message, or an error with its code.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(object) => {
            let part = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
            let message = if part("message").is_empty() { part("stack") } else { part("message") };
            let code = part("code");
            match code {
                "" => message.to_owned(),
                code if message.contains(code) => message.to_owned(),
                code => format!("{message} ({code})"),
            }
        }
        _ => String::new(),
    }
}

/// `level=error msg="it failed" err="disk full"`.
fn logfmt(text: &str) -> Option<Part> {
    let has = |names: &[&str]| names.iter().any(|name| text.contains(&format!("{name}=")));
    if !has(&LEVELS[..3]) || !has(&MESSAGES[..2]) {
        return None;
    }
    let pairs = pairs(text);
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
    };
    let level = first(&LEVELS).and_then(|word| level_of(&Value::String(word)))?;
    let mut message = first(&MESSAGES)?;
    if let Some(error) = first(&ERRORS) {
        message = format!("{message}: {error}");
    }
    let at = first(&TIMES).and_then(|time| time::of_value(&Value::String(time)));
    Some(Part::Event { at, level: Some(level), message: kept(&message) })
}

fn pairs(text: &str) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((key, behind)) = rest.split_once('=') {
        let key = key.rsplit([' ', '\t']).next().unwrap_or_default();
        let (value, after) = if let Some(quoted) = behind.strip_prefix('"') {
            until_quote(quoted)
        } else {
            let (value, after) = behind.split_at(behind.find(' ').unwrap_or(behind.len()));
            (value.to_owned(), after)
        };
        pairs.push((key, value));
        rest = after;
    }
    pairs
}

fn until_quote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &text[index + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

/// PostgreSQL's lines, and any others that begin with a time or name a level.
fn plain(text: &str, year: Option<i16>, has_before: bool) -> Part {
    let found = time::find(text, year);
    let after_time = found.map_or(text, |found| text[found.end..].trim_start_matches([']', ' ', '\t', '-']));
    if has_before && DETAILS.iter().any(|detail| after_head(after_time, detail).is_some()) {
        return Part::More(kept(after_time));
    }
    let (level, message) = level_and_message(after_time).unwrap_or((None, after_time));
    let glog = found.and_then(|found| match text.as_bytes()[found.start] {
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        b'W' => Some(Level::Warning),
        b'I' => Some(Level::Info),
        _ => None,
    });
    let level = level.or(glog).or_else(|| by_itself(text));
    Part::Event { at: found.map(|found| found.at), level, message: kept(message.trim()) }
}

/// What stands behind a mark near the beginning.
fn after_head<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let at = text.find(mark)?;
    (at < 80).then(|| &text[at + mark.len()..])
}

/// The level, if one of the first words is one and looks like one: in capitals, in brackets, or before a colon.
fn level_and_message(text: &str) -> Option<(Option<Level>, &str)> {
    let mut rest = text;
    for _ in 0..6 {
        let word = rest.split_whitespace().next()?;
        let start = rest.find(word)?;
        let behind = &rest[start + word.len()..];
        let bare = word.trim_matches(['[', ']', '(', ')', '<', '>', ':', '|', ',']);
        // `ERROR:root:message` of Python.
        let (bare, rest_of_word) = bare.split_once(':').unwrap_or((bare, ""));
        let is_marked = bare.len() < word.len() || !bare.bytes().any(|byte| byte.is_ascii_lowercase());
        if let Some(level) = Level::of_word(bare).filter(|_| is_marked) {
            let message = if rest_of_word.is_empty() { behind } else { &rest[start..] };
            return Some((Some(level), message.trim_start_matches([':', ' ', '|', '-'])));
        }
        rest = behind;
    }
    None
}

/// What a line is that names no level but can be nothing else.
fn by_itself(text: &str) -> Option<Level> {
    let start = text.trim_start();
    let fatal = ["panic:", "thread '", "fatal error:", "Out of memory", "Killed"];
    if fatal.iter().any(|mark| start.starts_with(mark))
        && (!start.starts_with("thread '") || start.contains("panicked at"))
    {
        return Some(Level::Fatal);
    }
    let error = [
        "Traceback (most recent call last)",
        "Exception in thread",
        "Unhandled ",
        "Uncaught ",
        "uncaughtException",
    ];
    let named = start.split([':', ' ']).next().is_some_and(|word| {
        (word.ends_with("Error") || word.ends_with("Exception")) && word.len() > 5 || word == "Error"
    });
    if error.iter().any(|mark| start.starts_with(mark)) || named && start.contains(':') {
        return Some(Level::Error);
    }
    // An access log: the status stands behind the request.
    let status = text.split("\" ").nth(1)?.split(' ').next()?;
    (status.len() == 3 && text.contains("HTTP/"))
        .then(|| if status.starts_with('5') { Level::Error } else { Level::Info })
}
