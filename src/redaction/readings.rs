//! What an environment file assigns, in every way in which somebody could read it.

use std::collections::BTreeSet;

use crate::env_file::EnvFile;

/// One reading of one assignment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading {
    pub(super) name: String,
    pub(super) value: String,
}

/// A quoted value goes on over at most this many lines.
const MOST_LINES: usize = 400;

/// Every reading of every assignment, commented-out ones among them.
pub(super) fn of(text: &str) -> BTreeSet<Reading> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.split(['\n', '\r']).collect();
    let mut readings = BTreeSet::new();
    for (number, line) in lines.iter().enumerate() {
        let Some((name, value)) = assignment(line) else { continue };
        for value in values(value, &lines[number + 1..]) {
            readings.insert(Reading { name: name.to_owned(), value });
        }
    }
    readings.extend(as_compose_reads(text));
    readings
}

fn as_compose_reads(text: &str) -> Vec<Reading> {
    let file = EnvFile::parse(text.as_bytes().to_vec());
    let values = file.ok().and_then(|file| file.values(&|_| None).ok()).unwrap_or_default();
    values.into_iter().map(|(name, value)| Reading { name, value }).collect()
}

/// The name on a line and what follows its separator, however it is commented out, exported, listed or quoted.
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let mut rest = line
        .trim_start_matches(|char: char| char.is_whitespace() || matches!(char, '#' | ';' | '-' | '{' | ','));
    for word in ["export ", "set ", "setenv ", "declare -x ", "ENV ", "env "] {
        rest = rest.strip_prefix(word).map_or(rest, str::trim_start);
    }
    let quote = rest.chars().next().filter(|char| matches!(char, '"' | '\''));
    let rest = quote.map_or(rest, |quote| &rest[quote.len_utf8()..]);
    let length = rest
        .find(|char: char| !(char.is_alphanumeric() || matches!(char, '_' | '.' | '-')))
        .unwrap_or(rest.len());
    let (name, behind) = rest.split_at(length);
    if name.is_empty() || name.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    // `"NAME": "value"` quotes the name, `"NAME=value"` the whole.
    let behind = quote.and_then(|quote| behind.strip_prefix(quote)).unwrap_or(behind);
    let value = behind.trim_start().strip_prefix(['=', ':'])?;
    // `# old: NAME=value` is no variable of that name.
    let is_label = value.starts_with(' ') && name.bytes().all(|byte| byte.is_ascii_lowercase());
    if is_label
        && let Some(inner) =
            assignment(value).filter(|(name, _)| name.bytes().all(|byte| !byte.is_ascii_lowercase()))
    {
        return Some(inner);
    }
    Some((name, value.strip_prefix('=').unwrap_or(value)))
}

/// What the text behind a separator can be taken to mean.
fn values(written: &str, below: &[&str]) -> Vec<String> {
    let raw = written.trim();
    let mut values = vec![raw.to_owned()];
    let without_comma = raw.trim_end_matches([',', ';']).trim_end();
    values.push(without_comma.to_owned());
    if let Some(quote @ ('"' | '\'' | '`')) = raw.chars().next() {
        values.extend(quoted(raw, quote, below));
    } else {
        values.extend(
            [" #", "\t#", " ;", " //"]
                .iter()
                .filter_map(|comment| raw.split_once(comment))
                .map(|(value, _)| value.trim().to_owned()),
        );
        if raw.ends_with('\\') {
            values.push(continued(raw, below));
        }
    }
    let unescaped: Vec<String> = values
        .iter()
        .filter(|value| value.contains('\\'))
        .flat_map(|value| [without_backslashes(value), unescaped(value)])
        .collect();
    values.extend(unescaped);
    let doubled: Vec<String> =
        values.iter().filter(|value| value.contains("$$")).map(|value| value.replace("$$", "$")).collect();
    values.extend(doubled);
    values.retain(|value| !value.is_empty());
    values
}

/// What stands between quotes, also over several lines; without a closing one, what is on the first.
fn quoted(raw: &str, quote: char, below: &[&str]) -> Vec<String> {
    let inner = &raw[quote.len_utf8()..];
    if let Some(end) = closing(inner, quote) {
        let mut values = vec![inner[..end].to_owned()];
        // Somebody who reads the line may take all of it.
        if let Some(last) = inner.rfind(quote).filter(|last| *last != end) {
            values.push(inner[..last].to_owned());
        }
        return values;
    }
    let mut value = inner.to_owned();
    for line in below.iter().take(MOST_LINES) {
        let line = line.trim_start_matches(['#', ' ']);
        value.push('\n');
        if let Some(end) = closing(line, quote) {
            value.push_str(&line[..end]);
            return vec![value, inner.to_owned()];
        }
        value.push_str(line);
    }
    vec![inner.to_owned()]
}

/// Where a quoted value ends.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, char)| {
        let closes = char == quote && !escaped;
        escaped = char == '\\' && !escaped;
        closes.then_some(at)
    })
}

/// A value that a backslash at the end of a line continues on the next.
fn continued(raw: &str, below: &[&str]) -> String {
    let mut value = String::new();
    for line in std::iter::once(raw).chain(below.iter().map(|line| line.trim())).take(MOST_LINES) {
        if let Some(part) = line.strip_suffix('\\') {
            value.push_str(part);
        } else {
            value.push_str(line);
            break;
        }
    }
    value
}

/// As a shell has it: a backslash stands for what follows it.
fn without_backslashes(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        result.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    result
}

/// As most readers have it between double quotes.
fn unescaped(value: &str) -> String {
    value
        .replace("\\r", "")
        .replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("\\\"", "\"")
        .replace("\\$", "$")
        .replace("\\\\", "\\")
}

/// The password on a line of a `.pgpass`: what is behind the fourth colon that no backslash precedes.
pub(super) fn pgpass_password(line: &str) -> Option<String> {
    let mut colons = 0;
    let mut escaped = false;
    let end = line.char_indices().find_map(|(at, char)| {
        colons += usize::from(char == ':' && !escaped);
        escaped = char == '\\' && !escaped;
        (colons == 4).then_some(at + 1)
    })?;
    Some(without_backslashes(line[end..].trim_end_matches(['\r', '\n'])))
}
