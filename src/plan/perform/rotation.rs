//! What the steps of a rotation show and let the product do.

use super::Note;
use super::run_once::{Watched, begin, to_its_end};
use crate::error::Fault;
use crate::model::database_name::DatabaseName;
use crate::plan::rotation::{Among, DualSecret, OnRecord, Window, missing_on_record};
use crate::plan::step::OneOff;
use crate::ports::{Databases, Limits, ProgressSink, Services, Settings};
use crate::profile::ServiceName;

/// Fails unless services have the values of a secret that they are meant to have: what a container was made with is what it
/// has, whatever the settings say by now.
pub(super) async fn prove_window<S: Services>(
    services: &S,
    secret: &DualSecret,
    window: &Window,
    names: &[ServiceName],
    among: Among,
) -> Result<Note, Fault> {
    let mut seen = 0;
    for name in names {
        let held = services.held(name, secret, among).await?;
        if held.is_empty() {
            return Err(Fault::new(format!("no replica of {name} runs")));
        }
        for (index, held) in held.iter().enumerate() {
            if let Some(missing) = window.missing(secret, held) {
                let place = match among {
                    Among::Files => format!("in a container of {name} that is made now"),
                    Among::Replicas => format!("in replica {} of {name}", index + 1),
                };
                return Err(Fault::new(format!("{place}, {missing}"))
                    .hint("does the Compose file hand both settings to the service as they are?"));
            }
        }
        seen += held.len();
    }
    if among == Among::Files {
        return Ok(None);
    }
    Ok(Some(if seen == 1 { "1 replica".to_owned() } else { format!("{seen} replicas") }))
}

/// Lets the product re-hash, or waits for a run that outlived an earlier opsctl, and counts what is stored afterwards.
pub(super) async fn rehash<S: Services, D: Databases>(
    services: &S,
    databases: &D,
    one_off: &OneOff,
    (live, count): (&DatabaseName, Option<&str>),
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<Note, Fault> {
    let present = services.one_off(&one_off.name).await?;
    begin(services, one_off, present.as_ref()).await?;
    let watched = Watched {
        one_off,
        live,
        what: "the command that re-hashes",
        doing: "re-hashing",
        failed: None,
        slow: None,
    };
    let ended = to_its_end((services, databases), watched, limits, progress).await;
    // To run it again does no harm, and one that failed is in the way of that.
    services.remove_one_off(&one_off.name).await?;
    ended?;
    let Some(query) = count else { return Ok(None) };
    let stored = databases.stored_under(live, query).await?;
    match stored.as_slice() {
        [] => Ok(Some("there are no keys".to_owned())),
        [keys] => Ok(Some(format!("{keys} keys, all under the same value"))),
        several => {
            let counts: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Fault::new(format!(
                "after the re-hash keys are still under {} values: {}",
                several.len(),
                counts.join(" and ")
            ))
            .hint("both values are still taken, so that no key is refused"))
        }
    }
}

/// Lets the server take what the settings have as the password of a role. Which of the two values it takes by now is asked of
/// it, whatever was recorded.
pub(super) async fn set_password<E: Settings, D: Databases>(
    settings: &E,
    databases: &D,
    secret: &DualSecret,
) -> Result<Note, Fault> {
    let Some(login) = &secret.login else {
        return Err(Fault::new(format!("{} is no password of the database server", secret.name)));
    };
    let passwords = settings.passwords(secret)?;
    databases.set_password(&login.role, &passwords).await.map(Some)
}

/// Fails unless what was on record still is, and another value is in use.
pub(super) async fn prove_on_record<D: Databases>(
    databases: &D,
    live: &DatabaseName,
    query: &str,
    before: &[OnRecord],
) -> Result<Note, Fault> {
    let now = databases.on_record(live, query).await?;
    match missing_on_record(before, &now) {
        Some(missing) => Err(Fault::new(missing).hint("did the product read the new value when it started?")),
        None => Ok(Some(format!("{} on record", now.len()))),
    }
}
