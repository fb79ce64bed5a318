//! What services are for, by the description that is in the bundle, else by their names.

use crate::bundle::read::Bundle;
use crate::profile::Role;

/// The role of a service.
pub(super) fn of(bundle: &Bundle, service: &str) -> Role {
    let described = bundle.facts().profile.as_ref().and_then(|profile| {
        profile.services.iter().find(|(name, _)| name.as_str() == service).map(|(_, service)| service.role)
    });
    described.unwrap_or_else(|| by_name(service))
}

fn by_name(service: &str) -> Role {
    let has = |parts: &[&str]| parts.iter().any(|part| service.contains(part));
    match service {
        _ if has(&["migrat"]) => Role::Migrate,
        _ if has(&["worker", "jobs", "queue"]) => Role::Worker,
        _ if has(&["postgres", "database", "db"]) => Role::Database,
        _ if has(&["api", "server", "web"]) => Role::Api,
        _ => Role::Other,
    }
}
