//! Proofs that an install of a product that runs as a process is sound.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{found, health, smoke};
use crate::adapters::sqlite::condition::Depth;
use crate::adapters::walk::Walk;
use crate::cli::Verify;
use crate::commands::context::Context;
use crate::commands::live::PLATFORM_KEY;
use crate::commands::preflight::host::failing;
use crate::commands::preflight::outlook::ALONE;
use crate::commands::preflight::process::{ProcessSurvey, logs_typed, store};
use crate::error::Failure;
use crate::model::manifest::TableRows;
use crate::model::secret::Secret;
use crate::preflight::product as judge;
use crate::preflight::{Check, Finding, Judgement, Kind};
use crate::profile::{Smoke, VariableName};

/// How long the store may be read.
const STORE_LIMIT: Duration = Duration::from_mins(30);

/// Proves what was asked for, one after the other.
pub(super) async fn proofs(
    context: &Context,
    survey: &ProcessSurvey<'_>,
    asked: &Verify,
) -> Result<Vec<Finding>, Failure> {
    let file = asked.platform_key_file.as_deref().map(super::key_in).transpose()?;
    let mut findings = Vec::new();
    for check in asked.choice.among(Check::proofs(), Kind::Process) {
        let proof = async {
            match check {
                Check::VerifyHealth | Check::VerifyMigrations | Check::VerifyRows => {
                    look(survey, check).await
                }
                Check::VerifyStore => whole(survey).await,
                Check::VerifySmoke => walk(context, survey, file.as_ref(), asked.smoke).await,
                _ => Judgement::skipped("the description of such a product names none"),
            }
        };
        findings.push(found(check, proof).await);
    }
    Ok(findings)
}

/// The proofs that are no burden to the product.
pub(in crate::commands) async fn at_a_glance(survey: &ProcessSurvey<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in Check::proofs().filter(|check| check.is_for(Kind::Process)) {
        let proof = async {
            match check {
                Check::VerifyMigrations | Check::VerifyRows if survey.beside_operation => {
                    Judgement::skipped(ALONE)
                }
                Check::VerifyHealth | Check::VerifyMigrations | Check::VerifyRows => {
                    look(survey, check).await
                }
                _ => Judgement::skipped("it is no mere look: `opsctl verify` proves it"),
            }
        };
        findings.push(found(check, proof).await);
    }
    findings
}

async fn look(survey: &ProcessSurvey<'_>, check: Check) -> Judgement {
    match check {
        Check::VerifyHealth => {
            let log = match survey.services().await {
                Ok(services) => logs_typed(&services),
                Err(skipped) => return super::unproven(skipped),
            };
            health(survey.found().await, &log)
        }
        Check::VerifyMigrations => match survey.condition().await {
            Ok(_) => store::schema(survey).await,
            Err(skipped) => super::unproven(skipped),
        },
        _ => rows(survey).await,
    }
}

async fn rows(survey: &ProcessSurvey<'_>) -> Judgement {
    if survey.beside_operation {
        return super::unproven(Judgement::skipped(ALONE));
    }
    let Some(manifest) = survey.last_manifest().await else {
        return Judgement::skipped("there is no backup of this release that can be read, to compare with");
    };
    let database = survey.database();
    let now = match database.facts(&database.live()).await {
        Ok(facts) => facts.tables,
        Err(fault) => return failing(&fault),
    };
    let named = |table: &TableRows| (table.name.clone(), table.rows);
    let now: BTreeMap<String, u64> = now.iter().map(named).collect();
    let then: BTreeMap<String, u64> = manifest.database.tables().iter().map(named).collect();
    judge::rows(&manifest.id.to_string(), &then, &now)
}

async fn whole(survey: &ProcessSurvey<'_>) -> Judgement {
    match survey.condition().await {
        Ok(_) => store::soundly(survey, Depth::Full, STORE_LIMIT).await,
        Err(skipped) => super::unproven(skipped),
    }
}

async fn walk(
    context: &Context,
    survey: &ProcessSurvey<'_>,
    file: Option<&Secret>,
    asked: bool,
) -> Judgement {
    let (site, services) = match (survey.site().await, survey.services().await) {
        (Ok(site), Ok(services)) => (site, services),
        (Err(skipped), _) | (_, Err(skipped)) => return super::unproven(skipped),
    };
    let described = survey.profile.smoke.as_ref();
    let set = |name: &VariableName| site.variables.get(name.as_str()).filter(|value| !value.is_empty());
    let named = described.and_then(|smoke| smoke.token_variable.as_ref()).and_then(set);
    let given = context.surroundings.variable(PLATFORM_KEY).or(named.map(String::as_str)).map(Secret::new);
    let key = file.or(given.as_ref());
    let walk = async |smoke: &Smoke| {
        let walk = Walk {
            base: format!("http://127.0.0.1:{}", survey.profile.service.port),
            http: &services.http,
            key,
            limit: survey.profile.health.request_timeout,
            redactor: &site.redactor,
        };
        walk.through(smoke).await
    };
    smoke(described, asked, key.is_some(), walk).await
}
