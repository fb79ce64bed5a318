//! The database goes away, comes back, and is swapped for another one.

use serde_json::json;

use crate::{eventually, postgres::Postgres, product::Install};

#[test]
fn an_instance_outlives_an_outage_of_its_database() {
    let mut postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    postgres.stop();
    let (api, worker) = (install.start("api"), install.start("worker"));
    api.await_not_ready("database");
    worker.await_not_ready("database");
    assert_eq!(api.get("/health", None).status, 200);
    postgres.restart();
    api.await_ready();
    worker.await_ready();
    api.write(&key, &json!(1));
    postgres.restart();
    api.await_ready();
    worker.await_ready();
    api.write(&key, &json!(2));
    let done = "SELECT count(*) FROM jobs WHERE status = 'done'";
    eventually("both jobs done", || (postgres.sql(done) == "2").then_some(()));
}

#[test]
fn a_database_that_is_swapped_under_it_is_followed() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    postgres.sql_in("postgres", "CREATE DATABASE restored TEMPLATE ledger");
    let (api, worker) = (install.start_ready("api"), install.start_ready("worker"));
    api.write(&key, &json!(1));
    let later = install.create_key("agent");
    assert_eq!(api.get("/v1/records/count", Some(&later)).json["count"], 1);
    let held = postgres.sql_in_background_of(
        "postgres",
        "BEGIN; ALTER DATABASE ledger RENAME TO replaced; ALTER DATABASE restored RENAME TO ledger; COMMIT",
    );
    eventually("the swap", || {
        postgres.sql_in(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ledger'",
        );
        let sql = "SELECT count(*) FROM pg_database WHERE datname = 'replaced'";
        (postgres.sql_in("postgres", sql) == "1").then_some(())
    });
    drop(held);
    api.await_ready();
    worker.await_ready();
    assert_eq!(api.get("/v1/records/count", Some(&key)).json["count"], 0);
    eventually("a key that the restored data does not know is refused", || {
        (api.get("/v1/records/count", Some(&later)).status == 401).then_some(())
    });
    api.write(&key, &json!(2));
    let done = "SELECT count(*) FROM jobs WHERE status = 'done'";
    eventually("a job done there", || (postgres.sql(done) == "1").then_some(()));
}
