//! What is of its own in going on with an operation on a process with a SQLite file.

use crate::adapters::files::{self, FileError};
use crate::commands::context::Context;
use crate::commands::embedded::{Embedded, EmbeddedWorld};
use crate::commands::operate::Turn;
use crate::error::{Failure, Fault};
use crate::journal::record::Progress;

use super::{Ends, world_of};

impl Ends for Embedded {
    async fn reach(
        &self,
        context: &Context,
        turn: &Turn,
        progress: &Progress,
    ) -> Result<EmbeddedWorld, Failure> {
        world_of(context, self, turn, progress).await
    }

    fn can_try_keys(_: &EmbeddedWorld) -> bool {
        false
    }

    /// A file is written by nobody but opsctl itself, which is not running.
    async fn settle(&self, world: &EmbeddedWorld) -> Result<(), Fault> {
        let unremoved = |error: FileError| {
            Fault::caused_by("what a write that was cut short left behind cannot be removed", &error)
        };
        world.settings.discard_temporaries().map_err(unremoved)?;
        let records = [&world.services.run_dir, &world.services.releases.records];
        for folder in records.into_iter().filter(|folder| folder.is_dir()) {
            files::remove_stale_temporaries(folder).map_err(unremoved)?;
        }
        Ok(())
    }
}
