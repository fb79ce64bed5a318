//! What can be wrong with an environment file or an edit of it. No error holds a value, nor text that may be one.

use super::VariableName;

/// A file that Compose would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// The line, from 1, on which the faulty statement begins.
    pub line: usize,
    /// What is wrong with it.
    pub problem: ParseProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseProblem {
    /// Something other than letters, digits, `_`, `.`, `-`, `[` and `]` before the `=`.
    #[error("a character that no variable name may hold")]
    UnexpectedCharacter,
    /// Two words before the `=`.
    #[error("a space within the name of a variable")]
    SpaceInName,
    /// `export` and nothing behind it, at the end of the file.
    #[error("`export` without the name of a variable")]
    NothingExported,
    /// No closing quote up to the end of the file.
    #[error("a quoted value that does not end")]
    UnterminatedQuote,
    /// `${` that does not go on as `NAME}`, or as `NAME`, an operator, anything and `}` on one line.
    #[error("a reference with `${{` that is not valid")]
    InvalidReference,
}

impl ParseError {
    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self.problem {
            ParseProblem::UnexpectedCharacter => {
                "is it the rest of a value with several lines, or of a value behind its closing quote? put such a \
                 value in single quotes, whole"
            }
            ParseProblem::SpaceInName => "write NAME=value; to comment the line out, begin it with #",
            ParseProblem::NothingExported => "write `export NAME=value`, or remove the line",
            ParseProblem::UnterminatedQuote => "close the quote; within single quotes, write ' as \\'",
            ParseProblem::InvalidReference => {
                "to have a literal $, write $$ or put the value in single quotes"
            }
        }
    }
}

/// A `${NAME:?}` or `${NAME?}` in the file that has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: a variable that this line requires is not set")]
pub struct ValueError {
    /// The line, from 1, on which the statement begins.
    pub line: usize,
}

impl ValueError {
    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        "set the variable named after ${ on a line before, or in the environment"
    }
}

/// An edit that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot edit {name}: {problem}")]
pub struct EditError {
    /// The variable to be edited.
    pub name: VariableName,
    /// Why not.
    pub problem: EditProblem,
}

/// Why an edit cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditProblem {
    /// A NUL character in the new value: no environment can hold one.
    #[error("the new value holds a NUL character")]
    Nul,
    /// Another variable is assigned on the same line.
    #[error("line {line} holds another variable too")]
    SharedLine {
        /// The line, from 1.
        line: usize,
    },
    /// The edited file could not be read, or would have given the variable another value than asked for.
    #[error("the edited file would not have the value asked for")]
    WouldNotHold,
    /// The edited file would have defined another variable otherwise than before.
    #[error("the edit would change another variable")]
    WouldChangeOthers,
}

impl EditError {
    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self.problem {
            EditProblem::Nul => "give a value without NUL characters",
            EditProblem::SharedLine { .. } => "put each variable on a line of its own, then run it again",
            EditProblem::WouldNotHold => "set the variable by hand in the environment file",
            EditProblem::WouldChangeOthers => {
                "does the last line of the file lack its `=`, or its end of line? complete it"
            }
        }
    }
}
