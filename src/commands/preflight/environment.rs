//! Looking at the environment file, and at what the containers were given.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::host::failing;
use super::outlook::Outlook;
use super::survey::Survey;
use crate::adapters::docker::Container;
use crate::adapters::env_store::EnvStore;
use crate::commands::install::Install;
use crate::env_file::VariableName;
use crate::error::Fault;
use crate::preflight::Judgement;
use crate::preflight::environment::{self as judge, ComposeFiles, Settings, Stale};
use crate::profile::{DatabaseMode, Profile, SecretKind};

/// Settings of opsctl's own, of Compose and of Docker: they need not be in the example.
pub(super) const OWN: [&str; 9] = [
    "BACKUP_DIR",
    "KEEP",
    "COMPOSE_FILE",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_PROFILES",
    "COMPOSE_ENV_FILES",
    "DOCKER_HOST",
    "OPSCTL_PLATFORM_KEY",
];

pub(super) fn file(survey: &Outlook<'_>) -> Judgement {
    let path = survey.env_file();
    let unusable = |error: &dyn std::error::Error, hint: &str| {
        failing(&Fault::caused_by(format!("{} cannot be used", path.display()), error).hint(hint))
    };
    let read = match survey.read_env() {
        Ok(read) => read,
        Err(error) => return unusable(&error, error.hint()),
    };
    let lookup = |name: &str| survey.context.surroundings.variable(name).map(str::to_owned);
    match read.file().values(&lookup) {
        Ok(_) if !path.exists() => Judgement::skipped(format!("there is no {}", path.display())),
        Ok(values) => Judgement::pass(format!("{} assigns {} settings", path.display(), values.len())),
        Err(error) => unusable(&error, error.hint()),
    }
}

/// What the distribution's example assigns; none where there is no example.
pub(super) fn example(survey: &Outlook<'_>) -> Option<Settings> {
    let path = survey.env_file().with_file_name(".env.example");
    let read = EnvStore::at(&path).read().ok().filter(|_| path.is_file())?;
    survey.values(read.file()).ok()
}

pub(super) async fn required(survey: &Survey<'_>) -> Judgement {
    let (install, settings) = match both(survey).await {
        Ok(both) => both,
        Err(skipped) => return skipped,
    };
    let example = example(survey);
    // A password beside an address that holds one is the bundled server's.
    let spared: BTreeSet<&str> = match install.mode {
        DatabaseMode::Bundled => BTreeSet::new(),
        DatabaseMode::External => {
            let passwords =
                install.profile.secrets.iter().filter(|secret| secret.kind == SecretKind::Password);
            passwords.map(|secret| secret.name.as_str()).collect()
        }
    };
    let laid_over = with_process(survey, settings, example.as_ref());
    judge::required(example.as_ref(), &laid_over, &spared)
}

/// The process environment counts too, as it does for Compose.
pub(super) fn with_process(
    survey: &Outlook<'_>,
    mut settings: Settings,
    example: Option<&Settings>,
) -> Settings {
    for name in example.into_iter().flat_map(Settings::keys) {
        if let Some(value) = survey.context.surroundings.variable(name) {
            settings.insert(name.clone(), value.to_owned());
        }
    }
    settings
}

async fn both<'a>(survey: &'a Survey<'_>) -> Result<(&'a Install, Settings), Judgement> {
    Ok((survey.install().await?, survey.settings()?))
}

pub(super) async fn names(survey: &Survey<'_>) -> Judgement {
    match both(survey).await {
        Ok((install, settings)) => judge::names(&settings, &known(survey, install)),
        Err(skipped) => skipped,
    }
}

/// All names that anything here takes: the example's, also where it comments them out, those in the Compose files, and
/// those in the profile.
fn known(survey: &Survey<'_>, install: &Install) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = OWN.map(str::to_owned).into();
    known.extend(profile_names(&install.profile));
    known.extend(named_in_example(survey));
    for file in &install.compose.project().files {
        known.extend(std::fs::read_to_string(file).map(|text| named_in(&text)).unwrap_or_default());
    }
    let given = install.model.services.values().flat_map(|service| service.environment.keys());
    let from_file: BTreeSet<String> =
        survey.settings().map(|settings| settings.into_keys().collect()).unwrap_or_default();
    known.extend(given.filter(|name| !from_file.contains(*name)).cloned());
    known
}

/// The names that the distribution's example has, also where it comments them out.
pub(super) fn named_in_example(survey: &Outlook<'_>) -> BTreeSet<String> {
    let example = survey.env_file().with_file_name(".env.example");
    let text = std::fs::read_to_string(example).unwrap_or_default();
    let named = |line: &str| {
        let (name, _) = line.trim_start_matches(['#', ' ']).split_once('=')?;
        VariableName::try_from(name.trim()).ok().map(|name| name.as_str().to_owned())
    };
    text.lines().filter_map(named).collect()
}

fn profile_names(profile: &Profile) -> impl Iterator<Item = String> {
    let release = &profile.release;
    let database = &profile.database;
    let optional = [&release.image_variable, &release.pin_variable, &database.migrate_url_variable];
    let single = [Some(&release.version_variable), Some(&database.url_variable)]
        .into_iter()
        .chain(optional.map(Option::as_ref))
        .chain([database.pool.as_ref().map(|pool| &pool.variable)])
        .chain([profile.scan.as_ref().and_then(|scan| scan.token_variable.as_ref())])
        .flatten();
    let removed = profile.variables.removed.iter().map(|variable| &variable.name);
    let replicated = profile.variables.replicated.iter().map(|variable| &variable.name);
    let secrets = profile.secrets.iter().map(|secret| &secret.name);
    let all: Vec<String> =
        single.chain(removed).chain(replicated).chain(secrets).map(ToString::to_string).collect();
    all.into_iter().flat_map(|name| [format!("{name}_FILE"), name])
}

/// The variables that a Compose file fills in: `$NAME`, `${NAME...}`.
fn named_in(text: &str) -> BTreeSet<String> {
    let behind = |start: &str| {
        let start = start.strip_prefix('{').unwrap_or(start);
        let end =
            start.find(|char: char| char != '_' && !char.is_ascii_alphanumeric()).unwrap_or(start.len());
        VariableName::try_from(&start[..end]).ok().map(|name| name.as_str().to_owned())
    };
    text.split('$').skip(1).filter_map(behind).collect()
}

pub(super) async fn removed(survey: &Survey<'_>) -> Judgement {
    let (install, settings) = match both(survey).await {
        Ok(both) => both,
        Err(skipped) => return skipped,
    };
    let runs = survey.found().await.ok().map(|found| &found.release.version);
    judge::removed(&settings, &install.profile.variables.removed, |variable| match (&variable.since, runs) {
        (Some(since), Some(runs)) => since.order(runs) != Some(std::cmp::Ordering::Greater),
        (Some(_), None) => false,
        (None, _) => true,
    })
}

pub(super) fn duplicates(survey: &Outlook<'_>) -> Judgement {
    let settings = match survey.settings() {
        Ok(settings) => settings,
        Err(skipped) => return skipped,
    };
    let Ok(read) = survey.read_env() else { return Judgement::skipped("the file cannot be read") };
    let lines = |name: &String| {
        Some((name.clone(), read.file().lines_of(&VariableName::try_from(name.as_str()).ok()?)))
    };
    let twice: Vec<(String, Vec<usize>)> =
        settings.keys().filter_map(lines).filter(|(_, lines)| lines.len() > 1).collect();
    judge::duplicates(&twice)
}

pub(super) async fn placeholders(survey: &Survey<'_>) -> Judgement {
    let (install, settings) = match both(survey).await {
        Ok(both) => both,
        Err(skipped) => return skipped,
    };
    let product = install.profile.product.name.as_str();
    let common = [product, "postgres", "password", "secret", "admin"];
    judge::placeholders(&settings, &install.profile.secrets, example(survey).as_ref(), &common)
}

pub(super) fn mode(survey: &Outlook<'_>) -> Judgement {
    let path = survey.env_file();
    match std::fs::metadata(&path) {
        Ok(metadata) => judge::mode(metadata.permissions().mode(), &path.display().to_string()),
        Err(error) => Judgement::skipped(format!("{}: {error}", path.display())),
    }
}

pub(super) async fn files(survey: &Survey<'_>) -> Judgement {
    match both(survey).await {
        Ok((install, settings)) => judge::files(&settings, &install.profile.secrets),
        Err(skipped) => skipped,
    }
}

pub(super) async fn previous(survey: &Survey<'_>) -> Judgement {
    match both(survey).await {
        Ok((install, settings)) => judge::previous(&settings, &install.profile.secrets),
        Err(skipped) => skipped,
    }
}

/// Also where the Compose files cannot be resolved is said here, unless it is Docker that is missing.
pub(super) async fn compose(survey: &Survey<'_>) -> Judgement {
    if let Some(fault) = survey.unreadable().await {
        return match survey.engine().await {
            Ok(_) => failing(fault),
            Err(_) => Judgement::skipped("docker cannot be used"),
        };
    }
    let install = match survey.install().await {
        Ok(install) => install,
        Err(skipped) => return skipped,
    };
    let name =
        |path: &Path| path.strip_prefix(&install.place.compose_dir).unwrap_or(path).display().to_string();
    let files = &install.compose.project().files;
    let used: Vec<String> = files.iter().map(|file| name(file)).collect();
    let is_named = install.variables.get("COMPOSE_FILE").is_some_and(|list| !list.is_empty());
    let missing = if is_named {
        files.iter().filter(|file| !file.exists()).map(|file| name(file)).collect()
    } else {
        Vec::new()
    };
    let default = [
        "docker-compose.override.yml",
        "docker-compose.override.yaml",
        "compose.override.yml",
        "compose.override.yaml",
    ];
    let by_default = install
        .place
        .base_file()
        .into_iter()
        .chain(
            default
                .map(|file| install.place.compose_dir.join(file))
                .into_iter()
                .filter(|file| file.is_file())
                .take(1),
        )
        .map(|file| name(&file))
        .collect();
    judge::compose(&ComposeFiles { named: is_named.then(|| used.clone()), missing, by_default, used })
}

pub(super) async fn running(survey: &Survey<'_>) -> Judgement {
    let (install, containers) = match (survey.install().await, survey.containers().await) {
        (Ok(install), Ok(containers)) => (install, containers),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let ours: Vec<&Container> = containers.iter().filter(|container| container.is_running()).collect();
    let stale: Vec<Stale> = ours.iter().filter_map(|container| stale(install, container)).collect();
    let start = [install.compose.typed(), vec!["up".to_owned(), "-d".to_owned()]].concat();
    if ours.is_empty() {
        return Judgement::skipped("nothing runs");
    }
    let remedy =
        format!("make them anew, a restart does not read settings again: `{}`", shell_words::join(start));
    judge::running(&format!("{} containers", ours.len()), &stale, &remedy)
}

fn stale(install: &Install, container: &Container) -> Option<Stale> {
    let service = install.model.services.get(container.service.as_deref()?)?;
    let names: Vec<String> = service
        .environment
        .iter()
        .filter_map(|(name, value)| {
            let wanted = value.as_ref()?.expose();
            let has = container.environment.get(name).map(crate::model::secret::Secret::expose);
            (has != Some(wanted)).then(|| name.clone())
        })
        .collect();
    (!names.is_empty()).then(|| Stale { name: container.name.clone(), names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_a_compose_file_are_found_at_any_depth() {
        let text = "image: ${PIN:-${IMAGE:-ledger}:$VERSION}\ncmd: echo $$HOME ${_X?no}";
        let expected = ["HOME", "IMAGE", "PIN", "VERSION", "_X"].map(str::to_owned);
        assert_eq!(named_in(text), BTreeSet::from(expected));
    }
}
