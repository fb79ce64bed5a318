//! What a release is: the description that is baked into each image, and the faults a broken one has.

use std::{fs, io, path::PathBuf, time::Duration};

use serde::Deserialize;
use tokio::time::sleep;

use crate::{
    config::Environment,
    lifecycle::{Lifecycle, Phase},
};

/// Where an image keeps its description; `LEDGER_RELEASE_FILE` overrides it.
const DEFAULT_PATH: &str = "/etc/ledger/release.json";

/// One release of the product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// The version that the release goes by, as in its image tag.
    version: String,
    /// How many migrations it ships; its code works with exactly that many applied.
    pub(crate) schema: u32,
    /// In which way it is broken.
    pub(crate) fault: Option<Fault>,
}

/// The ways in which releases break in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// Its migration commits some statements and then fails.
    MigrationFailsHalfWay,
    /// Its migration waits for a lock that it holds itself on another connection.
    MigrationHangsOnLock,
    /// The API ends with exit code 1 about a second after each start.
    ApiCrashLoop,
    /// The API is alive and never becomes ready.
    ApiNeverReady,
    /// The image holds another version than its tag says.
    ApiWrongVersion,
    /// The worker ends with exit code 1 after two seconds while the API is well.
    WorkerDies,
    /// The API is well and ready for ten seconds, then ends with exit code 1.
    ApiDiesLater,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    #[error("cannot read the release description {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the release description {path} is not valid")]
    Parse { path: PathBuf, source: serde_json::Error },
    #[error("the release description asks for {wanted} migrations, this binary knows 1 to {known}")]
    Schema { wanted: u32, known: u32 },
}

impl Release {
    /// The newest good release: what the binary is without a description beside it.
    fn built_in() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into(), schema: 3, fault: None }
    }

    /// Reads the description of this image. A missing file at the default place is no error.
    pub(crate) fn load(environment: &Environment) -> Result<Self, ReleaseError> {
        let named = environment.get("LEDGER_RELEASE_FILE").map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| DEFAULT_PATH.into());
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::built_in()),
            Err(source) => Err(ReleaseError::Read { path, source }),
        }
    }

    fn parse(text: &str, path: PathBuf) -> Result<Self, ReleaseError> {
        let release: Self =
            serde_json::from_str(text).map_err(|source| ReleaseError::Parse { path, source })?;
        let known = crate::store::migrations::known();
        if release.schema == 0 || release.schema > known {
            return Err(ReleaseError::Schema { wanted: release.schema, known });
        }
        Ok(release)
    }

    /// What the release says it is, on every surface that reports a version.
    pub(crate) fn reported_version(&self) -> &str {
        match self.fault {
            Some(Fault::ApiWrongVersion) => env!("CARGO_PKG_VERSION"),
            _ => &self.version,
        }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Resolves when the release's fault takes the API down, to what it says then.
    pub(crate) async fn breaks(&self, life: &Lifecycle) -> &'static str {
        if self.has(Fault::ApiCrashLoop) {
            sleep(Duration::from_secs(1)).await;
            return "cannot initialise the retention engine: missing rule set";
        }
        if self.has(Fault::ApiDiesLater) {
            while life.phase() == Phase::Starting {
                sleep(Duration::from_millis(50)).await;
            }
            sleep(Duration::from_secs(10)).await;
            return "retention engine failed: unexpected end of rule set";
        }
        std::future::pending().await
    }

    #[cfg(test)]
    pub(crate) fn for_tests(schema: u32, fault: Option<Fault>) -> Self {
        Self { version: "9.9.9".into(), schema, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Release, ReleaseError> {
        Release::parse(text, "release.json".into())
    }

    #[test]
    fn every_shipped_description_is_valid_and_named_by_its_tag() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/releases");
        let mut seen = 0;
        for entry in fs::read_dir(folder).expect("the releases folder") {
            let path = entry.expect("an entry").path();
            let release = parse(&fs::read_to_string(&path).expect("readable")).expect("valid");
            assert_eq!(path.file_stem().expect("a name"), release.version.as_str());
            assert_eq!(release.fault.is_none(), release.schema < 4, "{}", path.display());
            seen += 1;
        }
        assert_eq!(seen, 10);
    }

    #[test]
    fn the_newest_good_release_is_built_in() {
        let shipped = include_str!("../releases/1.2.0.json");
        assert_eq!(parse(shipped).expect("valid"), Release::built_in());
    }

    #[test]
    fn a_wrong_build_reports_what_it_really_is() {
        let release = Release::for_tests(4, Some(Fault::ApiWrongVersion));
        assert_eq!(release.reported_version(), "1.2.0");
    }

    #[test]
    fn unknown_keys_faults_and_schemas_are_refused() {
        assert!(parse(r#"{"version":"1.0.0","schema":1,"fault":null,"x":1}"#).is_err());
        assert!(parse(r#"{"version":"1.0.0","schema":1,"fault":"melts"}"#).is_err());
        assert!(parse(r#"{"version":"1.0.0","schema":0,"fault":null}"#).is_err());
        assert!(parse(r#"{"version":"1.0.0","schema":5,"fault":null}"#).is_err());
    }
}
