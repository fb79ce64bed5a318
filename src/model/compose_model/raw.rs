//! The document as Compose prints it, turned into the model.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::{
    ComposeModel, ComposeModelError, DEFAULT_STOP_GRACE, Dependency, HealthCheck, Mount, MountAccess,
    MountSource, NetworkMode, Protocol, PublishedPort, ResourceName, ResourceOwner, RestartPolicy, Service,
    parse_go_duration,
};
use crate::model::secret::Secret;

#[derive(Deserialize)]
struct RawModel {
    name: String,
    #[serde(default)]
    services: BTreeMap<String, RawService>,
    #[serde(default)]
    networks: BTreeMap<String, Option<RawResource>>,
    #[serde(default)]
    volumes: BTreeMap<String, Option<RawResource>>,
    #[serde(default)]
    secrets: BTreeMap<String, Option<RawSecret>>,
}

#[derive(Deserialize)]
struct RawSecret {
    file: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct RawResource {
    name: Option<String>,
    #[serde(default)]
    external: Value,
}

#[derive(Deserialize)]
struct RawService {
    image: Option<String>,
    environment: Option<BTreeMap<String, Value>>,
    ports: Option<Vec<RawPort>>,
    networks: Option<BTreeMap<String, Value>>,
    volumes: Option<Vec<RawMount>>,
    depends_on: Option<BTreeMap<String, RawDependency>>,
    healthcheck: Option<RawHealthCheck>,
    stop_grace_period: Option<String>,
    restart: Option<String>,
    profiles: Option<Vec<String>>,
    scale: Option<u32>,
    deploy: Option<RawDeploy>,
    network_mode: Option<String>,
    container_name: Option<String>,
    env_file: Option<Vec<RawEnvFile>>,
}

#[derive(Deserialize)]
struct RawPort {
    host_ip: Option<String>,
    target: u16,
    #[serde(default)]
    published: Value,
    protocol: Option<String>,
}

#[derive(Deserialize)]
struct RawMount {
    #[serde(rename = "type")]
    kind: String,
    source: Option<String>,
    target: String,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
struct RawDependency {
    condition: Option<String>,
}

#[derive(Deserialize)]
struct RawHealthCheck {
    #[serde(default)]
    disable: bool,
    test: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawDeploy {
    replicas: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawEnvFile {
    Short(PathBuf),
    Long { path: PathBuf },
}

pub(super) fn read(json: &[u8]) -> Result<ComposeModel, ComposeModelError> {
    let raw: RawModel = serde_json::from_slice(json)
        .map_err(|error| ComposeModelError::Shape { line: error.line(), column: error.column() })?;
    let services = raw
        .services
        .into_iter()
        .map(|(name, service)| match service.typed() {
            Ok(service) => Ok((name, service)),
            Err(field) => Err(ComposeModelError::Value { service: name, field }),
        })
        .collect::<Result<_, _>>()?;
    Ok(ComposeModel {
        services,
        networks: resources(raw.networks, &raw.name),
        volumes: resources(raw.volumes, &raw.name),
        secret_files: raw.secrets.into_values().flatten().filter_map(|secret| secret.file).collect(),
        project: raw.name,
    })
}

fn resources(raw: BTreeMap<String, Option<RawResource>>, project: &str) -> BTreeMap<String, ResourceName> {
    raw.into_iter()
        .map(|(key, resource)| {
            let resource = resource.unwrap_or_default();
            let owner = match resource.external {
                Value::Null | Value::Bool(false) => ResourceOwner::Project,
                _ => ResourceOwner::External,
            };
            let name = resource.name.unwrap_or_else(|| format!("{project}_{key}"));
            (key, ResourceName { name, owner })
        })
        .collect()
}

impl RawService {
    /// The typed service, or the key whose value has no meaning.
    fn typed(self) -> Result<Service, &'static str> {
        let stop_grace = match self.stop_grace_period {
            Some(text) => parse_go_duration(&text).map_err(|_| "stop_grace_period")?,
            None => DEFAULT_STOP_GRACE,
        };
        let replicas = self.deploy.and_then(|deploy| deploy.replicas).or(self.scale).unwrap_or(1);
        Ok(Service {
            image: self.image,
            environment: environment(self.environment.unwrap_or_default())?,
            ports: each(self.ports, RawPort::typed)?,
            networks: self.networks.unwrap_or_default().into_keys().collect(),
            mounts: self.volumes.unwrap_or_default().into_iter().map(RawMount::typed).collect(),
            depends_on: dependencies(self.depends_on.unwrap_or_default())?,
            health_check: health_check(self.healthcheck.as_ref()),
            stop_grace,
            restart: restart(self.restart.as_deref())?,
            profiles: self.profiles.unwrap_or_default().into_iter().collect(),
            replicas,
            network_mode: network_mode(self.network_mode),
            container_name: self.container_name,
            env_files: self.env_file.unwrap_or_default().into_iter().map(RawEnvFile::path).collect(),
        })
    }
}

fn each<Raw, Typed>(
    raw: Option<Vec<Raw>>,
    typed: impl Fn(Raw) -> Result<Typed, &'static str>,
) -> Result<Vec<Typed>, &'static str> {
    raw.unwrap_or_default().into_iter().map(typed).collect()
}

fn environment(raw: BTreeMap<String, Value>) -> Result<BTreeMap<String, Option<Secret>>, &'static str> {
    raw.into_iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Null => None,
                Value::String(text) => Some(Secret::new(text)),
                Value::Bool(_) | Value::Number(_) => Some(Secret::new(value.to_string())),
                Value::Array(_) | Value::Object(_) => return Err("environment"),
            };
            Ok((name, value))
        })
        .collect()
}

fn dependencies(raw: BTreeMap<String, RawDependency>) -> Result<BTreeMap<String, Dependency>, &'static str> {
    raw.into_iter()
        .map(|(service, dependency)| {
            let reached = match dependency.condition.as_deref() {
                None | Some("service_started") => Dependency::Started,
                Some("service_healthy") => Dependency::Healthy,
                Some("service_completed_successfully") => Dependency::CompletedSuccessfully,
                Some(_) => return Err("depends_on"),
            };
            Ok((service, reached))
        })
        .collect()
}

fn health_check(raw: Option<&RawHealthCheck>) -> HealthCheck {
    let Some(raw) = raw else { return HealthCheck::FromImage };
    let test = raw.test.as_deref().and_then(<[String]>::first).map(String::as_str);
    match (raw.disable, test) {
        (true, _) | (_, Some("NONE")) => HealthCheck::Disabled,
        (_, Some(_)) => HealthCheck::Declared,
        (_, None) => HealthCheck::FromImage,
    }
}

fn restart(raw: Option<&str>) -> Result<RestartPolicy, &'static str> {
    match raw.map(|text| text.split(':').next().unwrap_or(text)) {
        None | Some("" | "no") => Ok(RestartPolicy::No),
        Some("always") => Ok(RestartPolicy::Always),
        Some("on-failure") => Ok(RestartPolicy::OnFailure),
        Some("unless-stopped") => Ok(RestartPolicy::UnlessStopped),
        Some(_) => Err("restart"),
    }
}

fn network_mode(raw: Option<String>) -> NetworkMode {
    let Some(text) = raw else { return NetworkMode::Networks };
    match text.split_once(':') {
        Some(("service", name)) => NetworkMode::Service(name.to_owned()),
        Some(("container", name)) => NetworkMode::Container(name.to_owned()),
        _ if text == "host" => NetworkMode::Host,
        _ if text == "none" => NetworkMode::None,
        _ => NetworkMode::Other(text),
    }
}

impl RawPort {
    fn typed(self) -> Result<PublishedPort, &'static str> {
        let host_ip = match self.host_ip.as_deref() {
            None | Some("" | "0.0.0.0" | "::") => None,
            Some(text) => Some(text.parse::<IpAddr>().map_err(|_| "ports")?),
        };
        let host_ports = match &self.published {
            Value::Null => None,
            Value::Number(number) => Some(host_ports(&number.to_string())?),
            Value::String(text) if text.is_empty() || text == "0" => None,
            Value::String(text) => Some(host_ports(text)?),
            _ => return Err("ports"),
        };
        let protocol = match self.protocol.as_deref() {
            None | Some("tcp") => Protocol::Tcp,
            Some("udp") => Protocol::Udp,
            Some("sctp") => Protocol::Sctp,
            Some(_) => return Err("ports"),
        };
        Ok(PublishedPort { host_ip, host_ports, target: self.target, protocol })
    }
}

fn host_ports(text: &str) -> Result<(u16, u16), &'static str> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err("ports"),
    }
}

impl RawMount {
    fn typed(self) -> Mount {
        let source = match (self.kind.as_str(), self.source) {
            ("bind", Some(path)) => MountSource::Bind(PathBuf::from(path)),
            ("volume", Some(name)) => MountSource::Volume(name),
            ("volume", None) => MountSource::AnonymousVolume,
            _ => MountSource::Other(self.kind),
        };
        let access = if self.read_only { MountAccess::ReadOnly } else { MountAccess::ReadWrite };
        Mount { source, target: self.target, access }
    }
}

impl RawEnvFile {
    fn path(self) -> PathBuf {
        match self {
            Self::Short(path) | Self::Long { path } => path,
        }
    }
}
