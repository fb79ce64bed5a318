//! Two values of one secret: which of them is where, what a step makes of that, and what must be shown of it.

mod login;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::model::conninfo::ConnInfo;
use crate::model::fingerprint::Fingerprint;
use crate::model::secret::Secret;
use crate::plan::Plan;
use crate::plan::step::Step;
use crate::profile::{Made, ServiceName, VariableName};

/// A secret, and the setting in which the value before is kept for as long as it may be needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DualSecret {
    /// The setting with the present value.
    pub name: VariableName,
    /// The setting with the value before; absent where nobody takes two values: opsctl keeps the other one beside the
    /// settings then, for as long as the rotation lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<VariableName>,
    /// Where a new value comes from.
    pub made: Made,
    /// Who logs in to the database server with it, if it is a password for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

/// A role of the database server, whose password a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The role.
    pub role: String,
    /// The settings with addresses of the database. Those of this role hold the password too.
    pub urls: Vec<VariableName>,
}

impl Login {
    /// The password in an address, if it is one of this role.
    pub fn password_in(&self, url: &str) -> Option<Secret> {
        ConnInfo::parse(url, None).ok().filter(|info| info.user == self.role)?.password
    }
}

impl DualSecret {
    /// Where the value before is, for a person.
    pub fn place_before(&self) -> String {
        self.previous
            .as_ref()
            .map_or_else(|| format!("the other value of {}", self.name), ToString::to_string)
    }

    /// The value of the secret in an environment, wherever in it that is. Where two places do not agree there is none: whoever
    /// has such an environment cannot be relied on to use the one or the other.
    pub fn value_in<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Option<Secret> {
        let given = |name: &VariableName| value(name.as_str()).filter(|value| !value.is_empty());
        let urls = self
            .login
            .iter()
            .flat_map(|login| login.urls.iter().filter_map(|name| login.password_in(given(name)?)));
        let mut values = urls.chain(given(&self.name).map(Secret::new));
        let first = values.next()?;
        values.all(|other| other.expose() == first.expose()).then_some(first)
    }
}

/// The values of a secret that somebody has: the settings, or an instance of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The present one.
    pub current: Option<Fingerprint>,
    /// The one before.
    pub previous: Option<Fingerprint>,
}

/// What is made of the settings. Each names the value that there was before the rotation, by which the other is known too:
/// a new value has no other place than the settings, and no other name than that it is not the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum Window {
    /// A new value beside the old one, which becomes the one before.
    Opened {
        /// The old value.
        old: Fingerprint,
    },
    /// The old value again, with the new one as the one before.
    Turned {
        /// The old value.
        old: Fingerprint,
    },
    /// One value alone.
    Closed {
        /// The old value.
        old: Fingerprint,
        /// Which of the two stays.
        stays: Stays,
    },
}

/// Which of two values stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stays {
    /// The one from before the rotation.
    Old,
    /// The one that the rotation made.
    New,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is made anew.
    Fresh,
    /// It is the present one.
    Current,
    /// It is the one before.
    Previous,
    /// There is to be none.
    None,
}

/// What the two settings become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The present value.
    pub current: Source,
    /// The value before.
    pub previous: Source,
}

/// Where a rotation can be stopped for as long as somebody likes: the product takes both values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PausePoint {
    /// Every replica takes both values, and nothing is re-hashed.
    Dual,
    /// Everything is re-hashed, and the old value is still taken.
    Rehash,
}

/// What happens where a rotation can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Halt {
    /// It stops: that was asked for.
    Stop,
    /// A person is asked.
    Ask,
}

impl Window {
    /// What the settings become; `None` where they are that already.
    ///
    /// # Errors
    /// If they are as neither this nor an earlier step left them: then somebody else changed them, and nothing is touched.
    pub fn assignment(&self, secret: &DualSecret, held: &Held) -> Result<Option<Assignment>, Fault> {
        let assign = |current, previous| Ok(Some(Assignment { current, previous }));
        let drifted = || Err(drift(secret, held));
        let is_old = |value: &Option<Fingerprint>| value.as_ref() == Some(self.old());
        let (current_is_old, previous_is_old) = (is_old(&held.current), is_old(&held.previous));
        match (self, &held.current, &held.previous) {
            (_, None, _) => drifted(),
            (Self::Opened { .. }, _, None) if current_is_old => assign(Source::Fresh, Source::Current),
            (Self::Opened { .. }, _, _) if current_is_old && previous_is_old => {
                assign(Source::Fresh, Source::Current)
            }
            (Self::Opened { .. }, _, _) if previous_is_old => Ok(None),
            // Both were kept before the settings were changed.
            (Self::Opened { .. }, _, Some(_)) if current_is_old && secret.previous.is_none() => {
                assign(Source::Previous, Source::Current)
            }
            (Self::Turned { .. }, _, Some(_)) if current_is_old && !previous_is_old => Ok(None),
            (Self::Turned { .. }, _, _) if previous_is_old && !current_is_old => {
                assign(Source::Previous, Source::Current)
            }
            (Self::Closed { stays: Stays::Old, .. }, _, None) if current_is_old => Ok(None),
            (Self::Closed { stays: Stays::Old, .. }, _, _) if current_is_old => {
                assign(Source::Current, Source::None)
            }
            (Self::Closed { stays: Stays::Old, .. }, _, _) if previous_is_old => {
                assign(Source::Previous, Source::None)
            }
            (Self::Closed { stays: Stays::New, .. }, _, None) if !current_is_old => Ok(None),
            (Self::Closed { stays: Stays::New, .. }, _, _) if previous_is_old && !current_is_old => {
                assign(Source::Current, Source::None)
            }
            _ => drifted(),
        }
    }

    /// What is not as it must be in an instance, in words that hold no value; `None` if all is.
    pub fn missing(&self, secret: &DualSecret, held: &Held) -> Option<String> {
        let is_old = |value: &Option<Fingerprint>| value.as_ref() == Some(self.old());
        let (current_is_old, previous_is_old) = (is_old(&held.current), is_old(&held.previous));
        let (name, previous) = (&secret.name, secret.place_before());
        // What is kept beside the settings is in no container.
        let kept_aside = secret.previous.is_none();
        let said = |holds: bool, what: String| (!holds).then_some(what);
        match self {
            Self::Opened { .. } => {
                said(held.current.is_some() && !current_is_old, format!("{name} is not the new value"))
                    .or_else(|| {
                        said(kept_aside || previous_is_old, format!("{previous} is not the old value"))
                    })
            }
            Self::Turned { .. } => {
                said(current_is_old, format!("{name} is not the old value")).or_else(|| {
                    said(
                        kept_aside || (held.previous.is_some() && !previous_is_old),
                        format!("{previous} is not the new value"),
                    )
                })
            }
            Self::Closed { stays, .. } => {
                let holds = held.current.is_some() && current_is_old == (*stays == Stays::Old);
                let which = if *stays == Stays::Old { "old" } else { "new" };
                said(holds, format!("{name} is not the {which} value"))
                    .or_else(|| said(held.previous.is_none(), format!("{previous} is still set")))
            }
        }
    }

    /// The value from before the rotation.
    pub fn old(&self) -> &Fingerprint {
        match self {
            Self::Opened { old } | Self::Turned { old } | Self::Closed { old, .. } => old,
        }
    }
}

fn drift(secret: &DualSecret, held: &Held) -> Fault {
    let (name, previous) = (&secret.name, secret.place_before());
    let shown = |value: &Option<Fingerprint>| {
        value.as_ref().map_or("not set".to_owned(), |value| format!("a value with the fingerprint {value}"))
    };
    Fault::new(format!("{name} and {previous} are not as this rotation left them"))
        .evidence([
            format!("{name}: {}", shown(&held.current)),
            format!("{previous}: {}", shown(&held.previous)),
        ])
        .hint("who else changed them? put them back, and try again; `opsctl rotate --status` shows which value is where")
}

/// What undoes the first `touched` steps of a rotation; `None` for a plan that is none.
///
/// Keys that were made while the new value was the present one are known under that alone. So the way back is not a copy of
/// the old file but the same window the other way round: the old value is the present one, the new one still counts, all is
/// re-hashed to the old one, and only then does the new one go. Where nothing is stored under a value, the old one is put back.
pub(super) fn reversing(plan: &Plan, touched: usize) -> Option<Vec<Step>> {
    let opening = plan.steps.iter().position(|step| matches!(step, Step::SetWindow { .. }))?;
    let Step::SetWindow { secret, window } = &plan.steps[opening] else { return None };
    if secret.login.is_some() {
        return Some(login::reversing(plan, touched));
    }
    let old = window.old().clone();
    let close = Window::Closed { old: old.clone(), stays: Stays::Old };
    let set = |window: &Window| Step::SetWindow { secret: secret.clone(), window: window.clone() };
    let unpin = plan.steps.iter().filter(|step| matches!(step, Step::UnpinBackup { .. })).cloned();
    if touched <= opening {
        return Some(unpin.collect());
    }
    let recreated = plan.steps[..touched].iter().find_map(|step| match step {
        Step::Recreate { replicas, release, .. } => Some((replicas, release)),
        _ => None,
    });
    let Some((replicas, release)) = recreated else {
        return Some(std::iter::once(set(&close)).chain(unpin).collect());
    };
    let services: Vec<ServiceName> = replicas.iter().map(|replicas| replicas.service.clone()).collect();
    let through = |window: &Window| {
        let prove = |among| Step::ProveWindow {
            secret: secret.clone(),
            window: window.clone(),
            services: services.clone(),
            among,
        };
        vec![
            set(window),
            prove(Among::Files),
            Step::Recreate { replicas: replicas.clone(), release: release.clone(), which: Which::Changed },
            Step::PassGates { services: services.clone(), release: release.clone() },
            prove(Among::Replicas),
        ]
    };
    let rehash = plan.steps.iter().find_map(|step| match step {
        Step::Rehash { one_off, live, count, guard } => {
            let mut one_off = one_off.clone();
            one_off.name = format!("{}-back", one_off.name);
            Some(Step::Rehash { one_off, live: live.clone(), count: count.clone(), guard: *guard })
        }
        _ => None,
    });
    let try_keys = plan.steps.iter().find(|step| matches!(step, Step::TryKey { .. })).cloned();
    let mut steps = Vec::new();
    if let Some(rehash) = rehash {
        steps.extend(through(&Window::Turned { old }));
        steps.push(rehash);
    }
    steps.extend(through(&close));
    steps.extend(try_keys);
    steps.extend(unpin);
    Some(steps)
}

/// Where it is looked which values a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Among {
    /// In the runtime's files: what a container that is made now would have.
    Files,
    /// In each running instance.
    Replicas,
}

/// A value that the database keeps on record, by what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OnRecord {
    /// What tells it from others.
    pub id: String,
    /// Whether it is the one in use.
    pub in_use: bool,
}

/// Whether what was on record still is, and another value is in use now; what is not so, in words.
pub fn missing_on_record(before: &[OnRecord], now: &[OnRecord]) -> Option<String> {
    let lost = before.iter().find(|known| !now.iter().any(|found| found.id == known.id));
    if let Some(lost) = lost {
        return Some(format!("{} is no longer on record", lost.id));
    }
    let was_in_use = |id: &str| before.iter().any(|known| known.in_use && known.id == id);
    let mut in_use = now.iter().filter(|found| found.in_use).peekable();
    if in_use.peek().is_none() {
        return Some("no value on record is in use".to_owned());
    }
    in_use.find(|found| was_in_use(&found.id)).map(|found| format!("{} is still the one in use", found.id))
}

/// Which containers are made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Those that were made with other settings.
    Changed,
    /// All.
    All,
}

/// A service, and how many instances it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// The service.
    pub service: ServiceName,
    /// How many.
    pub count: u32,
}

impl fmt::Display for PausePoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dual => "dual",
            Self::Rehash => "rehash",
        })
    }
}

#[cfg(test)]
mod tests;
