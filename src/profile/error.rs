//! What is wrong with a description, where, and what was probably meant.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::check::Conflict;
use crate::model::redaction::Redactor;

/// A description that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", file.display())]
pub struct ProfileError {
    /// The description.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// What runs a product.
const KINDS: [&str; 2] = ["compose", "process"];

/// Names further apart than this are not taken for one another (Jaro-Winkler, 1 is equal).
const LIKENESS: f64 = 0.75;

impl ProfileError {
    pub(super) fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        if let Some(unknown) = Unknown::from_message(error.message()) {
            return Self::at(file, text, at, &unknown.message(), unknown.hint());
        }
        let see = "see the annotated description that `opsctl init` writes";
        let hint = keys_at(text, at).map_or(see.to_owned(), |keys| format!("change `{keys}`; {see}"));
        Self::at(file, text, at, &in_plain_words(&error.message().replace('\n', ", ")), hint)
    }

    /// A kind of runtime that there is none of: what else the description holds depends on it.
    pub fn of_unknown_kind(file: &Path, text: &str) -> Option<Self> {
        let root: toml::Table = text.parse().ok()?;
        let name = root.get("runtime")?.get("kind")?.as_str()?;
        if KINDS.contains(&name) {
            return None;
        }
        let unknown = Unknown { what: "kind of runtime", name, known: KINDS.to_vec() };
        let keys = ["runtime", "kind"].map(str::to_owned);
        let at = span_of(text, &keys).map_or(0, |span| span.start);
        Some(Self::at(file, text, at, &unknown.message(), unknown.hint()))
    }

    pub(super) fn from_conflict(file: &Path, text: &str, conflict: &Conflict) -> Self {
        let of_keys = || span_of(text, &conflict.keys).map_or(0, |span| span.start);
        let at = conflict.at.unwrap_or_else(of_keys);
        let hint = format!("change `{}`, or what it refers to", conflict.keys.join("."));
        Self::at(file, text, at, &conflict.message, hint)
    }

    /// What was written in the wrong place may be an address with its password, or an assignment: neither is repeated.
    fn at(file: &Path, text: &str, offset: usize, message: &str, hint: String) -> Self {
        let message = without_assigned(&Redactor::default().redact(message));
        let before = &text[..text.floor_char_boundary(offset)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: file.to_path_buf(), line, column, message, hint }
    }
}

/// The kinds of numbers that a description can hold, for who does not program.
fn in_plain_words(message: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("expected a nonzero u16", "expected a number from 1 to 65535"),
        ("expected a nonzero u32", "expected a whole number from 1 on"),
        ("expected u16", "expected a number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 on"),
        ("expected u64", "expected a whole number from 0 on"),
    ];
    WORDS.iter().fold(message.to_owned(), |message, (typed, plain)| message.replace(typed, plain))
}

/// The message with `...` for what follows a `NAME=`, up to the quote that ends it.
fn without_assigned(message: &str) -> String {
    let mut shown = String::new();
    let mut rest = message;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at + 1);
        shown.push_str(before);
        let is_assigned = rest[..at].ends_with(|char: char| char.is_ascii_alphanumeric() || char == '_');
        let end = after.find(['`', '"']).unwrap_or(after.len());
        if is_assigned && end > 0 {
            shown.push_str("...");
            rest = &after[end..];
        } else {
            rest = after;
        }
    }
    shown + rest
}

/// A key, or one of a few fixed values, that is not known.
struct Unknown<'a> {
    what: &'static str,
    name: &'a str,
    known: Vec<&'a str>,
}

impl<'a> Unknown<'a> {
    /// Serde tells the names only within its message: each of them stands in backticks, the unknown one first.
    fn from_message(message: &'a str) -> Option<Self> {
        let (what, list) = match message.strip_prefix("unknown field ") {
            Some(list) => ("key", list),
            None => ("value", message.strip_prefix("unknown variant ")?),
        };
        let mut names = list.split('`').skip(1).step_by(2);
        Some(Self { what, name: names.next()?, known: names.collect() })
    }

    fn message(&self) -> String {
        let Self { what, name, .. } = self;
        match self.meant() {
            Some(meant) => format!("unknown {what} `{name}`, did you mean `{meant}`?"),
            None => format!("unknown {what} `{name}`"),
        }
    }

    fn hint(&self) -> String {
        let known: Vec<_> = self.known.iter().map(|name| format!("`{name}`")).collect();
        format!("known here: {}", known.join(", "))
    }

    fn meant(&self) -> Option<&'a str> {
        let likeness = |known: &str| strsim::jaro_winkler(self.name, known);
        let nearest = self.known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(nearest) >= LIKENESS).then_some(nearest)
    }
}

/// The keys that lead to the value at a place; none to a whole section.
fn keys_at(text: &str, at: usize) -> Option<String> {
    below(DeTable::parse(text).ok()?.get_ref(), at)
}

/// A section's own place is its heading, so that only values tell where they are.
fn below(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let is_here = value.span().contains(&at);
        let within = match value.get_ref() {
            DeValue::Table(inner) => Some(below(inner, at)?),
            DeValue::Array(values) => {
                let within = values.iter().find_map(|value| below(value.get_ref().as_table()?, at));
                (is_here || within.is_some()).then_some(within)?
            }
            _ => is_here.then_some(None)?,
        };
        let key = key.get_ref();
        Some(within.map_or(key.to_string(), |within| format!("{key}.{within}")))
    })
}

/// Where the value is that the keys lead to, or as near to it as they lead.
fn span_of(text: &str, keys: &[String]) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut span = None;
    for key in keys {
        let Some(value) = table.get(key.as_str()) else { break };
        span = Some(value.span());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    span
}
