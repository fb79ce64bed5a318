//! Disks that are full, or nearly.

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding, Severity, search};
use crate::bundle::contents::{DiskFacts, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

const FULL: [&str; 6] = [
    "no space left on device",
    "enospc",
    "could not extend file",
    "disk quota exceeded",
    "no usable space",
    "disk is full",
];

/// Room for bytes.
pub(super) fn space(bundle: &Bundle) -> Vec<Finding> {
    let said = search::trouble(bundle, &FULL);
    let short = short(bundle, |disk| share(disk.bytes_available, disk.bytes));
    let worst = short.iter().map(|(_, severity)| *severity).min();
    let Some(severity) = worst.into_iter().chain((!said.is_empty()).then_some(Critical)).min() else {
        return Vec::new();
    };
    let places: Vec<String> = short.iter().map(|(disk, _)| disk.path.clone()).collect();
    let title = match (severity, places.as_slice()) {
        (_, []) => "disk full: something could not be written".to_owned(),
        (Critical, places) => format!("disk full: {}", search::listed(places)),
        (_, places) => format!("disk nearly full: {}", search::listed(places)),
    };
    let of_disk = |disk: &DiskFacts| {
        let text = format!(
            "{} ({}): {} of {} left, {} %",
            disk.path,
            disk.holds,
            quantity::bytes(disk.bytes_available),
            quantity::bytes(disk.bytes),
            percent(disk.bytes_available, disk.bytes)
        );
        evidence(bundle, disk, "\"bytes_available\"", text)
    };
    let finding = Finding::new("disk-full", severity, title)
        .about(search::services(&said))
        .seen(short.iter().map(|(disk, _)| of_disk(disk)))
        .seen(search::evidence(&said))
        .remedy("make room: `opsctl backup prune`, `docker image prune`, `docker builder prune`; see what takes it with `du -xh --max-depth=2 DIR | sort -h`")
        .remedy("never delete files of the database's volume: give the disk more room instead")
        .explained("host-room");
    vec![finding]
}

/// Room for files.
pub(super) fn inodes(bundle: &Bundle) -> Vec<Finding> {
    let short = short(bundle, |disk| share(disk.inodes_available, disk.inodes));
    let Some(severity) = short.iter().map(|(_, severity)| *severity).min() else { return Vec::new() };
    let places: Vec<String> = short.iter().map(|(disk, _)| disk.path.clone()).collect();
    let of_disk = |disk: &DiskFacts| {
        let text = format!(
            "{}: {} of {} inodes left",
            disk.path,
            quantity::count(disk.inodes_available),
            quantity::count(disk.inodes)
        );
        evidence(bundle, disk, "\"inodes_available\"", text)
    };
    let title = format!(
        "inodes nearly used up: {} can take few more files, whatever the room",
        search::listed(&places)
    );
    let finding = Finding::new("inodes-used-up", severity, title)
        .seen(short.iter().map(|(disk, _)| of_disk(disk)))
        .remedy("find the folder with very many files: `du --inodes -x DIR | sort -n | tail`, and remove what is not needed")
        .explained("host-inodes");
    vec![finding]
}

/// Disks of whose measure little is left.
fn short(bundle: &Bundle, left: fn(&DiskFacts) -> Option<f64>) -> Vec<(&DiskFacts, Severity)> {
    let disks = bundle.facts().host.iter().flat_map(|host| &host.disks);
    disks
        .filter_map(|disk| match left(disk)? {
            left if left < 0.03 => Some((disk, Critical)),
            left if left < 0.10 => Some((disk, Warning)),
            _ => None,
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn share(available: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| available as f64 / all as f64)
}

fn percent(available: u64, all: u64) -> u64 {
    available.saturating_mul(100).checked_div(all).unwrap_or(0)
}

fn evidence(bundle: &Bundle, disk: &DiskFacts, field: &str, text: String) -> Evidence {
    let path = format!("\"path\": \"{}\"", disk.path);
    Evidence::new(member::HOST, bundle.line_of(member::HOST, &[&path, field]), text)
}
