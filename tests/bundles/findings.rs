use std::collections::BTreeSet;

use opsctl::bundle::findings::{Finding, Severity, findings};
use opsctl::explain::Entry;

use crate::samples::{Sample, postgres};

fn ids(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| &*finding.id).collect()
}

fn because<'a>(found: &'a [Finding], id: &str) -> Option<&'a str> {
    found.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("no {id}")).because.as_deref()
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(findings(&Sample::healthy().bundle()), Vec::new());
}

#[test]
fn what_was_before_the_last_good_operation_is_past() {
    let mut sample = Sample::healthy();
    let said = "ERROR:  column \"default_retention\" does not exist at character 51";
    sample.log("postgres", &postgres(3 * 86_400 - 100, said));
    assert_eq!(findings(&sample.bundle()), Vec::new());
    sample.log("postgres", &postgres(3 * 86_400 - 1_000, said));
    assert_eq!(ids(&findings(&sample.bundle())), ["pending-migrations"]);
}

#[test]
fn who_waits_for_a_connection_that_is_being_opened_finds_no_pool_exhausted() {
    let mut sample = Sample::healthy();
    sample.text("opsctl/opsctl.toml", include_str!("../../templates/profiles/agledger.toml"));
    let metrics = |total: u64| {
        format!("agledger_db_pool_total_connections {total}\nagledger_db_pool_waiting_connections 1\n")
    };
    sample.text("product/metrics/agledger-api.txt", &metrics(1));
    assert_eq!(findings(&sample.bundle()), Vec::new());
    sample.text("product/metrics/agledger-api.txt", &metrics(20));
    assert_eq!(ids(&findings(&sample.bundle())), ["pool-exhausted"]);
    sample.text("environment.txt", "DATABASE_POOL_MAX=30\n");
    assert_eq!(findings(&sample.bundle()), Vec::new());
}

#[test]
fn a_crash_loop_for_lack_of_memory_is_one_story_and_memory_is_its_cause() {
    let found = findings(&Sample::out_of_memory().bundle());
    assert_eq!(ids(&found), ["out-of-memory", "crash-loop", "queue-stuck", "frequent-errors"]);
    assert_eq!(because(&found, "crash-loop"), Some("out-of-memory"));
    assert!(
        found[0].title.contains("agledger-worker") && found[0].title.contains("256 MiB"),
        "{}",
        found[0].title
    );
}

#[test]
fn a_lock_pile_up_names_the_session_at_its_root_and_why_that_sits_there() {
    let found = findings(&Sample::lock_pile_up().bundle());
    assert_eq!(&ids(&found)[..3], ["idle-in-transaction", "lock-pile-up", "pool-exhausted"]);
    let pile_up = &found[1];
    assert!(pile_up.title.contains("session 4711 of psql holds up 22 others"), "{}", pile_up.title);
    assert!(
        pile_up.remedies.iter().any(|remedy| remedy.contains("pg_terminate_backend(4711)")),
        "{pile_up:?}"
    );
    assert_eq!(because(&found, "not-ready"), Some("lock-pile-up"));
}

#[test]
fn a_failed_upgrade_is_explained_by_what_the_migration_said() {
    let found = findings(&Sample::failed_upgrade().bundle());
    assert_eq!(ids(&found), ["database-rights", "migration-failed", "operation-failed"]);
    assert_eq!(because(&found, "migration-failed"), Some("database-rights"));
}

#[test]
fn a_full_disk_explains_the_database_and_all_that_stands_on_it() {
    let found = findings(&Sample::disk_full().bundle());
    assert_eq!(found[0].id, "disk-full");
    for effect in ["database-crashed", "database-down", "connection-refused", "backup-damaged", "error-rate"]
    {
        assert_eq!(because(&found, effect), Some("disk-full"), "{effect}");
    }
    // What preflight says of it is part of it, and not said twice.
    assert!(found[0].evidence.iter().any(|evidence| evidence.member == "preflight.json"), "{:?}", found[0]);
    assert!(ids(&found).contains(&"collector-failed"));
}

#[test]
fn a_backup_that_is_gone_unrecorded_or_somebody_elses_is_not_said_to_be_damaged() {
    let with = |which: usize, trouble: &str| {
        let mut sample = Sample::healthy();
        sample.backups[which].trouble = Some(trouble.into());
        findings(&sample.bundle())
    };
    let gone = with(0, "missing");
    assert_eq!(ids(&gone), ["backup-gone"]);
    assert!(gone[0].title.contains("1 backup without a file"), "{gone:?}");
    assert_eq!(ids(&with(0, "found, not recorded")), Vec::<&str>::new());
    assert_eq!(ids(&with(3, "found, not recorded")), Vec::<&str>::new(), "it is one to go back to");
    assert_eq!(ids(&with(0, "this install did not write it")), Vec::<&str>::new());
    assert_eq!(ids(&with(0, "changed since it was written")), ["backup-damaged"]);
}

#[test]
fn a_pooler_explains_why_nobody_hears_of_jobs() {
    let found = findings(&Sample::pooler().bundle());
    assert_eq!(ids(&found), ["transaction-pooler", "queue-stuck"]);
    assert_eq!(because(&found, "queue-stuck"), Some("transaction-pooler"));
}

#[test]
fn all_that_is_found_rests_on_lines_that_exist_says_what_to_do_and_is_explained() {
    for (name, sample) in Sample::all() {
        let bundle = sample.bundle();
        let found = findings(&bundle);
        let known: BTreeSet<&str> = ids(&found).into_iter().collect();
        for finding in &found {
            assert!(!finding.evidence.is_empty() && !finding.remedies.is_empty(), "{name}: {finding:?}");
            for evidence in &finding.evidence {
                let member =
                    bundle.member(&evidence.member).unwrap_or_else(|| panic!("{name}: {evidence:?}"));
                let line = evidence.line.and_then(|line| member.line(line));
                assert!(line.is_some_and(|line| !line.trim().is_empty()), "{name}: {evidence:?}");
            }
            if let Some(entry) = finding.explain {
                assert!(entry.parse::<Entry>().is_ok(), "{name}: {entry}");
            }
            if let Some(cause) = &finding.because {
                assert!(known.contains(&**cause) && *cause != finding.id, "{name}: {finding:?}");
            }
        }
    }
}

#[test]
fn no_cause_is_less_bad_than_what_it_brings_about_and_stands_before_it() {
    for (name, sample) in Sample::all() {
        let found = findings(&sample.bundle());
        for (index, effect) in found.iter().enumerate() {
            let Some(cause) = &effect.because else { continue };
            let place = found.iter().position(|finding| finding.id == *cause).unwrap();
            assert!(place < index, "{name}: {cause} stands behind {}", effect.id);
            let is_root = found[place].because.is_none();
            assert!(!is_root || found[place].severity <= effect.severity, "{name}: {cause}");
        }
        assert!(found.is_empty() || found[0].severity == Severity::Critical, "{name}");
    }
}
