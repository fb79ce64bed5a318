//! How an operation fails: what is said to a person, and the number a script branches on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Exit codes: a published contract, so a number is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// Done and verified.
    Done = 0,
    /// Failed; nothing was changed, or what was changed has been undone, and no other code says it better.
    Failed = 1,
    /// The command line was wrong, or consent was not given.
    Usage = 2,
    /// A check refused the operation; nothing was changed.
    Refused = 3,
    /// Failed, and the previous release and data are serving again.
    RolledBack = 4,
    /// Interrupted; `opsctl resume` or `opsctl abort` ends the operation.
    Interrupted = 5,
    /// Could not go forward or back; a person has to act.
    Inconsistent = 6,
    /// Another operation holds the install.
    Locked = 7,
    /// Done, with warnings, under `--strict`.
    Warnings = 8,
    /// Past the commit point a gate failed: the new release is in place.
    PastCommit = 9,
}

impl Exit {
    /// The process exit status.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Something that went wrong, in words for an operator.
///
/// `what` is a lower-case fragment without a full stop; `hints` are commands to run or questions to answer;
/// `evidence` holds raw lines that show the cause, such as the last lines of a container's log.
/// A fault is written to the journal, so none of its parts may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What failed.
    pub what: String,
    /// Why, from the nearest cause to the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// Lines that show the cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

impl Fault {
    /// A fault without a known cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), hints: Vec::new(), evidence: Vec::new() }
    }

    /// A fault caused by an error, whose whole chain of sources is kept.
    pub fn caused_by(what: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut fault = Self::new(what);
        let mut source = Some(error);
        while let Some(error) = source {
            fault.add_cause(error.to_string());
            source = error.source();
        }
        fault
    }

    /// Says what failed in wider terms: the present `what` becomes the first cause.
    #[must_use]
    pub fn within(mut self, what: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.what, what.into());
        self.causes.insert(0, inner);
        self
    }

    /// Adds something to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Names what tells more: a check, an exit status or another entry of the runbook.
    #[must_use]
    pub fn explained(self, entry: impl fmt::Display) -> Self {
        self.hint(format!("`opsctl explain {entry}` tells more"))
    }

    /// Adds lines that show the cause.
    #[must_use]
    pub fn evidence(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    /// Causes that only repeat what was already said help nobody.
    fn add_cause(&mut self, cause: String) {
        let said = self.causes.last().unwrap_or(&self.what);
        if !said.ends_with(&cause) {
            self.causes.push(cause);
        }
    }
}

impl fmt::Display for Fault {
    /// One line: what failed and its root cause.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        for cause in &self.causes {
            write!(formatter, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// How a command ended when it did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the process reports to its caller.
    pub exit: Exit,
    /// What is said to a person.
    pub fault: Fault,
}

impl Failure {
    /// A failure with this exit code.
    pub fn new(exit: Exit, fault: Fault) -> Self {
        Self { exit, fault }
    }

    /// The command line was wrong, or consent was not given.
    pub fn usage(fault: Fault) -> Self {
        Self::new(Exit::Usage, fault)
    }

    /// A check refused; nothing was changed.
    pub fn refused(fault: Fault) -> Self {
        Self::new(Exit::Refused, fault)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Exit::Failed, fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer thing failed")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_of_causes_is_kept_without_repeats() {
        let error = Outer(std::io::Error::other("disk on fire"));
        let fault = Fault::caused_by("could not write", &error).within("backup failed").hint("buy a disk");
        assert_eq!(fault.to_string(), "backup failed: could not write: the outer thing failed: disk on fire");
        let repeated =
            Fault::caused_by("could not write: disk on fire", &std::io::Error::other("disk on fire"));
        assert_eq!(repeated.causes, Vec::<String>::new());
    }

    #[test]
    fn exit_codes_are_the_published_ones() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Refused, 3),
            (Exit::RolledBack, 4),
            (Exit::Interrupted, 5),
            (Exit::Inconsistent, 6),
            (Exit::Locked, 7),
            (Exit::Warnings, 8),
            (Exit::PastCommit, 9),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
        }
    }
}
