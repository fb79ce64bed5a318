//! Containers that ended, again and again, at once, or before they began.

use super::Severity::{Critical, Note, Warning};
use super::{Evidence, Finding, roles, search};
use crate::bundle::contents::{ContainerFacts, member};
use crate::bundle::read::Bundle;
use crate::profile::Role;
use crate::report::quantity;

/// Ends of one container within the window of the events that make a loop.
const ENDS: usize = 3;

/// Starts by the engine that make a loop, whatever the events say.
const RESTARTS: u64 = 5;

/// Who lived for less than this ended at its start, in seconds.
const AT_START: i64 = 30;

/// Containers that end and are started again.
pub(super) fn crash_loops(bundle: &Bundle) -> Vec<Finding> {
    long_running(bundle)
        .filter(|container| is_loop(bundle, container))
        .map(|container| {
            let service = service_of(container);
            let ends = ends(bundle, container);
            let number = quantity::count(container.restarts.max(ends.len() as u64));
            Finding::new(
                "crash-loop",
                Critical,
                format!(
                    "crash loop: {} was started {number} times, and ends again{}",
                    container.name,
                    status(container)
                ),
            )
            .about([service])
            .seen([state(bundle, container)])
            .seen(ends.into_iter().rev().take(2).rev())
            .seen(words(bundle, container))
            .remedy(now(bundle, service))
            .remedy(format!("`{}` ends the loop while you look", stop(bundle, service)))
        })
        .collect()
}

fn is_loop(bundle: &Bundle, container: &ContainerFacts) -> bool {
    let ended_badly = container.exit_code.is_some_and(|code| code != 0);
    container.state == "restarting"
        || ends(bundle, container).len() >= ENDS
        || container.restarts >= RESTARTS && (ended_badly || container.health.as_deref() != Some("healthy"))
}

/// When it ended with an error, by the engine's record.
fn ends(bundle: &Bundle, container: &ContainerFacts) -> Vec<Evidence> {
    let events = bundle.facts().events.iter().enumerate();
    events
        .filter(|(_, event)| event.name == container.name && event.action == "die")
        // 143, and 137 without a lack of memory: somebody stopped it.
        .filter(|(_, event)| match event.exit_code {
            None | Some(0 | 143) => false,
            Some(137) => container.oom_killed,
            Some(_) => true,
        })
        .map(|(index, event)| {
            let status = event.exit_code.map_or(String::new(), |code| format!(" with status {code}"));
            Evidence::new(
                member::EVENTS,
                Some(index + 1),
                format!("{} {} ended{status}", event.at, event.name),
            )
        })
        .collect()
}

/// Containers that the engine could not start at all.
pub(super) fn refused_starts(bundle: &Bundle) -> Vec<Finding> {
    let containers = bundle.facts().containers.iter();
    containers
        .filter_map(|container| {
            let error = container.error.as_ref().filter(|error| !error.is_empty())?;
            let service = service_of(container);
            let lower = error.to_lowercase();
            let (remedy, explain) = match lower {
                lower if lower.contains("port is already") || lower.contains("address already in use") => {
                    ("somebody else has the port: `ss -ltnp` shows who", "host-ports")
                }
                lower if lower.contains("no space left") => {
                    ("make room on the engine's disk: `docker system df`", "docker-disk-full")
                }
                lower if lower.contains("manifest unknown") || lower.contains("pull access denied") => (
                    "the image could not be had: is the tag right, and are you logged in?",
                    "registry-not-found",
                ),
                _ => (
                    "the engine's message names the cause; mend it, then `docker compose up -d`",
                    "host-engine",
                ),
            };
            let line = bundle.line_of(bundle.of_containers(), &[&named(container), "\"error\""]);
            let finding = Finding::new(
                "start-refused",
                Critical,
                format!("start refused: the engine could not start {}", container.name),
            )
            .about([service])
            .seen([Evidence::new(bundle.of_containers(), line, error)])
            .remedy(remedy)
            .explained(explain);
            Some(finding)
        })
        .collect()
}

/// Services that are down, while others may be well.
pub(super) fn exited(bundle: &Bundle) -> Vec<Finding> {
    let down = long_running(bundle).filter(|container| {
        matches!(container.state.as_str(), "exited" | "dead" | "created") && !is_loop(bundle, container)
    });
    let is_replaced = |container: &&ContainerFacts| {
        !bundle
            .facts()
            .containers
            .iter()
            .any(|other| other.service == container.service && other.state == "running")
    };
    down.filter(is_replaced).map(|container| of_down(bundle, container)).collect()
}

fn of_down(bundle: &Bundle, container: &ContainerFacts) -> Finding {
    let service = service_of(container);
    let api_is_well = bundle
        .facts()
        .containers
        .iter()
        .any(|other| other.state == "running" && roles::of(bundle, service_of(other)) == Role::Api);
    let (id, title) = match (container.state.as_str(), lived(container)) {
        ("created", _) => ("service-down", format!("service down: {service} was made and never started")),
        (_, Some(seconds)) if seconds < AT_START && failed(container) => (
            "exit-at-start",
            format!("exit at start: {service} ended {seconds} s after it was started{}", status(container)),
        ),
        _ if roles::of(bundle, service) == Role::Worker && api_is_well => (
            "worker-down",
            format!("worker down: {service} does not run, while the API does: jobs only pile up"),
        ),
        _ if roles::of(bundle, service) == Role::Database => {
            ("database-down", format!("database down: {service} does not run, and everything stands on it"))
        }
        _ => ("service-down", format!("service down: {service} ended{}", status(container))),
    };
    Finding::new(id, Critical, title)
        .about([service])
        .seen([state(bundle, container)])
        .seen(words(bundle, container))
        .remedy(format!(
            "if its last words do not tell why: was it stopped by hand? `{}` starts it",
            start(bundle, service)
        ))
        .explained("product-health")
}

fn start(bundle: &Bundle, service: &str) -> String {
    if bundle.is_of_a_process() {
        "opsctl start".to_owned()
    } else {
        format!("docker compose up -d {service}")
    }
}

fn stop(bundle: &Bundle, service: &str) -> String {
    if bundle.is_of_a_process() { "opsctl stop".to_owned() } else { format!("docker compose stop {service}") }
}

/// Where it is seen what a container that ends again and again says.
fn now(bundle: &Bundle, service: &str) -> String {
    let words = "read its last words above";
    if bundle.is_of_a_process() {
        return format!("{words}; `opsctl status` says where its log is");
    }
    format!("{words}; `docker compose logs --tail 50 {service}` shows what it says now")
}

/// Containers that the engine had to start again, and that are well now.
pub(super) fn restarted(bundle: &Bundle) -> Vec<Finding> {
    long_running(bundle)
        .filter(|container| {
            container.restarts > 0 && container.state == "running" && !is_loop(bundle, container)
        })
        .map(|container| {
            let severity = if container.restarts > 2 { Warning } else { Note };
            let times = quantity::counted(container.restarts, "time", "times");
            let by = if bundle.is_of_a_process() { "systemd" } else { "the engine" };
            Finding::new(
                "restarted",
                severity,
                format!("restarted: {by} started {} again, {times}", container.name),
            )
            .about([service_of(container)])
            .seen([state(bundle, container)])
            .seen(ends(bundle, container).into_iter().rev().take(3))
            .remedy("what did it say before it ended? its log, around the time of its last start, tells")
        })
        .collect()
}

/// The state of a container in a line.
pub(super) fn state(bundle: &Bundle, container: &ContainerFacts) -> Evidence {
    let line = bundle.line_of(bundle.of_containers(), &[&named(container), "\"state\""]);
    let health = container.health.as_deref().map_or(String::new(), |health| format!(", {health}"));
    let finished = container.finished.as_deref().map_or(String::new(), |at| format!(", last ended {at}"));
    let restarts = quantity::counted(container.restarts, "restart", "restarts");
    let text =
        format!("{}: {}{health}{}{finished}, {restarts}", container.name, container.state, status(container));
    Evidence::new(bundle.of_containers(), line, text)
}

fn words(bundle: &Bundle, container: &ContainerFacts) -> Vec<Evidence> {
    bundle.log_of(&container.name, container.service.as_deref()).map(search::last_words).unwrap_or_default()
}

fn status(container: &ContainerFacts) -> String {
    match container.exit_code {
        Some(137) => ", with status 137 (killed)".to_owned(),
        Some(139) => ", with status 139 (it crashed in its own code)".to_owned(),
        Some(code @ (126 | 127)) => format!(", with status {code} (its command cannot be run)"),
        Some(code) if code != 0 => format!(", with status {code}"),
        _ => String::new(),
    }
}

fn failed(container: &ContainerFacts) -> bool {
    container.exit_code.is_some_and(|code| code != 0)
}

/// For how long its last run lasted, in seconds.
fn lived(container: &ContainerFacts) -> Option<i64> {
    let at = |time: &Option<String>| time.as_ref()?.parse::<jiff::Timestamp>().ok();
    let seconds = at(&container.finished)?.as_second() - at(&container.started)?.as_second();
    (seconds >= 0).then_some(seconds)
}

fn long_running(bundle: &Bundle) -> impl Iterator<Item = &ContainerFacts> {
    bundle
        .facts()
        .containers
        .iter()
        .filter(|container| !container.one_off && roles::of(bundle, service_of(container)) != Role::Migrate)
}

pub(super) fn service_of(container: &ContainerFacts) -> &str {
    container.service.as_deref().unwrap_or(&container.name)
}

pub(super) fn named(container: &ContainerFacts) -> String {
    format!("\"name\": \"{}\"", container.name)
}
