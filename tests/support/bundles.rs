//! Support bundles as they come from machines that are well, and from such that are not.

#[path = "bundles/facts.rs"]
mod facts;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use opsctl::bundle::contents::*;
use opsctl::bundle::read::{Bundle, Content};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use facts::{
    activity, answers, backups, container, counts, event, host, manifest, migrations, quiet, quiet_database,
    server, tables,
};
pub(crate) use facts::{check, failing, operation};

/// When all of them were made.
pub(crate) const MADE: &str = "2026-03-14T02:30:00Z";

/// What all of them are called.
pub(crate) const NAME: &str = "support-bundle-2026-03-14-023000";

/// What is in a bundle, to be changed before it is written.
#[derive(Clone, Default)]
pub(crate) struct Sample {
    pub(crate) manifest: BundleManifest,
    pub(crate) containers: Vec<ContainerFacts>,
    pub(crate) events: Vec<EngineEvent>,
    pub(crate) server: ServerFacts,
    pub(crate) activity: Activity,
    pub(crate) tables: Vec<TableFacts>,
    pub(crate) migrations: Migrations,
    pub(crate) queues: Vec<QueueDepth>,
    pub(crate) host: HostFacts,
    pub(crate) answers: Vec<Answer>,
    pub(crate) checks: Vec<Value>,
    pub(crate) backups: Vec<BackupFacts>,
    pub(crate) operations: Vec<OperationFacts>,
    /// Logs and other members, as text.
    pub(crate) texts: BTreeMap<String, String>,
}

/// So many seconds before a bundle is made.
pub(crate) fn ago(seconds: i64) -> String {
    before(seconds).to_string()
}

fn before(seconds: i64) -> Timestamp {
    MADE.parse::<Timestamp>().expect("a time") - SignedDuration::from_secs(seconds)
}

/// A line of pino.
pub(crate) fn pino(seconds: i64, level: u8, message: &str) -> String {
    let time = before(seconds).as_millisecond();
    format!(
        "{}\n",
        json!({"level": level, "time": time, "pid": 1, "hostname": "7f3a9c1e2b4d", "msg": message})
    )
}

/// A line of PostgreSQL.
pub(crate) fn postgres(seconds: i64, text: &str) -> String {
    format!("{} UTC [{}] {text}\n", before(seconds).strftime("%Y-%m-%d %H:%M:%S.000"), 40 + seconds % 20)
}

impl Sample {
    /// The product with two API replicas, on a day without events.
    pub(crate) fn healthy() -> Self {
        let mut sample = Self {
            manifest: manifest(),
            containers: ["agledger-api-1", "agledger-api-2", "agledger-worker-1", "postgres-1"]
                .map(container)
                .into(),
            events: Vec::new(),
            server: server(),
            activity: activity(),
            tables: tables(),
            migrations: migrations(),
            queues: vec![
                QueueDepth {
                    queue: "webhooks".into(),
                    state: "created".into(),
                    jobs: 3,
                    oldest_ms: Some(900),
                },
                QueueDepth {
                    queue: "webhooks".into(),
                    state: "active".into(),
                    jobs: 2,
                    oldest_ms: Some(300),
                },
                QueueDepth {
                    queue: "webhooks".into(),
                    state: "completed".into(),
                    jobs: 81_233,
                    oldest_ms: None,
                },
            ],
            host: host(),
            answers: answers(),
            checks: vec![
                check("host-engine", "pass", "Docker 28.5 answers"),
                check("db-pooler", "pass", "each connection keeps its server process"),
            ],
            backups: backups(),
            operations: vec![operation("upgrade", "1.3.0 -> 1.4.0", 3 * 86_400, 190, "done")],
            texts: BTreeMap::new(),
        };
        for (seed, name) in (0..).zip(["agledger-api-1", "agledger-api-2", "agledger-worker-1"]) {
            sample.log(name, &quiet(seed));
        }
        sample.log("postgres", &quiet_database());
        sample.text("environment.txt", "AGLEDGER_VERSION=1.4.0\nLOG_LEVEL=info\nDATABASE_URL=[REDACTED:DATABASE_URL#k3f9 len=64]\nAPI_KEY_SECRET=[REDACTED:API_KEY_SECRET#p7x2 len=64 hex]\n");
        sample.text(
            "database/schema.sql",
            "CREATE TABLE mandates (\n    id uuid PRIMARY KEY,\n    status text NOT NULL\n);\n",
        );
        sample.text("redaction-report.json", &pretty(&json!({"masked": 14, "files": {"environment.txt": {"variable": 12}, "logs/postgres.log": {"sql-password": 2}}})));
        sample.text("product/metrics/agledger-api.txt", "# TYPE agledger_db_pool_waiting_connections gauge\nagledger_db_pool_total_connections 20\nagledger_db_pool_waiting_connections 0\nagledger_http_request_duration_seconds_bucket{method=\"GET\",le=\"0.1\"} 41233\n");
        sample
    }

    /// The worker runs out of memory as often as the engine starts it.
    pub(crate) fn out_of_memory() -> Self {
        let mut sample = Self::healthy();
        let worker = sample.container("agledger-worker-1");
        worker.state = "restarting".into();
        worker.exit_code = Some(137);
        worker.oom_killed = true;
        worker.restarts = 14;
        worker.health = None;
        worker.memory_limit = Some(256 << 20);
        worker.started = Some(ago(95));
        worker.finished = Some(ago(31));
        let mut log = quiet(2);
        for round in (0..14).rev() {
            let at = 31 + round * 130;
            for (seconds, action, code) in
                [(at + 64, "start", None), (at, "oom", None), (at, "die", Some(137))]
            {
                sample.events.push(event(seconds, action, "agledger-worker-1", code));
            }
            log += &pino(at + 63, 30, "worker started");
            log += &pino(at + 22, 40, "heap use is 214 MB of 256 MB");
            log += &pino(at + 3, 50, "job export-ledger failed: batch of 50000 entries could not be held");
        }
        sample.log("agledger-worker-1", &log);
        sample.queues[0] = QueueDepth {
            queue: "webhooks".into(),
            state: "created".into(),
            jobs: 1833,
            oldest_ms: Some(1_740_000),
        };
        sample.queues[1].jobs = 0;
        sample.checks.push(failing("product-health", "agledger-worker-1 is restarting", "look at its log"));
        sample
    }

    /// Somebody began a transaction in psql, changed a table, and went for lunch.
    pub(crate) fn lock_pile_up() -> Self {
        let mut sample = Self::healthy();
        sample.activity.connections = 61;
        sample.activity.sessions = counts(&[("active", 38), ("idle", 21), ("idle in transaction", 2)]);
        sample.activity.transactions.insert(
            0,
            OpenTransaction {
                pid: 4711,
                application: "psql".into(),
                state: "idle in transaction".into(),
                open_ms: 2_820_000,
                waits_for: None,
            },
        );
        sample.activity.blocked = (0..22)
            .map(|index| Blocked {
                pid: 5000 + index,
                application: "agledger-api".into(),
                by: if index == 0 { vec![4711] } else { vec![5000] },
                waiting_ms: 2_700_000 - u64::from(index.unsigned_abs()) * 60_000,
                lock: if index == 0 { "AccessExclusiveLock".into() } else { "RowExclusiveLock".into() },
                relation: Some("mandates".into()),
            })
            .collect();
        sample.text("product/metrics/agledger-api-1.txt", "agledger_db_pool_total_connections 20\nagledger_db_pool_idle_connections 0\nagledger_db_pool_waiting_connections 47\n");
        let mut log = quiet(0);
        for index in 0..260 {
            log += &pino(
                2600 - index * 10,
                50,
                &format!("request {index} failed: timeout exceeded when trying to connect"),
            );
        }
        sample.log("agledger-api-1", &log);
        let ready =
            sample.answers.iter_mut().find(|answer| answer.path == "/health/ready").expect("an answer");
        ready.status = Some(503);
        ready.body = Some(json!({"status": "unavailable", "database": "timeout"}));
        sample
    }

    /// An upgrade whose migration fails for lack of rights, and that rolled back.
    pub(crate) fn failed_upgrade() -> Self {
        let mut sample = Self::healthy();
        let mut migrate = container("agledger-migrate-1");
        migrate.one_off = true;
        migrate.state = "exited".into();
        migrate.exit_code = Some(1);
        migrate.health = None;
        migrate.started = Some(ago(1500));
        migrate.finished = Some(ago(1493));
        migrate.image = "agledger/agledger:1.5.0".into();
        sample.containers.push(migrate);
        sample.events.push(event(1500, "start", "agledger-migrate-1", None));
        sample.events.push(event(1493, "die", "agledger-migrate-1", Some(1)));
        let mut upgrade = operation("upgrade", "1.4.0 -> 1.5.0", 1560, 110, "rolled-back");
        upgrade.failure =
            Some("step 7/12 failed while migrating: agledger-migrate ended with status 1".into());
        sample.operations.push(upgrade);
        let log = [
            pino(1499, 30, "applying 0043_export_index"),
            pino(1494, 60, "migration 0043_export_index failed: permission denied for schema public (42501)"),
        ];
        sample.log("agledger-migrate-1", &log.concat());
        let mut database = quiet_database();
        database += &postgres(1494, "ERROR:  permission denied for schema public");
        database += &postgres(1494, "STATEMENT:  [REDACTED]");
        sample.log("postgres", &database);
        sample
    }

    /// The engine's disk is full, and the database with it.
    pub(crate) fn disk_full() -> Self {
        let mut sample = Self::healthy();
        sample.host.disks[1].bytes_available = 41 << 20;
        let mut database = quiet_database();
        for index in 0..30 {
            database += &postgres(
                900 - index * 20,
                "ERROR:  could not extend file \"base/16384/24601\": No space left on device",
            );
            database += &postgres(900 - index * 20, "HINT:  Check free disk space.");
        }
        database +=
            &postgres(120, "PANIC:  could not write to file \"pg_wal/xlogtemp.77\": No space left on device");
        sample.log("postgres", &database);
        let server = sample.container("postgres-1");
        server.state = "exited".into();
        server.exit_code = Some(1);
        server.health = None;
        server.started = Some(ago(9 * 86_400));
        server.finished = Some(ago(119));
        sample.events.push(event(119, "die", "postgres-1", Some(1)));
        let mut log = quiet(0);
        for index in 0..11 {
            log += &pino(118 - index * 10, 50, "connect ECONNREFUSED 172.20.0.2:5432");
        }
        sample.log("agledger-api-1", &log);
        sample.manifest.collectors.push(Collected {
            id: "database-server".into(),
            status: CollectorStatus::Failed,
            why: Some("connection refused".into()),
            duration_ms: 12,
            members: Vec::new(),
        });
        sample.backups.last_mut().expect("a backup").trouble = Some("the archive is cut short".into());
        sample.checks.push(failing(
            "host-room",
            "/var/lib/docker has 41.0 MiB of 40.0 GiB left",
            "`docker system df` shows what takes it",
        ));
        sample
    }

    /// A pooler in transaction mode before the database, and jobs that nobody hears of.
    pub(crate) fn pooler() -> Self {
        let mut sample = Self::healthy();
        sample.queues[0] = QueueDepth {
            queue: "webhooks".into(),
            state: "created".into(),
            jobs: 20_412,
            oldest_ms: Some(7 * 3_600_000),
        };
        sample.queues[1].jobs = 0;
        sample.checks.retain(|check| check["id"] != "db-pooler");
        sample.checks.push(failing(
            "db-pooler",
            "a server process was shared by two connections: transaction pooling",
            "name the server's own endpoint",
        ));
        sample
    }

    /// All of them by name.
    pub(crate) fn all() -> [(&'static str, Self); 6] {
        [
            ("healthy", Self::healthy()),
            ("out-of-memory", Self::out_of_memory()),
            ("lock-pile-up", Self::lock_pile_up()),
            ("failed-upgrade", Self::failed_upgrade()),
            ("disk-full", Self::disk_full()),
            ("pooler", Self::pooler()),
        ]
    }

    pub(crate) fn container(&mut self, name: &str) -> &mut ContainerFacts {
        self.containers.iter_mut().find(|container| container.name == name).expect("a container")
    }

    pub(crate) fn log(&mut self, name: &str, text: &str) {
        self.text(&format!("{}{name}.log", member::LOGS), text);
    }

    pub(crate) fn text(&mut self, path: &str, text: &str) {
        self.texts.insert(path.to_owned(), text.to_owned());
    }

    /// Its members, the manifest last, which lists the others.
    pub(crate) fn members(&self) -> Vec<(String, Vec<u8>)> {
        let mut members = vec![
            (member::CONTAINERS, pretty(&self.containers)),
            (member::SERVER, pretty(&self.server)),
            (member::ACTIVITY, pretty(&self.activity)),
            (member::TABLES, pretty(&self.tables)),
            (member::MIGRATIONS, pretty(&self.migrations)),
            (member::QUEUES, pretty(&self.queues)),
            (member::HOST, pretty(&self.host)),
            (member::ANSWERS, pretty(&self.answers)),
            (member::PREFLIGHT, pretty(&self.checks)),
            (member::BACKUPS, pretty(&self.backups)),
            (member::OPERATIONS, pretty(&self.operations)),
        ]
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.into_bytes()))
        .collect::<Vec<_>>();
        let events = self.events.iter().fold(String::new(), |mut lines, event| {
            let _ = writeln!(lines, "{}", serde_json::to_string(event).expect("JSON"));
            lines
        });
        members.push((member::EVENTS.to_owned(), events.into_bytes()));
        members.extend(self.texts.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())));
        let mut manifest = self.manifest.clone();
        manifest.members = members
            .iter()
            .map(|(path, bytes)| Member {
                path: path.clone(),
                size: bytes.len() as u64,
                sha256: hex::encode(Sha256::digest(bytes)),
            })
            .collect();
        members.push((member::MANIFEST.to_owned(), pretty(&manifest).into_bytes()));
        members
    }

    /// As a bundle that was read.
    pub(crate) fn bundle(&self) -> Bundle {
        bundle_of(self.members())
    }

    /// As an archive.
    pub(crate) fn archive(&self) -> Vec<u8> {
        archive_of(&self.members())
    }
}

/// A bundle of these members.
pub(crate) fn bundle_of(members: impl IntoIterator<Item = (String, Vec<u8>)>) -> Bundle {
    let mut bundle = Bundle::named(NAME);
    for (path, bytes) in members {
        bundle.insert(path, Content::new(&bytes));
    }
    bundle
}

/// An archive of these members.
pub(crate) fn archive_of(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, format!("{NAME}/{path}"), bytes.as_slice()).expect("memory");
    }
    archive.into_inner().and_then(GzEncoder::finish).expect("memory")
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("JSON") + "\n"
}
