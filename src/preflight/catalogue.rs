//! The checks by their identifiers, which never change: tickets and scripts name them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// The machine, and the Docker Engine where one is needed.
    Host,
    /// The environment file.
    Environment,
    /// The product's image.
    Image,
    /// The release of a product that runs as a process.
    Release,
    /// The database and its server.
    Database,
    /// The SQLite file of a product that runs as a process.
    Store,
    /// The running product.
    Product,
    /// What `opsctl verify` proves.
    Verify,
}

macro_rules! checks {
    ($($check:ident, $id:literal, $category:ident, $asks:literal;)*) => {
        /// A check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Check {
            $(#[doc = $asks] $check,)*
        }

        impl Check {
            /// All checks, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$check),*];

            /// Its identifier.
            pub fn id(self) -> &'static str {
                match self { $(Self::$check => $id,)* }
            }

            /// What it looks at.
            pub fn category(self) -> Category {
                match self { $(Self::$check => Category::$category,)* }
            }

            /// What it asks, in a line.
            pub fn asks(self) -> &'static str {
                match self { $(Self::$check => $asks,)* }
            }
        }
    };
}

checks! {
    HostEngine, "host-engine", Host, "Docker answers, and may be used";
    HostCompose, "host-compose", Host, "Docker Compose is there, and new enough";
    HostResources, "host-resources", Host, "there are memory and processors enough";
    HostRoom, "host-room", Host, "each disk that matters has room";
    HostInodes, "host-inodes", Host, "each disk that matters can take more files";
    HostClock, "host-clock", Host, "the machine's clock agrees with the database's";
    HostPorts, "host-ports", Host, "nobody else has the ports that the product publishes";
    HostBackups, "host-backups", Host, "backups can be written where they are to be";
    HostNetwork, "host-network", Host, "a container beside the product's reaches the database";
    EnvFile, "env-file", Environment, "the environment file can be read as Compose reads it";
    EnvRequired, "env-required", Environment, "every setting of the distribution's example is set";
    EnvNames, "env-names", Environment, "no setting has a name that nothing knows";
    EnvRemoved, "env-removed", Environment, "no setting is one that releases no longer take";
    EnvDuplicates, "env-duplicates", Environment, "no setting is assigned twice";
    EnvPlaceholders, "env-placeholders", Environment, "no secret is a placeholder or a shipped default";
    EnvMode, "env-mode", Environment, "only its owner can read the environment file";
    EnvFiles, "env-files", Environment, "no secret is given both as a value and as a file";
    EnvCompose, "env-compose", Environment, "Compose, run by hand, takes the same files as opsctl";
    EnvRunning, "env-running", Environment, "what runs has the settings that the files say";
    EnvPrevious, "env-previous", Environment, "no secret of an earlier rotation is left over";
    ImagePresent, "image-present", Image, "the selected release's image is on this machine";
    ImageDigest, "image-digest", Image, "what runs is the image that is pinned";
    ImageArchitecture, "image-architecture", Image, "the image is built for this machine";
    ReleasePresent, "release-present", Release, "the selected release is here, and its program can be run";
    ReleaseWhole, "release-whole", Release, "the selected release is what it was when it was taken into use";
    ReleaseArchitecture, "release-architecture", Release, "the release's program is built for this machine";
    ReleaseVersion, "release-version", Release, "the release's program tells the version that is selected";
    DbConnect, "db-connect", Database, "the database lets opsctl in";
    DbTls, "db-tls", Database, "the way to the database is protected, and will be for a while";
    DbVersion, "db-version", Database, "the server's version is one that is still looked after";
    DbWritable, "db-writable", Database, "the server takes writes";
    DbRights, "db-rights", Database, "the role may do what migrations do";
    DbRestore, "db-restore", Database, "the role may do what a restore does";
    DbConnections, "db-connections", Database, "the server has connections for all pools";
    DbTools, "db-tools", Database, "PostgreSQL's tools fit the server";
    DbMigrations, "db-migrations", Database, "the applied migrations are those that are on record";
    DbTimeouts, "db-timeouts", Database, "no time limit ends migrations or dumps";
    DbLogging, "db-logging", Database, "the server's log takes no secrets";
    DbTransactions, "db-transactions", Database, "no transaction stays open";
    DbWraparound, "db-wraparound", Database, "transaction numbers are far from running out";
    DbCollation, "db-collation", Database, "the database was made with the collation that is installed";
    DbIndexes, "db-indexes", Database, "every index is valid";
    DbLocks, "db-locks", Database, "nobody waits for a lock, and no lock of opsctl's is left over";
    DbPooler, "db-pooler", Database, "no pooler shares connections between clients";
    StoreFile, "store-file", Store, "the store is there, and is a SQLite database";
    StorePlace, "store-place", Store, "the store is on a disk of this machine, and can be written";
    StoreOpen, "store-open", Store, "nobody but the product has the store open";
    StoreSound, "store-sound", Store, "SQLite finds nothing broken in the store";
    StoreLog, "store-log", Store, "the store has a write-ahead log, and that is taken in";
    StoreSchema, "store-schema", Store, "the schema is that of the newest backup of this release";
    StoreRoom, "store-room", Store, "there is room for the copies that an upgrade makes";
    ProductOperation, "product-operation", Product, "every operation has ended";
    ProductHealth, "product-health", Product, "every service runs, is healthy and ready";
    ProductVersion, "product-version", Product, "what runs is what is selected";
    ProductReplicas, "product-replicas", Product, "replicas are alike, and share what they must";
    ProductMonitoring, "product-monitoring", Product, "what watches the product runs, if it is turned on";
    ProductPreflight, "product-preflight", Product, "the product's own preflight passes";
    ProductBackup, "product-backup", Product, "there is a recent, verified backup";
    VerifyHealth, "verify-health", Verify, "every service runs, is healthy and ready, on the release that is selected";
    VerifyMigrations, "verify-migrations", Verify, "the migrations of the last backup are applied";
    VerifyRows, "verify-rows", Verify, "the tables of the last backup are there, with as many rows at least";
    VerifyStore, "verify-store", Verify, "SQLite reads the whole store and finds nothing broken";
    VerifyData, "verify-data", Verify, "the product's own scan finds nothing broken";
    VerifyProvisioning, "verify-provisioning", Verify, "the product follows what files of the install prescribe";
    VerifySmoke, "verify-smoke", Verify, "a short walk through what the product is for succeeds";
}

/// No check has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no check `{name}`{} `opsctl explain` lists all",
    .meant.map_or(";".to_owned(), |meant| format!(": is `{meant}` meant?"))
)]
pub struct UnknownCheck {
    /// What was asked for.
    pub name: String,
    /// What was probably meant.
    pub meant: Option<&'static str>,
}

/// Checks by name: one check, or all of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection(pub Vec<Check>);

impl FromStr for Selection {
    type Err = UnknownCheck;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_category =
            |check: &&Check| check.category().word() == text || check.category().short() == text;
        let found: Vec<Check> =
            Check::ALL.iter().filter(|check| check.id() == text || of_category(check)).copied().collect();
        if !found.is_empty() {
            return Ok(Self(found));
        }
        let nearest = Check::ALL.iter().map(|check| check.id()).max_by(|one, other| {
            strsim::jaro_winkler(one, text).total_cmp(&strsim::jaro_winkler(other, text))
        });
        let meant = nearest.filter(|name| strsim::jaro_winkler(name, text) > 0.8);
        Err(UnknownCheck { name: text.to_owned(), meant })
    }
}

impl Category {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Environment => "environment",
            Self::Image => "image",
            Self::Release => "release",
            Self::Database => "database",
            Self::Store => "store",
            Self::Product => "product",
            Self::Verify => "verify",
        }
    }

    /// As identifiers begin.
    fn short(self) -> &'static str {
        match self {
            Self::Environment => "env",
            Self::Database => "db",
            other => other.word(),
        }
    }
}

/// What runs a product, and keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Docker Compose, with PostgreSQL.
    Compose,
    /// A process of this machine, with a SQLite file.
    Process,
}

impl Kind {
    /// As people read it.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Compose => "products of Docker Compose and PostgreSQL",
            Self::Process => "products that are one process and one SQLite file",
        }
    }
}

impl Check {
    /// The checks that change nothing and take no time.
    pub fn preflight() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|check| check.category() != Category::Verify)
    }

    /// The proofs that an install is sound: they may take long, and leave traces.
    pub fn proofs() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|check| check.category() == Category::Verify)
    }

    /// The runtime whose products alone it is for; none if it is for all.
    pub fn runtime(self) -> Option<Kind> {
        match (self, self.category()) {
            (Self::VerifyStore, _) | (_, Category::Release | Category::Store) => Some(Kind::Process),
            (_, Category::Image | Category::Database) => Some(Kind::Compose),
            _ => None,
        }
    }

    /// Whether it is for the products of a runtime.
    pub fn is_for(self, runtime: Kind) -> bool {
        self.runtime().is_none_or(|only| only == runtime)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn identifiers_are_unique_and_begin_with_their_category() {
        let ids: BTreeSet<&str> = Check::ALL.iter().map(|check| check.id()).collect();
        assert_eq!(ids.len(), Check::ALL.len());
        for check in Check::ALL {
            assert!(check.id().starts_with(&format!("{}-", check.category().short())), "{check}");
        }
    }

    #[test]
    fn a_category_is_for_one_runtime_or_for_all() {
        let of = |runtime| Check::preflight().filter(move |check| check.is_for(runtime));
        assert!(of(Kind::Process).all(|check| !check.id().starts_with("db-")));
        assert!(of(Kind::Compose).all(|check| !check.id().starts_with("store-")));
        assert!(Check::EnvMode.is_for(Kind::Process) && Check::EnvMode.is_for(Kind::Compose));
        assert!(!Check::VerifyStore.is_for(Kind::Compose));
    }

    #[test]
    fn checks_are_chosen_one_by_one_or_by_category() {
        assert_eq!("db-pooler".parse(), Ok(Selection(vec![Check::DbPooler])));
        let images = vec![Check::ImagePresent, Check::ImageDigest, Check::ImageArchitecture];
        assert_eq!("image".parse(), Ok(Selection(images)));
        assert_eq!("db".parse::<Selection>(), "database".parse());
        assert_eq!("store".parse::<Selection>().unwrap().0.len(), 7);
        let error = "db-poler".parse::<Selection>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no check `db-poler`: is `db-pooler` meant? `opsctl explain` lists all"
        );
        assert_eq!(
            "xyz".parse::<Selection>().unwrap_err().to_string(),
            "there is no check `xyz`; `opsctl explain` lists all"
        );
    }
}
