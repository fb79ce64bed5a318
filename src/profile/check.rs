//! What must hold between the parts of a description.

use super::{MigrationRun, Places, ProcessProfile, Profile, Role, ServiceName, Source, Way};

/// Two parts that do not fit together, with the keys that lead to one of them.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) keys: Vec<String>,
    /// Where in the text it is, where the keys alone do not lead to it.
    pub(super) at: Option<usize>,
    pub(super) message: String,
}

impl Conflict {
    fn at(keys: &[&str], message: impl Into<String>) -> Self {
        Self { keys: keys.iter().map(|key| (*key).to_owned()).collect(), at: None, message: message.into() }
    }
}

/// Member names of a backup that an export must not take.
const RESERVED_FILES: [&str; 2] = ["db.dump", "manifest.json"];

pub(super) fn check(profile: &Profile) -> Result<(), Conflict> {
    one_api(profile)?;
    bundled_database(profile)?;
    migration(profile)?;
    version(profile)?;
    requests(profile)?;
    exports(profile)?;
    metrics(profile)?;
    rotations(profile)
}

/// What must hold between the parts of a description of a product that runs as a process.
pub(super) fn check_process(profile: &ProcessProfile) -> Result<(), Conflict> {
    commands_of_process(profile)?;
    let service = &profile.service;
    let watched = [("start", &service.start), ("stop", &service.stop), ("alive", &service.alive)];
    if let (Some(_), Some((key, _))) = (&service.unit, watched.iter().find(|(_, command)| command.is_some()))
    {
        let message =
            format!("`{key}` is said twice: `unit` has systemd start, stop and watch over the process");
        return Err(Conflict::at(&["service", key], message));
    }
    if watched.iter().any(|(_, command)| command.is_some()) {
        for (key, command) in watched {
            if command.as_ref().is_none() {
                let message = format!(
                    "`{key}` is missing: `start`, `stop` and `alive` are the three commands of what watches over the process"
                );
                return Err(Conflict::at(&["service", key], message));
            }
        }
    }
    let runtime = &profile.runtime;
    let of_archives =
        [("checksums", runtime.checksums.is_some()), ("public_key", runtime.public_key.is_some())];
    match of_archives.into_iter().find(|(_, is_given)| *is_given) {
        Some((key, _)) if !matches!(runtime.source, Some(Source::Archives(_))) => {
            let message =
                format!("`{key}` is of archives that are fetched, and `source` is no address of any");
            Err(Conflict::at(&["runtime", key], message))
        }
        _ => Ok(()),
    }
}

/// Commands hold nothing that stands for something which is not there: it would be taken as it is written.
fn commands_of_process(profile: &ProcessProfile) -> Result<(), Conflict> {
    let service = &profile.service;
    let migrate = profile.migrate.as_ref().map(|migrate| &migrate.command);
    let commands = [
        (["service", "command"], Some(&service.command)),
        (["service", "version"], service.version.as_ref()),
        (["service", "start"], service.start.as_ref()),
        (["service", "stop"], service.stop.as_ref()),
        (["service", "alive"], service.alive.as_ref()),
        (["migrate", "command"], migrate),
    ];
    for (keys, command) in commands.into_iter().filter_map(|(keys, command)| Some((keys, command?))) {
        if let Some(unknown) = command.iter().find_map(|argument| unknown_placeholder(argument)) {
            return Err(Conflict::at(
                &keys,
                format!(
                    "`{unknown}` stands for nothing: there are {}; a variable of a shell is written without braces",
                    Places::NAMES.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

fn unknown_placeholder(argument: &str) -> Option<&str> {
    argument.match_indices("${").find_map(|(at, _)| {
        let end = argument[at..].find('}')?;
        Some(&argument[at..=at + end]).filter(|found| !Places::NAMES.contains(found))
    })
}

fn one_api(profile: &Profile) -> Result<(), Conflict> {
    let message = match profile.with_role(Role::Api).count() {
        1 => return Ok(()),
        0 => "no service has the role `api`: give it to the one that clients talk to",
        _ => {
            "more than one service has the role `api`: keep it for the one that clients talk to, and give the others `other`"
        }
    };
    Err(Conflict::at(&["services"], message))
}

fn bundled_database(profile: &Profile) -> Result<(), Conflict> {
    let Some(bundled) = &profile.database.bundled else { return Ok(()) };
    let keys = ["database", "bundled", "service"];
    if role_of(profile, &bundled.service, &keys)? == Role::Database {
        Ok(())
    } else {
        Err(Conflict::at(&keys, format!("the service `{}` must have the role `database`", bundled.service)))
    }
}

fn migration(profile: &Profile) -> Result<(), Conflict> {
    let Some(migrate) = &profile.migrate else { return Ok(()) };
    let keys = ["migrate", "service"];
    match (&migrate.run, role_of(profile, migrate.run.service(), &keys)?) {
        (MigrationRun::Service(_), Role::Migrate) | (MigrationRun::Command { .. }, _) => Ok(()),
        (MigrationRun::Service(service), _) => Err(Conflict::at(
            &keys,
            format!(
                "the service `{service}` does not have the role `migrate`: to run a command of its image instead, add \
                 `command`"
            ),
        )),
    }
}

fn version(profile: &Profile) -> Result<(), Conflict> {
    if profile.version.endpoints.is_empty() || profile.api().1.http.is_some() {
        return Ok(());
    }
    let message = format!("to be asked for its version, the service `{}` needs a `port`", profile.api().0);
    Err(Conflict::at(&["version", "endpoints"], message))
}

fn requests(profile: &Profile) -> Result<(), Conflict> {
    if profile.requests.is_none() || profile.api().1.http.is_some() {
        return Ok(());
    }
    let message = format!("to be asked for its requests, the service `{}` needs a `port`", profile.api().0);
    Err(Conflict::at(&["requests", "path"], message))
}

fn exports(profile: &Profile) -> Result<(), Conflict> {
    let exports = &profile.database.exports;
    for (index, export) in exports.iter().enumerate() {
        let is_taken = RESERVED_FILES.contains(&export.file.as_str())
            || exports[..index].iter().any(|earlier| earlier.file == export.file);
        if is_taken {
            let message = format!("a backup holds a file `{}` already: choose another name", export.file);
            return Err(Conflict::at(&["database", "exports"], message));
        }
    }
    Ok(())
}

fn metrics(profile: &Profile) -> Result<(), Conflict> {
    let keys = ["logs", "metrics"];
    for (index, metric) in profile.logs.metrics.iter().enumerate() {
        if !metric.has_condition() {
            let message = format!(
                "`{}` would count every line: say which with `message`, `message_starts`, `level` or `number`",
                metric.name
            );
            return Err(Conflict::at(&keys, message));
        }
        if profile.logs.metrics[..index].iter().any(|earlier| earlier.name == metric.name) {
            return Err(Conflict::at(&keys, format!("two metrics are named `{}`", metric.name)));
        }
    }
    Ok(())
}

fn rotations(profile: &Profile) -> Result<(), Conflict> {
    let keys = ["secrets"];
    for secret in &profile.secrets {
        let Some(rotation) = &secret.rotation else { continue };
        if let Way::DualWindow { rehash, .. } = &rotation.way {
            role_of(profile, &rehash.service, &keys)?;
        }
        if matches!(rotation.way, Way::DatabaseLogin { .. }) && profile.database.bundled.is_none() {
            let message = format!(
                "`{}` is a login of a bundled database, and there is none: add `[database.bundled]`",
                secret.name
            );
            return Err(Conflict::at(&keys, message));
        }
        if rotation.previous.as_ref() == Some(&secret.name) {
            let message = format!(
                "`previous` of `{0}` is `{0}` itself: name the setting for the value before",
                secret.name
            );
            return Err(Conflict::at(&keys, message));
        }
    }
    Ok(())
}

fn role_of(profile: &Profile, service: &ServiceName, keys: &[&str]) -> Result<Role, Conflict> {
    match profile.services.get(service) {
        Some(found) => Ok(found.role),
        None => {
            Err(Conflict::at(keys, format!("there is no service `{service}`: add `[services.{service}]`")))
        }
    }
}
