//! `opsctl preflight`: every check runs, side by side, and then the verdict.

pub(super) mod database;
mod environment;
pub(super) mod host;
pub(super) mod outlook;
pub(super) mod process;
pub(super) mod product;
pub(super) mod survey;

use std::sync::Arc;
use std::time::{Duration, Instant};

use comfy_table::Cell;
use futures_util::future::join_all;
use serde_json::json;

use crate::cli::Preflight;
use crate::commands::context::{Context, Outcome};
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::place::Place;
use crate::commands::show;
use crate::error::{Failure, Fault};
use crate::preflight::{Check, Finding, Judgement, Kind, Status, Tally};
use crate::report::quantity;

use outlook::ALONE;
use process::ProcessSurvey;
use survey::Survey;

/// How long one check may take; the product's own preflight has the limit that its description gives.
const LIMIT: Duration = Duration::from_secs(20);

/// An install under examination, whatever runs its product.
pub(super) trait Examined {
    /// What runs the product.
    fn kind(&self) -> Kind;
    /// Judges one check.
    async fn judge(&self, check: Check) -> Judgement;
}

/// An install whose checks can be judged.
pub(super) trait Surveyed {
    /// Judges checks, with what was read of the install already.
    async fn surveyed(&self, context: &Context, checks: &[Check]) -> Vec<Finding>;
}

impl Surveyed for Install {
    async fn surveyed(&self, context: &Context, checks: &[Check]) -> Vec<Finding> {
        findings(&Survey::of(context, self), checks).await
    }
}

impl Surveyed for Embedded {
    async fn surveyed(&self, context: &Context, checks: &[Check]) -> Vec<Finding> {
        findings(&ProcessSurvey::of(context, self), checks).await
    }
}

/// Does what was asked.
pub async fn run(context: &Context, asked: &Preflight) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let began = Instant::now();
    if let Some(profile) = Embedded::described(&place)? {
        let survey = ProcessSurvey::beside(context, place, Arc::new(profile));
        let checks = asked.choice.among(Check::preflight(), survey.kind());
        return verdict(context, &findings(&survey, &checks).await, began.elapsed());
    }
    let survey = Survey::beside(context, place);
    let checks = asked.choice.among(Check::preflight(), survey.kind());
    let (findings, ()) = tokio::join!(findings(&survey, &checks), clear(&survey));
    verdict(context, &findings, began.elapsed())
}

/// Removes what a preflight that was killed left behind. That it cannot be removed is no reason to say less of the install.
async fn clear(survey: &Survey<'_>) {
    let Ok(install) = survey.install().await else { return };
    let Ok(services) = survey.services(install) else { return };
    let own = install.profile.preflight.as_ref().map_or(Duration::ZERO, |own| own.timeout);
    if let Err(fault) = services.clear_preflights(own + 2 * LIMIT).await {
        log::debug!("what an earlier preflight left was not removed: {fault}");
    }
}

/// Shows what was found, and fails if anything does not hold.
pub(super) fn verdict(context: &Context, findings: &[Finding], took: Duration) -> Result<Outcome, Failure> {
    let tally = Tally::of(findings);
    let outcome = Outcome::new(screen(findings, tally, took), json!({"checks": findings, "tally": tally}));
    for finding in findings.iter().filter(|finding| finding.judgement.status == Status::Warn) {
        context.count_warning(format!("{}: {}", finding.id, finding.judgement.evidence));
    }
    match refusal(findings) {
        None => Ok(outcome),
        Some(refusal) => {
            context.known_so_far(&outcome);
            Err(refusal)
        }
    }
}

/// Before an operation: what would make it fail refuses it, and what may is warned of.
pub(super) async fn must_hold(
    context: &Context,
    install: &impl Surveyed,
    checks: &[Check],
) -> Result<(), Failure> {
    let findings = install.surveyed(context, checks).await;
    if let Some(refusal) = refusal(&findings) {
        return Err(refusal);
    }
    for finding in findings.iter().filter(|finding| finding.judgement.status == Status::Warn) {
        context.warn(format!("{}: {}", finding.id, finding.judgement.evidence));
    }
    Ok(())
}

fn refusal(findings: &[Finding]) -> Option<Failure> {
    let failed: Vec<&Finding> =
        findings.iter().filter(|finding| finding.judgement.status == Status::Fail).collect();
    let first = failed.first()?;
    let mut fault =
        Fault::new(quantity::counted(failed.len() as u64, "check does not hold", "checks do not hold"));
    for finding in &failed {
        fault.causes.push(format!("{}: {}", finding.id, finding.judgement.evidence));
        for remedy in &finding.judgement.remedies {
            if !fault.hints.contains(remedy) {
                fault.hints.push(remedy.clone());
            }
        }
    }
    // Once is enough: the others are explained in the same way.
    Some(Failure::refused(fault.explained(first.id)))
}

/// Runs checks side by side; they come back in the order of the catalogue.
pub(super) async fn findings(survey: &impl Examined, selected: &[Check]) -> Vec<Finding> {
    join_all(selected.iter().map(|check| async move {
        let began = Instant::now();
        let judgement = match check {
            Check::ProductPreflight => survey.judge(*check).await,
            _ => tokio::time::timeout(LIMIT, survey.judge(*check)).await.unwrap_or_else(|_| {
                Judgement::fail(
                    format!("no answer within {}", quantity::duration(LIMIT)),
                    "is what it asks overloaded? try it alone with `--only`",
                )
            }),
        };
        Finding { id: *check, category: check.category(), judgement, duration: began.elapsed() }
    }))
    .await
}

/// A check that was asked for and is for the products of another runtime.
pub(super) fn not_for(check: Check) -> Judgement {
    let whom = check.runtime().map_or("others", Kind::in_words);
    Judgement::skipped(format!("it is for {whom}"))
}

impl Examined for Survey<'_> {
    fn kind(&self) -> Kind {
        Kind::Compose
    }

    async fn judge(&self, check: Check) -> Judgement {
        judge(self, check).await
    }
}

async fn judge(survey: &Survey<'_>, check: Check) -> Judgement {
    match check {
        // Both open sessions of the product's database.
        Check::DbPooler | Check::ProductPreflight if survey.beside_operation => Judgement::skipped(ALONE),
        Check::HostEngine => host::engine(survey).await,
        Check::HostCompose => host::compose().await,
        Check::HostResources => host::resources(survey).await,
        Check::HostRoom => host::room(survey).await,
        Check::HostInodes => host::inodes(survey).await,
        Check::HostClock => host::clock(survey).await,
        Check::HostPorts => host::ports(survey).await,
        Check::HostBackups => host::backups(survey).await,
        Check::HostNetwork => host::network(survey).await,
        Check::EnvFile => environment::file(survey),
        Check::EnvRequired => environment::required(survey).await,
        Check::EnvNames => environment::names(survey).await,
        Check::EnvRemoved => environment::removed(survey).await,
        Check::EnvDuplicates => environment::duplicates(survey),
        Check::EnvPlaceholders => environment::placeholders(survey).await,
        Check::EnvMode => environment::mode(survey),
        Check::EnvFiles => environment::files(survey).await,
        Check::EnvCompose => environment::compose(survey).await,
        Check::EnvRunning => environment::running(survey).await,
        Check::EnvPrevious => environment::previous(survey).await,
        Check::ImagePresent => product::image_present(survey).await,
        Check::ImageDigest => product::image_digest(survey).await,
        Check::ImageArchitecture => product::image_architecture(survey).await,
        Check::DbConnect => database::connect(survey).await,
        Check::DbTls => database::tls(survey).await,
        Check::DbVersion => database::judged(survey, crate::preflight::database::version).await,
        Check::DbWritable => database::judged(survey, crate::preflight::database::writable).await,
        Check::DbRights => database::judged(survey, crate::preflight::database::rights).await,
        Check::DbRestore => database::judged(survey, crate::preflight::database::restore_rights).await,
        Check::DbConnections => database::connections(survey).await,
        Check::DbTools => database::tools(survey).await,
        Check::DbMigrations => database::migrations(survey).await,
        Check::DbTimeouts => database::judged(survey, crate::preflight::database::timeouts).await,
        Check::DbLogging => database::judged(survey, crate::preflight::database::logging).await,
        Check::DbTransactions => database::transactions(survey).await,
        Check::DbWraparound => database::judged(survey, crate::preflight::database::wraparound).await,
        Check::DbCollation => database::collation(survey).await,
        Check::DbIndexes => database::indexes(survey).await,
        Check::DbLocks => database::locks(survey).await,
        Check::DbPooler => database::pooler(survey).await,
        Check::ProductOperation => product::operation(survey),
        Check::ProductHealth => product::health(survey).await,
        Check::ProductVersion => product::version(survey).await,
        Check::ProductReplicas => product::replicas(survey).await,
        Check::ProductMonitoring => product::monitoring(survey).await,
        Check::ProductPreflight => product::preflight(survey).await,
        Check::ProductBackup => product::backup(survey),
        Check::ReleasePresent
        | Check::ReleaseWhole
        | Check::ReleaseArchitecture
        | Check::ReleaseVersion
        | Check::StoreFile
        | Check::StorePlace
        | Check::StoreOpen
        | Check::StoreSound
        | Check::StoreLog
        | Check::StoreSchema
        | Check::StoreRoom
        | Check::VerifyStore => not_for(check),
        Check::VerifyHealth
        | Check::VerifyMigrations
        | Check::VerifyRows
        | Check::VerifyData
        | Check::VerifyProvisioning
        | Check::VerifySmoke => Judgement::skipped("`opsctl verify` proves it"),
    }
}

fn screen(findings: &[Finding], tally: Tally, took: Duration) -> String {
    let mut table = show::table(["", "check", "found"]);
    for finding in findings {
        let judgement = &finding.judgement;
        table.add_row([
            Cell::new(judgement.status.word()),
            Cell::new(finding.id.id()),
            Cell::new(&judgement.evidence),
        ]);
        for remedy in &judgement.remedies {
            table.add_row(["", "", &format!("-> {remedy}")]);
        }
    }
    // What fails is explained by the error that follows.
    let warned = findings.iter().find(|finding| finding.judgement.status == Status::Warn);
    let more = warned
        .filter(|_| tally.failed == 0)
        .map_or(String::new(), |finding| format!("\n`opsctl explain {}` tells more", finding.id));
    format!(
        "{}\n\n{} passed, {} warned, {} failed, {} skipped, in {}{more}",
        show::lines(&table),
        tally.passed,
        tally.warned,
        tally.failed,
        tally.skipped,
        quantity::duration(took)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_names_once_what_tells_more() {
        let finding = |id: Check, judgement| Finding {
            id,
            category: id.category(),
            judgement,
            duration: Duration::ZERO,
        };
        let findings = [
            finding(Check::EnvMode, Judgement::warn("mode 0640", "chmod")),
            finding(Check::DbRights, Judgement::fail("may not create", "grant")),
            finding(Check::DbPooler, Judgement::fail("shared", "go direct").and("grant")),
        ];
        let refused = refusal(&findings).unwrap();
        assert_eq!(refused.fault.what, "2 checks do not hold");
        assert_eq!(refused.fault.hints, ["grant", "go direct", "`opsctl explain db-rights` tells more"]);
        assert!(!screen(&findings, Tally::of(&findings), Duration::ZERO).contains("explain"));
        assert_eq!(refusal(&findings[..1]), None);
        let warned = screen(&findings[..1], Tally::of(&findings[..1]), Duration::ZERO);
        assert!(warned.ends_with("\n`opsctl explain env-mode` tells more"), "{warned}");
    }
}
