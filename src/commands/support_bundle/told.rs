//! What is said of a bundle that was made, and of one that was not given away.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use crate::adapters::bundle_archive::Doubt;
use crate::bundle::contents::{BundleManifest, Collected, CollectorStatus};
use crate::commands::context::Outcome;
use crate::error::Fault;
use crate::explain::Topic;
use crate::report::quantity;

/// A bundle that was made.
pub(super) struct Made {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// How many things were masked.
    pub(super) masked: u64,
    pub(super) manifest: BundleManifest,
    /// Members that were left out, with the reason.
    pub(super) left_out: BTreeMap<String, String>,
    pub(super) contact: Option<String>,
}

pub(super) fn made(made: &Made) -> Outcome {
    let path = made.path.display();
    let encrypted = made.path.extension().is_some_and(|kind| kind == "age");
    let mut lines = vec![
        format!("{path} ({})", quantity::bytes(made.bytes)),
        format!("sha256 {}", made.sha256),
        format!(
            "{} masked",
            quantity::counted(made.masked, "secret or likely secret was", "secrets or likely secrets were")
        ),
    ];
    lines.extend(trouble(&made.manifest.collectors));
    let reader = made.contact.as_ref().map_or(String::new(), |contact| format!("; it is for {contact}"));
    lines.push(if encrypted {
        format!("nothing was sent{reader}; only its recipients can open it: `age -d -i KEY {path} | tar xz`")
    } else {
        format!(
            "nothing was sent; look at it before you do: `opsctl support-bundle inspect {path}`, or index.html in it{reader}"
        )
    });
    let collectors = &made.manifest.collectors;
    let data = json!({"path": made.path, "size_bytes": made.bytes, "sha256": made.sha256, "encrypted": encrypted,
        "masked": made.masked, "took_ms": made.manifest.took_ms, "collectors": collectors,
        "members": made.manifest.members.len(), "left_out": made.left_out});
    Outcome::new(lines.join("\n"), data)
}

/// What is not there, one thing a line; what does not apply is no trouble.
pub(super) fn trouble(collected: &[Collected]) -> Vec<String> {
    let lines = missing(collected).into_iter().map(|line| format!("  {line}"));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { lines } else { [vec!["not all of it is there:".to_owned()], lines].concat() }
}

/// Each collector that did not do all of its work, and why.
pub(super) fn missing(collected: &[Collected]) -> Vec<String> {
    let word = |status| match status {
        CollectorStatus::Truncated => Some("not whole"),
        CollectorStatus::TimedOut => Some("took too long"),
        CollectorStatus::Failed => Some("could not be collected"),
        _ => None,
    };
    let line = |one: &Collected| {
        Some(format!(
            "{} {}: {}",
            one.id,
            word(one.status)?,
            one.why.as_deref().unwrap_or("no reason is known")
        ))
    };
    collected.iter().filter_map(line).collect()
}

/// Something was found in the finished archive: file and rule, and never what it was.
pub(super) fn refused(doubts: &[Doubt], redact: impl Fn(&str) -> String) -> Fault {
    let line = |doubt: &Doubt| match doubt {
        Doubt::Hit { member, rule } => format!("{member}: {rule}"),
        Doubt::Unreadable { member: Some(member), why } => format!("{member} cannot be searched: {why}"),
        Doubt::Unreadable { member: None, why } => format!("it cannot be searched: {why}"),
        Doubt::Different { member } => format!("{member} is not what was packed"),
    };
    let mut lines: Vec<String> = doubts.iter().map(line).collect();
    lines.dedup();
    Fault::new("the finished bundle may hold a secret, and was deleted")
        .evidence(lines.iter().take(20).map(|line| redact(line)))
        .hint("nothing was sent; the rule that found it is named behind each file")
        .explained(Topic::BundleRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_named_by_file_and_rule_once() {
        let hit = |rule: &str| Doubt::Hit { member: "logs/api.log".to_owned(), rule: rule.to_owned() };
        let fault = refused(&[hit("known:TOKEN"), hit("known:TOKEN"), hit("pem")], str::to_owned);
        assert_eq!(fault.evidence, ["logs/api.log: known:TOKEN", "logs/api.log: pem"]);
    }

    #[test]
    fn what_does_not_apply_is_no_trouble() {
        let one = |status, why: Option<&str>| Collected {
            id: "x".to_owned(),
            status,
            why: why.map(str::to_owned),
            ..Collected::default()
        };
        assert!(
            trouble(&[one(CollectorStatus::Ok, None), one(CollectorStatus::Skipped, Some("no"))]).is_empty()
        );
        let told = trouble(&[one(CollectorStatus::Failed, Some("no docker"))]);
        assert_eq!(told, ["not all of it is there:", "  x could not be collected: no docker"]);
    }
}
