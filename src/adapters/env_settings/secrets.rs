//! The two settings of a secret that is being rotated.
//!
//! No copy of the file is kept for this, and a new value is in no other place than the file: it is made, written together
//! with the value before in one rename, and forgotten. Whoever goes on after a crash finds both in the file, or neither.
//! Where nobody takes two values, as with a password, the file holds but one; both are kept beside it before it is changed.

use super::{EnvSettings, fault};
use crate::adapters::kept_values::{KeptValues, Pair};
use crate::env_file::{Edit, EnvFile};
use crate::error::Fault;
use crate::model::conninfo::with_password;
use crate::model::secret::Secret;
use crate::plan::rotation::{DualSecret, Held, Login, Source, Window};
use crate::ports::Passwords;
use crate::profile::{Made, VariableName};

impl EnvSettings {
    /// Which values the settings hold.
    pub fn held(&self, secret: &DualSecret) -> Result<Held, Fault> {
        let (current, previous) = self.values(secret)?;
        let of = |value: Option<Secret>| value.map(|value| self.fingerprints.fingerprint(value.expose()));
        Ok(Held { current: of(current), previous: of(previous) })
    }

    pub(super) async fn assign(&self, secret: &DualSecret, window: &Window) -> Result<(), Fault> {
        let read = self.store.read().map_err(|error| fault(&error))?;
        let kept = KeptValues::of(&self.scratch);
        let Some(assignment) = window.assignment(secret, &self.held(secret)?)? else {
            return Ok(());
        };
        let (current, previous) = self.values(secret)?;
        let made = match assignment.current {
            Source::Fresh => Some(self.fresh(&secret.made).await?),
            _ => None,
        };
        let of = |source| match source {
            Source::Fresh => made.clone(),
            Source::Current => current.clone(),
            Source::Previous => previous.clone(),
            Source::None => None,
        };
        let (wanted, beside) = (of(assignment.current), of(assignment.previous));
        let mut edits = Vec::new();
        match &secret.previous {
            Some(name) => edits.push(self.assigning(name, beside)),
            // Before the settings know it: what somebody may be given must never be known to nobody.
            None => {
                if let (Some(new), Some(old)) = (&made, &current) {
                    kept.write(&Pair { old: old.clone(), new: new.clone() })?;
                }
            }
        }
        edits.push(self.assigning(&secret.name, wanted.clone()));
        if let (Some(login), Some(wanted)) = (&secret.login, &wanted) {
            edits.extend(self.addresses(read.file(), login, &edits, wanted)?);
        }
        self.store.edit(&read, &edits).map_err(|error| fault(&error))?;
        match (&secret.previous, assignment.previous) {
            (None, Source::None) => kept.forget(),
            _ => Ok(()),
        }
    }

    fn assigning(&self, name: &VariableName, value: Option<Secret>) -> Edit {
        match value {
            Some(value) => {
                self.redactor.note(name.as_str(), value.expose());
                Edit::Set { name: name.clone(), value: value.expose().to_owned() }
            }
            None => Edit::Remove { name: name.clone() },
        }
    }

    /// What else holds the password: addresses of the role that do not follow by themselves.
    fn addresses(
        &self,
        file: &EnvFile,
        login: &Login,
        edits: &[Edit],
        wanted: &Secret,
    ) -> Result<Vec<Edit>, Fault> {
        let unreadable =
            |error: &dyn std::error::Error| Fault::caused_by("could not change the settings", error);
        let edited = file.edit(edits).map_err(|error| unreadable(&error))?;
        let own: Vec<&str> = login.urls.iter().map(VariableName::as_str).collect();
        let process = |name: &str| self.environment.get(name).filter(|_| !own.contains(&name)).cloned();
        let values = edited.values(&process).map_err(|error| unreadable(&error))?;
        let mut more = Vec::new();
        for name in &login.urls {
            let Some(url) = values.get(name.as_str()) else { continue };
            match login.password_in(url) {
                Some(password) if password.expose() != wanted.expose() => {
                    let changed = with_password(url, wanted.expose()).ok_or_else(|| {
                        Fault::new(format!("the password in {name} cannot be replaced by another one"))
                    })?;
                    more.push(self.assigning(name, Some(Secret::new(changed))));
                }
                _ => {}
            }
        }
        Ok(more)
    }

    /// The value in the settings, and the other one of the rotation.
    pub(super) fn both(&self, secret: &DualSecret) -> Result<Passwords, Fault> {
        match self.values(secret)? {
            (Some(wanted), Some(other)) => Ok(Passwords { wanted, other }),
            _ => Err(Fault::new(format!("the two values of {} are not both there", secret.name))
                .hint("who else changed the settings? `opsctl rotate --status` shows which value is where")),
        }
    }

    async fn fresh(&self, made: &Made) -> Result<Secret, Fault> {
        match (made, &self.generator) {
            (Made::Random { bytes }, _) => random(*bytes),
            (Made::Program { command }, Some(generator)) => generator.output(command).await,
            (Made::Program { .. }, None) => Err(Fault::new("there is no image to make a new value in")),
        }
    }

    /// The present value, and the one before or beside it. An empty value counts as none, as it does for the product.
    fn values(&self, secret: &DualSecret) -> Result<(Option<Secret>, Option<Secret>), Fault> {
        let read = self.store.read().map_err(|error| fault(&error))?;
        let own: Vec<&str> = [Some(&secret.name), secret.previous.as_ref()]
            .into_iter()
            .flatten()
            .map(VariableName::as_str)
            .collect();
        // What is set for this process says nothing of the file.
        let process = |name: &str| self.environment.get(name).filter(|_| !own.contains(&name)).cloned();
        let mut values = read.file().values(&process).map_err(|error| {
            Fault::caused_by(format!("{} cannot be read", self.store.path().display()), &error)
        })?;
        let mut take = |name: &VariableName| {
            values.remove(name.as_str()).filter(|value| !value.is_empty()).map(Secret::new)
        };
        let current = take(&secret.name);
        let Some(previous) = &secret.previous else {
            let beside = self.beside(secret, current.as_ref())?;
            return Ok((current, beside));
        };
        Ok((current, take(previous)))
    }

    /// The other of the two values that are kept.
    fn beside(&self, secret: &DualSecret, current: Option<&Secret>) -> Result<Option<Secret>, Fault> {
        let Some(pair) = KeptValues::of(&self.scratch).read()? else { return Ok(None) };
        current.and_then(|current| pair.other_than(current)).map(Some).ok_or_else(|| {
            Fault::new(format!("{} is neither the old value nor the new one", secret.name))
                .hint("who else changed it? put one of them back, and try again; the database server takes one of the two")
        })
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
