//! The swap, under clients that come back at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opsctl::adapters::postgres::connect::connect;
use opsctl::adapters::postgres::error::PgError;
use opsctl::adapters::postgres::swap::{Swap, swap};
use opsctl::adapters::postgres::whole::read_mark;
use opsctl::model::conninfo::ConnInfo;
use opsctl::model::database_name::{DatabaseName, DatabasePurpose};

use crate::cluster::Cluster;
use crate::databases::mark;

/// Clients that connect, ask, and connect again the moment they are thrown out. They end by themselves after a minute.
struct Hammer {
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Hammer {
    fn start(info: &ConnInfo, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let clients = (0..clients)
            .map(|_| {
                let (info, stop, connections) = (info.clone(), Arc::clone(&stop), Arc::clone(&connections));
                tokio::spawn(async move {
                    let begun = Instant::now();
                    while !stop.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_mins(1) {
                        let Ok(session) = connect(&info, "a hammer").await else {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            continue;
                        };
                        connections.fetch_add(1, Ordering::Relaxed);
                        while !stop.load(Ordering::Relaxed)
                            && session.text("asking", "SELECT 1").await.is_ok()
                        {
                            tokio::time::sleep(Duration::from_millis(2)).await;
                        }
                    }
                })
            })
            .collect();
        Self { stop, connections, clients }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("no client panics");
        }
    }
}

async fn content(cluster: &Cluster, database: &str) -> Option<String> {
    cluster.session(database).await.text("reading", "SELECT name FROM which").await.expect("readable")
}

async fn two_databases(cluster: &Cluster) -> (DatabaseName, DatabaseName, DatabaseName) {
    let live = DatabaseName::new("ledger");
    let side = live.made(DatabasePurpose::Side, "1");
    let old = live.made(DatabasePurpose::Replaced, "1");
    let admin = cluster.session("postgres").await;
    for name in [&live, &side] {
        admin.execute("a database", &format!("CREATE DATABASE \"{name}\"")).await.expect("superuser");
        let fill = format!("CREATE TABLE which AS SELECT '{name}'::text AS name");
        cluster.session(name.as_str()).await.execute("a table", &fill).await.expect("superuser");
    }
    (live, side, old)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_succeeds_against_clients_that_reconnect_at_once() {
    let cluster = Cluster::start().await;
    let (live, side, old) = two_databases(&cluster).await;
    let socket = cluster.path().display();
    let user = cluster.superuser("ledger");
    let mut info = cluster.info(&format!("host={socket} port=PORT user=postgres dbname=ledger"));
    info.password.clone_from(&user.password);
    let hammer = Hammer::start(&info, 10);
    while hammer.connections.load(Ordering::Relaxed) < 10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let there = Swap {
        live: live.clone(),
        incoming: Some((side.clone(), Some("the comment".to_owned()))),
        outgoing: (old.clone(), mark(&live, DatabasePurpose::Replaced)),
    };
    let back = Swap {
        live: live.clone(),
        incoming: Some((old.clone(), None)),
        outgoing: (side.clone(), mark(&live, DatabasePurpose::Failed)),
    };
    for round in 0..3 {
        let report =
            swap(&info, &there, "tests").await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        // Not all clients may be back from the round before.
        assert!(report.locked < Duration::from_secs(5) && report.terminated > 0, "{report:?}");
        eprintln_report(round, &report);
        assert_eq!(content(&cluster, "ledger").await.as_deref(), Some(side.as_str()));
        assert_eq!(content(&cluster, old.as_str()).await.as_deref(), Some("ledger"));
        let again = swap(&info, &there, "tests").await.expect("done already");
        assert_eq!(again.tries, 0);
        swap(&info, &back, "tests").await.unwrap_or_else(|error| panic!("back, round {round}: {error}"));
        assert_eq!(content(&cluster, "ledger").await.as_deref(), Some("ledger"));
    }
    let before = hammer.connections.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(hammer.connections.load(Ordering::Relaxed) >= before.min(60), "the clients are served again");
    hammer.end().await;

    let admin = cluster.session("postgres").await;
    let written = read_mark(&admin, &side).await.expect("readable").expect("marked");
    assert_eq!(written.purpose, DatabasePurpose::Failed);
    assert_eq!(read_mark(&admin, &live).await.expect("readable"), None);
}

#[expect(clippy::print_stderr, reason = "the measured figure is worth seeing")]
fn eprintln_report(round: u32, report: &opsctl::adapters::postgres::swap::SwapReport) {
    eprintln!("round {round}: {report:?}");
}

#[tokio::test]
async fn a_swap_that_cannot_end_a_session_changes_nothing_and_names_it() {
    let cluster = Cluster::start().await;
    let (live, side, old) = two_databases(&cluster).await;
    let admin = cluster.session("postgres").await;
    for statement in [
        "CREATE ROLE owner LOGIN CREATEDB PASSWORD 'x'".to_owned(),
        format!("ALTER DATABASE \"{live}\" OWNER TO owner"),
        format!("ALTER DATABASE \"{side}\" OWNER TO owner"),
    ] {
        admin.execute(&statement, &statement).await.expect("superuser");
    }
    // A superuser's session cannot be ended by the owner.
    let stubborn = connect(&cluster.superuser("ledger"), "the stubborn one").await.expect("can connect");
    let info = cluster.info("postgres://owner:x@127.0.0.1:PORT/ledger");
    let plan = Swap {
        live: live.clone(),
        incoming: Some((side.clone(), None)),
        outgoing: (old, mark(&live, DatabasePurpose::Replaced)),
    };
    let begun = Instant::now();
    let error = swap(&info, &plan, "tests").await.expect_err("someone stays connected");
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert!(
        matches!(error, PgError::InUse { .. }) && error.to_string().contains("the stubborn one"),
        "{error}"
    );
    assert_eq!(content(&cluster, "ledger").await.as_deref(), Some("ledger"));
    drop(stubborn);
}

#[tokio::test]
async fn a_single_rename_is_a_swap_with_nothing_coming_in() {
    let cluster = Cluster::start().await;
    let (live, _, _) = two_databases(&cluster).await;
    let failed = live.made(DatabasePurpose::Failed, "1");
    let plan = Swap {
        live: live.clone(),
        incoming: None,
        outgoing: (failed.clone(), mark(&live, DatabasePurpose::Failed)),
    };
    swap(&cluster.superuser("ledger"), &plan, "tests").await.expect("renamed");
    assert_eq!(content(&cluster, failed.as_str()).await.as_deref(), Some("ledger"));
    let missing = connect(&cluster.superuser("ledger"), "tests").await.err();
    assert!(matches!(missing, Some(PgError::NoDatabase { .. })));
    assert_eq!(swap(&cluster.superuser("ledger"), &plan, "tests").await.expect("done already").tries, 0);
}
