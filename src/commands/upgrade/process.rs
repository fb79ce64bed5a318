//! What is of its own in an upgrade of a process with a SQLite file.

use crate::adapters::disk::Need;
use crate::adapters::release_link::selected;
use crate::commands::context::Context;
use crate::commands::embedded::Embedded;
use crate::commands::operate;
use crate::commands::preflight;
use crate::commands::ready::Ready;
use crate::error::Failure;
use crate::model::database_name::DatabasePurpose;
use crate::model::manifest::Digest;
use crate::model::release::Version;
use crate::plan::step::{Release, RestorePoint};
use crate::preflight::Check;
use crate::profile::ServiceName;

use super::{Ids, Upgrades};

/// What an upgrade stands on: it copies the store, and puts another in its place to go back.
const CHECKS: [Check; 6] = [
    Check::HostInodes,
    Check::EnvFiles,
    Check::StoreFile,
    Check::StorePlace,
    Check::StoreOpen,
    Check::StoreSound,
];

impl Upgrades for Embedded {
    async fn target(
        &self,
        _: &Context,
        version: &Version,
        sha256: Option<Digest>,
    ) -> Result<Release, Failure> {
        let offered = self.release(version, sha256).await.map_err(Failure::refused)?;
        let release =
            offered.ok_or_else(|| Failure::refused(self.no_release(version).hint("nothing was changed")))?;
        self.must_be_as_brought(version).await?;
        Ok(release)
    }

    async fn must_hold(&self, context: &Context) -> Result<(), Failure> {
        if let Some(selected) = selected(&self.place.dir) {
            self.warn_of_change(context, &selected).await;
        }
        preflight::must_hold(context, self, &CHECKS).await
    }

    /// The product is stopped before it migrates, and nobody else may have the file open when it is copied.
    async fn obstacles(_: &Ready<Self>) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    async fn restore_point(
        _: &Context,
        ready: &Ready<Self>,
        ids: Ids,
    ) -> Result<(RestorePoint, Vec<Need>), Failure> {
        let Ready { turn, install, directory, world, .. } = ready;
        let live = ready.live();
        let bytes = world.databases.facts(&live).await.map_err(Failure::refused)?.size_bytes;
        let databases = world.databases.directory().to_owned();
        let mut needs = vec![Need { what: "the restore point", place: databases, bytes }];
        if ids.first.is_some() {
            needs.push(Need { what: "the backup", place: directory.clone(), bytes });
            needs.push(Need { what: "its copy", place: install.place.state.root().to_owned(), bytes });
        }
        let database = live.made(DatabasePurpose::RestorePoint, &operate::stamp(&turn.operation));
        Ok((RestorePoint::Clone { database }, needs))
    }

    fn canary_service(&self) -> &ServiceName {
        &self.profile.service.name
    }

    /// Its settings are its own: the profile names none that a release no longer takes.
    fn removed_variables(&self, _: &Version) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
}
