//! What an operation begins with: the install held, read and looked at.

use std::path::{Path, PathBuf};

use crate::adapters::archive::Summary;
use crate::commands::backup;
use crate::commands::context::Context;
use crate::commands::current::Found;
use crate::commands::live::Setting;
use crate::commands::operate::{Purpose, Turn};
use crate::commands::place::Place;
use crate::commands::site::{Site, WorldOf};
use crate::commands::ways_back;
use crate::error::{Failure, Fault};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::operation::{OperationId, OperationKind};
use crate::operations::Product as Operated;

/// What planning an operation needs of an install, whatever runs the product and whatever keeps its data.
pub(super) trait Operable: Site + Sized {
    /// Reads the install at a place.
    async fn open(context: &Context, place: Place) -> Result<Self, Failure>;
    /// Looks at what runs. Nothing is changed.
    async fn look(&self, context: &Context, operation: &OperationId) -> Result<Found, Failure>;
    /// The world for an operation.
    async fn world(&self, context: &Context, setting: Setting<'_>) -> Result<WorldOf<Self>, Fault>;
    /// The live database.
    fn live(&self, world: &WorldOf<Self>) -> DatabaseName;
    /// The product as operations plan with it.
    fn operated(&self, found: &Found, live: DatabaseName) -> Operated;
    /// The databases beside the live one that were made for these purposes; those for one purpose oldest first.
    async fn made(
        &self,
        world: &WorldOf<Self>,
        purposes: &[DatabasePurpose],
    ) -> Result<Vec<DatabaseName>, Failure>;
    /// The name of what is run once in a role, by an operation with this stamp.
    fn one_off(&self, role: &str, stamp: &str) -> String;
    /// What a backup says of itself; one of another product or another kind of database is refused.
    fn summary(&self, archive: &Path) -> Result<Summary, Failure>;
}

/// An install with its world, ready for an operation.
pub(super) struct Ready<I: Operable> {
    pub(super) turn: Turn,
    pub(super) install: I,
    pub(super) directory: PathBuf,
    pub(super) found: Found,
    pub(super) world: WorldOf<I>,
}

impl<I: Operable> Ready<I> {
    /// An operation on data or release begins from what runs, whatever the settings say: that is told.
    pub(super) fn warn_of_drift(&self, context: &Context) {
        for drift in &self.found.drift {
            context.warn(drift);
        }
    }

    /// The product as operations plan with it.
    pub(super) fn product(&self) -> Operated {
        self.install.operated(&self.found, self.live())
    }

    /// The live database.
    pub(super) fn live(&self) -> DatabaseName {
        self.install.live(&self.world)
    }

    /// What the product calls itself.
    pub(super) fn title(&self) -> &str {
        &self.install.product().title
    }
}

/// Takes the install's lock if something is to be done, reads the install and looks at what runs.
pub(super) async fn ready<I: Operable>(
    context: &Context,
    place: Place,
    kind: OperationKind,
    purpose: Purpose,
    backup_dir: Option<&Path>,
) -> Result<Ready<I>, Failure> {
    let turn = match purpose {
        Purpose::CarryOut => Turn::take(context, &place, kind)?,
        Purpose::Show => Turn::imagined(context, &place, kind),
    };
    let install = I::open(context, place).await?;
    let directory = match purpose {
        Purpose::CarryOut => backup::directory(&install, backup_dir)?,
        Purpose::Show => install.place().backup_dir(backup_dir, install.variables()),
    };
    let (found, world) = look_into(context, &install, &turn.operation, &directory).await?;
    Ok(Ready { turn, install, directory, found, world })
}

/// Looks at what runs, and builds the world for an operation.
pub(super) async fn look_into<I: Operable>(
    context: &Context,
    install: &I,
    operation: &OperationId,
    backup_dir: &Path,
) -> Result<(Found, WorldOf<I>), Failure> {
    let found = install.look(context, operation).await?;
    let needed = ways_back::needed_backups(&install.place().state)?;
    let setting = Setting { operation, backup_dir, release: found.for_manifest(), needed };
    let world = install.world(context, setting).await.map_err(Failure::refused)?;
    Ok((found, world))
}
