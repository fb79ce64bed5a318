//! What a quiet stack has to tell, member by member.

use std::collections::BTreeMap;

use opsctl::bundle::contents::*;
use serde_json::{Value, json};

use super::{MADE, ago, before, pino, postgres};

pub(super) fn manifest() -> BundleManifest {
    let collectors = ["compose-containers", "database-server", "host", "logs-agledger-api", "operations"];
    BundleManifest {
        schema: 1,
        tool: "0.1.0".into(),
        created: MADE.into(),
        took_ms: 2140,
        product: "agledger".into(),
        title: "AGLedger".into(),
        release: Some("1.4.0".into()),
        image: Some("agledger/agledger:1.4.0".into()),
        database_mode: Some("bundled".into()),
        window: BTreeMap::from([("tail".into(), "1000".into())]),
        collectors: collectors
            .map(|id| Collected {
                id: id.into(),
                status: CollectorStatus::Ok,
                why: None,
                duration_ms: 180,
                members: Vec::new(),
            })
            .into(),
        members: Vec::new(),
    }
}

pub(super) fn container(name: &str) -> ContainerFacts {
    let service = name.trim_end_matches(['-', '1', '2']);
    let is_database = service == "postgres";
    ContainerFacts {
        name: name.into(),
        id: "7f3a9c1e2b4d".into(),
        service: Some(service.into()),
        image: if is_database { "postgres:17" } else { "agledger/agledger:1.4.0" }.into(),
        image_id: if is_database { "sha256:2b4d90ab12ef" } else { "sha256:9c1e2b4d7f3a" }.into(),
        state: "running".into(),
        exit_code: Some(0),
        started: Some(ago(3 * 86_400)),
        health: Some("healthy".into()),
        health_log: vec![HealthProbe { at: ago(12), exit_code: 0, output: "ok".into() }],
        memory_limit: Some(1 << 30),
        restart_policy: "unless-stopped".into(),
        networks: vec!["agledger_default 172.20.0.3".into()],
        ports: if service == "agledger-api" { vec!["127.0.0.1:3001->3000/tcp".into()] } else { Vec::new() },
        environment: [("LOG_LEVEL", "#a1b2"), ("DATABASE_URL", "#k3f9"), ("API_KEY_SECRET", "#p7x2")]
            .map(|(name, print)| (name.into(), print.into()))
            .into(),
        ..ContainerFacts::default()
    }
}

pub(super) fn event(seconds: i64, action: &str, name: &str, exit_code: Option<i64>) -> EngineEvent {
    let service = name.trim_end_matches(['-', '1', '2']);
    EngineEvent {
        at: ago(seconds),
        kind: "container".into(),
        action: action.into(),
        name: name.into(),
        service: Some(service.into()),
        exit_code,
    }
}

pub(super) fn server() -> ServerFacts {
    ServerFacts {
        version: "17.2".into(),
        started: Some(ago(9 * 86_400)),
        max_connections: 100,
        reserved_connections: 3,
        database: "agledger".into(),
        database_bytes: 823 << 20,
        databases: BTreeMap::from([("agledger".into(), 823 << 20), ("postgres".into(), 7 << 20)]),
        transaction_age: 1_204_331,
        settings: [("max_connections", "100"), ("statement_timeout", "30s"), ("shared_buffers", "256MB")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        extensions: BTreeMap::from([("pgcrypto".into(), "1.3".into())]),
        ..ServerFacts::default()
    }
}

pub(super) fn counts(counts: &[(&str, u32)]) -> BTreeMap<String, u32> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

pub(super) fn activity() -> Activity {
    Activity {
        sessions: counts(&[("active", 4), ("idle", 31)]),
        by_application: counts(&[("agledger-api", 24), ("agledger-worker", 10), ("psql", 1)]),
        connections: 35,
        transactions: vec![OpenTransaction {
            pid: 4001,
            application: "agledger-api".into(),
            state: "active".into(),
            open_ms: 12,
            waits_for: None,
        }],
        blocked: Vec::new(),
        prepared: 0,
    }
}

pub(super) fn tables() -> Vec<TableFacts> {
    let table = |name: &str, rows: u64, megabytes: u64| TableFacts {
        schema: "public".into(),
        name: name.into(),
        rows: Some(rows),
        table_bytes: megabytes << 20,
        index_bytes: (megabytes << 20) / 3,
        dead_rows: rows / 100,
        vacuumed: Some(ago(7200)),
        analysed: Some(ago(7200)),
    };
    vec![
        table("audit_vault_entries", 4_120_331, 412),
        table("mandates", 310_211, 96),
        table("webhook_deliveries", 881_002, 71),
        table("agents", 1204, 1),
        table("schema_versions", 41, 0),
    ]
}

pub(super) fn migrations() -> Migrations {
    Migrations { applied: (1..=42).map(|number| format!("{number:04}_step")).collect() }
}

pub(super) fn host() -> HostFacts {
    let disk = |path: &str, holds: &str, gigabytes: u64, left: u64| DiskFacts {
        path: path.into(),
        holds: holds.into(),
        bytes: gigabytes << 30,
        bytes_available: left << 30,
        inodes: 2_600_000,
        inodes_available: 2_400_000,
    };
    HostFacts {
        os: "Debian GNU/Linux 12 (bookworm)".into(),
        kernel: "6.1.0-18-amd64".into(),
        architecture: "x86_64".into(),
        cpus: 4,
        load: [0.4, 0.5, 0.5],
        uptime_ms: 34 * 86_400_000,
        memory_bytes: 16 << 30,
        memory_available_bytes: 9 << 30,
        swap_bytes: 2 << 30,
        swap_used_bytes: 0,
        disks: vec![
            disk("/srv/agledger", "the install", 40, 22),
            disk("/var/lib/docker", "the engine's data", 40, 22),
            disk("/backup", "backups", 200, 120),
        ],
        clock: MADE.into(),
        clock_skew_ms: Some(14),
        versions: BTreeMap::from([
            ("docker".into(), "28.5.1".into()),
            ("compose".into(), "2.39.4".into()),
            ("opsctl".into(), "0.1.0".into()),
        ]),
        engine: BTreeMap::from([("storage".into(), "overlay2".into()), ("cgroup".into(), "2".into())]),
    }
}

pub(super) fn answers() -> Vec<Answer> {
    let answer = |instance: &str, path: &str, body: Value| Answer {
        service: instance.trim_end_matches(['-', '1', '2']).into(),
        instance: instance.into(),
        path: path.into(),
        status: Some(200),
        took_ms: 6,
        body: Some(body),
        error: None,
    };
    vec![
        answer("agledger-api-1", "/health", json!({"status": "ok", "version": "1.4.0"})),
        answer("agledger-api-1", "/health/ready", json!({"status": "ok"})),
        answer("agledger-api-2", "/health", json!({"status": "ok", "version": "1.4.0"})),
        answer("agledger-worker-1", "/health", json!({"status": "ok"})),
    ]
}

/// What a check found.
pub(crate) fn check(id: &str, status: &str, evidence: &str) -> Value {
    json!({"id": id, "category": "host", "status": status, "evidence": evidence, "remedies": [], "duration_ms": 12})
}

/// What a check found that does not hold.
pub(crate) fn failing(id: &str, evidence: &str, remedy: &str) -> Value {
    let mut check = check(id, "fail", evidence);
    check["remedies"] = json!([remedy]);
    check
}

pub(super) fn backups() -> Vec<BackupFacts> {
    (0..4)
        .rev()
        .map(|day| BackupFacts {
            id: format!("backup-2026-03-{:02}-013000", 14 - day),
            taken: ago(3600 + day * 86_400),
            release: Some("1.4.0".into()),
            bytes: 166 << 20,
            rows: Some(5_312_789),
            verified: Some(ago(3500 + day * 86_400)),
            kept_because: vec!["one of the newest 7".into()],
            trouble: None,
        })
        .collect()
}

/// An operation that took so many seconds.
pub(crate) fn operation(kind: &str, what: &str, began: i64, took: i64, outcome: &str) -> OperationFacts {
    OperationFacts {
        id: format!("{}-{kind}", before(began).strftime("%Y%m%dT%H%M%S")),
        kind: kind.into(),
        what: what.into(),
        began: ago(began),
        ended: Some(ago(began - took)),
        outcome: outcome.into(),
        failure: None,
        actor: "root@ops-1".into(),
        journal_trouble: None,
    }
}

/// An hour of a service that has nothing to complain of.
pub(super) fn quiet(seed: i64) -> String {
    (0..240).fold(String::new(), |mut log, index| {
        let at = 3600 - index * 15 - seed;
        log += &pino(
            at,
            30,
            &format!(
                "request completed: GET /v1/mandates/{} in {} ms",
                1000 + index * 7,
                3 + (index * 13 + seed) % 40
            ),
        );
        if index % 90 == 30 {
            log += &pino(at - 4, 40, "webhook delivery to https://example.com/hook took 2.1 s");
        }
        log
    })
}

pub(super) fn quiet_database() -> String {
    (0..12).fold(String::new(), |mut log, index| {
        log += &postgres(3600 - index * 300, "LOG:  checkpoint starting: time");
        log += &postgres(3570 - index * 300, "LOG:  checkpoint complete: wrote 212 buffers (0.6%)");
        log
    })
}
