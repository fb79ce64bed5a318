//! The `.env` file by Compose's rules: read without a shell, edited one line at a time.
//!
//! The rules are those that Docker Compose 2.26 was seen to follow; `tests/env_oracle.rs` compares them with the
//! Compose that is installed. On purpose it is otherwise here in three rare points:
//! - `${A:-${B:?}}` is refused only if the default is needed, as newer releases of Compose have it;
//! - a name may hold any character that Unicode calls alphabetic, combining marks too, not letters only;
//! - `$ſ` and `$K` (the Kelvin sign) are no references.
//!
//! Releases of Compose disagree about two more, in which 2.26 is followed: a brace within a default, as in
//! `${A:-{"b":1}}`, is not counted when the closing one is looked for; and an operand that is no valid template is
//! refused also where it is not needed.

mod edit;
mod error;
mod escape;
mod name;
#[cfg(test)]
mod properties;
mod quote;
mod scan;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use edit::Edit;
pub use error::{EditError, EditProblem, ParseError, ParseProblem, ValueError};
pub use name::{InvalidName, VariableName};

use scan::{Definition, Statement};

/// The process environment: what it returns for a name wins over what the file says.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An environment file: its bytes, and what they assign.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvFile {
    bytes: Vec<u8>,
    statements: Vec<Statement>,
}

impl EnvFile {
    /// Reads the content of a file. Bytes that are not UTF-8 are kept; in a value each reads as U+FFFD, as the
    /// product's container would see it.
    ///
    /// # Errors
    /// [`ParseError`] for what Compose refuses, with the line and never with the value.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, ParseError> {
        let bytes = bytes.into();
        let statements = scan::statements(&bytes)?;
        Ok(Self { bytes, statements })
    }

    /// The content as it was read, or as an edit left it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the file assigns. References are looked up in `process` first and then in the lines before; of
    /// several assignments the last counts; a name alone on its line takes the value that `process` has, if any.
    ///
    /// # Errors
    /// [`ValueError`] if a `${NAME:?}` has no value.
    pub fn values(&self, process: Lookup<'_>) -> Result<BTreeMap<String, String>, ValueError> {
        let mut values = BTreeMap::new();
        for statement in &self.statements {
            let value = match &statement.definition {
                Definition::Inherited => process(&statement.name),
                Definition::Assigned { template, .. } => {
                    let lookup = |name: &str| process(name).or_else(|| values.get(name).cloned());
                    Some(template.evaluate(&lookup).map_err(|_| ValueError { line: statement.line })?)
                }
            };
            if let Some(value) = value {
                values.insert(statement.name.clone(), value);
            }
        }
        Ok(values)
    }

    /// The value that Compose interpolates for `name`: the one of `process` if there is one, else the file's.
    ///
    /// # Errors
    /// [`ValueError`] as for [`EnvFile::values`].
    pub fn get(&self, name: &VariableName, process: Lookup<'_>) -> Result<Option<String>, ValueError> {
        match process(name.as_str()) {
            Some(value) => Ok(Some(value)),
            None => Ok(self.values(process)?.remove(name.as_str())),
        }
    }

    /// The lines (from 1) on which `name` is assigned or inherited, in order.
    pub fn lines_of(&self, name: &VariableName) -> Vec<usize> {
        self.statements.iter().filter(|found| found.name == name.as_str()).map(|found| found.line).collect()
    }

    /// Makes the edits one after the other. What they do not name stays byte for byte.
    ///
    /// The result has been read again: each named variable is as asked, and every other one is defined as before.
    /// (Its *value* may follow that of a named one to which it refers.)
    ///
    /// # Errors
    /// [`EditError`] if an edit cannot be made so; `self` is not changed by it.
    pub fn edit(&self, edits: &[Edit]) -> Result<Self, EditError> {
        edits.iter().try_fold(self.clone(), |file, edit| edit.apply(&file))
    }
}

/// Shows no content: the values are secrets, and so may be what is commented out.
impl fmt::Debug for EnvFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, statements } = self;
        write!(formatter, "EnvFile({} bytes, {} statements)", bytes.len(), statements.len())
    }
}
