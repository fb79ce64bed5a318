//! Databases as a whole: made beside the live one, copied, given what belongs to it, dropped.

use std::time::Duration;

use opsctl::adapters::postgres::carry_over::carry_over;
use opsctl::adapters::postgres::connect::{connect, connect_maintenance};
use opsctl::adapters::postgres::error::PgError;
use opsctl::adapters::postgres::lock::{LastingLock, take_lock};
use opsctl::adapters::postgres::properties::{database_facts, roles_named};
use opsctl::adapters::postgres::server::{
    connected_clients, database_exists, databases, name_dependents, server_facts, terminate_clients,
    terminate_onlookers,
};
use opsctl::adapters::postgres::whole::{copy, create_empty, drop_database, read_mark};
use opsctl::model::database_name::{DatabaseMark, DatabaseName, DatabasePurpose};

use crate::cluster::Cluster;

pub(crate) fn mark(live: &DatabaseName, purpose: DatabasePurpose) -> DatabaseMark {
    DatabaseMark {
        purpose,
        operation: "test-1".to_owned(),
        created: "2026-11-21T11:01:25Z".to_owned(),
        database: live.clone(),
        comment: Some("it's the \\ ledger".to_owned()),
        source_state: None,
    }
}

/// A database with everything that is easily lost.
const ODD_DATABASE: [&str; 12] = [
    "CREATE ROLE \"the owner\" LOGIN CREATEDB PASSWORD 'x'",
    "CREATE ROLE runtime LOGIN PASSWORD 'x'",
    "CREATE DATABASE \"led-ger\" TEMPLATE template0 OWNER \"the owner\" ENCODING 'UTF8' LOCALE_PROVIDER icu \
     ICU_LOCALE 'de-DE' LC_COLLATE 'C' LC_CTYPE 'C' CONNECTION LIMIT 17",
    "REVOKE ALL ON DATABASE \"led-ger\" FROM PUBLIC",
    "GRANT CONNECT ON DATABASE \"led-ger\" TO runtime WITH GRANT OPTION",
    "COMMENT ON DATABASE \"led-ger\" IS 'it''s the ledger'",
    "ALTER DATABASE \"led-ger\" SET search_path = \"$user\", public, \"odd, one\"",
    "ALTER DATABASE \"led-ger\" SET app.tenant = 'a=b''c\\d'",
    "ALTER DATABASE \"led-ger\" SET work_mem = '7MB'",
    "ALTER ROLE runtime IN DATABASE \"led-ger\" SET statement_timeout = '3s'",
    "ALTER ROLE \"the owner\" IN DATABASE \"led-ger\" SET lock_timeout = '4s'",
    "ALTER ROLE runtime SET work_mem = '9MB'",
];

#[tokio::test]
async fn a_side_database_gets_everything_that_belongs_to_the_live_one() {
    let cluster = Cluster::start().await;
    let admin = cluster.session("postgres").await;
    for statement in ODD_DATABASE {
        admin.execute(statement, statement).await.expect("superuser");
    }
    let live = DatabaseName::new("led-ger");
    let facts = database_facts(&cluster.session("led-ger").await).await.expect("facts");
    let properties = &facts.properties;
    assert_eq!((properties.owner.as_str(), properties.connection_limit), ("the owner", 17));
    assert_eq!(
        (properties.locale_provider.as_str(), properties.icu_locale.as_deref()),
        ("icu", Some("de-DE"))
    );
    assert_eq!(properties.settings.len(), 3);
    assert!(facts.size_bytes > 1_000_000);

    let side = live.made(DatabasePurpose::Side, "1");
    create_empty(&admin, &side, properties, &mark(&live, DatabasePurpose::Side)).await.expect("created");
    let refused = carry_over(&admin, properties, &side).await.expect("carried over");
    assert_eq!(refused, []);
    let written = read_mark(&admin, &side).await.expect("readable").expect("marked");
    assert_eq!(written, mark(&live, DatabasePurpose::Side));

    let mut carried = database_facts(&cluster.session(side.as_str()).await).await.expect("facts").properties;
    carried.comment.clone_from(&properties.comment);
    assert_eq!(&carried, properties);

    let listed = databases(&admin, "led-ger").await.expect("a list");
    assert_eq!(listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["led-ger", side.as_str()]);
    assert!(listed[0].mark.is_none() && listed[1].mark.is_some());
}

#[tokio::test]
async fn what_a_lesser_role_may_not_carry_over_is_said() {
    let cluster = Cluster::start().await;
    let admin = cluster.session("postgres").await;
    for statement in ODD_DATABASE {
        admin.execute(statement, statement).await.expect("superuser");
    }
    admin
        .execute("a setting", "ALTER DATABASE \"led-ger\" SET log_statement = 'all'")
        .await
        .expect("superuser");
    let live = DatabaseName::new("led-ger");
    let mut properties = database_facts(&cluster.session("led-ger").await).await.expect("facts").properties;
    properties.role_settings[0].role = "gone".to_owned();
    let owner_info = cluster.info("postgres://the%20owner:x@127.0.0.1:PORT/led-ger");
    let owner = connect_maintenance(&owner_info, "tests").await.expect("the owner can connect");
    let side = live.made(DatabasePurpose::Side, "1");
    create_empty(&owner, &side, &properties, &mark(&live, DatabasePurpose::Side))
        .await
        .expect("the owner may");
    let refused = carry_over(&owner, &properties, &side).await.expect("carried over");
    let what: Vec<_> = refused.iter().map(|one| one.what.as_str()).collect();
    assert!(what.contains(&"the setting log_statement"), "{refused:?}");
    assert!(what.iter().any(|what| what.contains("role gone")), "{refused:?}");
    let facts = server_facts(&owner).await.expect("facts");
    assert!(
        facts.can_create_databases && !facts.superuser && !facts.can_terminate_others && !facts.in_recovery
    );
}

#[tokio::test]
async fn a_copy_needs_the_source_alone_and_says_who_is_there() {
    let cluster = Cluster::start().await;
    let admin = cluster.session("postgres").await;
    admin.execute("a database", "CREATE DATABASE ledger").await.expect("superuser");
    let (live, point) =
        (DatabaseName::new("ledger"), DatabaseName::new("ledger").made(DatabasePurpose::RestorePoint, "1"));
    let client = connect(&cluster.superuser("ledger"), "a busy client").await.expect("can connect");
    client
        .execute("a table", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")
        .await
        .expect("superuser");
    let clients = connected_clients(&admin, &live).await.expect("a list");
    assert_eq!(
        clients.iter().map(|client| client.application.as_str()).collect::<Vec<_>>(),
        ["a busy client"]
    );

    // Whoever of ours only looks makes way; the operation's own sessions, and everybody else's, stay.
    for ours in ["opsctl", "opsctl:of-a-look", "opsctl:of-this-operation"] {
        let looking = connect(&cluster.superuser("ledger"), ours).await.expect("can connect");
        assert_eq!(
            looking.text("asking", "SELECT 'here'").await.expect("an answer").as_deref(),
            Some("here")
        );
        let ended = terminate_onlookers(&admin, &live, "opsctl:of-this-operation").await.expect("superuser");
        let own = ours == "opsctl:of-this-operation";
        assert_eq!(ended, usize::from(!own), "{ours}");
        assert_eq!(looking.text("asking", "SELECT 'here'").await.is_ok(), own, "{ours}");
    }

    let error = copy(&admin, &live, &point, "postgres", &mark(&live, DatabasePurpose::RestorePoint)).await;
    let error = error.expect_err("someone is connected");
    assert!(matches!(error, PgError::InUse { .. }) && error.to_string().contains("a busy client"), "{error}");
    assert!(!database_exists(&admin, &point).await.expect("an answer"));

    assert_eq!(terminate_clients(&admin, &[&live]).await.expect("superuser"), 1);
    copy(&admin, &live, &point, "postgres", &mark(&live, DatabasePurpose::RestorePoint))
        .await
        .expect("alone now");
    let copied = cluster.session(point.as_str()).await;
    let rows = copied.text("counting", "SELECT count(*) FROM t").await.expect("an answer");
    assert_eq!(rows.as_deref(), Some("1000"));

    // Dropping ends the sessions that are there.
    drop_database(&admin, &point).await.expect("dropped");
    drop_database(&admin, &point).await.expect("gone already");
    assert!(!database_exists(&admin, &point).await.expect("an answer"));
}

#[tokio::test]
async fn what_hangs_on_the_name_is_found() {
    let cluster = Cluster::start_with(&["wal_level=logical"], "").await;
    let admin = cluster.session("postgres").await;
    admin.execute("a database", "CREATE DATABASE ledger").await.expect("superuser");
    let session = cluster.session("ledger").await;
    let slot = "SELECT pg_create_logical_replication_slot('a_slot', 'pgoutput')";
    session.execute("a slot", slot).await.expect("superuser");
    let subscription = "CREATE SUBSCRIPTION a_subscription CONNECTION 'host=/nonexistent' PUBLICATION p \
                        WITH (connect = false)";
    session.execute("a subscription", subscription).await.expect("superuser");
    let found = name_dependents(&admin, &DatabaseName::new("ledger")).await.expect("a list");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(name_dependents(&admin, &DatabaseName::new("postgres")).await.expect("a list"), []);
}

#[tokio::test]
async fn one_operation_at_a_time() {
    let cluster = Cluster::start().await;
    let info = cluster.superuser("postgres");
    let (ledger, other) = (DatabaseName::new("ledger"), DatabaseName::new("other"));
    let held = take_lock(&info, &ledger, "opsctl:op-1@there", Duration::ZERO).await.expect("free");
    let error = take_lock(&info, &ledger, "opsctl:op-2@here", Duration::from_millis(300)).await.err();
    let error = error.expect("taken").to_string();
    assert!(error.contains("opsctl:op-1@there") && error.contains("127.0.0.1"), "{error}");
    take_lock(&info, &other, "opsctl:op-2@here", Duration::ZERO).await.expect("another product's");
    drop(held);
    take_lock(&info, &ledger, "opsctl:op-2@here", Duration::from_secs(5)).await.expect("free again");
}

#[tokio::test]
async fn a_lock_that_was_lost_is_taken_anew_unless_somebody_else_has_it() {
    let cluster = Cluster::start().await;
    let (info, ledger) = (cluster.superuser("postgres"), DatabaseName::new("ledger"));
    let lock = LastingLock::default();
    lock.renew(&info).await.expect("there is nothing to renew");
    lock.take(&info, &ledger, "opsctl:op-1@here").await.expect("free");
    let admin = cluster.session("postgres").await;
    let end =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'opsctl:op-1@here'";
    let held = "SELECT count(*)::text FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
                WHERE application_name = 'opsctl:op-1@here' AND locktype = 'advisory'";
    admin.execute("ending its session", end).await.expect("superuser");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(admin.text("looking", held).await.expect("a count").as_deref(), Some("0"));
    lock.renew(&info).await.expect("free");
    lock.renew(&info).await.expect("held");
    assert_eq!(admin.text("looking", held).await.expect("a count").as_deref(), Some("1"));

    admin.execute("ending its session", end).await.expect("superuser");
    let other = take_lock(&info, &ledger, "opsctl:op-2@there", Duration::from_secs(5)).await.expect("free");
    let error = lock.renew(&info).await.expect_err("taken").to_string();
    assert!(error.contains("opsctl:op-2@there"), "{error}");
    drop(other);
    lock.renew(&info).await.expect("free again");
}

#[tokio::test]
async fn the_roles_of_a_dump_are_known() {
    let cluster = Cluster::start().await;
    let admin = cluster.session("postgres").await;
    for statement in [
        "CREATE ROLE writer",
        "CREATE ROLE reader",
        "CREATE ROLE bystander",
        "CREATE TABLE t (id int)",
        "ALTER TABLE t OWNER TO writer",
        "GRANT SELECT ON t TO reader",
    ] {
        admin.execute(statement, statement).await.expect("superuser");
    }
    let named = roles_named(&admin).await.expect("a list");
    assert!(
        named.contains("writer") && named.contains("reader") && !named.contains("bystander"),
        "{named:?}"
    );
}
