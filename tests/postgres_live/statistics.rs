//! What the planner is told of a database that was just loaded.

use opsctl::adapters::postgres::connect::connect;
use opsctl::adapters::postgres::statistics::collect;

use crate::cluster::Cluster;

/// Tables, and what is like them, that were never analysed.
const UNKNOWN: &str = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'm', 'p') AND reltuples < 0";

#[tokio::test]
async fn statistics_are_collected_of_all_that_a_plain_analyze_looks_at() {
    let cluster = Cluster::start_with(&["autovacuum=off"], "").await;
    let session = cluster.session("postgres").await;
    session
        .execute(
            "tables",
            "CREATE TABLE \"We ird\" AS SELECT g AS k FROM generate_series(1, 3000) g;
             CREATE MATERIALIZED VIEW seen AS SELECT * FROM \"We ird\"; CREATE TABLE empty (a int);
             CREATE TABLE parts (k int) PARTITION BY RANGE (k);
             CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (k);
             CREATE TABLE leaf PARTITION OF part FOR VALUES FROM (0) TO (100);
             INSERT INTO parts SELECT g FROM generate_series(1, 50) g;
             CREATE ROLE restricted LOGIN PASSWORD 'not-a-real-password'; CREATE TEMPORARY TABLE mine (a int)",
        )
        .await
        .expect("superuser");
    let unknown = async || session.text("asking", UNKNOWN).await.expect("an answer").expect("a number");
    assert_ne!(unknown().await, "0");

    let restricted =
        cluster.info("postgres://restricted:not-a-real-password@127.0.0.1:PORT/postgres?sslmode=disable");
    let restricted = connect(&restricted, "tests").await.expect("can connect");
    let before = unknown().await;
    collect(&[restricted]).await.expect("what may not be analysed is left out");
    assert_eq!(unknown().await, before);

    let sessions = [cluster.session("postgres").await, cluster.session("postgres").await];
    collect(&sessions).await.expect("superuser");
    // The temporary table of the other session.
    assert_eq!(unknown().await, "1");
    let inherited = "SELECT string_agg(format('%s:%s', tablename, inherited), ' ' ORDER BY tablename) FROM pg_stats \
                     WHERE schemaname = 'public'";
    let told = session.text("asking", inherited).await.expect("an answer");
    assert_eq!(told.as_deref(), Some("We ird:f leaf:f part:t parts:t seen:f"));
}
