//! The project: its containers, what became of them, and what its files say.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::adapters::compose_services::{compose_fault, fault};
use crate::adapters::docker::{
    Container, ContainerKind, ContainerState, Event, Health, HealthProbe, NetworkAccess,
};
use crate::bundle::contents::{self, ContainerFacts, EngineEvent, member};
use crate::error::Fault;
use crate::model::secret::Secret;
use crate::profile::{Profile, VariableKind};
use crate::redaction::TokenKey;

use super::collect::{Gathered, Missing, Outcome};
use super::scene::Desk;

pub(super) async fn containers(desk: &Desk<'_>) -> Outcome {
    let facts: Vec<ContainerFacts> = desk
        .scene
        .project()?
        .containers()?
        .iter()
        .map(|container| facts(container, &desk.scene.key))
        .collect();
    desk.json(member::CONTAINERS, &facts).await?;
    Ok(Gathered::Whole)
}

fn facts(container: &Container, key: &TokenKey) -> ContainerFacts {
    let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
    ContainerFacts {
        name: container.name.clone(),
        id: container.id.short().to_owned(),
        service: container.service.clone(),
        one_off: container.kind == ContainerKind::OneOff,
        image: container.image.clone(),
        image_id: container.image_id.to_string(),
        state: state(container.state).to_owned(),
        exit_code: container.exit_code,
        oom_killed: container.oom_killed,
        restarts: container.restart_count,
        started: time(container.started_at),
        finished: time(container.finished_at),
        error: Some(container.start_error.clone()).filter(|error| !error.is_empty()),
        health: health(&container.health).map(str::to_owned),
        health_log: container.health_log.iter().map(probe).collect(),
        memory_limit: container.memory_limit,
        restart_policy: container.restart_policy.clone(),
        networks: networks(&container.network),
        ports: container
            .ports
            .iter()
            .map(|port| format!("{}->{}/{}", port.host, port.target, port.protocol))
            .collect(),
        environment: fingerprints(&container.environment, key),
    }
}

/// Values are told apart by fingerprints under the bundle's key, and shown by none.
pub(super) fn fingerprints(
    environment: &BTreeMap<String, Secret>,
    key: &TokenKey,
) -> BTreeMap<String, String> {
    environment.iter().map(|(name, value)| (name.clone(), fingerprint(name, value.expose(), key))).collect()
}

/// Written like what redaction puts in the place of a value, so that the two can be matched.
fn fingerprint(name: &str, value: &str, key: &TokenKey) -> String {
    if value.is_empty() {
        return "empty".to_owned();
    }
    format!("[REDACTED:{name}#{}]", key.fingerprint(value.as_bytes()))
}

fn state(state: ContainerState) -> &'static str {
    match state {
        ContainerState::Created => "created",
        ContainerState::Running => "running",
        ContainerState::Paused => "paused",
        ContainerState::Restarting => "restarting",
        ContainerState::Exited => "exited",
        ContainerState::Removing => "removing",
        ContainerState::Dead => "dead",
    }
}

fn health(health: &Health) -> Option<&'static str> {
    match health {
        Health::Unchecked => None,
        Health::Starting(_) => Some("starting"),
        Health::Healthy => Some("healthy"),
        Health::Unhealthy(_) => Some("unhealthy"),
    }
}

fn probe(probe: &HealthProbe) -> contents::HealthProbe {
    contents::HealthProbe {
        at: probe.at.map(|at| at.to_string()).unwrap_or_default(),
        exit_code: probe.exit_code,
        output: probe.output.clone(),
    }
}

fn networks(access: &NetworkAccess) -> Vec<String> {
    match access {
        NetworkAccess::Networks(networks) => networks
            .iter()
            .map(|(name, addresses)| {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                format!("{name} {}", addresses.join(" ")).trim_end().to_owned()
            })
            .collect(),
        NetworkAccess::Host => vec!["host".to_owned()],
        NetworkAccess::SharedWith(other) => vec![format!("that of container {other}")],
        NetworkAccess::None => vec!["none".to_owned()],
    }
}

pub(super) async fn events(desk: &Desk<'_>) -> Outcome {
    let project = desk.scene.project()?;
    let (engine, _) = project.survey.engine().await.as_ref().map_err(Fault::clone)?;
    let name = project.name().ok_or_else(|| Missing::Failed("the project is not known".to_owned()))?;
    let found = engine.events(&name, desk.scene.window.events()).await;
    let (events, left_out) = found.map_err(|error| fault(&error))?;
    let events: Vec<EngineEvent> = events.into_iter().map(event).collect();
    desk.json_lines(member::EVENTS, &events).await?;
    Ok(if left_out { Gathered::Cut("older events are left out".to_owned()) } else { Gathered::Whole })
}

fn event(event: Event) -> EngineEvent {
    EngineEvent {
        at: event.at.map(|at| at.to_string()).unwrap_or_default(),
        kind: event.kind,
        action: event.action,
        name: event.name,
        service: event.service,
        exit_code: event.exit_code,
    }
}

/// The resolved model, with values of variables only where the product's description calls them public.
pub(super) async fn model(desk: &Desk<'_>) -> Outcome {
    let install = desk.scene.project()?.survey.install().await?;
    let json = install.compose.resolve_whole().await.map_err(|error| compose_fault(&error))?;
    let mut model: Value = serde_json::from_slice(&json)
        .map_err(|_| Missing::Failed("what Compose printed is no JSON".to_owned()))?;
    hide(&mut model, &install.profile, &desk.scene.key);
    desk.json(member::MODEL, &model).await?;
    Ok(Gathered::Whole)
}

fn hide(model: &mut Value, profile: &Profile, key: &TokenKey) {
    let Some(document) = model.as_object_mut() else { return };
    // What is there for other parts of the files to refer to, they have by now.
    document.retain(|name, _| !name.starts_with("x-"));
    for kind in ["secrets", "configs"] {
        for (_, described) in document.get_mut(kind).and_then(Value::as_object_mut).into_iter().flatten() {
            described.as_object_mut().map(|described| described.remove("content"));
        }
    }
    for (_, service) in document.get_mut("services").and_then(Value::as_object_mut).into_iter().flatten() {
        for place in ["/environment", "/build/args"] {
            let Some(variables) = service.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
            for (name, value) in variables {
                let public = profile
                    .support
                    .variables
                    .iter()
                    .any(|(known, kind)| known.as_str() == name && *kind == VariableKind::Public);
                if !public && !value.is_null() {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    *value = Value::String(fingerprint(name, &text, key));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_model_keeps_names_and_no_value_that_is_not_public() {
        let profile =
            Profile::built_in().into_iter().find(|one| one.product.name.as_str() == "ledger").unwrap();
        let mut model = json!({"name": "shop", "x-environment": {"A": "not-a-real-secret"},
            "configs": {"c": {"content": "not-a-real-secret", "name": "c"}},
            "services": {"api": {"image": "a:1", "build": {"args": {"TOKEN": "not-a-real-secret"}},
                "environment": {"LOG_LEVEL": "info", "API_KEY_SECRET": "not-a-real-secret", "EMPTY": "", "N": null}}}});
        let key = TokenKey::new([7; 32]);
        hide(&mut model, &profile, &key);
        assert!(!model.to_string().contains("not-a-real-secret"), "{model:#}");
        let environment = &model["services"]["api"]["environment"];
        assert_eq!((&environment["LOG_LEVEL"], &environment["EMPTY"]), (&json!("info"), &json!("empty")));
        let mark = |value: &Value| value.as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let token = &model["services"]["api"]["build"]["args"]["TOKEN"];
        assert_eq!(mark(&environment["API_KEY_SECRET"]), mark(token), "equal values are to be recognised");
        assert_eq!(model["configs"]["c"]["name"], "c");
    }
}
