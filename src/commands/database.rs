//! How the product's database is reached, and with which tools.

use std::net::SocketAddr;

use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::docker::{Container, ToolNetwork};
use crate::adapters::kept_values::{KeptValues, Pair};
use crate::adapters::postgres::lock::LastingLock;
use crate::adapters::postgres::server::server_facts;
use crate::adapters::postgres::tools::{installed_tools, tools_for};
use crate::adapters::product_database::{self, ProductDatabase};
use crate::adapters::role_password::Candidates;
use crate::adapters::server_container::ServerContainer;
use crate::adapters::tool_host::ToolHost;
use crate::commands::install::Install;
use crate::error::Fault;
use crate::model::conninfo::{ConnInfo, Host};
use crate::model::image_ref::{ImageId, ImageRef};
use crate::model::operation::OperationId;
use crate::model::secret::Secret;
use crate::profile::{DatabaseMode, MigrationRun};

/// The port on which PostgreSQL listens in its container, where the address names none.
const PORT: u16 = 5432;

/// The product's database and the tools for it.
pub struct Reached {
    /// The database.
    pub database: ProductDatabase,
    /// The tools.
    pub tools: ToolHost,
    /// The server's major version.
    pub server_major: u32,
}

/// Connects to the server once, to learn what it is, and finds the tools that fit it.
pub async fn reach(install: &Install, operation: &OperationId) -> Result<Reached, Fault> {
    match install.mode {
        DatabaseMode::Bundled => bundled(install, operation).await,
        DatabaseMode::External => external(install, operation).await,
    }
}

async fn bundled(install: &Install, operation: &OperationId) -> Result<Reached, Fault> {
    let meant = address(install)?;
    let server = bundled_server(install, port_of(&meant))?;
    let container = server.running().await?;
    let reachable = server.address().await?;
    let info = as_superuser(install, &meant);
    let candidates = candidates(install, operation, &info)?;
    let database = ProductDatabase {
        info: info.at(reachable),
        container: Some(server),
        profile: install.profile.clone(),
        operation: operation.clone(),
        lock: LastingLock::default(),
        candidates,
    };
    let server_major = server_major(&database).await?;
    let within = info.at(SocketAddr::from(([127, 0, 0, 1], reachable.port())));
    let network = ToolNetwork::Of(container.id.clone());
    let project = &install.model.project;
    let tools = ToolHost::in_image(
        install.engine.clone(),
        container.image_id,
        network,
        project,
        within,
        server_major,
    );
    Ok(Reached { database, tools, server_major })
}

/// What an operation that changes the password keeps: the server takes one of the two, and the settings may have the other.
fn candidates(install: &Install, operation: &OperationId, info: &ConnInfo) -> Result<Candidates, Fault> {
    let kept = KeptValues::of(&install.place.state.operation(operation)).read()?;
    let Some(Pair { old, new }) = kept else { return Ok(Candidates::default()) };
    Ok(Candidates::of(info.password.clone().into_iter().chain([new, old])))
}

fn port_of(info: &ConnInfo) -> u16 {
    match info.hosts.first() {
        Some(Host::Tcp { port, .. }) => *port,
        _ => PORT,
    }
}

fn bundled_server(install: &Install, port: u16) -> Result<ServerContainer, Fault> {
    let bundled = install.profile.database.bundled.as_ref();
    let bundled = bundled.ok_or_else(|| Fault::new("the profile describes no bundled database"))?;
    Ok(ServerContainer {
        engine: install.engine.clone(),
        project: install.model.project.clone(),
        service: bundled.service.to_string(),
        port,
    })
}

async fn external(install: &Install, operation: &OperationId) -> Result<Reached, Fault> {
    let info = address(install)?;
    let database = ProductDatabase {
        info: info.clone(),
        container: None,
        profile: install.profile.clone(),
        operation: operation.clone(),
        lock: LastingLock::default(),
        candidates: Candidates::default(),
    };
    let server_major = server_major(&database).await?;
    let path = install.variables.get("PATH").map(std::ffi::OsString::from);
    let installed = installed_tools(path.as_deref()).await;
    if let Some(tools) = tools_for(&installed, server_major) {
        return Ok(Reached { database, tools: ToolHost::here(tools.clone(), info), server_major });
    }
    let tools = tools_in_an_image(install, info, server_major).await?;
    Ok(Reached { database, tools, server_major })
}

/// A local image of the server's major version stands in for tools that are not installed.
async fn tools_in_an_image(install: &Install, info: ConnInfo, major: u32) -> Result<ToolHost, Fault> {
    match local_image(install, major).await? {
        Some(id) => {
            let (network, project) = (ToolNetwork::Host, &install.model.project);
            Ok(ToolHost::in_image(install.engine.clone(), id, network, project, info, major))
        }
        None => Err(Fault::new(format!("no PostgreSQL tools for a server of version {major}"))
            .hint(format!("install them: `apt-get install postgresql-client-{major}`"))
            .hint(format!("or fetch an image that has them: `docker pull postgres:{major}`"))),
    }
}

/// The image that a server like the product's can be started from: the bundled one's own, else one of its major version.
pub async fn server_image(install: &Install, major: u32) -> Result<ImageId, Fault> {
    if install.mode == DatabaseMode::Bundled {
        return Ok(server_container(install).await?.image_id);
    }
    local_image(install, major).await?.ok_or_else(|| {
        Fault::new(format!("there is no image here to start a PostgreSQL server of version {major} from"))
            .hint(format!(
                "fetch it: `docker pull postgres:{major}`; or name another in OPSCTL_POSTGRES_IMAGE"
            ))
    })
}

async fn local_image(install: &Install, major: u32) -> Result<Option<ImageId>, Fault> {
    let named = install.variables.get("OPSCTL_POSTGRES_IMAGE").cloned();
    let usual = [format!("postgres:{major}"), format!("postgres:{major}-alpine")];
    for name in named.into_iter().chain(usual) {
        let reference: ImageRef =
            name.parse().map_err(|error| Fault::caused_by(format!("`{name}` is no image"), &error))?;
        if let Some(image) = install.engine.image(&reference).await.map_err(|error| docker_fault(&error))? {
            return Ok(Some(image.id));
        }
    }
    Ok(None)
}

async fn server_major(database: &ProductDatabase) -> Result<u32, Fault> {
    let session = database.maintenance().await?;
    Ok(server_facts(&session).await.map_err(|error| product_database::fault(&error))?.major())
}

/// The running container of the bundled server.
pub async fn server_container(install: &Install) -> Result<Container, Fault> {
    bundled_server(install, PORT)?.running().await
}

/// The address for what needs the owner, as a person uses it. Nothing is connected to.
pub fn for_a_person(install: &Install) -> Result<ConnInfo, Fault> {
    let address = address(install)?;
    Ok(match install.mode {
        DatabaseMode::Bundled => as_superuser(install, &address),
        DatabaseMode::External => address,
    })
}

/// The address that the product itself uses, as its API is given it.
pub fn of_the_product(install: &Install) -> Result<ConnInfo, Fault> {
    let variable = &install.profile.database.url_variable;
    let url = given(install, install.profile.api().0.as_str())
        .or_else(|| install.variable(variable).map(str::to_owned))
        .ok_or_else(|| unknown_address(install))?;
    parsed(install, &url)
}

/// The address in the environment of a service.
fn given(install: &Install, service: &str) -> Option<String> {
    let variable = install.profile.database.url_variable.as_str();
    let value = install.model.services.get(service)?.environment.get(variable)?.as_ref()?;
    Some(value.expose().to_owned()).filter(|value| !value.is_empty())
}

fn unknown_address(install: &Install) -> Fault {
    let variable = &install.profile.database.url_variable;
    Fault::new("the database's address is not known")
        .hint(format!("set {variable} in {}", install.env_file.display()))
}

fn parsed(install: &Install, url: &str) -> Result<ConnInfo, Fault> {
    let variable = &install.profile.database.url_variable;
    let user = install.variables.get("USER").map(String::as_str);
    ConnInfo::parse(url, user).map_err(|error| {
        Fault::caused_by(format!("the database's address ({variable}) cannot be understood"), &error)
    })
}

/// The address for what needs the owner, as the product's own containers are given it.
fn address(install: &Install) -> Result<ConnInfo, Fault> {
    let database = &install.profile.database;
    let migrate = install.profile.migrate.as_ref().and_then(|migrate| match &migrate.run {
        MigrationRun::Service(service) => Some(service),
        MigrationRun::Command { .. } => None,
    });
    let for_owner =
        database.migrate_url_variable.as_ref().and_then(|name| install.variable(name)).map(str::to_owned);
    let url = for_owner
        .or_else(|| migrate.and_then(|service| given(install, service.as_str())))
        .or_else(|| given(install, install.profile.api().0.as_str()))
        .or_else(|| install.variable(&database.url_variable).map(str::to_owned))
        .ok_or_else(|| unknown_address(install))?;
    parsed(install, &url)
}

/// In its own server, the product's superuser may do what a restricted role may not: copy, swap and drop databases.
fn as_superuser(install: &Install, info: &ConnInfo) -> ConnInfo {
    let service = install.profile.database.bundled.as_ref().map(|bundled| bundled.service.as_str());
    let environment =
        service.and_then(|service| install.model.services.get(service)).map(|service| &service.environment);
    let given = |name: &str| {
        let value = environment?.get(name)?.as_ref()?.expose().to_owned();
        Some(value).filter(|value| !value.is_empty())
    };
    match (given("POSTGRES_USER"), given("POSTGRES_PASSWORD")) {
        (Some(user), Some(password)) if user != info.user => {
            ConnInfo { user, password: Some(Secret::new(password)), ..info.clone() }
        }
        _ => info.clone(),
    }
}
