//! `opsctl resume`, `abort` and `abort --leave` for a process with a SQLite file.

use serde_json::json;

use super::{Embedded, EmbeddedWorld};
use crate::adapters::archive::sweep_temporaries;
use crate::adapters::files::remove_stale_temporaries;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found, Source};
use crate::commands::live::Setting;
use crate::commands::operate::{self, Turn};
use crate::commands::show;
use crate::commands::unfinished::{Wanted, backups_of};
use crate::error::{Failure, Fault};
use crate::journal::record::Progress;

/// Goes on with an operation that did not end, or undoes it.
pub(in crate::commands) async fn end(
    context: &Context,
    site: Embedded,
    wanted: Wanted,
) -> Result<Outcome, Failure> {
    let (turn, progress) = Turn::take_again(context, &site.place)?;
    let world = world(context, &site, &turn, &progress).map_err(operate::still_unfinished)?;
    let (direction, question, done) = wanted.in_words(&progress);
    context.note(&format!("{}\n{}", turn.operation, show::progress(&progress)));
    context.consent(&question)?;
    clear_away(&site, &world).map_err(operate::still_unfinished)?;
    operate::again(context, &site, &world, &turn, direction).await?;
    let text = format!("operation {} {done}", turn.operation);
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kind": progress.planned.plan.kind})))
}

/// The world as the operation had it.
pub(in crate::commands) fn world(
    context: &Context,
    site: &Embedded,
    turn: &Turn,
    progress: &Progress,
) -> Result<EmbeddedWorld, Failure> {
    let directory = backups_of(site, progress.planned.backup_dir.as_deref())?;
    let before = Found {
        release: progress.planned.plan.before.release.clone(),
        source: Source::Image,
        running: Vec::new(),
        trouble: None,
        selected: None,
        drift: Vec::new(),
    };
    let setting = Setting {
        operation: &turn.operation,
        backup_dir: &directory,
        release: before.for_manifest(),
        needed: current::needed_backups(&site.place.state)?,
    };
    Ok(site.world(context, setting)?)
}

/// Removes what the run before left lying about.
fn clear_away(site: &Embedded, world: &EmbeddedWorld) -> Result<(), Fault> {
    sweep_temporaries(&world.backups.shelf.directory).map(drop).map_err(|error| {
        Fault::caused_by("what a backup that was cut short left behind cannot be removed", &error)
    })?;
    remove_stale_temporaries(site.place.state.root()).map(drop).map_err(|error| {
        Fault::caused_by("what a write that was cut short left behind cannot be removed", &error)
    })
}
