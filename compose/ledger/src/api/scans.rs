//! Vault scans that were started over HTTP. They are kept by the instance that runs them and write nothing,
//! so a scan changes no row of what it proves.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use serde_json::json;

use super::App;
use crate::{log, vault::scan::Findings};

/// Older scans than these are forgotten.
const KEPT: usize = 16;

#[derive(Default)]
pub(super) struct Scans(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    started: u64,
    scans: BTreeMap<u64, Scan>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scan {
    status: Status,
    /// How many records there were when the scan began.
    total: i64,
    #[serde(flatten)]
    findings: Findings,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Running,
    Done,
    /// The scan itself came to an end, not the chains.
    Failed,
}

impl Scans {
    /// The scan that [`start`] named `job_id`.
    pub(super) fn get(&self, job_id: &str) -> Option<Scan> {
        let number = job_id.strip_prefix("scan-")?.parse().ok()?;
        self.lock().scans.get(&number).cloned()
    }

    fn begin(&self, total: i64) -> u64 {
        let mut inner = self.lock();
        inner.started += 1;
        let number = inner.started;
        let scan = Scan { status: Status::Running, total, findings: Findings::default(), error: None };
        inner.scans.insert(number, scan);
        while inner.scans.len() > KEPT {
            inner.scans.pop_first();
        }
        number
    }

    fn update(&self, number: u64, change: impl FnOnce(&mut Scan)) {
        if let Some(scan) = self.lock().scans.get_mut(&number) {
            change(scan);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a scan in the background and returns the name to ask for it by.
pub(super) fn start(app: Arc<App>, total: i64) -> String {
    let number = app.scans.begin(total);
    tokio::spawn(async move {
        let scanned =
            app.store.scan_vault(|findings| app.scans.update(number, |scan| scan.findings = findings)).await;
        match scanned {
            Ok(findings) => app.scans.update(number, |scan| {
                log::info(
                    "vault scanned",
                    json!({"checked": findings.checked, "broken": findings.broken_chains.len()}),
                );
                scan.status = Status::Done;
                scan.total = i64::try_from(findings.checked).unwrap_or(i64::MAX);
                scan.findings = findings;
            }),
            Err(error) => app.scans.update(number, |scan| {
                log::error("vault scan failed", json!({"error": log::causes(&error)}));
                scan.status = Status::Failed;
                scan.error = Some("the scan could not be finished; see the log".into());
            }),
        }
    });
    format!("scan-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_scans_are_kept() {
        let scans = Scans::default();
        for _ in 0..=KEPT {
            scans.begin(0);
        }
        assert!(scans.get("scan-1").is_none());
        assert!(scans.get("scan-2").is_some());
        assert!(scans.get("2").is_none());
    }
}
