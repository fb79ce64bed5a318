//! What is of its own in a restore of a Compose product with PostgreSQL.

use crate::adapters::archive::Summary;
use crate::cli::Restore;
use crate::commands::backup;
use crate::commands::context::Context;
use crate::commands::install::Install;
use crate::commands::live::LiveWorld;
use crate::commands::operate;
use crate::commands::preflight;
use crate::commands::ready::Ready;
use crate::commands::show;
use crate::error::Failure;
use crate::model::database_name::DatabasePurpose;
use crate::operations::restore::Way;
use crate::preflight::Check;

use super::{Restores, check};

/// What a restore stands on.
const CHECKS: [Check; 4] = [Check::HostInodes, Check::DbWritable, Check::DbWraparound, Check::DbPooler];

impl Restores for Install {
    fn takes(_: &Restore) -> Result<(), Failure> {
        Ok(())
    }

    async fn fits(context: &Context, ready: &Ready<Self>, summary: &Summary) -> Result<(), Failure> {
        let Ready { install, found, world, .. } = ready;
        preflight::must_hold(context, install, &CHECKS).await?;
        check::backup_fits(world, &found.release.version, summary).await.map_err(Failure::refused)
    }

    async fn way(
        context: &Context,
        ready: &Ready<Self>,
        asked: &Restore,
        summary: &Summary,
    ) -> Result<Way, Failure> {
        let Ready { turn, install, directory, world, .. } = ready;
        let (live, stamp) = (ready.live(), operate::stamp(&turn.operation));
        let side = live.made(DatabasePurpose::Side, &stamp);
        if asked.in_place {
            let safety = backup::next_id(context, install)?;
            return Ok(Way::InPlace { safety, safety_archive: directory.join(safety.file_name()), side });
        }
        let fits = check::side_database_fits(install, world, summary).await.map_err(Failure::refused)?;
        for fits in fits {
            context.note(&format!("room: at most {fits}"));
        }
        Ok(Way::Swap { side, replaced: live.made(DatabasePurpose::Replaced, &stamp) })
    }

    /// A database that cannot be looked at is refused before.
    async fn can_be_undone(&self, _: &LiveWorld) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn present(&self, world: &LiveWorld) -> Result<String, Failure> {
        Ok(show::database(&world.databases).await?)
    }

    /// Older data may not be what files of the install prescribe: the product is told to look.
    async fn follow(&self, context: &Context, world: &LiveWorld) {
        let Some(reload) = &self.profile.reload else { return };
        if reload.used_with.as_ref().and_then(|variable| self.variable(variable)).is_none() {
            return;
        }
        match world.services.reload(reload).await {
            Ok(said) => context.note(&format!("the product followed the install's files: {said}")),
            Err(fault) => {
                context.warn(format!("{fault}; try `opsctl verify --only verify-provisioning`"));
            }
        }
    }
}
