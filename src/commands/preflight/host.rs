//! Looking at the machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use super::survey::Survey;
use crate::adapters::compose::ComposeVersion;
use crate::adapters::compose_services::own_preflight::PREFLIGHT_ROLE;
use crate::adapters::disk;
use crate::adapters::docker::{Container, ContainerFilter, ToolContainer, ToolNetwork};
use crate::adapters::tool_output::Stdin;
use crate::commands::database as reaching;
use crate::commands::install::Install;
use crate::model::compose_model::Protocol;
use crate::model::conninfo::Host;
use crate::preflight::host::{self, Disk, PortHolder, Resources, TakenPort, Writable};
use crate::preflight::{Judgement, Kind};
use crate::profile::DatabaseMode;

pub(super) async fn engine(survey: &Survey<'_>) -> Judgement {
    match survey.engine().await {
        Ok((_, facts)) => {
            Judgement::pass(format!("Docker Engine {}, API {}", facts.version, facts.api_version))
        }
        Err(fault) => failing(fault),
    }
}

/// A fault as a failed check: the causes are the evidence, the hints what to do.
pub(in crate::commands) fn failing(fault: &crate::error::Fault) -> Judgement {
    let mut hints = fault.hints.iter();
    let first = hints.next().cloned().unwrap_or_else(|| "mend the cause and look again".to_owned());
    hints.fold(Judgement::fail(fault.to_string(), first), |judgement, hint| judgement.and(hint.clone()))
}

pub(super) async fn compose() -> Judgement {
    match ComposeVersion::installed().await {
        Ok(version) => Judgement::pass(format!("Docker Compose {version}")),
        Err(error) => Judgement::fail(
            error.to_string(),
            error.hint().unwrap_or("run `docker compose version` to see why"),
        ),
    }
}

pub(super) async fn resources(survey: &Survey<'_>) -> Judgement {
    match survey.engine_facts().await {
        Ok(facts) => host::resources(Resources {
            memory: facts.memory,
            available: disk::available_memory(),
            processors: facts.processors,
        }),
        Err(skipped) => skipped,
    }
}

pub(super) async fn room(survey: &Survey<'_>) -> Judgement {
    let size = survey.condition().await.ok().map(|condition| condition.size);
    host::room(&disks(survey).await, size, Kind::Compose)
}

pub(super) async fn inodes(survey: &Survey<'_>) -> Judgement {
    host::inodes(&disks(survey).await)
}

async fn disks(survey: &Survey<'_>) -> Vec<Disk> {
    let mut places: Vec<(&'static str, PathBuf)> = vec![("records", survey.place.state.root().to_owned())];
    if let Ok(install) = survey.install().await {
        places.push(("backups", install.place.backup_dir(None, &install.variables)));
    }
    if let Ok(facts) = survey.engine_facts().await {
        places.push(("images, containers and volumes", facts.root_dir.clone()));
    }
    disk::disks(&places)
}

pub(super) async fn clock(survey: &Survey<'_>) -> Judgement {
    match survey.condition().await {
        Ok(condition) => host::clock(condition.clock_apart, condition.clock_uncertain),
        Err(skipped) => skipped,
    }
}

/// The ports of services that run are their own; those of others must be free to take.
pub(super) async fn ports(survey: &Survey<'_>) -> Judgement {
    let (install, containers) = match (survey.install().await, survey.containers().await) {
        (Ok(install), Ok(containers)) => (install, containers),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let runs = |service: &str| {
        containers
            .iter()
            .any(|container| container.service.as_deref() == Some(service) && container.is_running())
    };
    let mut published = 0;
    let mut taken = Vec::new();
    for (name, service) in &install.model.services {
        for port in service.ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
            let Some((first, last)) = port.host_ports else { continue };
            published += 1;
            // Of a range, the engine takes one that is free.
            if runs(name) || (first..=last).any(|port_number| is_free(port.host_ip, port_number)) {
                continue;
            }
            let by = who_has(install, port.host_ip, first).await.map(PortHolder::Container);
            taken.push(TakenPort { service: name.clone(), ip: port.host_ip, port: first, by });
        }
    }
    host::ports(published, &taken)
}

pub(super) fn is_free(ip: Option<IpAddr>, port: u16) -> bool {
    let address = SocketAddr::new(ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), port);
    !matches!(TcpListener::bind(address), Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
}

async fn who_has(install: &Install, ip: Option<IpAddr>, port: u16) -> Option<String> {
    let running = install.engine.containers(ContainerFilter::Running).await.ok()?;
    let meets = |container: &Container| {
        container.ports.iter().any(|bound| {
            let other = bound.host.ip();
            bound.host.port() == port
                && (ip.is_none_or(|ip| ip == other || ip.is_unspecified()) || other.is_unspecified())
        })
    };
    running.into_iter().find(meets).map(|container| container.name)
}

pub(super) async fn backups(survey: &Survey<'_>) -> Judgement {
    match survey.install().await {
        Ok(install) => backups_in(&install.place.backup_dir(None, &install.variables)),
        Err(skipped) => skipped,
    }
}

/// Whether backups can be written into a directory.
pub(super) fn backups_in(directory: &Path) -> Judgement {
    let may_write = |folder: &Path| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    let existing = directory.ancestors().find(|folder| folder.exists());
    let found = match existing {
        Some(folder) if !folder.is_dir() => Writable::NoDirectory,
        Some(folder) if !may_write(folder) => Writable::No,
        Some(folder) if folder == directory => Writable::Yes,
        Some(_) => Writable::WhenMade,
        None => Writable::No,
    };
    host::backups(&directory.display().to_string(), found)
}

/// Runs PostgreSQL's own probe in a container on the product's network: a firewall may let this machine through and
/// containers not.
pub(super) async fn network(survey: &Survey<'_>) -> Judgement {
    let install = match survey.install().await {
        Ok(install) => install,
        Err(skipped) => return skipped,
    };
    let Ok(info) = reaching::of_the_product(install) else {
        return Judgement::skipped("the database's address is not known");
    };
    let Some(Host::Tcp { name: host, port, .. }) = info.hosts.first() else {
        return Judgement::skipped("the database is reached through a socket");
    };
    let major = match survey.condition().await {
        Ok(condition) => condition.major,
        Err(_) => 0,
    };
    let Ok(image) = reaching::server_image(install, major).await else {
        return Judgement::skipped("there is no PostgreSQL image here to try it from");
    };
    let Some(network) = network_of(install) else {
        return Judgement::skipped("the product's containers are on no network of their own");
    };
    let tool = ToolContainer {
        image,
        name: None,
        operation: survey.operation.to_string(),
        project: install.model.project.clone(),
        role: PREFLIGHT_ROLE.to_owned(),
        argv: ["pg_isready", "--timeout", "5", "--host", host, "--port", &port.to_string()]
            .map(str::to_owned)
            .to_vec(),
        environment: Vec::new(),
        user: None,
        binds: Vec::new(),
        network: ToolNetwork::Named(network.clone()),
    };
    let ran = match install.engine.run_tool(tool, Stdin::Empty).await {
        Ok(output) => output.collect("pg_isready", 1 << 16, super::LIMIT).await,
        Err(error) => Err(error),
    };
    match ran {
        Ok((_, exit)) if exit.success() => {
            Judgement::pass(format!("{host}:{port} answers on the network {network}"))
        }
        Ok((said, exit)) => Judgement::fail(
            format!(
                "from a container on the network {network}, {}",
                format!("{} {}", String::from_utf8_lossy(&said), exit.stderr).trim()
            ),
            match install.mode {
                DatabaseMode::Bundled => {
                    "start it: `docker compose up -d`; see `docker compose logs --tail 50` of it"
                }
                DatabaseMode::External => {
                    "let containers through to it: its firewall, its security group, its pg_hba.conf; after a change \
                     of the machine's own firewall, `systemctl restart docker`"
                }
            },
        ),
        Err(error) => Judgement::skipped(format!("it could not be tried: {error}")),
    }
}

/// The engine's name of a network that the API is on.
fn network_of(install: &Install) -> Option<String> {
    let service = install.model.services.get(install.profile.api().0.as_str())?;
    let network = service.networks.iter().next()?;
    Some(install.model.networks.get(network)?.name.clone())
}
