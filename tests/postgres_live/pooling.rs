//! Poolers: a real PgBouncer in each of its modes, and none.
#![expect(clippy::disallowed_types, clippy::unwrap_used, reason = "the tests start the pooler themselves")]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opsctl::adapters::postgres::pooler::probe;
use opsctl::model::conninfo::ConnInfo;
use opsctl::preflight::route::Pooling;

use crate::cluster::{Cluster, give_to_server_user, write};

#[tokio::test]
async fn what_shares_connections_is_told_from_what_does_not() {
    let cluster = Cluster::start_with(&[], "host all pooled 127.0.0.1/32 trust").await;
    cluster.session("postgres").await.execute("making a role", "CREATE ROLE pooled LOGIN").await.unwrap();
    let direct = cluster.superuser("postgres");
    assert_eq!(probe(&direct).await.unwrap(), Pooling::Direct);

    let cases = [
        ("session", "", true),
        ("transaction", "", false),
        ("statement", "", false),
        ("transaction", "server_round_robin = 1", false),
        ("transaction", "default_pool_size = 1", false),
    ];
    for (mode, more, keeps_apart) in cases {
        let pooler = Pooler::start(&cluster, mode, more);
        // As it is in use: an idle pool proves nothing, and neither does a fresh one.
        for _ in 0..2 {
            let found = probe(&pooler.info()).await.unwrap_or_else(|error| panic!("{mode} {more}: {error}"));
            let is_right =
                if keeps_apart { found == Pooling::Direct } else { matches!(found, Pooling::Shared(_)) };
            assert!(is_right, "{mode} {more}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_pooler_that_refuses_what_clients_may_ask_for_is_one() {
    let cluster = Cluster::start_with(&[], "host all pooled 127.0.0.1/32 trust").await;
    cluster.session("postgres").await.execute("making a role", "CREATE ROLE pooled LOGIN").await.unwrap();
    let pooler = Pooler::start(&cluster, "session", "");
    let info = ConnInfo { options: Some("-c search_path=public".to_owned()), ..pooler.info() };
    let found = probe(&info).await.unwrap();
    assert!(matches!(&found, Pooling::Refused(why) if why.contains("options")), "{found:?}");
}

/// A PgBouncer in front of a cluster, gone when dropped.
struct Pooler {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Pooler {
    fn start(cluster: &Cluster, mode: &str, further: &str) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let folder = cluster.path().join(format!("pooler-{port}"));
        fs::create_dir(&folder).unwrap();
        give_to_server_user(&folder);
        let settings = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=pooled\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n{further}\n",
            cluster.port
        );
        write(&settings, &text);
        give_to_server_user(&settings);
        let mut command = Command::new("pgbouncer");
        if rustix::process::geteuid().is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "pgbouncer"]);
        }
        let log = fs::File::create(folder.join("log")).unwrap();
        let process = command
            .arg(&settings)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("pgbouncer starts: install the package `pgbouncer`");
        let pooler = Self { process, port, folder };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(pooler.folder.join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "the pooler does not listen: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        pooler
    }

    fn info(&self) -> ConnInfo {
        ConnInfo::parse(&format!("postgres://pooled@127.0.0.1:{}/postgres?sslmode=disable", self.port), None)
            .unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
