//! The two settings of a secret that is being rotated.
//!
//! No copy of the file is kept for this, and a new value is in no other place than the file: it is made, written together
//! with the value before in one rename, and forgotten. Whoever goes on after a crash finds both in the file, or neither.

use super::{EnvSettings, fault};
use crate::env_file::Edit;
use crate::error::Fault;
use crate::model::secret::Secret;
use crate::plan::rotation::{DualSecret, Held, Source, Window};
use crate::profile::Made;

impl EnvSettings {
    /// Which values the settings hold.
    pub fn held(&self, secret: &DualSecret) -> Result<Held, Fault> {
        let (current, previous) = self.values(secret)?;
        let of = |value: Option<Secret>| value.map(|value| self.fingerprints.fingerprint(value.expose()));
        Ok(Held { current: of(current), previous: of(previous) })
    }

    pub(super) async fn assign(&self, secret: &DualSecret, window: &Window) -> Result<(), Fault> {
        let read = self.store.read().map_err(|error| fault(&error))?;
        let Some(assignment) = window.assignment(secret, &self.held(secret)?)? else { return Ok(()) };
        let (current, previous) = self.values(secret)?;
        let mut edits = Vec::new();
        for (name, source) in [(&secret.previous, assignment.previous), (&secret.name, assignment.current)] {
            let value = match source {
                Source::Fresh => Some(self.fresh(&secret.made).await?),
                Source::Current => current.clone(),
                Source::Previous => previous.clone(),
                Source::None => None,
            };
            edits.push(match value {
                Some(value) => {
                    self.redactor.note(name.as_str(), value.expose());
                    Edit::Set { name: name.clone(), value: value.expose().to_owned() }
                }
                None => Edit::Remove { name: name.clone() },
            });
        }
        self.store.edit(&read, &edits).map(drop).map_err(|error| fault(&error))
    }

    async fn fresh(&self, made: &Made) -> Result<Secret, Fault> {
        match (made, &self.generator) {
            (Made::Random { bytes }, _) => random(*bytes),
            (Made::Program { command }, Some(generator)) => generator.output(command).await,
            (Made::Program { .. }, None) => Err(Fault::new("there is no image to make a new value in")),
        }
    }

    /// An empty value counts as none, as it does for the product.
    fn values(&self, secret: &DualSecret) -> Result<(Option<Secret>, Option<Secret>), Fault> {
        let read = self.store.read().map_err(|error| fault(&error))?;
        let own = [secret.name.as_str(), secret.previous.as_str()];
        // What is set for this process says nothing of the file.
        let process = |name: &str| self.environment.get(name).filter(|_| !own.contains(&name)).cloned();
        let mut values = read.file().values(&process).map_err(|error| {
            Fault::caused_by(format!("{} cannot be read", self.store.path().display()), &error)
        })?;
        let mut take = |name: &str| values.remove(name).filter(|value| !value.is_empty()).map(Secret::new);
        Ok((take(own[0]), take(own[1])))
    }
}

/// A new value from the system's generator, in hexadecimal.
fn random(bytes: u16) -> Result<Secret, Fault> {
    let mut random = vec![0; usize::from(bytes)];
    getrandom::fill(&mut random)
        .map_err(|error| Fault::caused_by("the system gives no random numbers", &error))?;
    Ok(Secret::new(hex::encode(random)))
}

#[cfg(test)]
mod tests;
