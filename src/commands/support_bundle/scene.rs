//! What all collectors work with, found out before the first of them begins: nothing is collected before what is secret is known.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::OnceCell;
use tokio_util::bytes::Bytes;

use crate::adapters::bundle_store::{Feed, Store};
use crate::adapters::docker::{Container, ContainerFilter};
use crate::adapters::postgres::insight;
use crate::adapters::postgres::session::Session;
use crate::adapters::product_database;
use crate::cli::BundleCreate;
use crate::commands::context::Context;
use crate::commands::current::Found;
use crate::commands::embedded::Embedded;
use crate::commands::install;
use crate::commands::live::PLATFORM_KEY;
use crate::commands::place::Place;
use crate::commands::preflight::outlook::{ALONE, Outlook};
use crate::commands::preflight::process::ProcessSurvey;
use crate::commands::preflight::survey::Survey;
use crate::commands::site::Kept;
use crate::error::Fault;
use crate::model::operation::OperationId;
use crate::model::secret::Secret;
use crate::preflight::Judgement;
use crate::profile::{Product, Profile, Support, VariableName};
use crate::redaction::{Redaction, TokenKey};

use super::collect::Missing;
use super::tools;
use super::window::Window;

/// How long it may take to read the install and to list its containers.
const LIMIT: Duration = Duration::from_secs(20);

/// An install under examination, and where what is found goes.
pub(super) struct Scene<'a> {
    pub(super) context: &'a Context,
    pub(super) examined: Examined<'a>,
    pub(super) platform_key: Option<Secret>,
    pub(super) window: Window,
    pub(super) key: TokenKey,
    pub(super) redaction: Arc<Redaction>,
    pub(super) store: Store,
    /// When all collectors must have ended.
    pub(super) deadline: Instant,
}

/// What is examined, by what runs the product.
pub(super) enum Examined<'a> {
    /// A project of Compose, with PostgreSQL.
    Compose(Box<Project<'a>>),
    /// A process with a SQLite file.
    Process(Box<ProcessSurvey<'a>>),
}

/// A project of Compose, as far as it can be read.
pub(super) struct Project<'a> {
    pub(super) survey: Survey<'a>,
    /// What is known of the product, also where the install as a whole cannot be read.
    pub(super) profile: Option<Arc<Profile>>,
    /// All containers of the project, or why they are not known.
    pub(super) containers: Result<Vec<Container>, String>,
    session: OnceCell<Result<Session, Fault>>,
}

/// What is known before redaction is.
pub(super) struct Ground<'a> {
    pub(super) context: &'a Context,
    pub(super) examined: Examined<'a>,
    pub(super) platform_key: Option<Secret>,
}

impl<'a> Ground<'a> {
    /// Reads the install as far as it can be read.
    pub(super) async fn explore(
        context: &'a Context,
        place: &Place,
        key: Option<Secret>,
        operation: OperationId,
    ) -> Self {
        if let Ok(Some(profile)) = Embedded::described(place) {
            let mut survey = ProcessSurvey::beside(context, place.clone(), Arc::new(profile));
            survey.operation = operation;
            let variables = survey.site().await.map(|site| &site.variables).ok();
            let set = |name: &VariableName| variables?.get(name.as_str()).map(String::as_str);
            let key = key.or_else(|| platform_key(context, &survey.profile.support, set));
            return Self { context, examined: Examined::Process(Box::new(survey)), platform_key: key };
        }
        let mut survey = Survey::beside(context, place.clone());
        survey.operation = operation;
        let explored = tokio::time::timeout(LIMIT, async {
            let containers = containers(&survey).await;
            tools::sweep(&survey).await;
            containers
        });
        let containers = explored
            .await
            .unwrap_or_else(|_| Err(format!("docker did not list them within {} s", LIMIT.as_secs())));
        let install = survey.opened_already();
        let profile = install
            .map(|install| install.profile.clone())
            .or_else(|| install::described(place).ok().flatten().map(Arc::new))
            .or_else(|| likely(place).map(Arc::new));
        let set = |name: &VariableName| install.and_then(|install| install.variable(name));
        let support = profile.as_ref().map(|profile| profile.support.clone()).unwrap_or_default();
        let key = key.or_else(|| platform_key(context, &support, set));
        let project = Project { survey, profile, containers, session: OnceCell::new() };
        Self { context, examined: Examined::Compose(Box::new(project)), platform_key: key }
    }
}

/// Without the install, the Compose label that names its folder leads to its containers.
async fn containers(survey: &Survey<'_>) -> Result<Vec<Container>, String> {
    let install = survey.install().await.ok();
    let engine = survey.engine().await.as_ref().map_err(ToString::to_string)?;
    let directory = survey.place.compose_dir.display().to_string();
    let filter = match install {
        Some(install) => ContainerFilter::Project(&install.model.project),
        None => ContainerFilter::Label("com.docker.compose.project.working_dir", &directory),
    };
    engine.0.containers(filter).await.map_err(|error| error.to_string())
}

fn likely(place: &Place) -> Option<Profile> {
    let text = std::fs::read_to_string(place.base_file()?).ok()?;
    Profile::likely(&text)
}

/// The key from the environment, else from the setting that the profile names.
fn platform_key<'v>(
    context: &'v Context,
    support: &Support,
    set: impl Fn(&VariableName) -> Option<&'v str>,
) -> Option<Secret> {
    let named = support.token_variable.as_ref();
    context.surroundings.variable(PLATFORM_KEY).or_else(|| named.and_then(set)).map(Secret::new)
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        ground: Ground<'a>,
        asked: &BundleCreate,
        redaction: Redaction,
        key: TokenKey,
        folder: std::path::PathBuf,
        limit: Duration,
    ) -> Self {
        let redaction = Arc::new(redaction);
        Self {
            context: ground.context,
            examined: ground.examined,
            platform_key: ground.platform_key,
            window: Window::of(asked, jiff::Timestamp::now()),
            key,
            store: Store::new(folder, Arc::clone(&redaction)),
            redaction,
            deadline: Instant::now() + limit,
        }
    }

    pub(super) fn outlook(&self) -> &Outlook<'a> {
        self.examined.outlook()
    }

    pub(super) fn project(&self) -> Result<&Project<'a>, Missing> {
        match &self.examined {
            Examined::Compose(project) => Ok(project),
            Examined::Process(_) => Err(Missing::Skipped("the product runs as a process".to_owned())),
        }
    }

    pub(super) fn process(&self) -> Result<&ProcessSurvey<'a>, Missing> {
        match &self.examined {
            Examined::Process(survey) => Ok(survey),
            Examined::Compose(_) => Err(Missing::Skipped("the product runs in containers".to_owned())),
        }
    }
}

impl<'a> Examined<'a> {
    pub(super) fn outlook(&self) -> &Outlook<'a> {
        match self {
            Self::Compose(project) => &project.survey,
            Self::Process(survey) => survey,
        }
    }

    /// Which product it is, where that is known.
    pub(super) fn product(&self) -> Option<&Product> {
        match self {
            Self::Compose(project) => project.profile.as_ref().map(|profile| &profile.product),
            Self::Process(survey) => Some(&survey.profile.product),
        }
    }

    /// What a bundle asks the product for, where that is known.
    pub(super) fn support(&self) -> Option<&Support> {
        match self {
            Self::Compose(project) => project.profile.as_ref().map(|profile| &profile.support),
            Self::Process(survey) => Some(&survey.profile.support),
        }
    }

    /// The install, if it can be read.
    pub(super) async fn kept(&self) -> Option<&dyn Kept> {
        match self {
            Self::Compose(project) => project.survey.install().await.ok().map(|install| install as &dyn Kept),
            Self::Process(survey) => survey.site().await.ok().map(|site| site as &dyn Kept),
        }
    }

    /// What runs, if that can be told.
    pub(super) async fn found(&self) -> Option<&Found> {
        match self {
            Self::Compose(project) => project.survey.found().await.ok(),
            Self::Process(survey) => survey.found().await.ok(),
        }
    }
}

impl Project<'_> {
    /// The project that the containers are of.
    pub(super) fn name(&self) -> Option<String> {
        let of_install = self.survey.opened_already().map(|install| install.model.project.clone());
        of_install
            .or_else(|| self.containers.as_ref().ok()?.iter().find_map(|container| container.project.clone()))
    }

    pub(super) fn containers(&self) -> Result<&[Container], Missing> {
        match &self.containers {
            Ok(containers) => Ok(containers),
            Err(why) => Err(Missing::Failed(format!("the containers are not known: {why}"))),
        }
    }

    pub(super) fn profile(&self) -> Result<&Arc<Profile>, Missing> {
        self.profile.as_ref().ok_or_else(|| Missing::Failed("which product it is, is not known".to_owned()))
    }

    /// A session that only looks; those who ask over it wait for each other.
    pub(super) async fn session(&self) -> Result<&Session, Missing> {
        let opened = self.session.get_or_init(|| self.own_session()).await;
        opened.as_ref().map_err(|fault| fault.clone().into())
    }

    /// A session of another database of the server that only looks: from there nobody is in the way of an operation.
    pub(super) async fn session_beside(&self) -> Result<Session, Fault> {
        let reached = self.survey.reached().await.map_err(|judgement| Fault::new(judgement.evidence))?;
        let session = reached.database.maintenance().await?;
        insight::only_look(&session).await.map_err(|error| product_database::fault(&error))?;
        Ok(session)
    }

    /// A session that only looks, for one who takes long: others need not wait.
    pub(super) async fn own_session(&self) -> Result<Session, Fault> {
        if self.survey.beside_operation {
            return Err(Fault::new(ALONE));
        }
        let reached = self.survey.reached().await.map_err(|judgement| Fault::new(judgement.evidence))?;
        let session = reached.database.session(&reached.database.live()).await?;
        insight::only_look(&session).await.map_err(|error| product_database::fault(&error))?;
        Ok(session)
    }
}

/// Where one collector puts what it found.
pub(super) struct Desk<'a> {
    pub(super) scene: &'a Scene<'a>,
    members: RefCell<Vec<String>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(scene: &'a Scene<'a>) -> Self {
        Self { scene, members: RefCell::default() }
    }

    /// The members that were begun on it.
    pub(super) fn members(self) -> Vec<String> {
        self.members.into_inner()
    }

    /// Puts a value down as JSON, one thing a line, so that a line can be pointed at.
    pub(super) async fn json(&self, path: &str, value: &impl Serialize) -> Result<(), Fault> {
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|error| Fault::caused_by(format!("{path} cannot be written as JSON"), &error))?;
        text.push(b'\n');
        self.put(path, text).await
    }

    /// Puts values down as JSON, one a line.
    pub(super) async fn json_lines(&self, path: &str, values: &[impl Serialize]) -> Result<(), Fault> {
        let mut text = Vec::new();
        for value in values {
            serde_json::to_writer(&mut text, value)
                .map_err(|error| Fault::caused_by(format!("{path} cannot be written as JSON"), &error))?;
            text.push(b'\n');
        }
        self.put(path, text).await
    }

    /// Puts a text down as it is.
    pub(super) async fn put(&self, path: &str, content: impl Into<Vec<u8>>) -> Result<(), Fault> {
        self.members.borrow_mut().push(path.to_owned());
        self.scene.store.put(path, content.into()).await
    }

    /// Begins something that comes in pieces, of at most `most` bytes.
    pub(super) fn begin(&self, path: &str, most: usize) -> Feed {
        self.members.borrow_mut().push(path.to_owned());
        self.scene.store.begin(path, most)
    }

    /// Puts a file of this machine down, its last `most` bytes.
    pub(super) async fn copy(&self, path: &str, from: &std::path::Path, most: u64) -> Result<(), Fault> {
        let unreadable = |error| Fault::caused_by(format!("cannot read {}", from.display()), &error);
        let content = tail_of(from, most).map_err(unreadable)?;
        let mut feed = self.begin(path, content.len());
        feed.write(Bytes::from(content)).await;
        feed.finish().await
    }
}

/// The last bytes of a file, from the beginning of a line on.
pub(super) fn tail_of(path: &std::path::Path, most: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut content = Vec::new();
    file.seek(SeekFrom::Start(size.saturating_sub(most)))?;
    file.take(most).read_to_end(&mut content)?;
    if size > most {
        // The first line is only a part of one.
        let begin = content.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        content.drain(..begin);
    }
    Ok(content)
}

impl From<Judgement> for Missing {
    /// What the survey could not find out.
    fn from(judgement: Judgement) -> Self {
        Self::Failed(judgement.evidence)
    }
}
