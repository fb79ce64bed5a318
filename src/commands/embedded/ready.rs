//! What an operation begins with: the install held, read and looked at.

use std::path::{Path, PathBuf};

use super::{Embedded, EmbeddedWorld};
use crate::commands::context::Context;
use crate::commands::current::{self, Found};
use crate::commands::live::Setting;
use crate::commands::operate::{Purpose, Turn};
use crate::error::Failure;
use crate::model::operation::OperationKind;

/// An install with its world, ready for an operation.
pub(in crate::commands) struct Ready {
    pub(super) turn: Turn,
    pub(super) site: Embedded,
    pub(super) directory: PathBuf,
    pub(super) found: Found,
    pub(super) world: EmbeddedWorld,
}

/// Takes the install's lock if something is to be done, and looks at what runs.
pub(super) async fn ready(
    context: &Context,
    site: Embedded,
    kind: OperationKind,
    purpose: Purpose,
    backup_dir: Option<&Path>,
) -> Result<Ready, Failure> {
    let turn = match purpose {
        Purpose::CarryOut => Turn::take(context, &site.place, kind)?,
        Purpose::Show => Turn::imagined(context, &site.place, kind),
    };
    let directory = match purpose {
        Purpose::CarryOut => site.backups(backup_dir)?,
        Purpose::Show => site.place.backup_dir(backup_dir, &site.variables),
    };
    let found = site.look(&site.services(&turn.operation)?).await?;
    for drift in &found.drift {
        context.warn(drift);
    }
    let setting = Setting {
        operation: &turn.operation,
        backup_dir: &directory,
        release: found.for_manifest(),
        needed: current::needed_backups(&site.place.state)?,
    };
    let world = site.world(context, setting)?;
    Ok(Ready { turn, site, directory, found, world })
}
