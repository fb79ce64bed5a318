//! What the members of a bundle say, each read as far as it can be.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Bundle;
use super::checks::CheckFacts;
use super::lenient::{self, Read};
use super::metrics::{self, Sample};
use crate::bundle::contents::{
    Activity, Answer, BackupFacts, BundleManifest, ContainerFacts, EngineEvent, HostFacts, Migrations,
    OperationFacts, QueueDepth, SCHEMA, ServerFacts, StoreFacts, TableFacts, member,
};
use crate::profile::Profile;

/// What a bundle says. A list is empty, and what is single is absent, where the member is missing.
#[derive(Debug, Default)]
pub struct Facts {
    /// What the bundle says of itself.
    pub manifest: BundleManifest,
    /// Containers of the project, or processes.
    pub containers: Vec<ContainerFacts>,
    /// What the engine recorded.
    pub events: Vec<EngineEvent>,
    /// The database server.
    pub server: Option<ServerFacts>,
    /// The SQLite file.
    pub store: Option<StoreFacts>,
    /// What it is doing.
    pub activity: Option<Activity>,
    /// Tables.
    pub tables: Vec<TableFacts>,
    /// Migrations.
    pub migrations: Option<Migrations>,
    /// Queues.
    pub queues: Vec<QueueDepth>,
    /// The machine.
    pub host: Option<HostFacts>,
    /// What addresses of the product answered.
    pub answers: Vec<Answer>,
    /// What `opsctl preflight` found.
    pub preflight: Vec<CheckFacts>,
    /// What `opsctl verify` found.
    pub verify: Vec<CheckFacts>,
    /// Backups, the newest last.
    pub backups: Vec<BackupFacts>,
    /// Operations, the newest last.
    pub operations: Vec<OperationFacts>,
    /// Metrics of the product.
    pub metrics: Vec<Sample>,
    /// What was masked, as the redaction reports it.
    pub redaction: Option<Value>,
    /// The description of the product that was in force.
    pub profile: Option<Profile>,
    /// Members that could not be read, or not in full, and those that are not what the manifest says.
    pub troubles: Vec<Trouble>,
}

/// Why a member could not be read, or not in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The member; empty where it is the bundle.
    pub member: String,
    /// What is wrong.
    pub what: String,
}

struct Reader<'a> {
    bundle: &'a Bundle,
    troubles: Vec<Trouble>,
}

impl Facts {
    /// What a check of `opsctl preflight` found, by its identifier.
    pub fn check(&self, id: &str) -> Option<&CheckFacts> {
        self.preflight.iter().find(|check| check.id == id)
    }

    /// The same, if it does not hold.
    pub fn failing(&self, id: &str) -> Option<&CheckFacts> {
        self.check(id).filter(|check| check.fails())
    }

    pub(super) fn read(bundle: &Bundle) -> Self {
        let mut reader = Reader { bundle, troubles: bundle.damage().to_vec() };
        let manifest: Option<BundleManifest> = reader.object(member::MANIFEST);
        reader.check_manifest(manifest.as_ref());
        Self {
            manifest: manifest.unwrap_or_default(),
            containers: reader.list(bundle.of_containers()),
            events: reader.lines(member::EVENTS),
            server: reader.object(member::SERVER),
            store: reader.object(member::STORE),
            activity: reader.object(member::ACTIVITY),
            tables: reader.list(member::TABLES),
            migrations: reader.object(member::MIGRATIONS),
            queues: reader.list(member::QUEUES),
            host: reader.object(member::HOST),
            answers: reader.list(member::ANSWERS),
            preflight: reader.list(member::PREFLIGHT),
            verify: reader.list(member::VERIFY),
            backups: reader.list(member::BACKUPS),
            operations: reader.list(member::OPERATIONS),
            metrics: metrics::read(bundle),
            redaction: reader.object(member::REDACTION_REPORT),
            // A description of a later version only tells less.
            profile: bundle
                .member(member::DESCRIPTION)
                .and_then(|text| Profile::parse(text.text(), Path::new(member::DESCRIPTION)).ok()),
            troubles: reader.troubles,
        }
    }
}

impl Reader<'_> {
    fn object<T: DeserializeOwned + Default>(&mut self, path: &str) -> Option<T> {
        let read = lenient::object(self.bundle.member(path)?.text());
        self.noted(path, read)
    }

    fn list<T: DeserializeOwned + Default>(&mut self, path: &str) -> Vec<T> {
        let Some(content) = self.bundle.member(path) else { return Vec::new() };
        let read = lenient::list(content.text(), &["checks", "items"]);
        self.noted(path, read).unwrap_or_default()
    }

    fn lines<T: DeserializeOwned + Default>(&mut self, path: &str) -> Vec<T> {
        let Some(content) = self.bundle.member(path) else { return Vec::new() };
        let read = lenient::lines(content.lines());
        self.noted(path, Ok(read)).unwrap_or_default()
    }

    fn noted<T>(&mut self, path: &str, read: Result<Read<T>, String>) -> Option<T> {
        let (value, whats) = match read {
            Ok(read) => (Some(read.value), read.passed_over),
            Err(what) => (None, vec![format!("it cannot be read: {what}")]),
        };
        for what in whats {
            self.trouble(path, what);
        }
        value
    }

    fn trouble(&mut self, path: &str, what: impl Into<String>) {
        self.troubles.push(Trouble { member: path.to_owned(), what: what.into() });
    }

    /// Compares the members with what the manifest says of them.
    fn check_manifest(&mut self, manifest: Option<&BundleManifest>) {
        let Some(manifest) = manifest else {
            self.trouble(member::MANIFEST, "it is missing: nothing tells whether the others are whole");
            return;
        };
        if manifest.schema > SCHEMA {
            let what = format!(
                "it is of schema {}, and this opsctl knows {SCHEMA}: some of it may not be shown",
                manifest.schema
            );
            self.trouble(member::MANIFEST, what);
        }
        for listed in &manifest.members {
            match self.bundle.member(&listed.path) {
                None => self.trouble(&listed.path, "the manifest names it, and it is not there"),
                Some(found) if !found.sha256().eq_ignore_ascii_case(&listed.sha256) => {
                    self.trouble(&listed.path, "it is not what the manifest says: it was altered afterwards");
                }
                Some(_) => {}
            }
        }
        let unknown: Vec<String> = self
            .bundle
            .members()
            .map(|(path, _)| path)
            .filter(|path| *path != member::MANIFEST && !manifest.members.is_empty())
            .filter(|path| !manifest.members.iter().any(|listed| listed.path == *path))
            .map(str::to_owned)
            .collect();
        for path in unknown {
            self.trouble(&path, "the manifest does not name it: it was added afterwards");
        }
    }
}
