//! `opsctl resume` and `opsctl abort`: what becomes of an operation that did not end.

use serde_json::json;

use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found, Source};
use crate::commands::install::{Install, Place};
use crate::commands::live::{self, Setting};
use crate::commands::operate::{self, Direction, Turn};
use crate::commands::show;
use crate::error::Failure;

/// Goes on with it.
pub async fn resume(context: &Context) -> Result<Outcome, Failure> {
    end(context, Wanted::On).await
}

/// Undoes what it did.
pub async fn abort(context: &Context) -> Result<Outcome, Failure> {
    end(context, Wanted::Back).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    On,
    Back,
}

async fn end(context: &Context, wanted: Wanted) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let (turn, progress) = Turn::take_again(context, &place)?;
    let install = Install::open(context, place).await?;
    let directory = backup::directory(&install, None)?;
    let plan = &progress.planned.plan;
    let before = Found {
        release: plan.before.release.clone(),
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
        needed: current::needed_backups(&install.place.state)?,
    };
    let world = live::world(context, &install, setting).await?;
    let (direction, question, done) = match wanted {
        Wanted::On => (Direction::On(&progress), "Go on with it?", "went on to its end"),
        Wanted::Back => {
            (Direction::Back(&progress), "Undo what it did?", "was given up, and what it had done is undone")
        }
    };
    context.note(&format!("{}\n{}", turn.operation, show::progress(&progress)));
    context.consent(question)?;
    operate::again(context, &install, &world, &turn, direction).await?;
    let text = format!("operation {} {done}", turn.operation);
    Ok(Outcome::new(text, json!({"operation": turn.operation, "kind": plan.kind})))
}
