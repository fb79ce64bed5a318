//! Changes to single variables of a file.

use std::fmt;
use std::ops::Range;

use super::quote::{Tail, quoted};
use super::scan::{Definition, Statement};
use super::{EditError, EditProblem, EnvFile, VariableName};

/// One change to a file.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// Gives a variable a value: at its last assignment, the one that counts; a new variable gets a new last line.
    Set {
        /// The variable.
        name: VariableName,
        /// What Compose is to read, character by character; it is quoted as needed.
        value: String,
    },
    /// Turns every line of a variable into a comment, below one that says why.
    CommentOut {
        /// The variable.
        name: VariableName,
        /// Why, for whoever reads the file next.
        why: String,
    },
    /// Removes every line of a variable.
    Remove {
        /// The variable.
        name: VariableName,
    },
}

/// Shows no value: it may be a secret.
impl fmt::Debug for Edit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Self::Set { .. } => "Set",
            Self::CommentOut { .. } => "CommentOut",
            Self::Remove { .. } => "Remove",
        };
        write!(formatter, "{verb}({})", self.name())
    }
}

impl Edit {
    /// The variable that is changed.
    pub fn name(&self) -> &VariableName {
        match self {
            Self::Set { name, .. } | Self::CommentOut { name, .. } | Self::Remove { name } => name,
        }
    }

    pub(super) fn apply(&self, file: &EnvFile) -> Result<EnvFile, EditError> {
        let refused = |problem| EditError { name: self.name().clone(), problem };
        let bytes = match self {
            Self::Set { name, value } => set(file, name, value),
            Self::CommentOut { name, why } => {
                each_line_of(file, name, |lines| commented_out(file, lines, why))
            }
            Self::Remove { name } => each_line_of(file, name, |_| Vec::new()),
        };
        let edited =
            EnvFile::parse(bytes.map_err(refused)?).map_err(|_| refused(EditProblem::WouldNotHold))?;
        self.verify(file, &edited).map_err(refused)?;
        Ok(edited)
    }

    fn verify(&self, before: &EnvFile, after: &EnvFile) -> Result<(), EditProblem> {
        if !others(before, self.name()).eq(others(after, self.name())) {
            return Err(EditProblem::WouldChangeOthers);
        }
        let held = match self {
            Self::Set { name, value } => last_assignment(after, name).and_then(literal_value) == Some(value),
            Self::CommentOut { name, .. } | Self::Remove { name } => after.lines_of(name).is_empty(),
        };
        if held { Ok(()) } else { Err(EditProblem::WouldNotHold) }
    }
}

fn set(file: &EnvFile, name: &VariableName, value: &str) -> Result<Vec<u8>, EditProblem> {
    if value.contains('\0') {
        return Err(EditProblem::Nul);
    }
    let inherited = || file.statements.iter().rfind(|found| found.name == name.as_str());
    let Some(statement) = last_assignment(file, name).or_else(inherited) else {
        return Ok(appended(file, &format!("{name}={}", quoted(value, Tail::Blank))));
    };
    let (place, separator) = match &statement.definition {
        Definition::Assigned { value, .. } => (value.clone(), ""),
        Definition::Inherited => (statement.name_end..statement.name_end, "="),
    };
    let tail = Tail::of(&file.bytes[place.end..end_of_line(&file.bytes, place.end)]);
    Ok(replaced(&file.bytes, &place, format!("{separator}{}", quoted(value, tail)).as_bytes()))
}

fn appended(file: &EnvFile, line: &str) -> Vec<u8> {
    let ending = line_ending(&file.bytes);
    let mut bytes = file.bytes.clone();
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.extend_from_slice(ending);
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes.extend_from_slice(ending);
    bytes
}

/// Replaces the lines of each statement of a variable, the last first, so that the offsets of the others hold.
fn each_line_of(
    file: &EnvFile,
    name: &VariableName,
    replacement: impl Fn(&Range<usize>) -> Vec<u8>,
) -> Result<Vec<u8>, EditProblem> {
    let mut bytes = file.bytes.clone();
    for statement in file.statements.iter().rev().filter(|found| found.name == name.as_str()) {
        let lines = lines_of(&file.bytes, &statement.span);
        let overlaps = |other: &Statement| other.span.start < lines.end && lines.start < other.span.end;
        if file.statements.iter().any(|other| other != statement && overlaps(other)) {
            return Err(EditProblem::SharedLine { line: statement.line });
        }
        bytes = replaced(&bytes, &lines, &replacement(&lines));
    }
    Ok(bytes)
}

fn commented_out(file: &EnvFile, lines: &Range<usize>, why: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in why.lines() {
        out.extend_from_slice(b"# ");
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(line_ending(&file.bytes));
    }
    for line in file.bytes[lines.clone()].split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(b"# ");
        out.extend_from_slice(line);
    }
    out
}

fn last_assignment<'a>(file: &'a EnvFile, name: &VariableName) -> Option<&'a Statement> {
    let assigns = |found: &&Statement| {
        found.name == name.as_str() && matches!(found.definition, Definition::Assigned { .. })
    };
    file.statements.iter().rfind(assigns)
}

fn literal_value(statement: &Statement) -> Option<&str> {
    match &statement.definition {
        Definition::Assigned { template, .. } => template.as_literal(),
        Definition::Inherited => None,
    }
}

/// The variables but one, with what defines them.
fn others<'a>(
    file: &'a EnvFile,
    name: &'a VariableName,
) -> impl Iterator<Item = (&'a str, Option<&'a super::template::Template>)> {
    let others = file.statements.iter().filter(|found| found.name != name.as_str());
    others.map(|found| match &found.definition {
        Definition::Assigned { template, .. } => (found.name.as_str(), Some(template)),
        Definition::Inherited => (found.name.as_str(), None),
    })
}

fn replaced(bytes: &[u8], place: &Range<usize>, with: &[u8]) -> Vec<u8> {
    [&bytes[..place.start], with, &bytes[place.end..]].concat()
}

/// The whole lines that a span touches, the end of the last one included.
fn lines_of(bytes: &[u8], span: &Range<usize>) -> Range<usize> {
    let text_start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let start = bytes[..span.start].iter().rposition(|byte| *byte == b'\n').map_or(text_start, |at| at + 1);
    let end = end_of_line(bytes, span.end);
    start..bytes.len().min(end + 1)
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| from + at)
}

/// How the first line of the file ends.
fn line_ending(bytes: &[u8]) -> &'static [u8] {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) if at > 0 && bytes[at - 1] == b'\r' => b"\r\n",
        _ => b"\n",
    }
}
