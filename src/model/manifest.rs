//! What a backup says of itself: `manifest.json`, the last member of its archive.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::backup_id::BackupId;
use super::operation::OperationId;
use super::release::Version;

mod database;
mod digest;

pub use database::{
    Database, Extension, Migration, Mode, Postgres, PostgresProperties, RoleSettings, Sqlite, TableRows,
};
pub use digest::{Digest, DigestError};

/// The format this program writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// The member that holds the manifest.
pub const MANIFEST_NAME: &str = "manifest.json";

/// The member that holds the database.
pub const DUMP_NAME: &str = "db.dump";

/// Everything a backup says of itself. It holds no secret of the product's environment.
///
/// Fields that this program does not know are ignored; a change that an older reader must not ignore raises `format`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// The backup's identity; also the name of the directory inside the archive.
    pub id: BackupId,
    /// Place in the recorded order of the install's backups, counted from 1; the clock has no say in it.
    pub sequence: u64,
    /// When the backup was begun.
    pub created_at: Timestamp,
    /// Why it was taken.
    pub reason: Reason,
    /// The operation it belongs to, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// The product's name.
    pub product: String,
    /// What was running when it was taken.
    pub release: Release,
    /// Version of opsctl that wrote it.
    pub opsctl_version: String,
    /// Name of the host it was taken on.
    pub host: String,
    /// Account that took it.
    pub user: String,
    /// The database and what was counted in it.
    pub database: Database,
    /// Every other member of the archive, in their order.
    pub members: Vec<Member>,
}

/// Why a backup was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Someone, or a schedule, asked for it.
    Manual,
    /// An upgrade takes one before it changes anything.
    PreUpgrade,
    /// A rotation takes one before it changes anything.
    PreRotation,
    /// A restore in place takes one before it drops anything.
    Safety,
    /// It holds what was live until a new store was begun.
    Archive,
}

/// A release as it was found running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The product's version.
    pub version: Option<Version>,
    /// Image reference, as the Compose model has it.
    pub image: Option<String>,
    /// Image id (`sha256:...`) on this host.
    pub image_id: Option<String>,
    /// Repository digest (`name@sha256:...`).
    pub repo_digest: Option<String>,
}

/// One member of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// File name, without the directory.
    pub name: String,
    /// Bytes of content.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Written by a newer opsctl.
    #[error("the manifest has format {found}, and this opsctl knows up to {FORMAT}")]
    Newer {
        /// Its format.
        found: u64,
    },
    /// Not JSON, or without a field that is needed.
    #[error("the manifest cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It contradicts itself.
    #[error("the manifest is not sound: {0}")]
    Unsound(&'static str),
}

impl Manifest {
    /// Reads a manifest and checks that it is sound in itself.
    ///
    /// # Errors
    /// [`ManifestError::Newer`] before anything else is looked at, so that a newer format is called that and not broken.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Probe {
            format: u64,
        }
        let Probe { format } = serde_json::from_slice(json)?;
        if format > u64::from(FORMAT) {
            return Err(ManifestError::Newer { found: format });
        }
        let manifest: Self = serde_json::from_slice(json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as indented JSON that ends in a newline.
    ///
    /// # Errors
    /// As [`Manifest::parse`]: what could not be read back is not written.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The member that holds the database.
    pub fn dump(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.name == DUMP_NAME)
    }

    /// Rows in all tables together; the most that can be counted if there are more.
    pub fn rows(&self) -> u64 {
        self.database.tables().iter().map(|table| table.rows).fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let mut seen = BTreeSet::new();
        if self.format == 0 {
            return Err(ManifestError::Unsound("format 0 does not exist"));
        }
        for member in &self.members {
            if !is_plain_name(&member.name) || member.name == MANIFEST_NAME {
                return Err(ManifestError::Unsound("a member's name is not a plain file name"));
            }
            if !seen.insert(&member.name) {
                return Err(ManifestError::Unsound("a member is listed twice"));
            }
        }
        if self.dump().is_none() {
            return Err(ManifestError::Unsound("it lists no db.dump"));
        }
        Ok(())
    }
}

/// Whether `name` can be a member: 1 to 80 letters, digits, `.`, `_` or `-`, not beginning with `.` or `-`.
pub fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=80).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
