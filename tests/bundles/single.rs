//! Each kind of trouble alone, on a machine that is well otherwise.

use opsctl::bundle::contents::{Answer, OpenTransaction};
use opsctl::bundle::findings::{Finding, findings};
use opsctl::explain::Entry;
use rstest::rstest;
use serde_json::json;

use crate::samples::{Sample, ago, bundle_of, failing, operation, pino};

fn found(change: impl FnOnce(&mut Sample)) -> Vec<Finding> {
    let mut sample = Sample::healthy();
    change(&mut sample);
    findings(&sample.bundle())
}

type Change = fn(&mut Sample);

#[rstest]
#[case::exit_at_start("exit-at-start", |sample: &mut Sample| {
    let worker = sample.container("agledger-worker-1");
    (worker.state, worker.exit_code, worker.health) = ("exited".into(), Some(1), None);
    (worker.started, worker.finished) = (Some(ago(100)), Some(ago(97)));
})]
#[case::worker_down("worker-down", |sample: &mut Sample| {
    let worker = sample.container("agledger-worker-1");
    (worker.state, worker.exit_code, worker.health) = ("exited".into(), Some(0), None);
    worker.finished = Some(ago(3000));
})]
#[case::database_down("database-down", |sample: &mut Sample| {
    let database = sample.container("postgres-1");
    (database.state, database.exit_code, database.health) = ("exited".into(), Some(0), None);
    database.finished = Some(ago(3000));
})]
#[case::start_refused("start-refused", |sample: &mut Sample| {
    let api = sample.container("agledger-api-1");
    api.state = "created".into();
    api.error = Some("driver failed programming external connectivity: Bind for 0.0.0.0:3001 failed: port is already allocated".into());
})]
#[case::restarted("restarted", |sample: &mut Sample| sample.container("agledger-api-1").restarts = 2)]
#[case::unhealthy("unhealthy", |sample: &mut Sample| {
    let api = sample.container("agledger-api-2");
    api.health = Some("unhealthy".into());
    api.health_log[0].exit_code = 1;
})]
#[case::never_healthy("unhealthy", |sample: &mut Sample| sample.container("agledger-api-2").health = Some("starting".into()))]
#[case::no_answer("not-ready", |sample: &mut Sample| sample.answers.push(Answer {
    service: "agledger-api".into(), instance: "agledger-api-2".into(), path: "/health/ready".into(), error: Some("timed out".into()), ..Answer::default()
}))]
#[case::inodes("inodes-used-up", |sample: &mut Sample| sample.host.disks[0].inodes_available = 1000)]
#[case::disk("disk-full", |sample: &mut Sample| sample.host.disks[2].bytes_available = 9 << 30)]
#[case::memory("memory-short", |sample: &mut Sample| sample.host.memory_available_bytes = 700 << 20)]
#[case::connections("connections-exhausted", |sample: &mut Sample| sample.activity.connections = 95)]
#[case::connections_refused("connections-exhausted", |sample: &mut Sample| logged(sample, "sorry, too many clients already"))]
#[case::prepared("prepared-transactions", |sample: &mut Sample| sample.activity.prepared = 1)]
#[case::idle("idle-in-transaction", |sample: &mut Sample| sample.activity.transactions.push(OpenTransaction {
    pid: 7, state: "idle in transaction (aborted)".into(), open_ms: 400_000, ..OpenTransaction::default()
}))]
#[case::wraparound("wraparound", |sample: &mut Sample| sample.server.transaction_age = 600_000_000)]
#[case::standby("database-read-only", |sample: &mut Sample| sample.server.in_recovery = true)]
#[case::statements("log-statement", |sample: &mut Sample| { sample.server.settings.insert("log_statement".into(), "ddl".into()); })]
#[case::pending("pending-migrations", |sample: &mut Sample| {
    sample.checks.push(failing("db-migrations", "the newest backup has migrations that the database has not: 0043_more", "look"));
})]
#[case::schema("pending-migrations", |sample: &mut Sample| logged(sample, "relation \"exports\" does not exist"))]
#[case::half("migration-half-applied", |sample: &mut Sample| logged(sample, "Dirty database version 43. Fix and force version."))]
#[case::version("version-mismatch", |sample: &mut Sample| sample.manifest.release = Some("1.5.0".into()))]
#[case::replica("version-mismatch", |sample: &mut Sample| sample.container("agledger-api-2").image = "agledger/agledger:1.3.0".into())]
#[case::drift("image-drift", |sample: &mut Sample| sample.container("agledger-api-2").image_id = "sha256:0ther".into())]
#[case::settings("settings-differ", |sample: &mut Sample| { sample.container("agledger-api-2").environment.insert("LOG_LEVEL".into(), "#zzzz".into()); })]
#[case::unfinished("operation-unfinished", |sample: &mut Sample| sample.operations.push(operation("upgrade", "1.4.0 -> 1.5.0", 900, 0, "interrupted")))]
#[case::left("operation-failed", |sample: &mut Sample| sample.operations.push(operation("restore", "", 900, 60, "left")))]
#[case::past_commit("operation-failed", |sample: &mut Sample| sample.operations.push(operation("upgrade", "1.4.0 -> 1.5.0", 900, 60, "past-commit")))]
#[case::journal("journal-damaged", |sample: &mut Sample| sample.operations[0].journal_trouble = Some("line 4 does not follow line 3".into()))]
#[case::kept("database-kept", |sample: &mut Sample| { sample.server.databases.insert("agledger__opsctl_replaced_20260313".into(), 1 << 20); })]
#[case::old_backup("backup-old", |sample: &mut Sample| sample.backups.truncate(2))]
#[case::no_backup("backup-missing", |sample: &mut Sample| sample.backups.clear())]
#[case::unverified("backup-unverified", |sample: &mut Sample| sample.backups.iter_mut().for_each(|backup| backup.verified = None))]
#[case::certificate("certificate-expiring", |sample: &mut Sample| {
    sample.checks.push(json!({"id": "db-tls", "status": "warn", "evidence": "the server's certificate ends in 6 days", "remedies": ["renew it"]}));
})]
#[case::check("check-env-mode", |sample: &mut Sample| sample.checks.push(failing("env-mode", "mode 0644", "chmod 600 .env")))]
#[case::warned("check-warnings", |sample: &mut Sample| sample.checks.push(json!({"id": "env-mode", "status": "warn", "evidence": "mode 0640", "remedies": ["chmod"]})))]
#[case::skew("clock-skew", |sample: &mut Sample| sample.host.clock_skew_ms = Some(-5300))]
#[case::dns("name-not-resolved", |sample: &mut Sample| logged(sample, "getaddrinfo ENOTFOUND db.internal"))]
#[case::port("port-taken", |sample: &mut Sample| logged(sample, "listen EADDRINUSE: address already in use :::3000"))]
#[case::files("too-many-files", |sample: &mut Sample| logged(sample, "accept failed: too many open files"))]
#[case::read_only("file-system-read-only", |sample: &mut Sample| logged(sample, "open /data/x: read-only file system"))]
#[case::permission("permission-denied", |sample: &mut Sample| logged(sample, "EACCES: permission denied, open '/data/x'"))]
#[case::login("database-login-refused", |sample: &mut Sample| logged(sample, "password authentication failed for user \"agledger\""))]
#[case::tls("tls-failure", |sample: &mut Sample| logged(sample, "self-signed certificate in certificate chain"))]
#[case::deadlock("deadlocks", |sample: &mut Sample| logged(sample, "deadlock detected"))]
#[case::setting("setting-missing", |sample: &mut Sample| logged(sample, "missing required environment variable API_KEY_SECRET"))]
#[case::timeout("statements-cancelled", |sample: &mut Sample| logged(sample, "canceling statement due to statement timeout"))]
#[case::corrupt("data-corruption", |sample: &mut Sample| logged(sample, "invalid page in block 7 of relation base/1/2"))]
#[case::heap("out-of-memory", |sample: &mut Sample| logged(sample, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"))]
#[case::storm("authentication-storm", |sample: &mut Sample| {
    let log: String = (0..40).map(|index| pino(500 - index, 40, "request refused: invalid API key")).collect();
    sample.log("agledger-api-1", &log);
})]
#[case::burst("error-rate", |sample: &mut Sample| {
    let log: String = (0..60).map(|index| pino(3000 - index * 5, if index > 50 { 50 } else { 30 }, &format!("step {index}"))).collect();
    sample.log("agledger-api-1", &log);
})]
fn is_found(#[case] id: &str, #[case] change: Change) {
    let found = found(change);
    let ids: Vec<&str> = found.iter().map(|finding| &*finding.id).collect();
    let finding = found.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("{ids:?}"));
    assert!(!finding.evidence.is_empty() && !finding.remedies.is_empty(), "{finding:?}");
    assert!(finding.explain.is_none_or(|entry| entry.parse::<Entry>().is_ok()), "{finding:?}");
}

/// An error of the API, once.
fn logged(sample: &mut Sample, message: &str) {
    let path = "logs/agledger-api-1.log";
    let text = sample.texts[path].clone() + &pino(60, 50, message);
    sample.text(path, &text);
}

#[test]
fn what_is_only_told_is_no_trouble() {
    for message in [
        "the word ECONNREFUSED in an example",
        "deadlock detected",
        "self-signed certificate",
        "out of memory",
    ] {
        let found = found(|sample| {
            let text = sample.texts["logs/agledger-api-1.log"].clone() + &pino(60, 30, message);
            sample.text("logs/agledger-api-1.log", &text);
        });
        assert_eq!(found, Vec::new(), "{message}");
    }
}

#[test]
fn a_certificate_of_a_provider_is_told_how_to_be_trusted() {
    let found = found(|sample| {
        logged(sample, "connect to x.eu-west-1.rds.amazonaws.com: unable to get local issuer certificate");
    });
    let tls = found.iter().find(|finding| finding.id == "tls-failure").unwrap();
    assert_eq!(tls.explain, Some("tls-aws"));
    assert!(tls.remedies[0].contains("rds-global-bundle.pem"), "{tls:?}");
}

#[test]
fn a_member_that_is_broken_missing_or_later_hides_no_other() {
    let sample = Sample::out_of_memory();
    let whole = findings(&sample.bundle());
    for spoiled in [
        "database/server.json",
        "host/system.json",
        "operations.json",
        "compose/events.jsonl",
        "manifest.json",
    ] {
        for bytes in [&b"{\"schema\": 99, \"trunc"[..], b"[1, 2]", b"\xff\xfe\x00", b""] {
            let members = sample.members().into_iter().map(|(path, content)| {
                let content = if path == spoiled { bytes.to_vec() } else { content };
                (path, content)
            });
            let found = findings(&bundle_of(members));
            assert_eq!(found[0].id, whole[0].id, "{spoiled}");
            assert!(found.iter().any(|finding| finding.id.starts_with("bundle-")), "{spoiled}: {bytes:?}");
        }
        let found = findings(&bundle_of(sample.members().into_iter().filter(|(path, _)| path != spoiled)));
        assert_eq!(found[0].id, whole[0].id, "without {spoiled}");
    }
}

#[test]
fn fields_of_another_version_cost_only_themselves() {
    let members = Sample::healthy().members().into_iter().map(|(path, content)| {
        let text = String::from_utf8(content).unwrap();
        let text = text
            .replace("\"max_connections\": 100,", "\"max_connections\": {\"value\": 100},")
            .replace("\"status\": \"ok\",\n      \"why\"", "\"status\": \"half-asleep\",\n      \"why\"")
            .replace("\"schema\": 1,", "\"schema\": 7, \"new\": [],");
        (path, text.into_bytes())
    });
    let bundle = bundle_of(members);
    let server = bundle.facts().server.as_ref().unwrap();
    assert_eq!((server.version.as_str(), server.max_connections), ("17.2", 0));
    assert_eq!(bundle.facts().manifest.collectors.len(), 5);
    assert!(
        bundle.facts().troubles.iter().any(|trouble| trouble.what.contains("schema 7")),
        "{:?}",
        bundle.facts().troubles
    );
}
