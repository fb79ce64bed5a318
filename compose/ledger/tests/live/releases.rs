//! Moving between releases, and each way in which one is broken.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    eventually,
    postgres::Postgres,
    product::{Install, await_exit, terminate},
};

#[test]
fn good_releases_migrate_forward_and_keep_the_data() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.0.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    let api = install.start_ready("api");
    let worker = install.start_ready("worker");
    api.write(&key, &json!({"written": "by 1.0.0"}));
    eventually("a drained queue", || {
        (postgres.sql("SELECT count(*) FROM jobs WHERE status = 'done'") == "1").then_some(())
    });
    assert_eq!(api.get("/health", None).json["version"], "1.0.0");

    install.upgrade("1.1.0");
    install.migrate();
    api.await_not_ready("schema");
    worker.await_not_ready("schema");
    assert_eq!(postgres.sql("SELECT count(*) FROM records WHERE payload_sha256 IS NOT NULL"), "1");
    assert_eq!(postgres.sql("SELECT kind FROM kinds"), "note");

    let newer = install.start_ready("api");
    newer.write(&key, &json!({"written": "by 1.1.0"}));
    install.upgrade("1.2.0");
    newer.await_ready();
    let early = install.start("api");
    early.await_not_ready("schema");
    install.migrate();
    install.migrate();
    early.await_ready();
    assert_eq!(postgres.sql("SELECT count(*) FROM vault_checkpoints"), "2");
    assert_eq!(postgres.sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM _migrations"), "1,2,3");
    assert!(install.run(&["preflight"]).status.success());

    install.upgrade("1.0.0");
    assert_eq!(install.run(&["migrate"]).status.code(), Some(1));
    assert_eq!(install.run(&["preflight"]).status.code(), Some(1));
    assert!(install.run(&["verify-vault"]).status.success());
}

#[test]
fn two_migrators_take_turns() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    let mut migrators = [(); 3].map(|()| install.spawn(&["migrate"]));
    for migrator in &mut migrators {
        assert!(await_exit(migrator).success());
    }
    assert_eq!(postgres.sql("SELECT count(*) FROM _migrations"), "3");
}

#[test]
fn a_migration_that_fails_half_way_leaves_what_it_committed() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.2.0", &postgres);
    install.migrate();
    install.upgrade("2.0.0-migration-fails");
    let output = install.run(&["migrate"]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("migration retention failed"), "{log}");
    assert_eq!(postgres.sql("SELECT max(id) FROM _migrations"), "3");
    let columns = "SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns
                   WHERE table_name = 'records' AND column_name IN ('payload', 'content', 'retained_until')";
    assert_eq!(postgres.sql(columns), "content,retained_until");
}

#[test]
fn a_migration_that_hangs_on_a_lock_ends_when_it_is_told_to() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.2.0", &postgres);
    install.migrate();
    install.upgrade("2.0.0-migration-hangs");
    let mut hanging = install.spawn(&["migrate"]);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    eventually("a migration that waits", || (postgres.sql(waiting) == "1").then_some(()));
    sleep(Duration::from_millis(500));
    assert!(hanging.try_wait().unwrap().is_none());
    terminate(&hanging);
    assert_eq!(await_exit(&mut hanging).code(), Some(1));
    eventually("a cancelled migration", || (postgres.sql(waiting) == "0").then_some(()));
    assert_eq!(postgres.sql("SELECT max(id) FROM _migrations"), "3");
    install.set("MIGRATION_LOCK_TIMEOUT", "200ms");
    let output = install.run(&["migrate"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("lock timeout"));
}

#[test]
fn broken_services_break_as_their_releases_say() {
    let postgres = Postgres::start();
    let mut install = Install::of("2.0.0-never-ready", &postgres);
    install.migrate();
    let never_ready = install.start("api");
    install.upgrade("2.0.0-dies-later");
    let mut dies_later = install.start_ready("api");
    let ready_since = Instant::now();
    install.upgrade("2.0.0-crash-loop");
    let mut crashing = install.start("api");
    install.upgrade("2.0.0-worker-dies");
    let (well, mut dying) = (install.start_ready("api"), install.start_ready("worker"));
    install.upgrade("2.0.0-wrong-version");
    let other = install.start_ready("api");

    assert_eq!(crashing.await_exit().code(), Some(1));
    assert!(crashing.log().contains(r#""level":"fatal""#));
    assert_eq!(dying.await_exit().code(), Some(1));
    well.await_ready();
    assert_eq!(other.get("/conformance", None).json["version"], "1.2.0");
    never_ready.await_not_ready("starting");
    assert_eq!(never_ready.get("/health", None).json["version"], "2.0.0-never-ready");
    assert_eq!(dies_later.await_exit().code(), Some(1));
    assert!(ready_since.elapsed() > Duration::from_secs(9));
}
