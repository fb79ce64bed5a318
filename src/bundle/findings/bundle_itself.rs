//! What is missing from the bundle, and what is not as it was written.

use super::Severity::{Note, Warning};
use super::{Evidence, Finding, search};
use crate::bundle::contents::{CollectorStatus, member};
use crate::bundle::read::Bundle;

/// Collectors that failed: what they were to find is not known.
pub(super) fn collectors(bundle: &Bundle) -> Vec<Finding> {
    let collectors = bundle.facts().manifest.collectors.iter();
    let bad: Vec<_> = collectors
        .filter(|collector| matches!(collector.status, CollectorStatus::Failed | CollectorStatus::TimedOut))
        .collect();
    if bad.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = bad.iter().map(|collector| collector.id.clone()).collect();
    let evidence = bad.iter().map(|collector| {
        let line = bundle.line_of(member::MANIFEST, &[&format!("\"id\": \"{}\"", collector.id)]);
        let why = collector.why.as_deref().unwrap_or("it does not say why");
        Evidence::new(member::MANIFEST, line, format!("{}: {why}", collector.id))
    });
    let finding = Finding::new(
        "collector-failed",
        Note,
        format!("not everything is here: {} failed", search::listed(&ids)),
    )
    .seen(evidence)
    .remedy(
        "that something could not be asked is often part of the trouble itself: what is said above tells",
    );
    vec![finding]
}

/// Members that are damaged, altered, or of a later version.
pub(super) fn members(bundle: &Bundle) -> Vec<Finding> {
    let troubles = &bundle.facts().troubles;
    if troubles.is_empty() {
        return Vec::new();
    }
    let was_altered = troubles.iter().any(|trouble| trouble.what.contains("afterwards"));
    let (id, severity, title) = if was_altered {
        ("bundle-altered", Warning, "bundle altered: some of it is not what was collected")
    } else {
        ("bundle-incomplete", Note, "bundle incomplete: some of it cannot be read")
    };
    let finding = Finding::new(id, severity, title)
        .seen(troubles.iter().take(8).map(|trouble| {
            let member = if trouble.member.is_empty() { member::MANIFEST } else { &trouble.member };
            Evidence::new(member, None, format!("{}: {}", trouble.member, trouble.what))
        }))
        .remedy("was it unpacked, edited or cut on its way? ask for the archive as opsctl wrote it");
    vec![finding]
}
