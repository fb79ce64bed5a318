//! What is of its own in an upgrade of a Compose product with PostgreSQL.

use std::cmp::Ordering;
use std::time::Duration;

use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::disk::Need;
use crate::adapters::env_store::EnvStore;
use crate::adapters::postgres::obstacles::{invalid_indexes, obstacles};
use crate::adapters::postgres::properties::database_size;
use crate::adapters::postgres::server::server_facts;
use crate::adapters::product_database;
use crate::commands::context::Context;
use crate::commands::install::Install;
use crate::commands::operate;
use crate::commands::preflight;
use crate::commands::ready::Ready;
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabasePurpose;
use crate::model::manifest::Digest;
use crate::model::release::Version;
use crate::plan::step::{Release, RestorePoint};
use crate::preflight::Check;
use crate::profile::{DatabaseMode, ServiceName};

use super::{Ids, Upgrades, target};

/// A transaction that has been open for longer is not one that is about to end.
const LONG_TRANSACTION: Duration = Duration::from_secs(10);

/// What an upgrade stands on: it migrates, by the product's own means.
const CHECKS: [Check; 7] = [
    Check::HostInodes,
    Check::EnvFiles,
    Check::DbWritable,
    Check::DbRights,
    Check::DbTimeouts,
    Check::DbWraparound,
    Check::DbPooler,
];

impl Upgrades for Install {
    async fn target(
        &self,
        context: &Context,
        version: &Version,
        _: Option<Digest>,
    ) -> Result<Release, Failure> {
        target::resolve(context, self, version).await
    }

    async fn must_hold(&self, context: &Context) -> Result<(), Failure> {
        preflight::must_hold(context, self, &CHECKS).await
    }

    /// Transactions that keep the locks which they took. The product's own end when it is stopped, but nothing tells them
    /// from others' for certain: whoever reads this knows by name and address.
    async fn obstacles(ready: &Ready<Self>) -> Result<Vec<String>, Failure> {
        if ready.install.profile.migrate.is_none() {
            return Ok(Vec::new());
        }
        let database = &ready.world.databases;
        let session = database.maintenance().await?;
        let mut found = obstacles(&session, &database.live(), LONG_TRANSACTION)
            .await
            .map_err(|error| product_database::fault(&error))?;
        let session = database.session(&database.live()).await?;
        found.extend(invalid_indexes(&session).await.map_err(|error| product_database::fault(&error))?);
        Ok(found.iter().map(ToString::to_string).collect())
    }

    async fn restore_point(
        context: &Context,
        ready: &Ready<Self>,
        ids: Ids,
    ) -> Result<(RestorePoint, Vec<Need>), Failure> {
        let Ready { turn, install, directory, world, .. } = ready;
        let (live, stamp) = (ready.live(), operate::stamp(&turn.operation));
        let session = world.databases.maintenance().await?;
        let size = database_size(&session, &live).await.map_err(|error| product_database::fault(&error))?;
        let server = server_facts(&session).await.map_err(|error| product_database::fault(&error))?;
        let mut needs = Vec::new();
        if ids.first.is_some() {
            // What compresses worst hardly shrinks at all.
            needs.push(Need { what: "the backup", place: directory.clone(), bytes: size });
        }
        if !server.can_create_databases {
            context.warn(format!(
                "the role {} may not create databases: the restore point is a backup taken while the product stands \
                 still, which takes longer",
                world.databases.info.user
            ));
            needs.push(Need { what: "the restore point", place: directory.clone(), bytes: size });
            let incoming = live.made(DatabasePurpose::Side, &stamp);
            return Ok((RestorePoint::Backup { id: ids.second, side: incoming }, needs));
        }
        if install.mode == DatabaseMode::Bundled {
            let facts = install.engine.facts().await.map_err(|error| docker_fault(&error))?;
            needs.push(Need { what: "the restore point", place: facts.root_dir, bytes: size });
        }
        Ok((RestorePoint::Clone { database: live.made(DatabasePurpose::RestorePoint, &stamp) }, needs))
    }

    fn canary_service(&self) -> &ServiceName {
        self.profile.api().0
    }

    fn removed_variables(&self, target: &Version) -> Result<Vec<String>, Failure> {
        let read = EnvStore::at(&self.env_file)
            .read()
            .map_err(|error| Fault::caused_by("the settings cannot be read", &error).hint(error.hint()))?;
        let applies = |since: Option<&Version>| {
            since.is_none_or(|since| since.order(target).is_none_or(|order| order != Ordering::Greater))
        };
        let removed = self.profile.variables.removed.iter();
        Ok(removed
            .filter(|removed| applies(removed.since.as_ref()))
            .filter(|removed| !read.file().lines_of(&removed.name).is_empty())
            .map(|removed| removed.name.to_string())
            .collect())
    }
}
