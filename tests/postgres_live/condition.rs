//! What preflight is told of a server: rights, limits, certificates.

use std::time::Duration;

use opsctl::adapters::postgres::certificate::first_to_end;
use opsctl::adapters::postgres::condition::{condition, encryption, long_waits, operated_by};
use opsctl::adapters::postgres::connect::{connect, connect_maintenance};
use opsctl::adapters::postgres::lock::take_lock;
use opsctl::adapters::postgres::obstacles::obstacles;
use opsctl::model::database_name::DatabaseName;
use opsctl::preflight::database::{self, Locks};
use opsctl::preflight::{Status, route};

use crate::cluster::{Cluster, ENCODED_PASSWORD, give_to_server_user, run, write};

#[tokio::test]
async fn a_roles_rights_and_limits_are_its_own() {
    let cluster = Cluster::start_with(&[], "host all app 127.0.0.1/32 trust").await;
    let admin = cluster.session("postgres").await;
    for sql in [
        "CREATE ROLE app LOGIN",
        "CREATE TABLE mine (id int PRIMARY KEY); ALTER TABLE mine OWNER TO app",
        "ALTER ROLE app SET statement_timeout = '1s'; ALTER ROLE app SET default_transaction_read_only = on",
        "ALTER SYSTEM SET log_statement = 'all'",
        "SELECT pg_reload_conf()",
    ] {
        admin.execute("preparing", sql).await.unwrap();
    }
    let superuser = condition(&admin).await.unwrap();
    assert_eq!(database::rights(&superuser).status, Status::Pass);
    assert_eq!(database::restore_rights(&superuser).status, Status::Pass);
    assert_eq!(database::writable(&superuser).status, Status::Pass);
    assert!(superuser.clock_apart < Duration::from_secs(2), "{superuser:?}");
    assert!(superuser.oldest_transaction < 1_000_000 && superuser.connections > 50, "{superuser:?}");
    // The session itself was told that it has no limit; what others are given is what counts.
    assert_eq!(superuser.time_limits["statement_timeout"], Duration::from_secs(30));

    let info = cluster.info("postgres://app@127.0.0.1:PORT/postgres");
    let session = connect(&info, "tests").await.unwrap();
    let found = condition(&session).await.unwrap();
    assert_eq!(found.time_limits["statement_timeout"], Duration::from_secs(1));
    assert_eq!(found.foreign_tables, Vec::<String>::new());
    assert_eq!(database::writable(&found).evidence, "transactions of app begin read-only");
    assert_eq!(database::restore_rights(&found).status, Status::Warn);
    assert_eq!(database::logging(&found).status, Status::Warn);
    let rights = database::rights(&found);
    assert_eq!(rights.status, Status::Fail);
    assert!(rights.evidence.starts_with("app may not create schemas in the database"), "{rights:?}");

    admin.execute("giving away", "CREATE TABLE theirs (id int)").await.unwrap();
    let beside = "CREATE SCHEMA monitoring; CREATE TABLE monitoring.samples (id int)";
    admin.execute("keeping something beside", beside).await.unwrap();
    assert_eq!(condition(&session).await.unwrap().foreign_tables, ["theirs"]);
}

#[tokio::test]
async fn who_waits_and_who_operates_is_told() {
    let cluster = Cluster::start().await;
    let live = DatabaseName::new("postgres");
    let maintenance = connect_maintenance(&cluster.superuser("other"), "tests").await.unwrap();
    let operated = DatabaseName::new("other");
    assert_eq!(operated_by(&maintenance, &operated).await.unwrap(), None);
    let info = cluster.superuser("other");
    let lock = take_lock(&info, &operated, "opsctl:x@elsewhere", Duration::ZERO).await.unwrap();
    let held = operated_by(&maintenance, &operated).await.unwrap();
    assert!(
        held.as_ref().is_some_and(|held| held.starts_with("opsctl:x@elsewhere from 127.0.0.1")),
        "{held:?}"
    );
    assert_eq!(database::locks(&Locks { held, ..Locks::default() }).status, Status::Warn);
    drop(lock);

    let holder = cluster.session("postgres").await;
    holder.execute("making a table", "CREATE TABLE t (id int)").await.unwrap();
    holder.execute("holding", "BEGIN; LOCK TABLE t").await.unwrap();
    let waiter = cluster.session("postgres").await;
    let waiting = tokio::spawn(async move { waiter.execute("waiting", "BEGIN; LOCK TABLE t").await });
    tokio::time::sleep(database::LONG_WAIT + Duration::from_secs(1)).await;
    let waits = long_waits(&maintenance, &live).await.unwrap();
    assert!(
        waits.len() == 1 && waits[0].ends_with(&format!("waits for process {}", holder.pid())),
        "{waits:?}"
    );
    drop(holder);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_left_open_and_what_was_sorted_by_other_rules_is_told() {
    let cluster = Cluster::start_with(&["max_prepared_transactions=2"], "").await;
    let admin = cluster.session("postgres").await;
    admin.execute("preparing", "CREATE TABLE t (id int)").await.unwrap();
    admin
        .execute("leaving open", "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'left-open'")
        .await
        .unwrap();
    let open = obstacles(&admin, &DatabaseName::new("postgres"), database::LONG_TRANSACTION).await.unwrap();
    let judged = database::transactions(&open.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(judged.status, Status::Warn);
    assert!(judged.evidence.contains("left-open"), "{judged:?}");
    admin.execute("ending", "ROLLBACK PREPARED 'left-open'").await.unwrap();

    let making = "CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'";
    admin.execute("making", making).await.unwrap();
    let sorted = cluster.session("sorted").await;
    assert_eq!(database::collation(&condition(&sorted).await.unwrap(), "sorted").status, Status::Pass);
    let aging = "UPDATE pg_database SET datcollversion = '1.0' WHERE datname = 'sorted'";
    admin.execute("aging", aging).await.unwrap();
    let judged = database::collation(&condition(&sorted).await.unwrap(), "sorted");
    assert_eq!(judged.status, Status::Warn);
    assert!(judged.evidence.starts_with("made with version 1.0"), "{judged:?}");
}

#[tokio::test]
async fn certificates_tell_when_they_end() {
    let cluster = Cluster::start().await;
    let folder = cluster.path();
    // Without an extension file, openssl makes version 1.
    let names = folder.join("names").display().to_string();
    write(&folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    for (name, days) in [("good", "90"), ("soon", "3"), ("over", "-1")] {
        let at = |suffix: &str| folder.join(format!("{name}.{suffix}")).display().to_string();
        let (key, crt) = (at("key"), at("crt"));
        let csr = at("csr");
        run(
            "openssl",
            &["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db.test", "-keyout", &key, "-out", &csr],
        );
        run(
            "openssl",
            &["x509", "-req", "-in", &csr, "-signkey", &key, "-days", days, "-extfile", &names, "-out", &crt],
        );
        give_to_server_user(&folder.join(format!("{name}.key")));
        give_to_server_user(&folder.join(format!("{name}.crt")));
    }
    let plain = cluster.superuser("postgres");
    assert_eq!(first_to_end(&plain).await.unwrap(), None);
    assert_eq!(encryption(&cluster.session("postgres").await).await.unwrap(), None);
    let admin = cluster.session("postgres").await;
    for (name, expected) in [("good", Status::Pass), ("soon", Status::Warn), ("over", Status::Fail)] {
        for sql in [
            format!("ALTER SYSTEM SET ssl_cert_file = '{}'", folder.join(format!("{name}.crt")).display()),
            format!("ALTER SYSTEM SET ssl_key_file = '{}'", folder.join(format!("{name}.key")).display()),
            "ALTER SYSTEM SET ssl = on".to_owned(),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            admin.execute("turning TLS on", &sql).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let info = cluster
            .info(&format!("postgres://postgres:{ENCODED_PASSWORD}@127.0.0.1:PORT/postgres?sslmode=require"));
        let expires = first_to_end(&info).await.unwrap();
        let subject = expires.as_ref().map(|expiry| expiry.subject.clone());
        assert_eq!(subject.as_deref(), Some("CN=db.test"), "{name}");
        let session = connect(&info, "tests").await.unwrap();
        let protocol = encryption(&session).await.unwrap();
        assert!(protocol.as_ref().is_some_and(|protocol| protocol.starts_with("TLSv1.")), "{protocol:?}");
        let judged = route::tls(&route::Tls {
            mode: "verify-full",
            remote: true,
            host: "db.test".to_owned(),
            protocol,
            expires,
        });
        assert_eq!(judged.status, expected, "{name}: {judged:?}");
    }
}
