//! What is of its own in a restore of a SQLite file.

use crate::adapters::archive::{Origin, Summary};
use crate::adapters::copy_backups::other_kind;
use crate::adapters::disk::{self, Need};
use crate::cli::Restore;
use crate::commands::context::Context;
use crate::commands::embedded::{Embedded, EmbeddedWorld};
use crate::commands::operate;
use crate::commands::preflight;
use crate::commands::ready::Ready;
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::model::database_name::DatabasePurpose;
use crate::operations::restore::Way;
use crate::ports::Databases as _;
use crate::preflight::Check;

use super::{Restores, check};

/// What a restore stands on. That the store is damaged, or gone, is no reason not to.
const CHECKS: [Check; 3] = [Check::HostInodes, Check::StorePlace, Check::StoreOpen];

impl Restores for Embedded {
    fn takes(asked: &Restore) -> Result<(), Failure> {
        if !asked.in_place {
            return Ok(());
        }
        Err(Failure::usage(
            Fault::new("a SQLite database is never dropped first: its file is put in the place of the other")
                .hint("leave --in-place out"),
        ))
    }

    async fn fits(context: &Context, ready: &Ready<Self>, summary: &Summary) -> Result<(), Failure> {
        let Ready { install, found, world, .. } = ready;
        preflight::must_hold(context, install, &CHECKS).await?;
        let Origin::Opsctl(manifest) = &summary.origin else { return Err(Failure::refused(other_kind())) };
        // To bring a damaged one back is what restores are for.
        if world.databases.is_damaged().await.map_err(Failure::refused)? {
            return Ok(());
        }
        let known = world.databases.schema(&ready.live()).await.map_err(Failure::refused)?;
        check::no_newer(&known.migrations, &found.release.version, manifest).map_err(Failure::refused)
    }

    async fn way(
        context: &Context,
        ready: &Ready<Self>,
        _: &Restore,
        summary: &Summary,
    ) -> Result<Way, Failure> {
        let Ready { turn, world, .. } = ready;
        let (_, bytes) = check::sizes(summary);
        let place = world.databases.directory().to_owned();
        let fits = disk::check(&[Need { what: "the restored database", place, bytes }])
            .map_err(|fault| Failure::refused(fault.hint("make room and try again; nothing was changed")))?;
        for fits in fits {
            context.note(&format!("room: at most {fits}"));
        }
        let (live, stamp) = (ready.live(), operate::stamp(&turn.operation));
        if let Some(log) = world.databases.orphaned_log() {
            context.warn(format!(
                "the store is gone, and its log is still there: {} is kept as {}-wal, for when the store is found",
                log.display(),
                live.made(DatabasePurpose::Replaced, &stamp)
            ));
        }
        Ok(Way::Swap {
            side: live.made(DatabasePurpose::Side, &stamp),
            replaced: live.made(DatabasePurpose::Replaced, &stamp),
        })
    }

    async fn can_be_undone(&self, world: &EmbeddedWorld) -> Result<bool, Failure> {
        Ok(!world.databases.is_damaged().await?)
    }

    async fn present(&self, world: &EmbeddedWorld) -> Result<String, Failure> {
        let facts = world.databases.facts(&world.databases.live()).await;
        Ok(facts.map_or_else(|fault| format!("what cannot be read: {fault}"), |facts| show::sqlite(&facts)))
    }

    /// It has no files to follow.
    async fn follow(&self, _: &Context, _: &EmbeddedWorld) {}
}
