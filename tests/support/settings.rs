//! The settings of the install in memory.

use opsctl::error::Fault;
use opsctl::model::fingerprint::Fingerprint;
use opsctl::model::release::Version;
use opsctl::model::secret::Secret;
use opsctl::plan::rotation::{DualSecret, Held, Source, Window};
use opsctl::plan::step::Release;
use opsctl::ports::{Passwords, Settings};

use super::Fake;
use super::install::Install;
use super::values::Values;

impl Settings for &Fake {
    async fn select(&self, release: &Release) -> Result<(), Fault> {
        self.boundary("before a release is selected")?;
        self.change(|install| {
            keep_env(install);
            select(install, release);
        });
        self.boundary("between .env and the version file")?;
        self.change(|install| install.version_file = release.version.to_string());
        self.boundary("after a release is selected")
    }

    async fn remove_variables(&self, names: &[String]) -> Result<(), Fault> {
        self.boundary("before variables are removed")?;
        assert_eq!(names, ["LICENSE_MODE"], "the one variable that later releases do not take");
        self.change(|install| {
            keep_env(install);
            install.env.deprecated = false;
        });
        self.boundary("after variables are removed")
    }

    async fn restore(&self, release: &Release) -> Result<Option<String>, Fault> {
        self.boundary("before settings are put back")?;
        self.change(|install| {
            select(install, release);
            if let Some(before) = &install.env_before {
                install.env.deprecated = before.deprecated;
            }
        });
        self.boundary("between .env and the version file on the way back")?;
        self.change(|install| install.version_file = release.version.to_string());
        self.boundary("after settings are put back")?;
        Ok(None)
    }

    async fn set_window(&self, secret: &DualSecret, window: &Window) -> Result<(), Fault> {
        if secret.previous.is_none() {
            return self.set_password_window(secret, window);
        }
        self.boundary("before the values of a secret are written")?;
        self.change(|install| -> Result<(), Fault> {
            let values = install.env.secret;
            let Some(assignment) = window.assignment(secret, &held(values))? else { return Ok(()) };
            let of = |source| match source {
                Source::Fresh => Some(1 + values.current.max(values.previous.unwrap_or(0))),
                Source::Current => Some(values.current),
                Source::Previous => values.previous,
                Source::None => None,
            };
            let current = of(assignment.current).ok_or_else(|| Fault::new("no value is left"))?;
            install.env.secret = Values { current, previous: of(assignment.previous) };
            Ok(())
        })?;
        self.boundary("after the values of a secret are written")
    }

    fn passwords(&self, _secret: &DualSecret) -> Result<Passwords, Fault> {
        self.look(|install| {
            let wanted = install.env.secret.current;
            let other = install.password.and_then(|password| password.other_than(wanted));
            let secret = |value: u32| Secret::new(value.to_string());
            let other = other.ok_or_else(|| Fault::new("the other value is not there"))?;
            Ok(Passwords { wanted: secret(wanted), other: secret(other) })
        })
    }

    async fn note_previous(&self, version: &Version) -> Result<(), Fault> {
        self.boundary("before the previous version is noted")?;
        self.change(|install| install.previous_version = Some(version.to_string()));
        self.boundary("after the previous version is noted")
    }
}

impl Fake {
    /// The settings hold one value; both are kept beside them before they are changed.
    fn set_password_window(&self, secret: &DualSecret, window: &Window) -> Result<(), Fault> {
        self.boundary("before two values are kept")?;
        let (current, previous) = self.look(|install| {
            let current = install.env.secret.current;
            (current, install.password.and_then(|password| password.other_than(current)))
        });
        let values = Values { current, previous };
        let Some(assignment) = window.assignment(secret, &held(values))? else { return Ok(()) };
        if assignment.current == Source::Fresh {
            self.change(|install| {
                if let Some(password) = &mut install.password {
                    password.kept = Some((current, current + 1));
                }
            });
        }
        self.boundary("between keeping two values and writing one")?;
        self.change(|install| {
            install.env.secret.current = match assignment.current {
                Source::Fresh => current + 1,
                Source::Previous => previous.unwrap_or(current),
                Source::Current | Source::None => current,
            };
        });
        self.boundary("between writing a value and forgetting the other")?;
        if assignment.previous == Source::None {
            self.change(|install| {
                if let Some(password) = &mut install.password {
                    password.kept = None;
                }
            });
        }
        self.boundary("after the values of a password are written")
    }
}

/// Values by their fingerprints.
pub(crate) fn held(values: Values) -> Held {
    Held { current: Some(fingerprint(values.current)), previous: values.previous.map(fingerprint) }
}

/// The fingerprint of a value.
pub(crate) fn fingerprint(value: u32) -> Fingerprint {
    Fingerprint::try_from(format!("{value:012x}")).expect("twelve digits")
}

fn keep_env(install: &mut Install) {
    if install.env_before.is_none() {
        install.env_before = Some(install.env.clone());
    }
}

fn select(install: &mut Install, release: &Release) {
    install.env.version = release.version.to_string();
    install.env.pin.clone_from(&release.pin);
}
