//! What a step does, in words for a person.

use std::fmt;

use crate::plan::rotation::{Among, PausePoint, Stays, Which, Window};
use crate::plan::step::{Release, RestorePoint, Step};
use crate::profile::{Made, ServiceName};

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(formatter)
    }
}

impl fmt::Display for Step {
    /// What the step does, as a line of a plan: an imperative fragment.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull { release } => match &release.digest {
                Some(digest) => {
                    write!(formatter, "fetch {} ({}), unless it is here", release.image, short(digest))
                }
                None => write!(formatter, "use {}, which is here", release.image),
            },
            Self::Keep { release } => write!(formatter, "keep {release} for going back"),
            Self::TakeBackup { id, of: Some(database), .. } => {
                write!(formatter, "archive {database} as backup {id} and read it back")
            }
            Self::TakeBackup { id, of: None, .. } => write!(formatter, "take backup {id} and read it back"),
            Self::UnpinBackup { id } => write!(formatter, "unpin backup {id}"),
            Self::Prune { keep } => write!(formatter, "prune backups, keeping the newest {keep}"),
            Self::CheckBackup { archive } => {
                write!(formatter, "read {} in full and check it", archive.display())
            }
            Self::LoadBackup { into, .. } => {
                write!(formatter, "load the backup into the side database {into}")
            }
            Self::CreateEmpty { database } => write!(formatter, "make the empty database {database}"),
            Self::CompareLoaded { database, .. } => write!(formatter, "compare {database} with the backup"),
            Self::Quiesce { services } => write!(formatter, "stop {}", list(services)),
            Self::TakeRestorePoint { live, point, .. } => match point {
                RestorePoint::Clone { database } => {
                    write!(formatter, "take the restore point: copy {live} to {database}")
                }
                RestorePoint::Backup { id, .. } => write!(formatter, "take the restore point: backup {id}"),
            },
            Self::ConfirmQuiet { services, .. } => {
                write!(formatter, "make sure that {} still stand still", list(services))
            }
            Self::MarkStopped { services } => write!(formatter, "note when {} last ran", list(services)),
            Self::MarkWrites { .. } => formatter.write_str("read the database's write counters"),
            Self::RemoveVariables { names } => write!(formatter, "comment out {} in .env", names.join(", ")),
            Self::Migrate { one_off, live, .. } => {
                write!(formatter, "migrate {live} with {}", one_off.release)
            }
            Self::ProveCanary { one_off } => {
                write!(formatter, "prove {} on a canary that no client can reach", one_off.release)
            }
            Self::RemoveOneOff { name } => write!(formatter, "remove {name}"),
            Self::SelectRelease { release } => {
                write!(formatter, "select {release}")
            }
            Self::RestoreSettings { release } => {
                write!(formatter, "select {release} again, with the settings as they were")
            }
            Self::Swap { live, incoming, outgoing } => {
                write!(formatter, "swap {incoming} in as {live}, keeping the present one as {outgoing}")
            }
            Self::ReturnToRestorePoint { live, failed, .. } => {
                write!(formatter, "return {live} to the restore point, keeping what failed as {failed}")
            }
            Self::ReplaceInPlace { archive, live } => {
                write!(formatter, "drop {live} and load {} in its place", archive.display())
            }
            Self::Start { services, release } => write!(formatter, "start {} on {release}", list(services)),
            Self::PassGates { services, .. } => {
                write!(formatter, "wait until {} are healthy and stable", list(services))
            }
            Self::ScanData => formatter.write_str("let the product check its data"),
            Self::DropDatabase { database } => write!(formatter, "drop {database}"),
            Self::SetWindow { secret, window } if secret.previous.is_none() => {
                let name = &secret.name;
                match window {
                    Window::Opened { .. } => write!(
                        formatter,
                        "give {name} a new random value in the settings, keeping the old one until the end"
                    ),
                    Window::Turned { .. } => {
                        write!(formatter, "put the old value of {name} back in the settings")
                    }
                    Window::Closed { stays, .. } => {
                        let which = if *stays == Stays::New { "old" } else { "new" };
                        write!(formatter, "forget the {which} value of {name}")
                    }
                }
            }
            Self::SetWindow { secret, window } => {
                let (name, previous) = (&secret.name, secret.place_before());
                match window {
                    Window::Opened { .. } => {
                        write!(
                            formatter,
                            "save {name} as {previous} and give {name} a new {}",
                            match secret.made {
                                Made::Random { .. } => "random value",
                                Made::Program { .. } => "value, made in the product's image",
                            }
                        )
                    }
                    Window::Turned { .. } => {
                        write!(formatter, "put the old value of {name} back, with the new one as {previous}")
                    }
                    Window::Closed { stays: Stays::New, .. } => {
                        write!(formatter, "remove {previous}: the old value of {name} goes")
                    }
                    Window::Closed { stays: Stays::Old, .. } => {
                        write!(formatter, "remove {previous}: {name} has its old value alone")
                    }
                }
            }
            Self::Recreate { replicas, which, .. } => {
                let all = if *which == Which::All { " once more" } else { "" };
                let services: Vec<String> = replicas
                    .iter()
                    .map(|replicas| match replicas.count {
                        1 => replicas.service.to_string(),
                        count => format!("{} ({count} replicas)", replicas.service),
                    })
                    .collect();
                write!(formatter, "make the containers of {} anew{all}", services.join(", "))
            }
            Self::ProveWindow { secret, services, among: Among::Files, .. } => {
                write!(
                    formatter,
                    "make sure that {} would be given {} as it is set now",
                    list(services),
                    secret.name
                )
            }
            Self::ProveWindow { secret, services, among: Among::Replicas, .. }
                if secret.previous.is_none() =>
            {
                let name = &secret.name;
                let services = list(services);
                write!(formatter, "prove that each replica of {services} has {name} as it is set now")
            }
            Self::SetPassword { secret } => {
                let role = secret.login.as_ref().map_or("its role", |login| login.role.as_str());
                let name = &secret.name;
                write!(
                    formatter,
                    "make {name} as it is set now the password of {role}, and prove that it alone is taken"
                )
            }
            Self::ProveWindow { secret, window, services, among: Among::Replicas } => {
                let (name, previous) = (&secret.name, secret.place_before());
                let services = list(services);
                match window {
                    Window::Opened { .. } => {
                        write!(formatter, "prove that each replica of {services} has both values of {name}")
                    }
                    Window::Turned { .. } => {
                        write!(
                            formatter,
                            "prove that each replica of {services} has the old value as {name} and the new one as {previous}"
                        )
                    }
                    Window::Closed { stays, .. } => {
                        let which = if *stays == Stays::New { "new" } else { "old" };
                        write!(
                            formatter,
                            "prove that each replica of {services} has the {which} value of {name} alone"
                        )
                    }
                }
            }
            Self::TryKey { .. } => {
                formatter.write_str("prove that a key lets its bearer in, at each replica")
            }
            Self::MarkRefusals => formatter.write_str("see how many requests the API refuses"),
            Self::CompareRefusals => {
                formatter.write_str("prove that the API does not refuse more requests than before")
            }
            Self::Rehash { guard, .. } => {
                write!(
                    formatter,
                    "re-hash all keys with the present value (backup {guard} stands behind this)"
                )
            }
            Self::ProveOnRecord { .. } => formatter
                .write_str("prove that what was on record still is, and that another value is in use"),
            Self::Pause { at: PausePoint::Dual, .. } => {
                formatter.write_str("pause, with both values taken and nothing re-hashed")
            }
            Self::Pause { at: PausePoint::Rehash, .. } => {
                formatter.write_str("pause, with all keys re-hashed and the old value still taken")
            }
            Self::NotePreviousVersion { version } => {
                write!(formatter, "note {version} as the release to go back to")
            }
        }
    }
}

fn list(services: &[ServiceName]) -> String {
    services.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}
