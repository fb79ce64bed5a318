//! The password of the bundled database server: what is found before it is changed, and what is said of that.

use serde_json::json;

use super::{Ready, look};
use crate::adapters::env_store::EnvStore;
use crate::adapters::postgres::password::Verifier;
use crate::adapters::postgres::server::{ConnectedClient, connected_clients};
use crate::adapters::role_password::RoleFacts;
use crate::commands::context::{Context, Outcome};
use crate::commands::install::Install;
use crate::error::Fault;
use crate::model::conninfo::with_password;
use crate::model::fingerprint::Fingerprint;
use crate::model::secret::Secret;
use crate::operations::rotate::{Findings, LoginFindings, LoginRequest};
use crate::plan::rotation::{DualSecret, Login};
use crate::profile::{DatabaseMode, Rotation, SecretVariable, ServiceName, VariableName, Way};

/// The role of a server whose container is given none: PostgreSQL's image makes that one.
const DEFAULT_ROLE: &str = "postgres";

/// A server of somebody else's has its passwords changed there.
pub(super) fn refuse_elsewhere(install: &Install, secret: &SecretVariable) -> Result<(), Fault> {
    if install.mode == DatabaseMode::Bundled {
        return Ok(());
    }
    let url = &install.profile.database.url_variable;
    Err(Fault::new(format!("{} is of the bundled database server, and this install uses another one", secret.name))
        .hint(format!(
            "with that one's provider: make a second role with the rights of the first (or change the password there), \
             put it into {url} in {}, and make the containers anew with `docker compose up -d`; then drop the old role",
            install.env_file.display()
        )))
}

/// Who logs in with a secret; `None` for one that is no password of the database server.
pub(super) fn login(install: &Install, rotation: &Rotation) -> Option<Login> {
    let Way::DatabaseLogin { role_variable } = &rotation.way else { return None };
    let database = &install.profile.database;
    let given = database.bundled.as_ref().and_then(|bundled| {
        let service = install.model.services.get(bundled.service.as_str())?;
        let role = service.environment.get(role_variable.as_str())?.as_ref()?.expose().to_owned();
        Some(role).filter(|role| !role.is_empty())
    });
    let urls = [Some(&database.url_variable), database.migrate_url_variable.as_ref()];
    Some(Login {
        role: given.unwrap_or_else(|| DEFAULT_ROLE.to_owned()),
        urls: urls.into_iter().flatten().cloned().collect(),
    })
}

/// The service of the server, where its container is made with the secret.
pub(super) fn server<'i>(install: &'i Install, secret: &DualSecret) -> Option<&'i ServiceName> {
    secret.login.as_ref()?;
    let service = &install.profile.database.bundled.as_ref()?.service;
    look::having(install, std::iter::once(service), secret).pop()
}

/// Asks the server, and looks at the addresses in the settings and at the server's container.
pub(super) async fn before(
    ready: &Ready,
    secret: &DualSecret,
    login: &Login,
) -> Result<LoginFindings, Fault> {
    let held = ready.install.variable(&secret.name).map_or_else(|| Secret::new(""), Secret::new);
    let facts = ready.world.databases.role_facts(&login.role, &held).await?;
    let RoleFacts { taken, asks, verifier } = facts;
    let addresses = in_file(&ready.install, login)?;
    let named = |holds: &dyn Fn(&str) -> bool| -> Vec<String> {
        addresses.iter().filter(|(_, url)| holds(url)).map(|(name, _)| name.to_string()).collect()
    };
    let changed_server = match server(&ready.install, secret) {
        Some(server) => ready.world.services.made_anew_as_another(server).await?,
        None => None,
    };
    Ok(LoginFindings {
        role: login.role.clone(),
        taken,
        asks,
        kept_as_md5: verifier == Verifier::Md5,
        differing: named(&|url| login.password_in(url).is_some_and(|other| other.expose() != held.expose())),
        unwieldy: named(&|url| login.password_in(url).is_some() && with_password(url, "0").is_none()),
        changed_server,
    })
}

/// The addresses that the settings have.
fn in_file(install: &Install, login: &Login) -> Result<Vec<(VariableName, String)>, Fault> {
    let unreadable = |error: &dyn std::error::Error| Fault::caused_by("the settings cannot be read", error);
    let read = EnvStore::at(&install.env_file).read().map_err(|error| unreadable(&error))?;
    let mut values = read
        .file()
        .values(&|name| install.variables.get(name).cloned())
        .map_err(|error| unreadable(&error))?;
    let taken = login.urls.iter().filter_map(|name| Some((name.clone(), values.remove(name.as_str())?)));
    Ok(taken.collect())
}

/// What is asked of the plan.
pub(super) fn request(
    install: &Install,
    found: &Findings,
    old: Fingerprint,
    rotation: &Rotation,
) -> LoginRequest {
    LoginRequest {
        secret: found.secret.clone(),
        old,
        server: server(install, &found.secret).cloned(),
        replicas: look::replicas(found),
        canary: rotation.canary.clone(),
    }
}

/// Says who else logs in with the password, as far as that can be seen: opsctl changes it for the product alone.
pub(super) async fn warn_of_others(context: &Context, ready: &Ready, found: &Findings) {
    let Some(login) = &found.login else { return };
    let role = &login.role;
    let others = async {
        let databases = &ready.world.databases;
        let session = databases.maintenance().await.ok()?;
        let ours = ready.world.services.addresses().await.ok()?;
        let clients = connected_clients(&session, &databases.live()).await.ok()?;
        let is_other = |client: &ConnectedClient| {
            let from = client.address.as_ref();
            let own = client.application.starts_with(&databases.application());
            client.user == *role && !own && from.is_some_and(|address| !ours.contains(address))
        };
        Some(clients.into_iter().filter(is_other).collect::<Vec<_>>())
    };
    for other in others.await.unwrap_or_default() {
        context
            .warn(format!("somebody else is logged in as {role} too, and needs the new password: {other}"));
    }
    let home = context.surroundings.variable("HOME").map(|home| format!("{home}/.pgpass"));
    let named = context.surroundings.variable("PGPASSFILE").map(str::to_owned).or(home);
    let Some(file) = named else { return };
    let Some(old) = ready.install.variable(&found.secret.name) else { return };
    let holds = std::fs::read_to_string(&file).is_ok_and(|text| {
        text.lines().any(|line| line.strip_suffix(old).is_some_and(|before| before.ends_with(':')))
    });
    if holds {
        context.warn(format!("{file} has the old password too: change it there by hand afterwards"));
    }
}

pub(super) fn question(ready: &Ready, request: &LoginRequest) -> String {
    let title = &ready.install.profile.product.title;
    let role = request.secret.login.as_ref().map_or("", |login| login.role.as_str());
    let server = if request.server.is_some() { "the database server and " } else { "" };
    format!(
        "Change the password of {role}? {server}the services of {title} are made anew: clients see a restart, and nothing else"
    )
}

pub(super) fn changed(ready: &Ready, secret: &SecretVariable, request: &LoginRequest) -> Outcome {
    let role = request.secret.login.as_ref().map_or("", |login| login.role.as_str());
    let text = format!(
        "{role} has a new password, which is the {} of the settings and of every container; the old one is refused\n\
         whoever else logs in as {role} needs the new one: it is in {}",
        secret.name,
        ready.install.env_file.display()
    );
    Outcome::new(text, json!({"operation": ready.turn.operation, "secret": secret.name, "role": role}))
}
