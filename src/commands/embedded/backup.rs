//! `opsctl backup` of a SQLite file.

use std::path::Path;

use super::ready::{Ready, ready};
use super::{Embedded, EmbeddedWorld};
use crate::cli::BackupCreate;
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found};
use crate::commands::live::Setting;
use crate::commands::operate::{self, Purpose, Turn};
use crate::error::Failure;
use crate::model::operation::OperationKind;

pub(in crate::commands) async fn take(
    context: &Context,
    site: Embedded,
    asked: BackupCreate,
) -> Result<Outcome, Failure> {
    let given = asked.place.backup_dir.as_deref();
    let ready = ready(context, site, OperationKind::Backup, Purpose::CarryOut, given).await?;
    let Ready { turn, site, directory, found, world } = &ready;
    let keep = backup::keep(site, asked.keep)?;
    let id = backup::next_id(context, site)?;
    let plan = crate::operations::backup::plan(&site.operated(found), id, keep);
    operate::run(context, site, world, turn, plan).await?;
    backup::taken(site, turn, id, directory)
}

/// The world for looking at a backup.
pub(in crate::commands) async fn world(
    context: &Context,
    site: &Embedded,
    turn: &Turn,
    directory: &Path,
) -> Result<EmbeddedWorld, Failure> {
    let found: Found = site.look(&site.services(&turn.operation)?).await?;
    let setting = Setting {
        operation: &turn.operation,
        backup_dir: directory,
        release: found.for_manifest(),
        needed: current::needed_backups(&site.place.state)?,
    };
    Ok(site.world(context, setting)?)
}
