//! Memory that ran out, of a container or of the machine.

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding, search};
use crate::bundle::contents::{ContainerFacts, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// What runtimes say when their heap is used up, before the kernel steps in.
const HEAP: [&str; 7] = [
    "heap out of memory",
    "outofmemoryerror",
    "cannot allocate memory",
    "memoryerror",
    "enomem",
    "out of memory",
    "memory allocation of",
];

/// Containers that the kernel ended, and programs that ran out of memory by their own account.
pub(super) fn killed(bundle: &Bundle) -> Vec<Finding> {
    let facts = bundle.facts();
    let mut services: Vec<String> = Vec::new();
    services.extend(facts.containers.iter().filter(|container| container.oom_killed).map(service_of));
    services.extend(
        facts
            .events
            .iter()
            .filter(|event| event.action == "oom")
            .map(|event| event.service.clone().unwrap_or_else(|| event.name.clone())),
    );
    let said = search::trouble(bundle, &HEAP);
    services.extend(search::services(&said));
    services.sort();
    services.dedup();
    services.into_iter().map(|service| of_service(bundle, &service)).collect()
}

fn of_service(bundle: &Bundle, service: &str) -> Finding {
    let containers: Vec<&ContainerFacts> =
        bundle.facts().containers.iter().filter(|container| service_of(container) == service).collect();
    let limit = containers.iter().find_map(|container| container.memory_limit.filter(|limit| *limit > 0));
    let limited = limit
        .map_or("no limit of its own".to_owned(), |limit| format!("its limit is {}", quantity::bytes(limit)));
    let killed = containers.iter().filter(|container| container.oom_killed).map(|container| {
        let marks = [format!("\"name\": \"{}\"", container.name), "\"oom_killed\"".to_owned()];
        let line = bundle.line_of(bundle.of_containers(), &[&marks[0], &marks[1]]);
        let text = format!("the kernel ended {} because memory ran out; {limited}", container.name);
        Evidence::new(bundle.of_containers(), line, text)
    });
    let events = bundle.facts().events.iter().enumerate();
    let events: Vec<Evidence> = events
        .filter(|(_, event)| {
            event.action == "oom" && event.service.as_deref().unwrap_or(&event.name) == service
        })
        .map(|(index, event)| {
            Evidence::new(member::EVENTS, Some(index + 1), format!("{} oom {}", event.at, event.name))
        })
        .collect();
    let said: Vec<_> =
        search::trouble(bundle, &HEAP).into_iter().filter(|hit| hit.log.service == service).collect();
    Finding::new("out-of-memory", Critical, format!("out of memory: {service} was ended ({limited})"))
        .about([service])
        .seen(killed)
        .seen(events.into_iter().rev().take(3))
        .seen(search::evidence(&said))
        .remedy(format!("allow {service} more memory (`mem_limit` or `deploy.resources.limits` in the Compose files), then `docker compose up -d {service}`"))
        .remedy("did its use grow until then? compare with the metrics: a leak comes back at any limit")
        .explained("out-of-memory")
}

/// A machine that has little memory left.
pub(super) fn machine(bundle: &Bundle) -> Vec<Finding> {
    let Some(host) = bundle.facts().host.as_ref().filter(|host| host.memory_bytes > 0) else {
        return Vec::new();
    };
    let left = host.memory_available_bytes.saturating_mul(100) / host.memory_bytes;
    let swapped = host.swap_used_bytes.saturating_mul(100).checked_div(host.swap_bytes).unwrap_or(0);
    let severity = match (left, swapped) {
        (0..5, _) => Critical,
        (5..10, _) | (10..20, 50..) => Warning,
        _ => return Vec::new(),
    };
    let text = format!(
        "{} of {} can be had; {} of {} swap in use",
        quantity::bytes(host.memory_available_bytes),
        quantity::bytes(host.memory_bytes),
        quantity::bytes(host.swap_used_bytes),
        quantity::bytes(host.swap_bytes)
    );
    let line = bundle.line_of(member::HOST, &["\"memory_available_bytes\""]);
    let title = format!("memory short: the machine has {left} % of its memory left");
    let finding = Finding::new("memory-short", severity, title)
        .seen([Evidence::new(member::HOST, line, text)])
        .remedy("see what takes it: `docker stats --no-stream`, `ps aux --sort=-rss | head`")
        .remedy("give the machine more, or move what does not belong to the product elsewhere")
        .explained("host-resources");
    vec![finding]
}

fn service_of(container: &ContainerFacts) -> String {
    container.service.clone().unwrap_or_else(|| container.name.clone())
}
