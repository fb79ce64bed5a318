//! What is secret here, from every place where it may stand: what is not known cannot be looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::adapters::docker::Container;
use crate::adapters::env_store::EnvStore;
use crate::adapters::holders;
use crate::commands::context::Context;
use crate::commands::install::{Install, engine_settings};
use crate::commands::place::Place;
use crate::commands::preflight::process::ProcessSurvey;
use crate::model::compose_model::{Mount, MountSource};
use crate::model::redaction::names_a_secret;
use crate::profile::{SecretKind, SecretVariable, Support, VariableKind};
use crate::redaction::KnownSecrets;

use super::scene::{Examined, Ground};

/// Most bytes of a file that is taken for one that holds a secret.
const MOST: u64 = 1 << 20;

/// Where containers find files that hold secrets, unless their variables say otherwise.
const FILE_SUFFIX: &str = "_FILE";

/// Learns everything there is to be known.
pub(super) fn learn(ground: &Ground<'_>, place: &Place) -> KnownSecrets {
    let context = ground.context;
    let declared = match &ground.examined {
        Examined::Compose(project) => project.profile.as_deref().map(|profile| profile.secrets.as_slice()),
        Examined::Process(_) => None,
    };
    let mut secrets = Learned {
        known: KnownSecrets::default(),
        support: ground.examined.support(),
        declared: declared.unwrap_or_default(),
    };
    secrets.declared();
    for name in public(&ground.examined) {
        secrets.known.note_public(&name);
    }
    secrets.environment_files(context, place);
    match &ground.examined {
        Examined::Compose(project) => {
            let install = project.survey.opened_already();
            if let Some(install) = install {
                secrets.model(install);
            }
            for container in project.containers.iter().flatten() {
                secrets.container(container, install);
            }
        }
        Examined::Process(survey) => secrets.variables(given(survey), place),
    }
    secrets.process(context, place, &settings(&ground.examined));
    secrets.credentials(context);
    if let Some(key) = &ground.platform_key {
        secrets.known.learn_variable("PLATFORM_KEY", key.expose(), Some(SecretKind::Token));
    }
    secrets.known
}

/// The names of the product's settings, as its files and its description know them.
fn settings(examined: &Examined<'_>) -> BTreeSet<String> {
    let install = match examined {
        Examined::Compose(project) => project.survey.opened_already(),
        Examined::Process(_) => None,
    };
    let given = install.iter().flat_map(|install| install.model.services.values());
    let given = given.flat_map(|service| service.environment.keys().cloned());
    let known = examined.support().into_iter().flat_map(|support| support.variables.keys());
    given.chain(known.map(ToString::to_string)).collect()
}

/// What everybody knows of the product: a password that equals it is masked only where it stands as one.
fn public(examined: &Examined<'_>) -> Vec<String> {
    let mut names: Vec<String> =
        examined.product().map(|product| product.name.to_string()).into_iter().collect();
    match examined {
        Examined::Compose(project) => {
            let profile = project.profile.as_deref();
            names.extend(profile.iter().flat_map(|profile| profile.services.keys().map(ToString::to_string)));
            names.extend(profile.map(|profile| profile.release.image.to_string()));
            names.extend(project.survey.opened_already().map(|install| install.model.project.clone()));
        }
        Examined::Process(survey) => names.push(survey.profile.service.name.to_string()),
    }
    names
}

/// What the process was given, which the file may not say any more.
fn given(survey: &ProcessSurvey<'_>) -> BTreeMap<String, String> {
    let leader = survey.run().ok().flatten().and_then(|run| run.session);
    leader.and_then(holders::environment).unwrap_or_default()
}

struct Learned<'a> {
    known: KnownSecrets,
    support: Option<&'a Support>,
    declared: &'a [SecretVariable],
}

impl Learned<'_> {
    /// What the product's description says of its settings.
    fn declared(&mut self) {
        let kinds = self.support.into_iter().flat_map(|support| support.variables.keys());
        let names: Vec<_> = kinds.chain(self.declared.iter().map(|secret| &secret.name)).collect();
        for name in names {
            if let Some(kind) = self.kind(name.as_str()) {
                self.known.declare(name.as_str(), kind);
            }
        }
    }

    fn variable(&mut self, name: &str, value: &str) {
        if self.is_public(name) {
            self.known.note_public(value);
        } else {
            self.known.learn_variable(name, value, self.kind(name));
        }
    }

    fn is_public(&self, name: &str) -> bool {
        self.support.is_some_and(|support| {
            let kinds = support.variables.iter();
            kinds.filter(|(known, _)| known.as_str() == name).any(|(_, kind)| *kind == VariableKind::Public)
        })
    }

    fn kind(&self, name: &str) -> Option<SecretKind> {
        let stated =
            self.declared.iter().find(|secret| secret.name.as_str() == name).map(|secret| secret.kind);
        stated.or_else(|| {
            let kinds = &self.support?.variables;
            let (_, kind) = kinds.iter().find(|(known, _)| known.as_str() == name)?;
            match kind {
                VariableKind::Secret | VariableKind::Blob => Some(SecretKind::Token),
                VariableKind::Url | VariableKind::ConnectionString => Some(SecretKind::Url),
                VariableKind::Public | VariableKind::Path => None,
            }
        })
    }

    /// The environment file as it is written and as Compose reads it, and the copies of it that operations keep.
    fn environment_files(&mut self, context: &Context, place: &Place) {
        let file = place.env_file();
        for path in [file.clone()].into_iter().chain(copies(place, &file)) {
            if let Some(text) = content(&path) {
                self.known.learn_env_text("env", &text);
            }
            let lookup = |name: &str| context.surroundings.variable(name).map(str::to_owned);
            let values = EnvStore::at(&path).read().ok().and_then(|read| read.file().values(&lookup).ok());
            self.variables(values.unwrap_or_default(), place);
        }
    }

    fn variables(&mut self, variables: BTreeMap<String, String>, place: &Place) {
        for (name, value) in variables {
            self.variable(&name, &value);
            if name.ends_with(FILE_SUFFIX) {
                self.file(&name, &place.compose_dir.join(value));
            }
        }
    }

    /// What the project's files give to containers, also to those that were not started yet.
    fn model(&mut self, install: &Install) {
        for service in install.model.services.values() {
            for (name, value) in &service.environment {
                let Some(value) = value else { continue };
                self.variable(name, value.expose());
                if name.ends_with(FILE_SUFFIX) {
                    let target = on_this_machine(&service.mounts, value.expose());
                    self.file(
                        name,
                        &target.unwrap_or_else(|| install.place.compose_dir.join(value.expose())),
                    );
                }
            }
            for file in &service.env_files {
                if let Some(text) = content(file) {
                    self.known.learn_env_text("env", &text);
                }
            }
        }
        for file in &install.model.secret_files {
            self.file("compose-secret", file);
        }
    }

    /// A container may have been made with values that the files do not have any more.
    fn container(&mut self, container: &Container, install: Option<&Install>) {
        let service = container.service.as_ref().zip(install);
        let mounts =
            service.and_then(|(name, install)| Some(install.model.services.get(name)?.mounts.as_slice()));
        for (name, value) in &container.environment {
            self.variable(name, value.expose());
            if name.ends_with(FILE_SUFFIX)
                && let Some(path) = on_this_machine(mounts.unwrap_or_default(), value.expose())
            {
                self.file(name, &path);
            }
        }
    }

    /// Of this process's own environment, what looks secret and what wins over the product's settings. The rest, such as the
    /// path and the terminal, is no business of the product's.
    fn process(&mut self, context: &Context, place: &Place, settings: &BTreeSet<String>) {
        let mine = context.surroundings.environment.iter().filter(|(name, value)| {
            settings.contains(*name) || names_a_secret(name) || (value.contains("://") && value.contains('@'))
        });
        self.variables(mine.map(|(name, value)| (name.clone(), value.clone())).collect(), place);
    }

    /// Files that programs keep passwords in.
    fn credentials(&mut self, context: &Context) {
        let home = context.surroundings.variable("HOME").map(PathBuf::from);
        let passwords = context.surroundings.variable("PGPASSFILE").map(PathBuf::from);
        let passwords = passwords.or_else(|| home.as_ref().map(|home| home.join(".pgpass")));
        if let Some(text) = passwords.and_then(|path| content(&path)) {
            self.known.learn_pgpass(&text);
        }
        let docker = engine_settings(context).config_dir.map(|folder| folder.join("config.json"));
        if let Some(text) = docker.and_then(|path| content(&path)) {
            self.known.learn_docker_config(&text);
        }
    }

    fn file(&mut self, name: &str, path: &Path) {
        if let Some(text) = content(path) {
            self.known.learn_file(name, &text);
        }
    }
}

/// The copies of an environment file that operations keep, and those that people make beside it.
fn copies(place: &Place, file: &Path) -> Vec<PathBuf> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let beside =
        file.parent().map(|folder| entries(folder.to_owned())).into_iter().flatten().filter(|path| {
            let other = path.file_name().unwrap_or_default().to_string_lossy();
            other != name && other.starts_with(&name) && !other.ends_with(".example")
        });
    let kept = entries(place.state.root().join("operations")).map(|operation| operation.join("env.before"));
    beside.chain(kept.filter(|path| path.is_file())).collect()
}

/// Where a path of a container is on this machine, if a bind mount shows it there.
fn on_this_machine(mounts: &[Mount], path: &str) -> Option<PathBuf> {
    mounts.iter().find_map(|mount| {
        let MountSource::Bind(source) = &mount.source else { return None };
        let below = Path::new(path).strip_prefix(&mount.target).ok()?;
        Some(if below.as_os_str().is_empty() { source.clone() } else { source.join(below) })
    })
}

/// The start of a file as text; none where there is no such file.
fn content(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::compose_model::MountAccess;

    #[test]
    fn a_path_of_a_container_leads_to_the_file_that_is_mounted_there() {
        let mount = |source: &str, target: &str| Mount {
            source: MountSource::Bind(source.into()),
            target: target.to_owned(),
            access: MountAccess::ReadOnly,
        };
        let mounts = [mount("/srv/keys", "/run/keys"), mount("/srv/one", "/run/one")];
        let found = |path: &str| on_this_machine(&mounts, path);
        assert_eq!(found("/run/keys/a").as_deref(), Some(Path::new("/srv/keys/a")));
        assert_eq!(found("/run/one").as_deref(), Some(Path::new("/srv/one")));
        assert_eq!(found("/run/keyring"), None);
    }
}
