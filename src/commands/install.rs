//! Reading what an install says of itself. Nothing is changed here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::adapters::compose::{Compose, ComposeEnvironment, ComposeProject, ComposeVersion, at_work};
use crate::adapters::compose_services::compose_fault;
use crate::adapters::docker::{DockerError, Engine, EngineSettings};
use crate::adapters::env_store::EnvStore;
use crate::commands::context::Context;
use crate::commands::embedded::Embedded;
use crate::commands::place::{Place, no_install};
use crate::error::{Failure, Fault};
use crate::model::compose_model::ComposeModel;
use crate::model::conninfo::{ConnInfo, Host};
use crate::model::redaction::Redactor;
use crate::profile::{self, DatabaseMode, Profile, ServiceName, VariableName};

/// An install, with all that its files say.
pub struct Install {
    /// Where it is.
    pub place: Place,
    /// What is known of the product.
    pub profile: Arc<Profile>,
    /// Its Compose project.
    pub compose: Compose,
    /// The resolved model of that. It holds secrets.
    pub model: ComposeModel,
    /// The engine that runs it.
    pub engine: Engine,
    /// How the engine is reached.
    pub engine_settings: EngineSettings,
    /// What `.env` and the process environment assign.
    pub variables: BTreeMap<String, String>,
    /// The environment file.
    pub env_file: PathBuf,
    /// Whose server the database is on.
    pub mode: DatabaseMode,
    /// Takes secrets out of texts.
    pub redactor: Redactor,
}

/// Some commands know Compose products alone so far.
fn not_for_processes() -> Failure {
    Failure::refused(
        Fault::new("this command is not there yet for products that run as a process")
            .hint("all others are there: `opsctl --help` lists them"),
    )
}

impl Install {
    /// Reads the install at a place.
    pub async fn open(context: &Context, place: Place) -> Result<Self, Failure> {
        let process = &context.surroundings.environment;
        if Embedded::at(context, &place)?.is_some() {
            return Err(not_for_processes());
        }
        let described = described(&place)?;
        let engine_settings = engine_settings(context);
        let endpoint = engine_settings.endpoint().map_err(|error| out_of_reach(&DockerError::from(error)))?;
        let env_file = env_file(&place, described.as_ref());
        let variables = variables(&env_file, process)?;
        let redactor = Redactor::learn(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let redact = {
            let redactor = redactor.clone();
            Arc::new(move |text: &str| redactor.redact(text))
        };
        let project = |files: Vec<PathBuf>, name: Option<String>| {
            let project = ComposeProject {
                directory: place.compose_dir.clone(),
                files,
                env_files: if env_file.ends_with(".env") { Vec::new() } else { vec![env_file.clone()] },
                name,
                profiles: Vec::new(),
            };
            let at_work = at_work::file_in(place.state.root());
            Compose::new(project, ComposeEnvironment::default(), &endpoint, redact.clone(), at_work)
        };
        let (engine, version, resolved) = tokio::join!(
            Engine::connect(&engine_settings),
            ComposeVersion::installed(),
            resolved(&place, described, &variables, project),
        );
        let engine = engine.map_err(|error| out_of_reach(&error))?;
        // One that is too old reads the files all the same, and fails when the services are to be started.
        version.map_err(|error| Failure::refused(compose_fault(&error)))?;
        let Resolved { profile, mode, compose, model } = resolved?;
        let redactor = redactor.and(secrets_of(&model, &variables));
        Ok(Self {
            place,
            profile: Arc::new(profile),
            compose,
            model,
            engine,
            engine_settings,
            variables,
            env_file,
            mode,
            redactor,
        })
    }

    /// A setting, as Compose reads it.
    pub fn variable(&self, name: &VariableName) -> Option<&str> {
        self.variables.get(name.as_str()).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The services of the profile that the model has too.
    pub fn is_there(&self, service: &ServiceName) -> bool {
        self.model.services.contains_key(service.as_str())
    }
}

/// The description in the install's directory, if there is one.
pub(super) fn described(place: &Place) -> Result<Option<Profile>, Failure> {
    let path = place.dir.join(profile::FILE_NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::caused_by(format!("cannot read {}", path.display()), &error).into()),
    };
    Profile::parse(&text, &path).map(Some).map_err(|error| {
        let fault = Fault::caused_by("the product's description cannot be used", &error);
        Failure::usage(if error.hint.is_empty() { fault } else { fault.hint(error.hint.clone()) })
    })
}

fn out_of_reach(error: &DockerError) -> Fault {
    let fault = Fault::caused_by("cannot operate the install without Docker", error);
    error.hint().into_iter().fold(fault, Fault::hint)
}

/// What Compose makes of an install's files.
struct Resolved {
    profile: Profile,
    mode: DatabaseMode,
    compose: Compose,
    model: ComposeModel,
}

/// Finds out which product it is, and resolves its Compose files. Compose takes its time to answer: where the names in the
/// base file give the product away it is asked only once, and its answer has to agree.
async fn resolved(
    place: &Place,
    described: Option<Profile>,
    variables: &BTreeMap<String, String>,
    project: impl Fn(Vec<PathBuf>, Option<String>) -> Compose,
) -> Result<Resolved, Failure> {
    let with = async |profile: Profile| {
        let mode = profile.database.mode(database_host(&profile, variables).as_deref());
        let files = compose_files(place, &profile, mode, variables);
        let compose = project(files, profile.runtime.project.as_ref().map(ToString::to_string));
        let model = compose.resolve().await.map_err(|error| compose_fault(&error))?;
        Ok::<_, Failure>(Resolved { profile, mode, compose, model })
    };
    if let Some(profile) = described {
        return with(profile).await;
    }
    let base = place
        .base_file()
        .ok_or_else(|| no_install(format!("no Compose file in {}", place.compose_dir.display())))?;
    let likely = std::fs::read_to_string(&base).ok().and_then(|text| Profile::likely(&text));
    if let Some(profile) = likely {
        let name = profile.product.name.clone();
        let resolved = with(profile).await?;
        if recognised(&resolved.model).is_some_and(|profile| profile.product.name == name) {
            return Ok(resolved);
        }
    }
    let model = project(vec![base], None).resolve().await.map_err(|error| compose_fault(&error))?;
    let unknown = || {
        Failure::usage(
            Fault::new(format!(
                "no product that opsctl knows: {} has the services {}",
                place.dir.display(),
                model.services.keys().cloned().collect::<Vec<_>>().join(", ")
            ))
            .hint("describe it: `opsctl init` writes an annotated opsctl.toml to start from"),
        )
    };
    with(recognised(&model).ok_or_else(unknown)?).await
}

fn recognised(model: &ComposeModel) -> Option<Profile> {
    Profile::recognise(&model.services.keys().map(String::as_str).collect::<Vec<_>>())
}

/// How the engine is reached.
pub(super) fn engine_settings(context: &Context) -> EngineSettings {
    EngineSettings::from_environment(|name| context.surroundings.variable(name).map(str::to_owned))
}

/// The environment file of the install.
pub(super) fn env_file(place: &Place, described: Option<&Profile>) -> PathBuf {
    let name = described.map_or_else(|| PathBuf::from(".env"), |profile| profile.runtime.env_file.clone());
    place.compose_dir.join(name)
}

/// What the environment file assigns, with the process environment laid over it, as Compose does.
pub(super) fn variables(
    env_file: &Path,
    process: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Failure> {
    let lookup = |name: &str| process.get(name).cloned();
    let read = EnvStore::at(env_file).read().map_err(|error| {
        Fault::caused_by("the install's settings cannot be read", &error).hint(error.hint())
    })?;
    let mut variables = read
        .file()
        .values(&lookup)
        .map_err(|error| Fault::caused_by(format!("{} cannot be read", env_file.display()), &error))?;
    variables.extend(process.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(variables)
}

fn database_host(profile: &Profile, variables: &BTreeMap<String, String>) -> Option<String> {
    let url = variables.get(profile.database.url_variable.as_str()).filter(|url| !url.is_empty())?;
    let info = ConnInfo::parse(url, None).ok()?;
    match info.hosts.first()? {
        Host::Tcp { name, .. } => Some(name.clone()),
        Host::Socket { directory, .. } => Some(directory.display().to_string()),
    }
}

/// `COMPOSE_FILE` says which files Compose takes, and so it says it here too.
fn compose_files(
    place: &Place,
    profile: &Profile,
    mode: DatabaseMode,
    variables: &BTreeMap<String, String>,
) -> Vec<PathBuf> {
    if let Some(list) = variables.get("COMPOSE_FILE").filter(|list| !list.is_empty()) {
        let separator = variables.get("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty());
        let separator = separator.map_or(":", String::as_str);
        return list
            .split(separator)
            .filter(|name| !name.is_empty())
            .map(|name| place.compose_dir.join(name))
            .collect();
    }
    let is_present = |file: &Path| place.compose_dir.join(file).is_file();
    profile
        .runtime
        .compose_files(mode, &is_present)
        .into_iter()
        .map(|file| place.compose_dir.join(file))
        .collect()
}

/// Everything that may hold a secret: what `.env` assigns, and what the containers are given.
fn secrets_of<'a>(
    model: &'a ComposeModel,
    variables: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let given = model.services.values().flat_map(|service| {
        service
            .environment
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| (name.as_str(), value.expose())))
    });
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(given)
}
