//! `opsctl verify`: proofs that the install is sound. They run one after the other: some take long, some change something.

pub(super) mod process;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::adapters::compose_services::ComposeServices;
use crate::adapters::consent;
use crate::adapters::postgres::rows::row_counts;
use crate::adapters::postgres::session::Session;
use crate::adapters::product_database;
use crate::cli::Verify;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::operate::{mention_unfinished, refuse_beside};
use crate::commands::place::Place;
use crate::commands::preflight::host::failing;
use crate::commands::preflight::outlook::{ALONE, Known};
use crate::commands::preflight::process::ProcessSurvey;
use crate::commands::preflight::product::COMPOSE_LOGS;
use crate::commands::preflight::survey::Survey;
use crate::commands::preflight::{self, database};
use crate::error::{Failure, Fault};
use crate::model::secret::Secret;
use crate::ports::Services;
use crate::preflight::product as judge;
use crate::preflight::{Check, Finding, Judgement, Kind, Status};
use crate::profile::Smoke;
use crate::report::{Event, Progress, Reporter};

/// Does what was asked.
pub async fn run(context: &Context, asked: &Verify) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    refuse_beside(&place)?;
    mention_unfinished(context, &place);
    if let Some(profile) = Embedded::described(&place)? {
        let (survey, began) = (ProcessSurvey::beside(context, place, Arc::new(profile)), Instant::now());
        let findings = process::proofs(context, &survey, asked).await?;
        return preflight::verdict(context, &findings, began.elapsed());
    }
    let install = Install::open(context, place).await?;
    let survey = Survey::of(context, &install);
    let mut services = survey.services(&install).map_err(|judgement| Fault::new(judgement.evidence))?;
    let selected = asked.choice.among(Check::proofs(), Kind::Compose);
    if let Some(key) = given_key(context, &services, asked.platform_key_file.as_deref(), &selected)? {
        services.platform_key = Some(key);
    }
    let began = Instant::now();
    let mut findings = Vec::new();
    for check in selected {
        findings.push(found(check, prove(context, &survey, &services, asked, check)).await);
    }
    preflight::verdict(context, &findings, began.elapsed())
}

/// The proofs that are no burden to the product: the others start something in it, or write to it, and are skipped. Rows are
/// counted in the session that is given, which others need not wait for.
pub(super) async fn at_a_glance(survey: &Survey<'_>, session: &Result<Session, Fault>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in Check::proofs().filter(|check| check.is_for(Kind::Compose)) {
        let proof = async {
            match (check, session) {
                (Check::VerifyRows | Check::VerifyMigrations, _) if survey.beside_operation => {
                    Judgement::skipped(ALONE)
                }
                (Check::VerifyRows, Ok(session)) => rows(survey, session).await,
                (Check::VerifyRows, Err(fault)) => unproven(Judgement::skipped(fault.to_string())),
                (Check::VerifyHealth | Check::VerifyMigrations, _) => look(survey, check).await,
                _ => Judgement::skipped("it is no mere look: `opsctl verify` proves it"),
            }
        };
        findings.push(found(check, proof).await);
    }
    findings
}

async fn found(check: Check, proof: impl Future<Output = Judgement>) -> Finding {
    let began = Instant::now();
    let judgement = proof.await;
    Finding { id: check, category: check.category(), judgement, duration: began.elapsed() }
}

/// The key from a file, or, where a proof needs one and there is none, from a person.
fn given_key(
    context: &Context,
    services: &ComposeServices,
    file: Option<&Path>,
    selected: &[Check],
) -> Result<Option<Secret>, Failure> {
    if let Some(file) = file {
        return key_in(file).map(Some);
    }
    let scan = services.profile.scan.as_ref();
    let needed =
        selected.contains(&Check::VerifyData) && scan.is_some_and(|scan| scan.token_variable.is_some());
    let may_ask = context.surroundings.can_ask && !context.global.non_interactive;
    if needed && services.platform_key.is_none() && may_ask {
        return Ok(consent::secret("The platform key (it is not shown)"));
    }
    Ok(None)
}

/// The key that a file holds.
pub(super) fn key_in(file: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(Fault::caused_by(format!("cannot read {}", file.display()), &error))
    })?;
    let key = text.trim();
    if key.is_empty() {
        return Err(Failure::usage(Fault::new(format!("{} holds no key", file.display()))));
    }
    Ok(Secret::new(key))
}

async fn prove(
    context: &Context,
    survey: &Survey<'_>,
    services: &ComposeServices,
    asked: &Verify,
    check: Check,
) -> Judgement {
    match check {
        Check::VerifyHealth | Check::VerifyMigrations | Check::VerifyRows => look(survey, check).await,
        Check::VerifyData => data(context, services).await,
        Check::VerifyProvisioning => provisioning(survey, services, asked.reload).await,
        Check::VerifyStore => preflight::not_for(check),
        _ => {
            let walk = async |described: &Smoke| services.walk(described).await;
            smoke(services.profile.smoke.as_ref(), asked.smoke, services.platform_key.is_some(), walk).await
        }
    }
}

/// The proofs that only look.
async fn look(survey: &Survey<'_>, check: Check) -> Judgement {
    if check == Check::VerifyHealth {
        return health(survey.found().await, COMPOSE_LOGS);
    }
    match survey.session().await {
        Err(skipped) => unproven(skipped),
        Ok(_) if check == Check::VerifyMigrations => database::migrations(survey).await,
        Ok(session) => rows(survey, session).await,
    }
}

/// `log` is how the product's log is seen.
fn health(found: Known<'_, Found>, log: &str) -> Judgement {
    match found {
        Ok(found) if found.drift.is_empty() => match &found.trouble {
            None => Judgement::pass(format!("{} is healthy and ready", found.release)),
            trouble => judge::health(trouble.as_deref(), found.running.len(), log),
        },
        Ok(found) => judge::version(&found.release.to_string(), &found.drift),
        Err(skipped) => unproven(skipped),
    }
}

/// What could not be looked at is not sound for that.
fn unproven(skipped: Judgement) -> Judgement {
    Judgement { status: Status::Fail, ..skipped }.and("`opsctl preflight` says why")
}

/// Each table of the newest backup of this release: that it is there, and whether rows went away since.
async fn rows(survey: &Survey<'_>, session: &Session) -> Judgement {
    let Some(manifest) = survey.last_manifest().await else {
        return Judgement::skipped("there is no backup of this release that can be read, to compare with");
    };
    let now = match row_counts(session).await {
        Ok(counts) => counts,
        Err(error) => return failing(&product_database::fault(&error)),
    };
    let named =
        |table: &crate::model::manifest::TableRows| (format!("{}.{}", table.schema, table.name), table.rows);
    let now: BTreeMap<String, u64> = now.iter().map(named).collect();
    let then: BTreeMap<String, u64> = manifest.database.tables().iter().map(named).collect();
    judge::rows(&manifest.id.to_string(), &then, &now)
}

async fn data(context: &Context, services: &ComposeServices) -> Judgement {
    let Some(scan) = &services.profile.scan else {
        return Judgement::skipped("the product has no scan of its own that is known here");
    };
    if scan.token_variable.is_some() && services.platform_key.is_none() {
        return without_key("not scanned");
    }
    let report = |progress: Progress| context.report(&Event::Progress(progress));
    match services.scan(&report).await {
        Ok(said) => Judgement::pass(said.unwrap_or_default()),
        Err(fault) => {
            let evidence: Vec<&str> = fault.evidence.iter().map(String::as_str).collect();
            let judgement = failing(&fault);
            let said = format!("{} {}", judgement.evidence, evidence.join(" "));
            Judgement { evidence: said.trim().to_owned(), ..judgement }
        }
    }
}

fn without_key(what: &str) -> Judgement {
    Judgement::fail(
        format!("{what}: there is no platform key"),
        "give it in OPSCTL_PLATFORM_KEY, or in a file: `--platform-key-file FILE`",
    )
    .and("or leave the proof out: `--skip verify-data,verify-provisioning,verify-smoke`")
}

async fn provisioning(survey: &Survey<'_>, services: &ComposeServices, asked: bool) -> Judgement {
    let Some(reload) = &services.profile.reload else {
        return Judgement::skipped("the product follows no files that are known here");
    };
    let used = match (survey.install().await, &reload.used_with) {
        (Ok(install), Some(variable)) => install.variable(variable).is_some(),
        _ => false,
    };
    if !used && !asked {
        return Judgement::skipped(match &reload.used_with {
            Some(variable) => format!("{variable} is not set: nothing is prescribed"),
            None => "whether files prescribe anything is not known: `--reload` asks the product".to_owned(),
        });
    }
    if reload.token_variable.is_some() && services.platform_key.is_none() {
        return without_key("not reloaded");
    }
    match services.reload(reload).await {
        Ok(said) => Judgement::pass(format!("reloaded: {said}")),
        Err(fault) => failing(&fault),
    }
}

/// `walk` takes the walk that is described, if it was asked for.
async fn smoke(
    described: Option<&Smoke>,
    asked: bool,
    has_key: bool,
    walk: impl AsyncFnOnce(&Smoke) -> Result<String, Fault>,
) -> Judgement {
    let Some(smoke) = described else {
        return Judgement::skipped("none is described for this product");
    };
    if !asked {
        return Judgement::skipped("it writes to the product, and was not asked for: `--smoke`");
    }
    if smoke.token_variable.is_some() && !has_key {
        return without_key("not walked through");
    }
    match walk(smoke).await {
        Ok(said) => Judgement::pass(said),
        Err(fault) => {
            let evidence = fault.evidence.join(" ");
            let judgement = failing(&fault);
            Judgement {
                evidence: format!("{} {evidence}", judgement.evidence).trim().to_owned(),
                ..judgement
            }
        }
    }
}
