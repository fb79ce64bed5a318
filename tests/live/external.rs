//! A database of the operator's own, outside of the project.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::docker::{attempt, client, docker, printed};
use crate::ports;
use crate::settings::{DATABASE_PASSWORD, Settings};
use crate::stack::Stack;

/// A PostgreSQL server on a network of its own. Its port is published on that network's gateway, an address that both
/// this machine and containers of other networks reach.
pub(crate) struct Server {
    pub(crate) container: String,
    network: String,
    address: String,
}

impl Server {
    pub(crate) fn start(major: u32) -> Self {
        let port = ports::free();
        let network = format!("opsctl-live-{}-{port}", std::process::id());
        docker(["network", "create", &network]);
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = docker(["network", "inspect", "--format", format, &network]);
        let address = format!("{gateway}:{port}");
        let (publish, image) = (format!("{address}:5432"), format!("opsctl-sample/postgres:{major}"));
        let run = ["run", "-d", "--network", &network, "-p", &publish];
        let user = ["-e", "POSTGRES_USER=ledger", "-e", "POSTGRES_PASSWORD", &image];
        let mut client = client(&[&run[..], &user].concat());
        client.env("POSTGRES_PASSWORD", DATABASE_PASSWORD);
        let container = printed(client);
        let server = Self { container, network, address };
        let began = Instant::now();
        while !attempt(&["exec", &server.container, "pg_isready", "-q", "-h", "127.0.0.1"]).status.success() {
            assert!(began.elapsed() < Duration::from_mins(3), "the server does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        server
    }

    pub(crate) fn url(&self, role: &str, password: &str) -> String {
        format!("postgresql://{role}:{password}@{}/ledger", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        attempt(&["rm", "-fv", &self.container]);
        attempt(&["network", "rm", &self.network]);
    }
}

#[test]
fn a_server_that_the_machines_tools_fit_is_operated_with_them() {
    story(15);
}

#[test]
fn a_server_that_is_newer_than_the_machines_tools_is_operated_from_a_container() {
    story(18);
}

/// An owner for what changes the schema, and a role for the product that may only use it.
fn story(major: u32) {
    let server = Server::start(major);
    let mut settings = Settings::new(major, "1.0.0")
        .with("DATABASE_URL", &server.url("app", "a%40b%2Fc"))
        .with("DATABASE_URL_MIGRATE", &server.url("keeper", "k-%25"))
        .with("OPSCTL_POSTGRES_IMAGE", &format!("opsctl-sample/postgres:{major}"));
    settings.bundled = false;
    settings.server = Some(server.container.clone());
    let mut stack = Stack::laid_out(settings);
    stack.query(
        "ledger",
        "CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'k-%'; CREATE ROLE app LOGIN PASSWORD 'a@b/c'; \
         GRANT pg_signal_backend TO keeper; ALTER DATABASE ledger OWNER TO keeper; \
         ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app; \
         ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT USAGE, SELECT ON SEQUENCES TO app",
    );
    stack.start();
    stack.make_keys();

    let writer = stack.writer();
    let backup = stack.ops_does(&["backup"]);
    let archive = PathBuf::from(backup["path"].as_str().unwrap());
    assert!(archive.is_file());
    stack.ops_does(&["backup", "verify", "latest", "--restore"]);
    assert_eq!(stack.databases(), ["ledger"]);
    writer.goes_on();
    stack.ops_does(&["upgrade", "1.1.0"]);
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    let log = writer.finish_with_nothing_lost();
    println!(
        "an upgrade on an external PostgreSQL {major}: not serving for {:.1} s",
        log.longest_gap().as_secs_f64()
    );

    let rows = stack.rows();
    stack.ops_does(&["backup"]);
    let later = stack.writer().finish();
    stack.ops_does(&["restore", "latest"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
    stack.writer().finish_with_nothing_lost();
    stack.ops_does(&["restore", "--undo"]);
    assert_eq!(later.missing(&stack.client()), Vec::<String>::new());
    stack.ops_does(&["rollback"]);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    stack.writer().finish_with_nothing_lost();
}
