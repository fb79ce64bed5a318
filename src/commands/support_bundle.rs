//! `opsctl support-bundle`: what support needs to find a cause, without what is secret, in one file.

mod analysis;
mod checks;
mod collect;
mod compose;
mod database;
mod environment;
mod finish;
mod host;
mod inspect;
mod logs;
mod metrics;
mod offer;
mod preview;
mod process;
mod product;
mod records;
mod redact;
mod scene;
mod secrets;
mod told;
mod tools;
mod window;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::adapters::bundle_archive::Recipients;
use crate::adapters::bundle_work::{self, WorkDir};
use crate::bundle::contents::Collected;
use crate::cli::{BundleAction, BundleCreate, SupportBundle};
use crate::commands::context::{Context, Outcome};
use crate::commands::place::Place;
use crate::commands::verify::key_in;
use crate::error::{Failure, Fault};
use crate::interrupt::Interrupt;
use crate::redaction::Redaction;

use scene::{Ground, Scene};

pub(super) use offer::{hint, offer};

/// Does what was asked.
pub async fn run(context: &Context, asked: &SupportBundle) -> Result<Outcome, Failure> {
    let place = Place::find(context);
    if let Ok(place) = &place {
        bundle_work::sweep(place.state.root());
    }
    match &asked.action {
        None => make(context, &place?, &asked.create).await,
        Some(BundleAction::Inspect(asked)) => inspect::run(asked),
        Some(BundleAction::Redact(asked)) => redact::run(context, asked),
    }
}

/// Makes a bundle, or shows what would be in it.
async fn make(context: &Context, place: &Place, asked: &BundleCreate) -> Result<Outcome, Failure> {
    // Before anything is collected: a bundle that nobody can be given is not begun.
    let recipients = recipients(context, asked)?;
    let target = target(context, place, asked)?;
    let key = asked.platform_key_file.as_deref().map(key_in).transpose()?;
    let interrupt =
        Interrupt::listen(|_| ()).map_err(|error| Fault::caused_by("cannot listen for signals", &error))?;
    let work = WorkDir::create(place.state.root()).map_err(|error| {
        Fault::caused_by("there is no place to collect in", &error)
            .hint("make room, or say where temporary files go: `TMPDIR=DIR opsctl support-bundle`")
    })?;
    let operation = tools::operation(jiff::Timestamp::now());
    let made = async {
        let ground = Ground::explore(context, place, key, operation.clone()).await;
        let token_key = redact::token_key()?;
        let redaction = Redaction::new(&secrets::learn(&ground, place), token_key.clone());
        let name = finish::free_name(&target, jiff::Timestamp::now());
        let members = work.path().join(&name);
        let scene = Scene::new(ground, asked, redaction, token_key, members, collect::DEADLINE);
        let began = Instant::now();
        let collected: Vec<Collected> = collect::all(&scene).await;
        let took = began.elapsed();
        let kept = scene.store.settle().await;
        if asked.preview {
            return Ok(preview::shown(&scene, &collected, &kept));
        }
        let made = finish::Made { name, collected, took, kept };
        finish::finish(&scene, made, &work, recipients, &target).await
    };
    let outcome = tokio::select! {
        outcome = made => outcome,
        () = interrupt.asked() => {
            tools::clear(context, &operation).await;
            Err(Fault::new("interrupted: no bundle was made, and nothing is left of it").into())
        }
    };
    drop(work);
    outcome
}

fn recipients(context: &Context, asked: &BundleCreate) -> Result<Option<Recipients>, Failure> {
    Recipients::of(&asked.encrypt_to, &context.surroundings.directory).map_err(|error| {
        Failure::usage(
            Fault::caused_by("the bundle cannot be encrypted for everybody who was named", &error)
                .hint("a recipient is what `age-keygen` prints as the public key; nothing was collected"),
        )
    })
}

/// The directory that the file is put into.
fn target(context: &Context, place: &Place, asked: &BundleCreate) -> Result<PathBuf, Failure> {
    let given = asked.to.as_deref().map(|to| context.surroundings.directory.join(to));
    let target = given.unwrap_or_else(|| place.dir.clone());
    let writable = |folder: &Path| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    if asked.preview || (target.is_dir() && writable(&target)) {
        return Ok(target);
    }
    let what = if target.is_dir() { "cannot be written to" } else { "is no directory" };
    Err(Failure::usage(
        Fault::new(format!("{} {what}", target.display())).hint("say where the file is to go: `--to DIR`"),
    ))
}
