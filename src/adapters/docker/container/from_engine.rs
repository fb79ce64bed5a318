//! The engine's answer, turned into facts.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerState as RawState, ContainerStateStatusEnum as Status,
    EndpointSettings, Health as RawHealth, HealthStatusEnum, PortBinding as RawBinding,
    RestartPolicyNameEnum,
};
use jiff::Timestamp;

use super::{Container, ContainerKind, ContainerState, Health, HealthProbe, NetworkAccess, PortBinding};

use crate::model::secret::Secret;

const LABEL_PROJECT: &str = "com.docker.compose.project";
const LABEL_SERVICE: &str = "com.docker.compose.service";
const LABEL_ONE_OFF: &str = "com.docker.compose.oneoff";
const LABEL_NUMBER: &str = "com.docker.compose.container-number";

/// Health checks may print up to 4 KiB each; what failed is said at the start.
const LONGEST_PROBE_OUTPUT: usize = 1024;

impl Container {
    /// The facts in the engine's answer, or the name of what it lacks.
    pub(in crate::adapters::docker) fn from_engine(
        raw: ContainerInspectResponse,
    ) -> Result<Self, &'static str> {
        let config = raw.config.unwrap_or_default();
        let state = raw.state.unwrap_or_default();
        let settings = raw.network_settings.unwrap_or_default();
        let host = raw.host_config.unwrap_or_default();
        let network_mode = host.network_mode.unwrap_or_default();
        let policy = host.restart_policy.and_then(|policy| policy.name);
        let labels: BTreeMap<String, String> = config.labels.unwrap_or_default().into_iter().collect();
        let doing = container_state(&state)?;
        let health_log = state.health.as_ref().map(probes).unwrap_or_default();
        let ended =
            matches!(doing, ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting);
        Ok(Self {
            id: raw.id.and_then(|id| id.parse().ok()).ok_or("id")?,
            name: raw.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image_id: raw.image.and_then(|id| id.parse().ok()).ok_or("image id")?,
            image: config.image.unwrap_or_default(),
            project: labels.get(LABEL_PROJECT).cloned(),
            service: labels.get(LABEL_SERVICE).cloned(),
            kind: kind(&labels),
            labels,
            state: doing,
            exit_code: state.exit_code.filter(|_| ended),
            oom_killed: state.oom_killed.unwrap_or(false),
            start_error: state.error.unwrap_or_default(),
            restart_count: raw.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
            starts_with_engine: policy == Some(RestartPolicyNameEnum::ALWAYS),
            created_at: raw.created.as_deref().and_then(timestamp),
            started_at: state.started_at.as_deref().and_then(timestamp),
            finished_at: state.finished_at.as_deref().and_then(timestamp),
            health: state.health.map_or(Health::Unchecked, |raw| health(&raw)),
            health_log,
            memory_limit: host.memory.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0),
            restart_policy: policy
                .map(|policy| policy.to_string())
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "no".to_owned()),
            network: network(&network_mode, settings.networks.unwrap_or_default()),
            ports: bindings(settings.ports.unwrap_or_default()),
            environment: config.env.unwrap_or_default().iter().filter_map(|text| assignment(text)).collect(),
            stop_grace: config
                .stop_timeout
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(Duration::from_secs),
        })
    }
}

fn kind(labels: &BTreeMap<String, String>) -> ContainerKind {
    let label = |name: &str| labels.get(name).map(String::as_str);
    if label(LABEL_PROJECT).is_none() {
        return ContainerKind::Foreign;
    }
    if label(LABEL_ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return ContainerKind::OneOff;
    }
    ContainerKind::Replica(label(LABEL_NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1))
}

fn container_state(state: &RawState) -> Result<ContainerState, &'static str> {
    Ok(match state.status {
        Some(Status::CREATED) => ContainerState::Created,
        Some(Status::RUNNING | Status::STOPPING) => ContainerState::Running,
        Some(Status::PAUSED) => ContainerState::Paused,
        Some(Status::RESTARTING) => ContainerState::Restarting,
        Some(Status::EXITED) => ContainerState::Exited,
        Some(Status::REMOVING) => ContainerState::Removing,
        Some(Status::DEAD) => ContainerState::Dead,
        Some(Status::EMPTY) | None => return Err("state"),
    })
}

/// The engine says "year 1" for what has not happened yet.
fn assignment(text: &str) -> Option<(String, Secret)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), Secret::new(value)))
}

fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time: &Timestamp| time.as_second() > 0)
}

fn health(raw: &RawHealth) -> Health {
    match raw.status {
        Some(HealthStatusEnum::STARTING) => Health::Starting(probes(raw)),
        Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy(probes(raw)),
        Some(HealthStatusEnum::NONE | HealthStatusEnum::EMPTY) | None => Health::Unchecked,
    }
}

fn probes(raw: &RawHealth) -> Vec<HealthProbe> {
    raw.log
        .iter()
        .flatten()
        .map(|probe| HealthProbe {
            at: probe.start.as_deref().and_then(timestamp),
            exit_code: probe.exit_code.unwrap_or(-1),
            output: start_of(probe.output.as_deref().unwrap_or_default().trim(), LONGEST_PROBE_OUTPUT),
        })
        .collect()
}

fn start_of(text: &str, longest: usize) -> String {
    text[..text.floor_char_boundary(longest)].to_owned()
}

fn network(mode: &str, endpoints: HashMap<String, EndpointSettings>) -> NetworkAccess {
    if let Some(other) = mode.strip_prefix("container:") {
        return NetworkAccess::SharedWith(other.to_owned());
    }
    match mode {
        "host" => NetworkAccess::Host,
        "none" => NetworkAccess::None,
        _ => NetworkAccess::Networks(
            endpoints.into_iter().map(|(name, endpoint)| (name, addresses(&endpoint))).collect(),
        ),
    }
}

fn addresses(endpoint: &EndpointSettings) -> Vec<IpAddr> {
    [&endpoint.ip_address, &endpoint.global_ipv6_address]
        .into_iter()
        .flatten()
        .filter_map(|address| address.parse().ok())
        .collect()
}

fn bindings(ports: HashMap<String, Option<Vec<RawBinding>>>) -> Vec<PortBinding> {
    let mut bindings: Vec<_> = ports
        .into_iter()
        .flat_map(|(port, bindings)| {
            bindings.unwrap_or_default().into_iter().filter_map(move |binding| published(&port, &binding))
        })
        .collect();
    bindings.sort_by_key(|binding| (binding.target, binding.host));
    bindings
}

fn published(port: &str, binding: &RawBinding) -> Option<PortBinding> {
    let (target, protocol) = port.split_once('/')?;
    let ip = match binding.host_ip.as_deref() {
        None | Some("") => "0.0.0.0",
        Some(ip) => ip,
    };
    let host = SocketAddr::new(ip.parse().ok()?, binding.host_port.as_deref()?.parse().ok()?);
    Some(PortBinding { host, target: target.parse().ok()?, protocol: protocol.to_owned() })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn answer() -> serde_json::Value {
        serde_json::json!({
            "Id": "a".repeat(64),
            "Name": "/shop-api-1",
            "Image": format!("sha256:{}", "b".repeat(64)),
            "RestartCount": 3,
            "Config": {
                "Image": "team/shop:1.2.3",
                "Labels": {
                    "com.docker.compose.project": "shop",
                    "com.docker.compose.service": "api",
                    "com.docker.compose.oneoff": "False",
                    "com.docker.compose.container-number": "2"
                }
            },
            "State": {
                "Status": "running", "ExitCode": 0, "OOMKilled": false, "Error": "",
                "StartedAt": "2026-01-02T03:04:05.678901234Z", "FinishedAt": "0001-01-01T00:00:00Z"
            },
            "HostConfig": { "NetworkMode": "shop_default" },
            "NetworkSettings": {
                "Networks": { "shop_default": { "IPAddress": "172.20.0.3", "GlobalIPv6Address": "" } },
                "Ports": {
                    "3001/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "13001" }],
                    "9090/tcp": null
                }
            }
        })
    }

    fn inspected(change: impl FnOnce(&mut serde_json::Value)) -> Container {
        let mut raw = answer();
        change(&mut raw);
        let raw = serde_json::from_value(raw).expect("an answer");
        Container::from_engine(raw).expect("a whole answer")
    }

    #[test]
    fn a_replica_is_known_by_its_labels() {
        let container = inspected(|_| ());
        assert_eq!(container.name, "shop-api-1");
        assert_eq!(container.project.as_deref(), Some("shop"));
        assert_eq!(container.kind, ContainerKind::Replica(2));
        assert_eq!(container.restart_count, 3);
        assert!(container.started_at.is_some() && container.finished_at.is_none());
        assert_eq!(container.exit_code, None, "a running container has no exit code yet");
    }

    #[test]
    fn ports_are_reached_at_the_container_or_the_published_address() {
        let container = inspected(|_| ());
        assert_eq!(container.address(9090), Some(SocketAddr::from(([172, 20, 0, 3], 9090))));
        assert_eq!(container.ports.len(), 1);
        assert_eq!(container.ports[0].host, SocketAddr::from(([127, 0, 0, 1], 13001)));
    }

    #[test]
    fn with_the_host_s_network_ports_are_on_the_loopback() {
        let host = inspected(|raw| raw["HostConfig"]["NetworkMode"] = "host".into());
        assert_eq!(host.address(80), Some(SocketAddr::from(([127, 0, 0, 1], 80))));
        let shared = inspected(|raw| raw["HostConfig"]["NetworkMode"] = "container:cc".into());
        assert_eq!(shared.address(80), None);
    }

    #[test]
    fn an_unhealthy_container_says_what_its_check_printed() {
        let container = inspected(|raw| {
            raw["State"]["Health"] = serde_json::json!({
                "Status": "unhealthy", "FailingStreak": 3,
                "Log": [{ "ExitCode": 1, "Output": "connection refused\n" }]
            });
        });
        let probe = HealthProbe { at: None, exit_code: 1, output: "connection refused".to_owned() };
        assert_eq!(container.health, Health::Unhealthy(vec![probe.clone()]));
        assert_eq!(container.health_log, [probe]);
    }

    #[test]
    fn one_off_and_foreign_containers_are_told_apart() {
        let one_off = inspected(|raw| raw["Config"]["Labels"]["com.docker.compose.oneoff"] = "True".into());
        assert_eq!(one_off.kind, ContainerKind::OneOff);
        let foreign = inspected(|raw| raw["Config"]["Labels"] = serde_json::json!({}));
        assert_eq!(foreign.kind, ContainerKind::Foreign);
    }

    #[test]
    fn an_ended_container_has_its_exit_code() {
        let ended = inspected(|raw| {
            raw["State"]["Status"] = "exited".into();
            raw["State"]["ExitCode"] = 137.into();
            raw["State"]["OOMKilled"] = true.into();
        });
        assert_eq!((ended.exit_code, ended.oom_killed), (Some(137), true));
    }
}
