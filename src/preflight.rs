//! Preflight: whether an install can be trusted to be operated, check by check.
//!
//! Pure: each judge takes the facts of one check and says pass, warn or fail, what that rests on, and what to do about it.
//! Gathering the facts is left to the commands.

pub mod catalogue;
pub mod database;
pub mod environment;
pub mod host;
pub mod product;
pub mod release;
pub mod route;
pub mod store;

use std::time::Duration;

use serde::Serialize;

pub use catalogue::{Category, Check, Kind};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Pass,
    /// It holds, and something may come of it.
    Warn,
    /// It does not hold: an operation would fail, or the product does.
    Fail,
    /// It could not be judged, or does not apply here.
    Skipped,
}

impl Status {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skipped => "-",
        }
    }
}

/// What a judge says: the outcome, what it rests on, and what to do about it. It may hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// How the check came out.
    pub status: Status,
    /// What that rests on, or why it was skipped.
    pub evidence: String,
    /// What to do about it: commands and hints; empty where there is nothing to do.
    pub remedies: Vec<String>,
}

impl Judgement {
    /// It holds.
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self { status: Status::Pass, evidence: evidence.into(), remedies: Vec::new() }
    }

    /// It holds, and something may come of it.
    pub fn warn(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Warn, evidence: evidence.into(), remedies: vec![remedy.into()] }
    }

    /// It does not hold.
    pub fn fail(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Fail, evidence: evidence.into(), remedies: vec![remedy.into()] }
    }

    /// It does not apply, or cannot be judged.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { status: Status::Skipped, evidence: why.into(), remedies: Vec::new() }
    }

    /// The same with one more thing to do.
    #[must_use]
    pub fn and(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }
}

/// One check with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub id: Check,
    /// What it looks at.
    pub category: Category,
    /// The outcome.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// How long it took, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
}

fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// How many checks came out which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Those that hold.
    pub passed: usize,
    /// Those with a warning.
    pub warned: usize,
    /// Those that do not hold.
    pub failed: usize,
    /// Those that were not judged.
    pub skipped: usize,
}

impl Tally {
    /// Counts findings.
    pub fn of(findings: &[Finding]) -> Self {
        let count = |status| findings.iter().filter(|finding| finding.judgement.status == status).count();
        Self {
            passed: count(Status::Pass),
            warned: count(Status::Warn),
            failed: count(Status::Fail),
            skipped: count(Status::Skipped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_flat_for_machines() {
        let finding = Finding {
            id: Check::HostEngine,
            category: Category::Host,
            judgement: Judgement::fail("no answer", "start it").and("or not"),
            duration: Duration::from_millis(12),
        };
        let expected = serde_json::json!({"id": "host-engine", "category": "host", "status": "fail",
            "evidence": "no answer", "remedies": ["start it", "or not"], "duration_ms": 12});
        assert_eq!(serde_json::to_value(&finding).unwrap(), expected);
        assert_eq!(Tally::of(&[finding]), Tally { failed: 1, ..Tally::default() });
    }
}
