//! Names and marks of databases: which are the product's, and which opsctl made, for what.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest name that PostgreSQL keeps, in bytes.
pub const MAX_NAME_BYTES: usize = 63;

const SEPARATOR: &str = "__opsctl_";

/// A database's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseName(String);

/// What a database that opsctl made is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabasePurpose {
    /// A backup is loaded into it, to be swapped in.
    Side,
    /// A copy of the live database, to go back to.
    RestorePoint,
    /// What was live until another one was swapped in.
    Replaced,
    /// What was live until a new store was begun; it is dropped when it is archived.
    Retired,
    /// What an operation that failed left behind, kept for support.
    Failed,
    /// Only to look at: a backup that is verified, an upgrade that is rehearsed.
    Scratch,
}

impl DatabasePurpose {
    const ALL: [Self; 6] =
        [Self::Side, Self::RestorePoint, Self::Replaced, Self::Retired, Self::Failed, Self::Scratch];

    /// The word in the database's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Side => "side",
            Self::RestorePoint => "restore_point",
            Self::Replaced => "replaced",
            Self::Retired => "retired",
            Self::Failed => "failed",
            Self::Scratch => "scratch",
        }
    }
}

/// What a name says of a database that opsctl made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeName {
    /// What it is for.
    pub purpose: DatabasePurpose,
    /// When it was made, as it was given to [`DatabaseName::made`].
    pub stamp: String,
}

impl DatabaseName {
    /// Takes a name as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for a database that opsctl makes: `<this>__opsctl_<purpose>_<stamp>`, never more than
    /// [`MAX_NAME_BYTES`]. Where `this` has to be cut, a hash of it takes the place of what is missing, so that two
    /// long names stay apart.
    ///
    /// `stamp` must be made of at most 16 ASCII letters, digits and `-`; other characters are left out.
    #[must_use]
    pub fn made(&self, purpose: DatabasePurpose, stamp: &str) -> Self {
        let stamp: String = stamp.chars().filter(|&c| is_stamp_character(c)).take(MAX_STAMP).collect();
        Self(format!("{}_{stamp}", self.stem(purpose)))
    }

    /// What this name says, if it is one that [`DatabaseName::made`] gives for `database`.
    pub fn made_from(&self, database: &Self) -> Option<MadeName> {
        DatabasePurpose::ALL.into_iter().find_map(|purpose| {
            let stamp = self.0.strip_prefix(&database.stem(purpose))?.strip_prefix('_')?;
            let sound =
                !stamp.is_empty() && stamp.len() <= MAX_STAMP && stamp.chars().all(is_stamp_character);
            sound.then(|| MadeName { purpose, stamp: stamp.to_owned() })
        })
    }

    /// Whether opsctl made a database of this name, from whichever.
    pub fn is_made(&self) -> bool {
        self.0.rsplit_once(SEPARATOR).is_some_and(|(_, rest)| {
            DatabasePurpose::ALL
                .iter()
                .any(|purpose| rest.strip_prefix(purpose.word()).is_some_and(|rest| rest.starts_with('_')))
        })
    }

    fn stem(&self, purpose: DatabasePurpose) -> String {
        let room = MAX_NAME_BYTES - SEPARATOR.len() - purpose.word().len() - 1 - MAX_STAMP;
        let name = if self.0.len() <= room { self.0.clone() } else { shortened(&self.0, room) };
        format!("{name}{SEPARATOR}{}", purpose.word())
    }
}

const MAX_STAMP: usize = 16;

fn is_stamp_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

fn shortened(name: &str, room: usize) -> String {
    let hash = hex::encode(&Sha256::digest(name)[..4]);
    let mut end = room - hash.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{hash}", &name[..end])
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What opsctl writes into the comment of a database it made. Its presence also says that making it was finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseMark {
    /// What it is for.
    pub purpose: DatabasePurpose,
    /// The operation that made it.
    pub operation: String,
    /// When, as RFC 3339.
    pub created: String,
    /// The product's database it stands beside.
    pub database: DatabaseName,
    /// The comment that the database had before, to be put back when it becomes live again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How the source stood when it was copied: a serialised write mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_state: Option<String>,
}

/// In front of the JSON, so that a person who lists databases knows whose they are.
const MARK_PREFIX: &str = "opsctl: ";

impl DatabaseMark {
    /// The mark as a comment.
    pub fn to_comment(&self) -> String {
        let json = serde_json::json!(self);
        format!("{MARK_PREFIX}{json}")
    }

    /// Reads a comment; `None` if it is not a mark.
    pub fn from_comment(comment: &str) -> Option<Self> {
        serde_json::from_str(comment.strip_prefix(MARK_PREFIX)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_tell_what_a_database_is_for() {
        let live = DatabaseName::new("ledger");
        let side = live.made(DatabasePurpose::RestorePoint, "20261121t110125");
        assert_eq!(side.as_str(), "ledger__opsctl_restore_point_20261121t110125");
        let made = side.made_from(&live).expect("one of ours");
        assert_eq!(
            made,
            MadeName { purpose: DatabasePurpose::RestorePoint, stamp: "20261121t110125".to_owned() }
        );
        assert!(side.is_made() && !live.is_made());
        assert_eq!(side.made_from(&DatabaseName::new("other")), None);
    }

    #[test]
    fn names_that_only_look_alike_are_not_ours() {
        let live = DatabaseName::new("ledger");
        for name in [
            "ledger",
            "ledger__opsctl_",
            "ledger__opsctl_side",
            "ledger__opsctl_side_",
            "ledger__opsctl_other_1",
            "ledger__opsctl_side_a b",
            "ledger2__opsctl_side_1",
        ] {
            assert_eq!(DatabaseName::new(name).made_from(&live), None, "{name}");
        }
    }

    #[test]
    fn two_long_names_stay_apart() {
        let [one, two] = ["1", "2"].map(|end| DatabaseName::new(format!("{}{end}", "x".repeat(62))));
        let made = one.made(DatabasePurpose::Side, "s");
        assert_ne!(made, two.made(DatabasePurpose::Side, "s"));
        assert!(made.made_from(&one).is_some() && made.made_from(&two).is_none());
    }

    #[test]
    fn a_mark_survives_its_comment() {
        let mark = DatabaseMark {
            purpose: DatabasePurpose::Replaced,
            operation: "20261121-1".to_owned(),
            created: "2026-11-21T11:01:25Z".to_owned(),
            database: DatabaseName::new("ledger"),
            comment: Some("it's \"ours\"".to_owned()),
            source_state: None,
        };
        assert_eq!(DatabaseMark::from_comment(&mark.to_comment()), Some(mark));
        assert_eq!(DatabaseMark::from_comment("the ledger's database"), None);
    }

    proptest! {
        #[test]
        fn every_name_fits_and_is_recognised(name in "\\PC{1,63}", stamp in "[0-9a-z-]{1,16}") {
            let live = DatabaseName::new(name);
            for purpose in DatabasePurpose::ALL {
                let made = live.made(purpose, &stamp);
                prop_assert!(made.as_str().len() <= MAX_NAME_BYTES);
                prop_assert_eq!(made.made_from(&live), Some(MadeName { purpose, stamp: stamp.clone() }));
            }
        }
    }
}
