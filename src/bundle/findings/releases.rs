//! Releases and images: what is selected, what runs, and whether replicas are alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding};
use crate::bundle::contents::{ContainerFacts, member};
use crate::bundle::read::Bundle;
use crate::model::image_ref::ImageRef;

/// Versions that are reported by what runs, and the one that the bundle is of.
pub(super) fn mismatch(bundle: &Bundle) -> Vec<Finding> {
    let facts = bundle.facts();
    let mut versions: BTreeMap<String, Vec<Evidence>> = BTreeMap::new();
    // A tag such as `latest` says nothing of the version.
    let mut note = |version: &str, evidence: Evidence| {
        let version = version.trim_start_matches('v');
        if version.starts_with(|first: char| first.is_ascii_digit()) {
            versions.entry(version.to_owned()).or_default().push(evidence);
        }
    };
    if let Some(release) = &facts.manifest.release {
        let line = bundle.line_of(member::MANIFEST, &["\"release\""]);
        note(release, Evidence::new(member::MANIFEST, line, format!("release {release}")));
    }
    let image = facts.manifest.image.as_deref().map(repository);
    for container in running(bundle).filter(|container| Some(repository(&container.image)) == image) {
        if let Some(tag) = tag(&container.image) {
            let line = name_line(bundle, container, "\"image\"");
            note(
                &tag,
                Evidence::new(
                    bundle.of_containers(),
                    line,
                    format!("{} runs {}", container.name, container.image),
                ),
            );
        }
    }
    for answer in &facts.answers {
        if let Some(version) =
            answer.body.as_ref().and_then(|body| body.get("version")).and_then(Value::as_str)
        {
            let line = bundle.line_of(
                member::ANSWERS,
                &[&format!("\"instance\": \"{}\"", answer.instance), "\"version\""],
            );
            let text = format!("{} answers {} with version {version}", answer.instance, answer.path);
            note(version, Evidence::new(member::ANSWERS, line, text));
        }
    }
    if versions.len() < 2 {
        return Vec::new();
    }
    let names: Vec<&str> = versions.keys().map(String::as_str).collect();
    let title = format!("version mismatch: {} at once", names.join(" and "));
    let finding = Finding::new("version-mismatch", Critical, title)
        .seen(versions.into_values().flat_map(|evidence| evidence.into_iter().take(3)))
        .remedy("`opsctl status` shows what is selected and what runs; an operation that did not end is resumed with `opsctl resume`, or undone with `opsctl abort`")
        .remedy("otherwise recreate what lags behind: `docker compose up -d`")
        .explained("product-version");
    vec![finding]
}

/// Replicas of one service that run different images under one name.
pub(super) fn drift(bundle: &Bundle) -> Vec<Finding> {
    let mut images: BTreeMap<(&str, &str), BTreeMap<&str, Vec<&ContainerFacts>>> = BTreeMap::new();
    for container in running(bundle).filter(|container| !container.image_id.is_empty()) {
        let service = container.service.as_deref().unwrap_or(&container.name);
        // The same name is to mean the same image in all services.
        let by = if tag(&container.image).is_some() { "" } else { service };
        images
            .entry((by, &container.image))
            .or_default()
            .entry(&container.image_id)
            .or_default()
            .push(container);
    }
    images
        .into_iter()
        .filter(|(_, by_id)| by_id.len() > 1)
        .map(|((_, image), by_id)| {
            let containers: Vec<&ContainerFacts> = by_id.into_values().flatten().collect();
            let evidence = containers.iter().map(|container| {
                let line = name_line(bundle, container, "\"image_id\"");
                Evidence::new(bundle.of_containers(), line, format!("{} runs {}", container.name, container.image_id))
            });
            Finding::new("image-drift", Warning, format!("image drift: {image} means different images in running containers"))
                .about(containers.iter().filter_map(|container| container.service.clone()))
                .seen(evidence)
                .remedy("the tag was moved while containers ran: pin the image by digest, then recreate what is older with `docker compose up -d`")
                .explained("image-digest")
        })
        .collect()
}

/// Replicas of one service with other settings: one was not recreated.
pub(super) fn settings(bundle: &Bundle) -> Vec<Finding> {
    let mut by_service: BTreeMap<&str, Vec<&ContainerFacts>> = BTreeMap::new();
    for container in running(bundle) {
        by_service.entry(container.service.as_deref().unwrap_or_default()).or_default().push(container);
    }
    by_service
        .into_iter()
        .filter_map(|(service, containers)| {
            let [first, others @ ..] = containers.as_slice() else { return None };
            let names: BTreeSet<&String> = containers.iter().flat_map(|container| container.environment.keys()).collect();
            let differ: Vec<&str> = names
                .into_iter()
                .filter(|name| *name != "HOSTNAME")
                .filter(|name| others.iter().any(|other| other.environment.get(*name) != first.environment.get(*name)))
                .map(String::as_str)
                .collect();
            if differ.is_empty() || service.is_empty() {
                return None;
            }
            let evidence = containers.iter().map(|container| {
                let line = name_line(bundle, container, &format!("\"{}\"", differ[0]));
                Evidence::new(bundle.of_containers(), line, format!("{}: {}", container.name, differ.join(", ")))
            });
            let title = format!("settings differ: replicas of {service} have other values of {}", differ.join(", "));
            let finding = Finding::new("settings-differ", Warning, title)
                .about([service])
                .seen(evidence)
                .remedy(format!("recreate them all: `docker compose up -d --force-recreate {service}`; `docker compose restart` does not read the environment file again"))
                .explained("product-replicas");
            Some(finding)
        })
        .collect()
}

fn running(bundle: &Bundle) -> impl Iterator<Item = &ContainerFacts> {
    bundle.facts().containers.iter().filter(|container| container.state == "running" && !container.one_off)
}

fn name_line(bundle: &Bundle, container: &ContainerFacts, field: &str) -> Option<usize> {
    bundle.line_of(bundle.of_containers(), &[&format!("\"name\": \"{}\"", container.name), field])
}

fn repository(image: &str) -> String {
    image.parse::<ImageRef>().map_or(image.to_owned(), |image| image.name())
}

fn tag(image: &str) -> Option<String> {
    image.parse::<ImageRef>().ok()?.tag().map(ToString::to_string)
}
