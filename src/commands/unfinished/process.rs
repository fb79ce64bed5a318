//! What is of its own in going on with an operation on a process with a SQLite file.

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
    async fn settle(&self, _: &EmbeddedWorld) -> Result<(), Fault> {
        Ok(())
    }
}
