//! The environment file, as it is shown: every line, with what is secret masked and described.

use serde::Serialize;

use super::assignments::is_hidden;
use super::mark::printable;
use super::scan::{self, Shape};
use super::{Redaction, readings};

/// One line of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageLine {
    /// The line as it is shown.
    pub text: String,
    /// What is shown of it.
    pub shown: Shown,
}

/// What is shown of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// All of it.
    Plain,
    /// All but what is secret in its value.
    Partly,
    /// Its name, and how long the value is and of what kind.
    Hidden,
}

/// The lines of an environment file.
pub(super) fn lines(redaction: &Redaction, text: &str) -> Vec<PageLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let places = scan::places(redaction, text.as_bytes(), Shape::Environment);
    let mut lines = Vec::new();
    let mut at = 0;
    // Lines of a value that is hidden as a whole are not shown.
    let mut hidden_until = 0;
    for line in text.split('\n') {
        let range = at..at + line.len();
        at = range.end + 1;
        let within: Vec<_> = places
            .iter()
            .filter(|place| place.range.start < range.end && range.start < place.range.end)
            .collect();
        if range.start < hidden_until {
            continue;
        }
        let Some(last) = within.last() else {
            lines.push(PageLine { text: line.to_owned(), shown: Shown::Plain });
            continue;
        };
        if last.range.end > range.end {
            hidden_until = last.range.end;
        }
        let assigned = readings::assignment(line).filter(|(name, value)| is_hidden(name, value.trim()));
        if let Some((name, value)) = assigned {
            let start = range.end - value.len();
            let end = within.iter().map(|place| place.range.end).max().unwrap_or(range.end).max(range.end);
            let secret = unquoted(text[start..end].trim());
            let before = &line[..line.len() - value.len()];
            lines.push(PageLine {
                text: format!("{before}{}", described(redaction, name, secret)),
                shown: Shown::Hidden,
            });
            continue;
        }
        let mut shown = String::new();
        let mut from = range.start;
        for place in &within {
            shown.push_str(&text[from..place.range.start.max(from)]);
            shown.push_str(&redaction.marks.mark(place, &text.as_bytes()[place.range.clone()]));
            from = place.range.end.min(range.end);
        }
        shown.push_str(&text[from..range.end]);
        lines.push(PageLine { text: shown, shown: Shown::Partly });
    }
    lines
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(|char| matches!(char, '"' | '\''))
}

/// `[REDACTED:NAME#k3f9 len=64 hex]`
fn described(redaction: &Redaction, name: &str, secret: &str) -> String {
    let token = redaction.marks.fingerprint(secret.as_bytes());
    let token = if token.is_empty() { token } else { format!("#{token}") };
    format!("[REDACTED:{}{token} len={} {}]", printable(name), secret.chars().count(), kind(secret))
}

fn kind(secret: &str) -> &'static str {
    let all = |test: fn(&u8) -> bool| secret.bytes().all(|byte| test(&byte));
    if secret.contains("-----BEGIN") {
        "pem"
    } else if secret.contains("://") {
        "url"
    } else if all(u8::is_ascii_digit) {
        "digits"
    } else if all(u8::is_ascii_hexdigit) {
        "hex"
    } else if all(u8::is_ascii_alphanumeric) {
        "letters-and-digits"
    } else if secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
        && secret.len().is_multiple_of(4)
    {
        "base64"
    } else {
        "text"
    }
}
