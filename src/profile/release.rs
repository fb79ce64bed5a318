//! Where releases come from, and the settings that select, end or protect something.

use std::path::PathBuf;

use serde::Deserialize;

use super::{ImageName, Rotation, VariableName};
use crate::model::release::Version;

/// Where releases come from and how one is selected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSettings {
    /// The image, unless `image_variable` is set.
    pub image: ImageName,
    /// The setting that names another image, such as one in a registry of the operator's own.
    pub image_variable: Option<VariableName>,
    /// The setting that holds the version, which is the image's tag.
    pub version_variable: VariableName,
    /// The setting that holds a whole image reference with its digest. Where it is set it overrides the version, and so
    /// the two always change together.
    pub pin_variable: Option<VariableName>,
    /// A file in the install's directory that holds the version too.
    pub version_file: Option<PathBuf>,
}

/// Settings that releases no longer take, and settings that several replicas need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableSettings {
    /// Each of them is commented out by an upgrade, and said so.
    #[serde(default)]
    pub removed: Vec<RemovedVariable>,
    /// What each of several replicas of a service must be told, so that they act as one.
    #[serde(default)]
    pub replicated: Vec<ReplicatedVariable>,
}

/// A setting that must have a certain value once a service has several replicas.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicatedVariable {
    /// The setting.
    pub name: VariableName,
    /// The value it must have.
    pub value: String,
    /// What goes wrong otherwise, for the operator.
    pub why: String,
}

/// A setting that a release must not find any more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedVariable {
    /// The setting.
    pub name: VariableName,
    /// The first release without it; without it, all releases.
    pub since: Option<Version>,
    /// Why it is gone, for the operator and for the comment in the file.
    pub why: String,
}

/// A setting that is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVariable {
    /// The setting.
    pub name: VariableName,
    /// What it is for.
    pub kind: SecretKind,
    /// How it gets another value; without it, opsctl leaves it alone.
    pub rotation: Option<Rotation>,
}

impl SecretVariable {
    /// What it is called on the command line: `API_KEY_SECRET` is `api-key-secret`.
    pub fn spoken(&self) -> String {
        self.name.as_str().to_ascii_lowercase().replace('_', "-")
    }
}

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    /// A key for HMAC.
    HmacKey,
    /// A private key for signatures.
    SigningKey,
    /// A password.
    Password,
    /// An address with a password in it.
    Url,
    /// A token that lets its bearer in.
    Token,
    /// A licence.
    License,
}
