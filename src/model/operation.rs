//! Operations: which one, of what kind, and who asked for it.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Identifies one operation of an install: `YYYYMMDD-HHMMSS-<kind>`. Older versions put `-2`, `-3`, ... behind it when a
/// second saw several. Their order is that of the operations, whatever the clock does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationId(String);

/// A text that is not an operation's identifier.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation's identifier has 1 to 64 lower-case letters, digits and `-`")]
pub struct InvalidOperationId;

impl OperationId {
    /// The identifier for an operation begun at `at`.
    pub fn new(at: jiff::Timestamp, kind: OperationKind) -> Self {
        Self(format!("{}-{kind}", at.strftime("%Y%m%d-%H%M%S")))
    }

    /// The identifier for an operation begun at `at`, behind all of `others`: after the clock was set back, or within the
    /// same second, it is a second later than the last of them.
    pub fn behind<'i>(
        at: jiff::Timestamp,
        kind: OperationKind,
        others: impl IntoIterator<Item = &'i Self>,
    ) -> Self {
        let newest = others.into_iter().filter_map(Self::moment).max();
        let after = newest.and_then(|newest| newest.checked_add(SignedDuration::from_secs(1)).ok());
        Self::new(after.map_or(at, |after| at.max(after)), kind)
    }

    /// The moment in it; `None` for one that names none.
    fn moment(&self) -> Option<jiff::Timestamp> {
        let stamp = self.0.get(..15)?;
        let moment = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", stamp).ok()?;
        moment.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|moment| moment.timestamp())
    }

    /// Takes an identifier as a person typed it or a label carries it; anything that could leave a directory is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        sound.then(|| Self(text.to_owned()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OperationId {
    type Error = InvalidOperationId;

    fn try_from(text: String) -> Result<Self, InvalidOperationId> {
        Self::parse(&text).ok_or(InvalidOperationId)
    }
}

impl From<OperationId> for String {
    fn from(id: OperationId) -> Self {
        id.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// Takes a backup.
    Backup,
    /// Removes backups that retention does not keep.
    Prune,
    /// Puts a backup's data in the place of the live data.
    Restore,
    /// Puts back the data that the last restore replaced.
    UndoRestore,
    /// Moves to another release.
    Upgrade,
    /// Goes back to an earlier release and its data.
    Rollback,
    /// Gives a secret another value.
    Rotate,
    /// Archives the live data, and begins with none.
    RotateStore,
    /// Starts a product that nothing else starts.
    Start,
    /// Stops one.
    Stop,
}

impl OperationKind {
    /// The kind's name, as in identifiers, the journal and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Prune => "prune",
            Self::Restore => "restore",
            Self::UndoRestore => "undo-restore",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
            Self::Rotate => "rotate",
            Self::RotateStore => "rotate-store",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }

    /// Whether one that was cut short is gone on with or undone, and all else waits for that.
    pub fn has_to_end(self) -> bool {
        !matches!(self, Self::Start | Self::Stop)
    }

    /// The kind in a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::UndoRestore => "undoing of the restore",
            Self::Rotate => "rotation",
            Self::RotateStore => "rotation of the store",
            other => other.name(),
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who asked for an operation, as far as the process can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Login name of the effective user, or its number.
    pub user: String,
    /// Who became that user through sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
    /// The machine's name.
    pub host: String,
    /// Process number.
    pub pid: u32,
    /// Address of the SSH client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_client: Option<String>,
    /// The automation that runs it, where a well-known variable says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// Whether a person sat at a terminal.
    pub terminal: bool,
    /// Which one, such as `/dev/pts/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sudo_user {
            Some(sudo_user) => write!(formatter, "{sudo_user} (as {})", self.user)?,
            None => formatter.write_str(&self.user)?,
        }
        write!(formatter, " on {}", self.host)?;
        if let Some(address) = &self.ssh_client {
            write!(formatter, " from {address}")?;
        }
        if let Some(ci) = &self.ci {
            write!(formatter, " in {ci}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_in_the_order_of_operations_whatever_the_clock_does() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let first = OperationId::new(at("2026-03-14T12:00:00Z"), OperationKind::Upgrade);
        assert_eq!(first.as_str(), "20260314-120000-upgrade");
        assert_eq!(OperationId::parse(first.as_str()), Some(first.clone()));
        let known = [OperationId::parse("no-time").unwrap(), first.clone()];
        for (now, expected) in [
            ("2026-03-14T12:00:00.9Z", "20260314-120001-backup"),
            ("2026-03-14T12:00:01Z", "20260314-120001-backup"),
            ("2026-03-14T12:00:02Z", "20260314-120002-backup"),
            ("2025-01-01T00:00:00Z", "20260314-120001-backup"),
        ] {
            let next = OperationId::behind(at(now), OperationKind::Backup, &known);
            assert_eq!(next.as_str(), expected, "{now}");
            assert!(next > first, "{now}");
        }
    }

    #[test]
    fn an_identifier_cannot_name_another_directory() {
        for text in ["", "..", "a/b", "A", "x\0", &"a".repeat(65)] {
            assert_eq!(OperationId::parse(text), None, "{text:?}");
            assert!(serde_json::from_value::<OperationId>(serde_json::json!(text)).is_err(), "{text:?}");
        }
    }
}
