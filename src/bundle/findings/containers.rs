//! Containers that run and are not well.

use super::Severity::{Critical, Warning};
use super::exits::{named, service_of, state};
use super::{Evidence, Finding};
use crate::bundle::contents::ContainerFacts;
use crate::bundle::read::Bundle;

/// A container that has not become well within this time will not, in seconds.
const STARTING: i64 = 180;

/// Containers whose health check fails, or never succeeded.
pub(super) fn unhealthy(bundle: &Bundle) -> Vec<Finding> {
    let containers = bundle.facts().containers.iter();
    containers
        .filter_map(|container| {
            let (severity, title) = match container.health.as_deref()? {
                "unhealthy" => (Critical, format!("unhealthy: the health check of {} fails", container.name)),
                "starting" if age(bundle, container)? > STARTING => {
                    (Warning, format!("never healthy: {} is still starting", container.name))
                }
                _ => return None,
            };
            let service = service_of(container);
            let finding = Finding::new("unhealthy", severity, title)
                .about([service])
                .seen([state(bundle, container)])
                .seen(probes(bundle, container))
                .remedy(format!(
                    "what does its log say at that time? `docker compose logs --since 10m {service}`"
                ))
                .explained("product-health");
            Some(finding)
        })
        .collect()
}

/// The last answers of its health check that were no good.
fn probes(bundle: &Bundle, container: &ContainerFacts) -> Vec<Evidence> {
    let bad = container.health_log.iter().rev().filter(|probe| probe.exit_code != 0);
    bad.take(2)
        .map(|probe| {
            let line =
                bundle.line_of(bundle.of_containers(), &[&named(container), "\"health_log\"", &probe.at]);
            let said = if probe.output.trim().is_empty() { "said nothing" } else { probe.output.trim() };
            Evidence::new(
                bundle.of_containers(),
                line,
                format!("{}: status {}: {said}", probe.at, probe.exit_code),
            )
        })
        .collect()
}

fn age(bundle: &Bundle, container: &ContainerFacts) -> Option<i64> {
    let started: jiff::Timestamp = container.started.as_ref()?.parse().ok()?;
    Some(bundle.created()?.as_second() - started.as_second())
}
