//! `opsctl explain`: what is known of a check, an exit status or an error.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::commands::context::Outcome;
use crate::explain::{Entry, entries};

/// Columns that identifiers take in the list.
const WIDTH: usize = 23;

/// Columns of a page, without the indent.
const PAGE: usize = 94;

/// Says what was asked for; without an entry, which there are.
pub fn run(asked: Option<&Entry>) -> Outcome {
    asked.map_or_else(list, one)
}

fn one(entry: &Entry) -> Outcome {
    let mut text = format!("{}: {}", entry.id, entry.title);
    for (heading, part) in entry.parts() {
        let _ = write!(text, "\n\n{heading}\n{}", indented(part));
    }
    let data = json!({"id": entry.id, "group": entry.group, "title": entry.title, "symptom": entry.symptom,
        "cause": entry.cause, "how_to_tell": entry.how_to_tell, "what_to_do": entry.what_to_do});
    Outcome::new(text, data)
}

/// Text is filled to the width of a page; what is to be typed stays as it is.
fn indented(part: &str) -> String {
    let block = |block: &str| {
        let is_typed = block.starts_with("    ");
        let lines = if is_typed { block.lines().map(str::to_owned).collect() } else { filled(block) };
        lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    };
    part.split("\n\n").map(block).collect::<Vec<_>>().join("\n\n")
}

fn filled(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= PAGE => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// The words of a text. What stands between backticks is one: a command that is broken over two lines cannot be copied.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if is_open => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

fn list() -> Outcome {
    let entries = entries();
    let mut text = String::new();
    let mut group = "";
    for entry in &entries {
        if entry.group != group {
            group = entry.group;
            let _ = write!(text, "\n{group}\n");
        }
        let _ = writeln!(text, "  {:WIDTH$}{}", entry.id, entry.title);
    }
    let data: Vec<Value> = entries
        .iter()
        .map(|entry| json!({"id": entry.id, "group": entry.group, "title": entry.title}))
        .collect();
    Outcome::new(text.trim_start_matches('\n'), json!({"entries": data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_filled_and_what_is_to_be_typed_stays_on_its_line() {
        let long = "word ".repeat(18);
        let part = format!("{long}\n`opsctl backup\nlist`, and.\n\n    typed  as\n      it is\n\nEnd.");
        let expected = format!(
            "  {}\n  `opsctl backup list`, and.\n\n      typed  as\n        it is\n\n  End.",
            long.trim()
        );
        assert_eq!(indented(&part), expected);
    }
}
