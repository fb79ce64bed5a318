//! What an operation begins with: the install held, read and looked at.

use std::path::{Path, PathBuf};

use crate::commands::backup;
use crate::commands::context::Context;
use crate::commands::current::{self, Found};
use crate::commands::install::{Install, Place};
use crate::commands::live::{self, LiveWorld, Setting};
use crate::commands::operate::{Purpose, Turn};
use crate::error::Failure;
use crate::model::operation::OperationKind;

/// An install with its world, ready for an operation.
pub(super) struct Ready {
    pub(super) turn: Turn,
    pub(super) install: Install,
    pub(super) directory: PathBuf,
    pub(super) found: Found,
    pub(super) world: LiveWorld,
}

impl Ready {
    /// An operation on data or release begins from what runs, whatever the settings say: that is told.
    pub(super) fn warn_of_drift(&self, context: &Context) {
        for drift in &self.found.drift {
            context.warn(drift);
        }
    }
}

/// Takes the install's lock if something is to be done, reads the install and looks at what runs.
pub(super) async fn ready(
    context: &Context,
    kind: OperationKind,
    purpose: Purpose,
    backup_dir: Option<&Path>,
) -> Result<Ready, Failure> {
    let place = Place::find(context)?;
    let turn = match purpose {
        Purpose::CarryOut => Turn::take(context, &place, kind)?,
        Purpose::Show => Turn::imagined(context, &place, kind),
    };
    let install = Install::open(context, place).await?;
    let directory = match purpose {
        Purpose::CarryOut => backup::directory(&install, backup_dir)?,
        Purpose::Show => install.place.backup_dir(backup_dir, &install.variables),
    };
    let services = live::services(context, &install, &turn.operation)?;
    let found = current::look(&install, &services).await?;
    let setting = Setting {
        operation: &turn.operation,
        backup_dir: &directory,
        release: found.for_manifest(),
        needed: current::needed_backups(&install.place.state)?,
    };
    let world = live::world(context, &install, setting).await.map_err(Failure::refused)?;
    Ok(Ready { turn, install, directory, found, world })
}
