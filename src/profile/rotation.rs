//! How a secret gets another value.

use serde::{Deserialize, Serialize};

use super::{HttpPath, ServiceName, VariableName};

/// How a secret gets another value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RotationTable")]
pub struct Rotation {
    /// The setting that holds the value before, as long as that may be needed again; none for a password, of which nobody takes
    /// two.
    pub previous: Option<VariableName>,
    /// Where a new value comes from.
    pub made: Made,
    /// What becomes of what depends on the value before.
    pub way: Way,
    /// A path of the API that answers only to the platform key, to show that keys still let their bearers in.
    pub canary: Option<HttpPath>,
    /// Settings that are derived from the secret where they are not set.
    pub derived: Vec<Derived>,
}

/// Where a new value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Made {
    /// From the system's generator, written in hexadecimal.
    Random {
        /// How many random bytes it has.
        bytes: u16,
    },
    /// From a program in the product's image: what it prints.
    Program {
        /// The program and its arguments, without a shell.
        command: Vec<String>,
    },
}

/// What becomes of what depends on the value before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The product takes the value before as well, and a command of its own moves what is stored from one to the other.
    DualWindow {
        /// That command. It does its work in one transaction, or so that running it again does no harm.
        rehash: Rehash,
        /// A query for what is stored under which value: a column that tells values apart without being one, and how many.
        count: Option<String>,
    },
    /// Nothing that is stored depends on it: what was made with the value before stays as good as it was.
    Replaced {
        /// A query for what the database keeps of the values: a column that tells them apart without being one, and whether it
        /// is the one in use. Each stays on record.
        on_record: Option<String>,
    },
    /// It is the password of a role of the bundled database server.
    DatabaseLogin {
        /// The setting of the database's service that names the role; without it, it is `postgres`.
        role_variable: VariableName,
    },
}

/// A command of the product, run in a container of its own as a service is described.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehash {
    /// The service whose image, environment and network are used.
    pub service: ServiceName,
    /// The program and its arguments, without a shell.
    pub command: Vec<String>,
}

/// A setting that the product derives from a secret where it is not set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// The setting.
    pub name: VariableName,
    /// What can no longer be read when the secret changes.
    pub loses: String,
}

/// The section as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationTable {
    method: Method,
    previous: Option<VariableName>,
    role_variable: Option<VariableName>,
    bytes: Option<u16>,
    generate: Option<Vec<String>>,
    rehash: Option<Rehash>,
    count: Option<String>,
    on_record: Option<String>,
    canary: Option<HttpPath>,
    #[serde(default)]
    derived: Vec<Derived>,
}

/// The ways there are.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Method {
    DualWindow,
    Replaced,
    DatabaseLogin,
}

/// Keys that do not fit together.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("a dual window needs `rehash`: the command that moves what is stored to the new value")]
    NoRehash,
    #[error("`rehash` and `count` are for a dual window: leave them out where the value is replaced")]
    NothingToRehash,
    #[error("`on_record` is for a value that is replaced: in a dual window `count` shows what is stored")]
    NothingOnRecord,
    #[error("either `bytes` or `generate` says where a new value comes from, not both")]
    TwoSources,
    #[error("`previous` is missing: name the setting for the value before")]
    NoPrevious,
    #[error(
        "a database login needs `role_variable`, the setting that names the role, and takes no `previous` and no `generate`"
    )]
    Login,
    #[error("`role_variable` is for a database login: leave it out")]
    NoLogin,
    #[error("`bytes` must be from 16 to 64: fewer can be guessed, and more are of no use")]
    Bytes,
}

impl TryFrom<RotationTable> for Rotation {
    type Error = Unfit;

    fn try_from(table: RotationTable) -> Result<Self, Unfit> {
        let RotationTable {
            method,
            previous,
            role_variable,
            bytes,
            generate,
            rehash,
            count,
            on_record,
            canary,
            derived,
        } = table;
        match (method, &previous, &role_variable) {
            (Method::DatabaseLogin, None, Some(_)) if generate.is_none() => {}
            (Method::DatabaseLogin, ..) => return Err(Unfit::Login),
            (_, _, Some(_)) => return Err(Unfit::NoLogin),
            (_, None, _) => return Err(Unfit::NoPrevious),
            (_, Some(_), None) => {}
        }
        let made = match (generate, bytes) {
            (Some(_), Some(_)) => return Err(Unfit::TwoSources),
            (Some(command), None) => Made::Program { command },
            (None, Some(bytes)) if !(16..=64).contains(&bytes) => return Err(Unfit::Bytes),
            (None, bytes) => Made::Random { bytes: bytes.unwrap_or(DEFAULT_BYTES) },
        };
        let way = match (method, rehash) {
            (Method::DualWindow, None) => return Err(Unfit::NoRehash),
            (Method::DualWindow, Some(_)) if on_record.is_some() => return Err(Unfit::NothingOnRecord),
            (Method::DualWindow, Some(rehash)) => Way::DualWindow { rehash, count },
            (Method::Replaced, None) if count.is_none() => Way::Replaced { on_record },
            (Method::DatabaseLogin, None) if count.is_none() && on_record.is_none() => {
                Way::DatabaseLogin { role_variable: role_variable.ok_or(Unfit::Login)? }
            }
            (Method::Replaced | Method::DatabaseLogin, _) => return Err(Unfit::NothingToRehash),
        };
        Ok(Self { previous, made, way, canary, derived })
    }
}

const DEFAULT_BYTES: u16 = 32;
