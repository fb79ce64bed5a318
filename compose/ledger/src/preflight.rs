//! `preflight`: every check, one JSON line each, and exit code 1 if any failed.

use std::process::ExitCode;

use serde_json::json;

use crate::{
    cli::Failure,
    config::{ApiSettings, Environment},
    log,
    readiness::Readiness,
    release::Release,
    store::Store,
};

pub(crate) enum Verdict {
    Pass(String),
    Fail(String),
    Skip(&'static str),
}

pub(crate) async fn run(environment: &Environment, release: &Release) -> Result<ExitCode, Failure> {
    Ok(report(checks(environment, release).await, release))
}

/// Says what each check found. Exit code 1 if one failed.
pub(crate) fn report(found: Vec<(&'static str, Verdict)>, release: &Release) -> ExitCode {
    let mut failed = 0;
    for (check, verdict) in found {
        let (status, detail) = match verdict {
            Verdict::Pass(detail) => ("pass", detail),
            Verdict::Fail(detail) => {
                failed += 1;
                ("fail", detail)
            }
            Verdict::Skip(why) => ("skip", why.into()),
        };
        log::result("preflight check", json!({"check": check, "status": status, "detail": detail}));
    }
    log::result("preflight finished", json!({"failed": failed, "version": release.reported_version()}));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn checks(environment: &Environment, release: &Release) -> Vec<(&'static str, Verdict)> {
    let settings = match ApiSettings::from(environment) {
        Ok(settings) => settings,
        Err(error) => {
            let skipped = || Verdict::Skip("the configuration is not complete");
            return vec![
                ("configuration", Verdict::Fail(log::causes(&error))),
                ("database", skipped()),
                ("migrations", skipped()),
                ("api-keys", skipped()),
            ];
        }
    };
    let mut found = vec![("configuration", Verdict::Pass("complete".into()))];
    let store = match Store::open(&settings.database, release.schema) {
        Ok(store) => store,
        Err(error) => {
            found.push(("database", Verdict::Fail(log::causes(&error))));
            return found;
        }
    };
    let database = match store.server_version().await {
        Ok(version) => Verdict::Pass(format!("PostgreSQL {version}")),
        Err(error) => Verdict::Fail(log::causes(&error)),
    };
    found.push(("database", database));
    let migrations = match Readiness::of_database(&store, release).await {
        Readiness::Ready => Verdict::Pass(format!("{} applied", release.schema)),
        other => Verdict::Fail(other.detail()),
    };
    let schema_is_right = matches!(migrations, Verdict::Pass(_));
    found.push(("migrations", migrations));
    found.push((
        "api-keys",
        if schema_is_right {
            api_keys(&settings, &store).await
        } else {
            Verdict::Skip("the schema is not that of this release")
        },
    ));
    found
}

/// Keys under a secret that is configured nowhere cannot be used: the sign of a rotation gone wrong.
async fn api_keys(settings: &ApiSettings, store: &Store) -> Verdict {
    let known: Vec<_> = [Some(&settings.secrets.current), settings.secrets.previous.as_ref()]
        .into_iter()
        .flatten()
        .map(crate::api_key::Secret::id)
        .collect();
    match store.keys_by_secret().await {
        Err(error) => Verdict::Fail(log::causes(&error)),
        Ok(counts) => {
            let lost: i64 = counts.iter().filter(|(id, _)| !known.contains(id)).map(|(_, count)| count).sum();
            let total: i64 = counts.iter().map(|(_, count)| count).sum();
            if lost == 0 {
                Verdict::Pass(format!("{total} usable"))
            } else {
                Verdict::Fail(format!("{lost} of {total} keys are under a secret that is not configured"))
            }
        }
    }
}
