//! What is in a database: counts under a snapshot, fingerprints, what was written, and a dump that is restored.

use std::ffi::OsStr;

use opsctl::adapters::postgres::fingerprint::schema_fingerprint;
use opsctl::adapters::postgres::rows::{migrations, newest, row_counts};
use opsctl::adapters::postgres::snapshot::SnapshotSession;
use opsctl::adapters::postgres::tools::{installed_tools, tools_for};
use opsctl::adapters::postgres::writes::{Doubt, Written, write_counters, written_between};
use opsctl::model::pg_tools::{Ownership, RestoreLoad, decode, dump, restore};

use crate::cluster::{self, Cluster, run_tool};

const SCHEMA: &str = "CREATE SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('well', 'ill');
    CREATE TABLE app.records (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL, m app.mood);
    CREATE TABLE \"We ird\" (k int, v text) PARTITION BY RANGE (k);
    CREATE TABLE part_1 PARTITION OF \"We ird\" FOR VALUES FROM (0) TO (100);
    CREATE TABLE _migrations (id int PRIMARY KEY, name text, applied_at timestamptz DEFAULT now());
    CREATE FUNCTION app.f(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1';
    CREATE VIEW app.v AS SELECT id FROM app.records;
    CREATE INDEX ON app.records (body);";
const ROWS: &str = "INSERT INTO app.records (body) SELECT 'row ' || g FROM generate_series(1, 500) g;
    INSERT INTO \"We ird\" SELECT g, 'v' FROM generate_series(1, 50) g;
    INSERT INTO _migrations (id, name) VALUES (2, '002_b'), (1, '001_a');";

fn total(rows: &[opsctl::model::manifest::TableRows]) -> Vec<(String, u64)> {
    rows.iter().map(|table| (format!("{}.{}", table.schema, table.name), table.rows)).collect()
}

async fn filled(cluster: &Cluster, database: &str) {
    let admin = cluster.session("postgres").await;
    admin.execute("a database", &format!("CREATE DATABASE \"{database}\"")).await.expect("superuser");
    let session = cluster.session(database).await;
    session.execute("a schema", SCHEMA).await.expect("superuser");
    session.execute("rows", ROWS).await.expect("superuser");
}

#[tokio::test]
async fn a_dump_under_a_snapshot_holds_exactly_what_was_counted() {
    let cluster = Cluster::start().await;
    filled(&cluster, "led ger").await;
    let info = cluster.superuser("led ger");
    let snapshot = SnapshotSession::open(&info, "tests").await.expect("a snapshot");
    let writer = cluster.session("led ger").await;
    writer
        .execute("more rows", "INSERT INTO app.records (body) SELECT 'late' FROM generate_series(1, 70)")
        .await
        .expect("ok");

    let installed = installed_tools(Some(OsStr::new("/usr/bin"))).await;
    let tools = tools_for(&installed, writer.version() / 10_000)
        .expect("tools for this server: install `postgresql-client`");
    let archive = cluster.path().join("db.dump");
    run_tool(&dump(tools, &info, snapshot.id(), &archive), None, None);
    let counted = snapshot.row_counts().await.expect("counts");
    let expected = [("app.records", 500), ("public._migrations", 2), ("public.part_1", 50)];
    assert_eq!(total(&counted), expected.map(|(name, rows)| (name.to_owned(), rows)));

    let mut csv = Vec::new();
    let bytes = snapshot
        .export_csv("SELECT id, name FROM _migrations ORDER BY id", &mut csv)
        .await
        .expect("an export");
    assert_eq!(String::from_utf8_lossy(&csv), "id,name\n1,001_a\n2,002_b\n");
    assert_eq!(bytes, csv.len() as u64);
    snapshot.close().await.expect("held to the end");

    run_tool(&decode(tools), Some(&archive), None);
    let admin = cluster.session("postgres").await;
    admin.execute("a database", "CREATE DATABASE \"a=b 'c\" TEMPLATE template0").await.expect("superuser");
    let target = cluster.superuser("postgres").with_database("a=b 'c");
    let load = RestoreLoad { jobs: 2, maintenance_work_mem_mib: 64 };
    run_tool(&restore(tools, &target, &archive, load, &Ownership::AsDumped), None, None);
    let restored = opsctl::adapters::postgres::connect::connect(&target, "tests").await.expect("can connect");
    assert_eq!(row_counts(&restored).await.expect("counts"), counted);
    let original = schema_fingerprint(&writer).await.expect("a fingerprint");
    assert_eq!(schema_fingerprint(&restored).await.expect("a fingerprint"), original);
}

#[tokio::test]
async fn a_fingerprint_changes_with_the_definitions_and_only_with_them() {
    let cluster = Cluster::start().await;
    filled(&cluster, "ledger").await;
    let session = cluster.session("ledger").await;
    let mut last = schema_fingerprint(&session).await.expect("a fingerprint");
    session.execute("rows", "INSERT INTO app.records (body) VALUES ('x'); ANALYZE").await.expect("superuser");
    assert_eq!(schema_fingerprint(&session).await.expect("a fingerprint"), last);
    for change in [
        "ALTER TABLE app.records ADD COLUMN extra int",
        "ALTER TABLE app.records ALTER COLUMN extra SET DEFAULT 5",
        "CREATE INDEX late ON app.records (extra)",
        "ALTER TABLE app.records ADD CONSTRAINT positive CHECK (extra > 0) NOT VALID",
        "ALTER TABLE app.records VALIDATE CONSTRAINT positive",
        "CREATE OR REPLACE FUNCTION app.f(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 2'",
        "CREATE OR REPLACE VIEW app.v AS SELECT id, body FROM app.records",
        "ALTER TYPE app.mood ADD VALUE 'new'",
        "CREATE TRIGGER t BEFORE UPDATE ON app.records FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "ALTER TABLE app.records DISABLE TRIGGER t",
        "ALTER TABLE app.records ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON app.records USING (extra = 1)",
        "CREATE SEQUENCE s INCREMENT 2",
        "ALTER SEQUENCE s INCREMENT 3",
        "GRANT SELECT ON app.records TO PUBLIC",
        "DROP INDEX app.late",
    ] {
        session.execute(change, change).await.expect("superuser");
        let now = schema_fingerprint(&session).await.expect("a fingerprint");
        assert_ne!(now, last, "{change}");
        last = now;
    }
    session.execute("a value", "SELECT nextval('s')").await.expect("superuser");
    assert_eq!(schema_fingerprint(&session).await.expect("a fingerprint"), last);
}

#[tokio::test]
async fn what_was_written_is_measured() {
    let cluster = Cluster::start_with(&["autovacuum=off"], "").await;
    filled(&cluster, "ledger").await;
    let session = cluster.session("ledger").await;
    let writes = async |sql: &str| {
        let before = write_counters(&session).await.expect("counters");
        let writer = cluster.session("ledger").await;
        writer.execute("writing", sql).await.expect("superuser");
        drop(writer);
        // A session reports at its end, which comes a moment after the client has gone.
        for _ in 0..50 {
            let after = write_counters(&session).await.expect("counters");
            match written_between(&before, &after) {
                Written::Unknown(Doubt::Connected) => {
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                told => return told,
            }
        }
        panic!("the writer did not go away");
    };
    assert_eq!(writes("SELECT count(*) FROM app.records").await, Written::Nothing);
    match writes("INSERT INTO app.records (body) VALUES ('a'), ('b'); DELETE FROM _migrations WHERE id = 1")
        .await
    {
        Written::Tables(tables) => {
            assert_eq!(tables.get("app.records"), Some(&[2, 0, 0]));
            assert_eq!(tables.get("public._migrations"), Some(&[0, 0, 1]));
        }
        other => panic!("{other:?}"),
    }
    for ddl in
        ["TRUNCATE app.records", "ALTER TABLE app.records ADD COLUMN late int", "CREATE TABLE new (id int)"]
    {
        assert!(matches!(writes(ddl).await, Written::Tables(_)), "{ddl}");
    }
    // Another database's work moves the transaction ids and leaves the counters alone.
    let before = write_counters(&session).await.expect("counters");
    let admin = cluster.session("postgres").await;
    admin.execute("elsewhere", "CREATE TABLE elsewhere AS SELECT 1").await.expect("superuser");
    let after = write_counters(&session).await.expect("counters");
    assert_eq!(written_between(&before, &after), Written::Nothing);
}

/// The server goes on when one of its processes is killed, and has lost what it counted.
#[tokio::test]
async fn counters_that_were_lost_in_a_crash_prove_nothing() {
    let cluster = Cluster::start_with(&["autovacuum=off"], "").await;
    filled(&cluster, "ledger").await;
    let session = cluster.session("ledger").await;
    let before = write_counters(&session).await.expect("counters");
    session.execute("writing", "INSERT INTO app.records (body) VALUES ('a')").await.expect("superuser");
    let victim = cluster.session("ledger").await;
    cluster::run("kill", &["-9", &victim.pid().to_string()]);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), session.ended()).await;
    assert!(ended.is_ok(), "the server ends all its sessions then");
    cluster.wait_until_ready().await;
    let fresh = cluster.session("ledger").await;
    let after = write_counters(&fresh).await.expect("counters");
    assert_eq!(written_between(&before, &after), Written::Unknown(Doubt::Restarted));
}

#[tokio::test]
async fn migrations_and_newest_rows_are_read() {
    let cluster = Cluster::start().await;
    filled(&cluster, "ledger").await;
    let session = cluster.session("ledger").await;
    let applied = migrations(&session, "_migrations", "name", "id").await.expect("readable");
    assert_eq!(applied, Some(vec!["001_a".to_owned(), "002_b".to_owned()]));
    assert_eq!(migrations(&session, "nothing.there", "name", "id").await.expect("readable"), None);
    assert_eq!(newest(&session, "app.records", "id").await.expect("readable").as_deref(), Some("500"));
    assert!(newest(&session, "app.records", "nothing").await.is_err());
}
