//! Who holds what: locks on tables, transactions that stay open, and roles made again elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use opsctl::adapters::postgres::connect::connect;
use opsctl::adapters::postgres::lock::LastingLock;
use opsctl::adapters::postgres::obstacles::{Obstacle, invalid_indexes, obstacles};
use opsctl::adapters::postgres::relation_locks::{Granted, LockMode, relation_locks};
use opsctl::adapters::postgres::role_copy::{create_roles, let_in, role_definitions, settings};
use opsctl::adapters::product_database::ProductDatabase;
use opsctl::adapters::role_password::Candidates;
use opsctl::model::database_name::DatabaseName;
use opsctl::model::operation::OperationId;
use opsctl::model::secret::Secret;
use opsctl::ports::Databases;
use opsctl::profile::Profile;

use crate::cluster::Cluster;

#[tokio::test]
async fn a_locked_table_is_seen_and_one_that_is_being_made_is_not() {
    let cluster = Cluster::start().await;
    let (watcher, worker) = (cluster.session("postgres").await, cluster.session("postgres").await);
    worker.execute("tables", "CREATE TABLE a (id int); CREATE TABLE b (id int)").await.expect("superuser");
    assert_eq!(relation_locks(&watcher).await.expect("locks"), []);
    let sql = "BEGIN; ALTER TABLE a ADD COLUMN x int; CREATE TABLE new (id int); CREATE INDEX ON b (id)";
    worker.execute("changes", sql).await.expect("superuser");
    let waiting = cluster.session("postgres").await;
    let blocked = tokio::spawn(async move { waiting.execute("a change", "ALTER TABLE a ADD y int").await });
    let mut seen = Vec::new();
    for _ in 0..100 {
        let locks = relation_locks(&watcher).await.expect("locks");
        seen = locks.into_iter().map(|lock| (lock.relation, lock.mode, lock.granted)).collect();
        if seen.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let expected = [
        ("public.a", LockMode::AccessExclusive, Granted::Held),
        ("public.a", LockMode::AccessExclusive, Granted::Awaited),
        ("public.b", LockMode::Share, Granted::Held),
    ];
    assert_eq!(seen, expected.map(|(name, mode, granted)| (name.to_owned(), mode, granted)));
    worker.execute("the end", "COMMIT").await.expect("superuser");
    blocked.await.expect("it ends").expect("it works");
}

#[tokio::test]
async fn transactions_that_stay_open_are_named_without_what_they_run() {
    let cluster = Cluster::start_with(&["max_prepared_transactions=2"], "").await;
    let (watcher, idle) = (cluster.session("postgres").await, cluster.session("postgres").await);
    let prepared = "CREATE TABLE a (id int); BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'gone'";
    idle.execute("a prepared transaction", prepared).await.expect("superuser");
    idle.execute("a transaction", "BEGIN; SELECT 's3cr3t'").await.expect("superuser");
    let live = DatabaseName::new("postgres");
    let found = obstacles(&watcher, &live, Duration::ZERO).await.expect("obstacles");
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(matches!(&found[0], Obstacle::Session { pid, idle: true, .. } if *pid == idle.pid()), "{told:?}");
    assert!(matches!(&found[1], Obstacle::Prepared { id, .. } if id == "gone"), "{told:?}");
    assert!(told[0].contains("tests as postgres from 127.0.0.1"), "{told:?}");
    assert!(!told.concat().contains("s3cr3t"), "{told:?}");
    let old = obstacles(&watcher, &live, Duration::from_mins(1)).await.expect("obstacles");
    assert_eq!(old.len(), 1, "only the prepared one counts at any age: {old:?}");
    let elsewhere = DatabaseName::new("template1");
    assert_eq!(obstacles(&watcher, &elsewhere, Duration::ZERO).await.expect("obstacles"), []);
}

#[tokio::test]
async fn what_failed_half_way_and_what_hangs_on_the_database_is_named() {
    let cluster = Cluster::start_with(&["wal_level=logical"], "").await;
    let session = cluster.session("postgres").await;
    let slot = "SELECT pg_create_logical_replication_slot('to_the_archive', 'pgoutput')";
    session.execute("a slot", slot).await.expect("superuser");
    session
        .execute("doubles", "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1)")
        .await
        .expect("superuser");
    let index = "CREATE UNIQUE INDEX CONCURRENTLY one_each ON a (id)";
    session.execute("an index", index).await.expect_err("it cannot be unique");
    let live = DatabaseName::new("postgres");
    let found = obstacles(&session, &live, Duration::from_mins(1)).await.expect("obstacles");
    assert_eq!(found, [Obstacle::ReplicationSlot { name: "to_the_archive".to_owned() }]);
    let found = invalid_indexes(&session).await.expect("indexes");
    assert_eq!(found, [Obstacle::InvalidIndex { name: "one_each".to_owned() }]);
}

#[tokio::test]
async fn a_table_of_migrations_that_somebody_locks_is_not_waited_for_without_end() {
    let cluster = Cluster::start().await;
    let (holder, live) = (cluster.session("postgres").await, DatabaseName::new("postgres"));
    let profile =
        Profile::parse(include_str!("../../templates/profiles/ledger.toml"), Path::new("ledger.toml"));
    let database = ProductDatabase {
        info: cluster.superuser("postgres"),
        container: None,
        profile: Arc::new(profile.expect("a profile")),
        operation: OperationId::parse("20260314-120000-upgrade").expect("an identifier"),
        lock: LastingLock::default(),
        candidates: Candidates::default(),
    };
    let sql = "CREATE TABLE _migrations (id int, name text); INSERT INTO _migrations VALUES (1, 'first')";
    holder.execute("a table", sql).await.expect("superuser");
    assert_eq!(database.schema(&live).await.expect("readable").migrations, ["first"]);
    holder.execute("a lock", "BEGIN; LOCK TABLE _migrations").await.expect("superuser");
    let asked = tokio::time::timeout(Duration::from_secs(20), database.schema(&live)).await;
    let fault = asked.expect("it gives up").expect_err("it cannot be read");
    let who = format!("tests as postgres from 127.0.0.1, process {}", holder.pid());
    assert!(fault.evidence.iter().any(|line| line.contains(&who)), "{fault:?}");
}

#[tokio::test]
async fn roles_are_made_again_with_their_rights_and_without_their_passwords() {
    let (one, other) = tokio::join!(Cluster::start(), Cluster::start());
    let source = one.session("postgres").await;
    let sql = "CREATE ROLE grp; CREATE ROLE \"own er\" LOGIN CREATEDB NOINHERIT PASSWORD 'old'; GRANT grp TO \"own er\"; \
               ALTER ROLE \"own er\" SET work_mem TO '7MB'; ALTER ROLE \"own er\" SET search_path TO app, public";
    source.execute("roles", sql).await.expect("superuser");
    let roles = role_definitions(&source).await.expect("roles");
    let target = other.session("postgres").await;
    create_roles(&target, &roles).await.expect("made");
    create_roles(&target, &roles).await.expect("those that are there are left alone");
    assert_eq!(role_definitions(&target).await.expect("roles"), roles);
    let no_login = other.info("postgres://own%20er:old@127.0.0.1:PORT/postgres");
    assert!(connect(&no_login, "tests").await.is_err(), "a copied role must not let anybody in");
    let password = Secret::new("n3w");
    let_in(&target, "own er", &password).await.expect("it may log in");
    let_in(&target, "unknown", &password).await.expect("it is made");
    for user in ["own%20er", "unknown"] {
        let info = other.info(&format!("postgres://{user}:n3w@127.0.0.1:PORT/postgres"));
        connect(&info, "tests").await.expect("it logs in");
    }
    let found = settings(&source, &["statement_timeout", "max_wal_size", "no_such"]).await.expect("settings");
    assert_eq!(found, ["max_wal_size=1024", "statement_timeout=30000"]);
}
