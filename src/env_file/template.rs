//! References to variables within a value: `$NAME`, `${NAME}`, and with an operator `${NAME:-default}`,
//! `${NAME:?message}`, `${NAME:+alternative}`, each also without the colon.

use super::Lookup;

/// How often references may stand in one another's defaults. Nobody writes this many; without a limit a line of a few
/// hundred kilobytes would take the stack.
const DEEPEST: usize = 100;

/// A value with its references found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference { name: String, operation: Option<Operation> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Operation {
    kind: Kind,
    empty: Empty,
    operand: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Default,
    Require,
    Alternative,
}

/// What an empty value counts as: with the colon, as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Set,
    Unset,
}

/// A `${` that no reference follows, or that stands too deep in others.
#[derive(Debug)]
pub(super) struct Invalid;

/// A variable that is required and not set.
#[derive(Debug)]
pub(super) struct Missing;

impl Template {
    /// A value that is taken as it stands.
    pub(super) fn literal(text: String) -> Self {
        Self(vec![Part::Text(text)])
    }

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse_within(text, 0)
    }

    fn parse_within(text: &str, depth: usize) -> Result<Self, Invalid> {
        if depth > DEEPEST {
            return Err(Invalid);
        }
        let mut parts = Parts::default();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            parts.text(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                parts.text("$");
                rest = after;
            } else if let Some(braced) = rest.strip_prefix('{') {
                let (reference, after) = parse_braced(braced, depth)?;
                parts.reference(reference);
                rest = after;
            } else {
                let (name, after) = split_name(rest);
                if name.is_empty() {
                    parts.text("$");
                } else {
                    parts.reference(Part::Reference { name: name.to_owned(), operation: None });
                }
                rest = after;
            }
        }
        parts.text(rest);
        Ok(parts.finish())
    }

    /// The value, if it does not depend on any variable.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn evaluate(&self, lookup: Lookup<'_>) -> Result<String, Missing> {
        self.0.iter().map(|part| part.evaluate(lookup)).collect()
    }
}

impl Part {
    fn evaluate(&self, lookup: Lookup<'_>) -> Result<String, Missing> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Reference { name, operation: None } => Ok(lookup(name).unwrap_or_default()),
            Self::Reference { name, operation: Some(operation) } => operation.evaluate(lookup(name), lookup),
        }
    }
}

impl Operation {
    fn evaluate(&self, value: Option<String>, lookup: Lookup<'_>) -> Result<String, Missing> {
        let present = value.filter(|value| self.empty == Empty::Set || !value.is_empty());
        match (self.kind, present) {
            (Kind::Default, None) | (Kind::Alternative, Some(_)) => self.operand.evaluate(lookup),
            (Kind::Default | Kind::Require, Some(value)) => Ok(value),
            (Kind::Require, None) => Err(Missing),
            (Kind::Alternative, None) => Ok(String::new()),
        }
    }
}

/// Collects parts and joins neighbouring text, so that equal templates compare equal.
#[derive(Default)]
struct Parts {
    done: Vec<Part>,
    text: String,
}

impl Parts {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn reference(&mut self, reference: Part) {
        self.flush();
        self.done.push(reference);
    }

    fn finish(mut self) -> Template {
        self.flush();
        Template(self.done)
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.done.push(Part::Text(std::mem::take(&mut self.text)));
        }
    }
}

/// Reads what follows `${` and returns the text behind the closing brace too.
fn parse_braced(text: &str, depth: usize) -> Result<(Part, &str), Invalid> {
    let (name, rest) = split_name(text);
    if name.is_empty() {
        return Err(Invalid);
    }
    if let Some(after) = rest.strip_prefix('}') {
        return Ok((Part::Reference { name: name.to_owned(), operation: None }, after));
    }
    let (empty, rest) = match rest.strip_prefix(':') {
        Some(after) => (Empty::Unset, after),
        None => (Empty::Set, rest),
    };
    let kind = match rest.as_bytes().first() {
        Some(b'-') => Kind::Default,
        Some(b'?') => Kind::Require,
        Some(b'+') => Kind::Alternative,
        _ => return Err(Invalid),
    };
    let (operand, after) = split_operand(&rest[1..])?;
    let operation = Operation { kind, empty, operand: Template::parse_within(operand, depth + 1)? };
    Ok((Part::Reference { name: name.to_owned(), operation: Some(operation) }, after))
}

/// An operand ends at the brace that closes its reference; where the braces of the line do not pair up, at the last
/// one on the line. It cannot span lines.
fn split_operand(text: &str) -> Result<(&str, &str), Invalid> {
    let line = text.split('\n').next().unwrap_or_default();
    let last = line.rfind('}').ok_or(Invalid)?;
    let end = closing_brace(&line[..=last]).unwrap_or(last);
    Ok((&text[..end], &text[end + 1..]))
}

/// Only `${` opens, also behind another `$`.
fn closing_brace(operand: &str) -> Option<usize> {
    let bytes = operand.as_bytes();
    let mut open = 1_usize;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'}' if open == 1 => return Some(at),
            b'}' => open -= 1,
            b'{' if at > 0 && bytes[at - 1] == b'$' => open += 1,
            _ => {}
        }
    }
    None
}

fn split_name(text: &str) -> (&str, &str) {
    let ends = |(at, char): &(usize, char)| match char {
        '_' => false,
        '0'..='9' => *at == 0,
        other => !other.is_ascii_alphabetic(),
    };
    let end = text.char_indices().find(ends).map_or(text.len(), |(at, _)| at);
    text.split_at(end)
}
