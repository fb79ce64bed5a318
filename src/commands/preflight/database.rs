//! Looking at the database and its server.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::host::failing;
use super::survey::Survey;
use crate::adapters::archive::{self, Origin, Summary};
use crate::adapters::catalogue::{Catalogue, Record};
use crate::adapters::postgres::certificate;
use crate::adapters::postgres::condition::{encryption, long_waits, operated_by};
use crate::adapters::postgres::obstacles::{Obstacle, invalid_indexes, obstacles};
use crate::adapters::postgres::pooler::probe;
use crate::adapters::product_database;
use crate::commands::database as reaching;
use crate::error::Fault;
use crate::journal::lock::current_holder;
use crate::model::conninfo::{ConnInfo, Host};
use crate::model::manifest::Manifest;
use crate::preflight::Judgement;
use crate::preflight::database::{self as judge, Condition, LONG_TRANSACTION, Locks, Pools};
use crate::preflight::route::{self, Tls};
use crate::profile::{DatabaseMode, Role};

pub(super) async fn connect(survey: &Survey<'_>) -> Judgement {
    let reached = match survey.try_reached().await {
        Ok(Ok(reached)) => reached,
        Ok(Err(fault)) => return failing(fault),
        Err(skipped) => return skipped,
    };
    match survey.server().await {
        Ok(Ok((session, _))) => {
            let info = session.info();
            Judgement::pass(format!(
                "{} as {} at {}",
                info.database,
                info.user,
                place(&reached.database.info)
            ))
        }
        Ok(Err(fault)) => failing(fault),
        Err(skipped) => skipped,
    }
}

fn place(info: &ConnInfo) -> String {
    match info.hosts.first() {
        Some(Host::Tcp { name, port, .. }) => format!("{name}:{port}"),
        Some(Host::Socket { directory, .. }) => directory.display().to_string(),
        None => "no host".to_owned(),
    }
}

/// What the server's condition alone tells.
pub(super) async fn judged(survey: &Survey<'_>, judge: impl Fn(&Condition) -> Judgement) -> Judgement {
    match survey.condition().await {
        Ok(condition) => judge(condition),
        Err(skipped) => skipped,
    }
}

pub(super) async fn tls(survey: &Survey<'_>) -> Judgement {
    let (install, session) = match (survey.install().await, survey.session().await) {
        (Ok(install), Ok(session)) => (install, session),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let info = session.info();
    let host = match info.hosts.first() {
        Some(Host::Tcp { name, .. }) => name.clone(),
        _ => String::new(),
    };
    let local =
        host.is_empty() || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let (protocol, expires) = tokio::join!(encryption(session), certificate::first_to_end(info));
    let protocol = match protocol {
        Ok(protocol) => protocol,
        Err(error) => return Judgement::skipped(error.to_string()),
    };
    route::tls(&Tls {
        mode: info.ssl.mode.as_str(),
        remote: install.mode == DatabaseMode::External && !local,
        host,
        // Without TLS in use, nobody looks at the certificate.
        expires: expires.ok().flatten().filter(|_| protocol.is_some()),
        protocol,
    })
}

pub(super) async fn connections(survey: &Survey<'_>) -> Judgement {
    let (install, condition) = match (survey.install().await, survey.condition().await) {
        (Ok(install), Ok(condition)) => (install, condition),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let pools = install.profile.database.pool.as_ref().map(|pool| {
        let set = install.variable(&pool.variable).and_then(|text| text.parse().ok());
        let instances = install.model.services.iter().filter(|(name, _)| {
            let role = install.profile.services.iter().find(|(known, _)| known.as_str() == name.as_str());
            role.is_some_and(|(_, service)| matches!(service.role, Role::Api | Role::Worker))
        });
        Pools {
            instances: instances.map(|(name, service)| (name.clone(), u64::from(service.replicas))).collect(),
            each: set.unwrap_or(pool.default),
            from: pool.variable.to_string(),
        }
    });
    judge::connections(condition, with_scaled(survey, pools).await.as_ref())
}

/// `docker compose up --scale` starts more than the files say.
async fn with_scaled(survey: &Survey<'_>, pools: Option<Pools>) -> Option<Pools> {
    let mut pools = pools?;
    if let Ok(containers) = survey.containers().await {
        let mut running: BTreeMap<&str, u64> = BTreeMap::new();
        for service in
            containers.iter().filter(|one| one.is_running()).filter_map(|one| one.service.as_deref())
        {
            *running.entry(service).or_default() += 1;
        }
        for (service, count) in &mut pools.instances {
            *count = running.get(service.as_str()).copied().unwrap_or(0).max(*count);
        }
    }
    Some(pools)
}

/// The tools are looked for whenever the database is reached; that they fit was decided then.
pub(super) async fn tools(survey: &Survey<'_>) -> Judgement {
    match survey.try_reached().await {
        Ok(Ok(reached)) => Judgement::pass(format!(
            "tools of version {} for a server of version {}",
            reached.tools.tools().major,
            reached.server_major
        )),
        Ok(Err(_)) => Judgement::skipped("the database cannot be reached, or has no tools: see db-connect"),
        Err(skipped) => skipped,
    }
}

/// What the newest backup of this very release has must be applied; there may be more.
pub(in crate::commands) async fn migrations(survey: &Survey<'_>) -> Judgement {
    let (reached, session) = match (survey.reached().await, survey.session().await) {
        (Ok(reached), Ok(session)) => (reached, session),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let applied = match reached.database.migrations(session).await {
        Ok(applied) => applied,
        Err(fault) => return failing(&fault),
    };
    let recorded = survey.applied_at_last_backup().await;
    if applied.is_empty() && recorded.is_empty() {
        return Judgement::skipped("the product keeps no table of migrations that is known here");
    }
    let last = applied.last().cloned().unwrap_or_default();
    let missing: Vec<&str> =
        recorded.iter().map(String::as_str).filter(|known| !applied.iter().any(|id| id == known)).collect();
    if missing.is_empty() {
        return Judgement::pass(format!("{} are applied, the last is {last}", applied.len()));
    }
    Judgement::fail(
        format!("the newest backup has migrations that the database has not: {}", missing.join(", ")),
        "somebody took them back, or loaded older data: `opsctl history` shows what was done here",
    )
}

pub(super) async fn transactions(survey: &Survey<'_>) -> Judgement {
    let (reached, session) = match (survey.reached().await, survey.session().await) {
        (Ok(reached), Ok(session)) => (reached, session),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    match obstacles(session, &reached.database.live(), LONG_TRANSACTION).await {
        Ok(found) => {
            let open = found
                .iter()
                .filter(|one| matches!(one, Obstacle::Session { .. } | Obstacle::Prepared { .. }));
            judge::transactions(&open.map(ToString::to_string).collect::<Vec<_>>())
        }
        Err(error) => Judgement::skipped(error.to_string()),
    }
}

pub(super) async fn collation(survey: &Survey<'_>) -> Judgement {
    match (survey.reached().await, survey.condition().await) {
        (Ok(reached), Ok(condition)) => judge::collation(condition, reached.database.live().as_str()),
        (Err(skipped), _) | (_, Err(skipped)) => skipped,
    }
}

pub(super) async fn indexes(survey: &Survey<'_>) -> Judgement {
    let session = match survey.session().await {
        Ok(session) => session,
        Err(skipped) => return skipped,
    };
    match invalid_indexes(session).await {
        Ok(found) => {
            let name = |one: Obstacle| match one {
                Obstacle::InvalidIndex { name } => Some(name),
                _ => None,
            };
            judge::indexes(&found.into_iter().filter_map(name).collect::<Vec<_>>())
        }
        Err(error) => Judgement::skipped(error.to_string()),
    }
}

pub(super) async fn locks(survey: &Survey<'_>) -> Judgement {
    let reached = match survey.reached().await {
        Ok(reached) => reached,
        Err(skipped) => return skipped,
    };
    let found = async {
        let session = reached.database.maintenance().await?;
        let live = reached.database.live();
        let fault = |error| product_database::fault(&error);
        let waiting = long_waits(&session, &live).await.map_err(fault)?;
        let held = operated_by(&session, &live).await.map_err(fault)?;
        // An operation of this very machine holds it rightly, and `opsctl status` shows that.
        let ours = current_holder(&survey.place.state.lock()).is_some();
        Ok::<_, Fault>(Locks { waiting, held: held.filter(|_| !ours) })
    };
    match found.await {
        Ok(found) => judge::locks(&found),
        Err(fault) => Judgement::skipped(fault.to_string()),
    }
}

/// It is the product's own address that matters: operations may use another.
pub(super) async fn pooler(survey: &Survey<'_>) -> Judgement {
    let (install, reached) = match (survey.install().await, survey.reached().await) {
        (Ok(install), Ok(reached)) => (install, reached),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let info = match (install.mode, reaching::of_the_product(install)) {
        (DatabaseMode::External, Ok(info)) => info,
        (DatabaseMode::External, Err(fault)) => return failing(&fault),
        (DatabaseMode::Bundled, _) => match reached.database.reachable().await {
            Ok(info) => info,
            Err(fault) => return failing(&fault),
        },
    };
    match probe(&info).await {
        Ok(found) => route::pooler(&found, &place(&info)),
        // Operations may have an address of their own; whether the product reaches its own is for others to tell.
        Err(error) => {
            Judgement::skipped(format!("the product's address leads nowhere from this machine: {error}"))
        }
    }
}

impl Survey<'_> {
    /// The migrations that the manifest of the newest backup of the release that runs names; empty where there is none.
    async fn applied_at_last_backup(&self) -> Vec<String> {
        let Some(manifest) = self.last_manifest().await else { return Vec::new() };
        manifest.database.migrations().iter().map(|migration| migration.id.clone()).collect()
    }

    /// The manifest of the newest backup of the release that runs; none where there is no such backup.
    pub(in crate::commands) async fn last_manifest(&self) -> Option<Manifest> {
        let (Ok(install), Ok(found)) = (self.install().await, self.found().await) else { return None };
        let catalogue = Catalogue::open(install.place.state.root()).ok()?;
        let of_this = |record: &&Record| record.release.as_ref() == Some(&found.release.version);
        let directory = install.place.backup_dir(None, &install.variables);
        let readable = |record: &Record| match archive::inspect(&catalogue.path_of(record.id, &directory)) {
            Ok(Summary { origin: Origin::Opsctl(manifest), .. }) => Some(*manifest),
            _ => None,
        };
        catalogue.records().iter().rev().filter(of_this).find_map(readable)
    }
}
