//! From bytes to statements: where each begins and ends, what it names and what it gives.

use std::ops::Range;

use super::escape::unescape;
use super::template::Template;
use super::{ParseError, ParseProblem};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// One variable, assigned or inherited. Offsets are into the bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Empty for the oddities that Compose lets pass: nothing before the `=`, or a last line without any.
    pub(super) name: String,
    /// The end of the name.
    pub(super) name_end: usize,
    /// The line it begins on, from 1.
    pub(super) line: usize,
    /// From `export` or the name to the end of the value, quotes included.
    pub(super) span: Range<usize>,
    pub(super) definition: Definition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Definition {
    /// A name alone on its line: the process environment gives the value.
    Inherited,
    /// A value, quotes included, at `value`.
    Assigned { value: Range<usize>, template: Template },
}

/// Finds all statements of a file.
pub(super) fn statements(bytes: &[u8]) -> Result<Vec<Statement>, ParseError> {
    let source = Source::new(bytes);
    let at = if source.text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut scanner = Scanner { text: &source.text, at };
    let mut statements = Vec::new();
    while let Some(start) = scanner.next_start() {
        let line = 1 + source.text[..start].matches('\n').count();
        let found = scanner.statement().map_err(|problem| ParseError { line, problem })?;
        statements.push(source.located(found, start, line));
    }
    Ok(statements)
}

/// The file as text, in which each byte that is not UTF-8 is one U+FFFD, and the way back to the bytes.
struct Source {
    text: String,
    /// Where in `text` the replaced bytes are, ascending.
    replaced: Vec<usize>,
}

impl Source {
    fn new(bytes: &[u8]) -> Self {
        let mut source = Self { text: String::with_capacity(bytes.len()), replaced: Vec::new() };
        for chunk in bytes.utf8_chunks() {
            source.text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                source.replaced.push(source.text.len());
                source.text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        source
    }

    fn offset(&self, in_text: usize) -> usize {
        let before = self.replaced.partition_point(|&at| at < in_text);
        in_text - before * (char::REPLACEMENT_CHARACTER.len_utf8() - 1)
    }

    fn range(&self, in_text: &Range<usize>) -> Range<usize> {
        self.offset(in_text.start)..self.offset(in_text.end)
    }

    fn located(&self, found: Found, start: usize, line: usize) -> Statement {
        let name_end = self.offset(found.name.end);
        let (end, definition) = match found.value {
            None => (name_end, Definition::Inherited),
            Some((value, template)) => {
                let value = self.range(&value);
                (value.end, Definition::Assigned { value, template })
            }
        };
        let span = self.offset(start)..end;
        Statement { name: self.text[found.name].to_owned(), name_end, line, span, definition }
    }
}

/// A statement with offsets into the text.
struct Found {
    name: Range<usize>,
    value: Option<(Range<usize>, Template)>,
}

/// How the name of a statement ends.
enum NameEnd {
    /// At `=` or `:`.
    Separator(usize),
    /// At the end of its line.
    Line(usize),
    /// At the end of the file: Compose takes what is there for a value without a name.
    File,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    /// Moves to the next statement, past blank lines and comments.
    fn next_start(&mut self) -> Option<usize> {
        loop {
            self.skip(char::is_whitespace);
            match self.rest().chars().next()? {
                '#' => self.at += self.rest().find('\n')?,
                _ => return Some(self.at),
            }
        }
    }

    fn statement(&mut self) -> Result<Found, ParseProblem> {
        self.skip_export();
        if self.rest().is_empty() {
            return Err(ParseProblem::NothingExported);
        }
        let start = self.at;
        let end = match self.name_end()? {
            NameEnd::Separator(end) | NameEnd::Line(end)
                if self.text[start..end].trim_end().contains(' ') =>
            {
                return Err(ParseProblem::SpaceInName);
            }
            NameEnd::Line(end) => {
                self.at = end;
                return Ok(Found { name: self.trimmed(start, end), value: None });
            }
            NameEnd::Separator(end) => {
                self.at = end + 1;
                end
            }
            NameEnd::File => start,
        };
        let behind_separator = self.at;
        self.skip(is_inline_space);
        let name = self.trimmed(start, end);
        let value = match self.rest().as_bytes().first() {
            Some(b'"') => self.double_quoted()?,
            Some(b'\'') => self.single_quoted()?,
            _ => self.unquoted(behind_separator)?,
        };
        Ok(Found { name, value: Some(value) })
    }

    fn skip_export(&mut self) {
        let exported = self.rest().strip_prefix("export");
        if exported.is_some_and(|rest| rest.starts_with(['\t', '\n', '\x0c', '\r', ' '])) {
            self.at += "export".len();
            self.skip(is_inline_space);
        }
    }

    fn name_end(&self) -> Result<NameEnd, ParseProblem> {
        for (offset, char) in self.rest().char_indices() {
            match char {
                '=' | ':' => return Ok(NameEnd::Separator(self.at + offset)),
                '\n' => return Ok(NameEnd::Line(self.at + offset)),
                '_' | '.' | '-' | '[' | ']' => {}
                other if is_inline_space(other) || other.is_alphanumeric() => {}
                _ => return Err(ParseProblem::UnexpectedCharacter),
            }
        }
        Ok(NameEnd::File)
    }

    /// To the end of the line, or to a comment, which takes a space before it. A value that is empty stands right behind
    /// its separator: behind the white space would be within the end of a line that a carriage return begins.
    fn unquoted(&mut self, behind_separator: usize) -> Result<(Range<usize>, Template), ParseProblem> {
        let start = self.at;
        let line = self.rest().split('\n').next().unwrap_or_default();
        let value = line.split(" #").next().unwrap_or_default().trim_end();
        let template = Template::parse(value).map_err(|_| ParseProblem::InvalidReference)?;
        let start = if value.is_empty() { behind_separator } else { start };
        let range = start..start + value.len();
        self.at += line.len();
        Ok((range, template))
    }

    fn single_quoted(&mut self) -> Result<(Range<usize>, Template), ParseProblem> {
        let (range, text) = self.quoted('\'')?;
        Ok((range, Template::literal(text)))
    }

    fn double_quoted(&mut self) -> Result<(Range<usize>, Template), ParseProblem> {
        let (range, text) = self.quoted('"')?;
        let template = Template::parse(&unescape(&text)).map_err(|_| ParseProblem::InvalidReference)?;
        Ok((range, template))
    }

    /// A backslash keeps the next character from ending the value, and is dropped only if that is the quote.
    fn quoted(&mut self, quote: char) -> Result<(Range<usize>, String), ParseProblem> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, char)) = chars.next() {
            if char == quote {
                self.at = start + 1 + offset + 1;
                return Ok((start..self.at, text));
            }
            if char != '\\' {
                text.push(char);
                continue;
            }
            let (_, escaped) = chars.next().ok_or(ParseProblem::UnterminatedQuote)?;
            if escaped != quote {
                text.push('\\');
            }
            text.push(escaped);
        }
        Err(ParseProblem::UnterminatedQuote)
    }

    fn trimmed(&self, start: usize, end: usize) -> Range<usize> {
        start..start + self.text[start..end].trim_end().len()
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(skipped).len();
    }
}

/// The white space that Compose skips within a line; a carriage return is part of it.
fn is_inline_space(char: char) -> bool {
    matches!(char, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}
