//! A product that opsctl knows nothing of but its description: one web service, no worker, migrations by the image's own
//! command line, plain-text answers, no record of what was migrated.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::docker::{attempt, docker, docker_with, require};
use crate::operator::{Ended, Run};
use crate::ports;

const SERVER: &str = "opsctl-sample/postgres:15";
const PROGRAM: &str = include_str!("third_party/x.sh");
const RELEASES: [&str; 3] = ["1.0", "2.0", "3.0"];

/// An install of it, gone when dropped.
struct Product {
    directory: TempDir,
    project: String,
    image: String,
    port: u16,
}

impl Product {
    fn up() -> Self {
        require(&[SERVER]);
        let directory = tempfile::Builder::new().prefix("opsctl-third-").tempdir().unwrap();
        let project = format!("opsctl-third-{}", std::process::id());
        let image = format!("{project}/x");
        let product = Self { directory, project, image, port: ports::free() };
        for release in RELEASES {
            product.build(release);
        }
        let file =
            |name: &str, content: &str| fs::write(product.directory.path().join(name), content).unwrap();
        file("docker-compose.yml", include_str!("third_party/docker-compose.yml"));
        file("opsctl.toml", include_str!("third_party/opsctl.toml"));
        let (project, image, port) = (&product.project, &product.image, product.port);
        file(
            ".env",
            &format!(
                "COMPOSE_PROJECT_NAME={project}\nX_IMAGE={image}\nX_VERSION=1.0\nX_PORT={port}\nDB_IMAGE={SERVER}\n\
                 DB_PASSWORD=not-a-real-secret\n"
            ),
        );
        product.compose(&["up", "-d", "--wait"]);
        let address = "postgresql://x:not-a-real-secret@db/x";
        product.compose(&["run", "--rm", "-T", "web", "x", "db", "upgrade", address]);
        product
    }

    /// An image of a release: the server's, whose shell, busybox and psql are all that it needs.
    fn build(&self, release: &str) {
        let (program, note) = (self.directory.path().join("x"), self.directory.path().join("x-release"));
        fs::write(&program, PROGRAM).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&note, release).unwrap();
        let container = docker(["create", SERVER]);
        let _removed = Removed(container.clone());
        docker(["cp", &program.display().to_string(), &format!("{container}:/usr/local/bin/x")]);
        docker(["cp", &note.display().to_string(), &format!("{container}:/etc/x-release")]);
        let image = format!("{}:{release}", self.image);
        docker(["commit", "--change", "ENTRYPOINT [\"/usr/bin/env\"]", &container, &image]);
    }

    fn compose(&self, arguments: &[&str]) -> String {
        let directory = self.directory.path().display().to_string();
        let file = format!("{directory}/docker-compose.yml");
        docker_with(&[&["compose", "--project-directory", &directory, "-f", &file], arguments].concat())
    }

    fn ops(&self, code: i32, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsctl"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.directory.path()).current_dir(self.directory.path());
        command.args(["--output", "json", "--non-interactive"]).args(arguments);
        let ended = Run::start(command).wait();
        assert_eq!(ended.code, Some(code), "opsctl {arguments:?}\n{}", ended.told());
        ended
    }

    fn query(&self, sql: &str) -> String {
        let server = format!("{}-db-1", self.project);
        docker(["exec", &server, "psql", "-U", "x", "-XAtqc", sql])
    }

    fn notes(&self) -> String {
        self.query("SELECT string_agg(text, ' ' ORDER BY id) FROM notes")
    }

    fn columns(&self) -> String {
        let sql = "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns \
                   WHERE table_name = 'notes'";
        self.query(sql)
    }

    /// What it says of its own version.
    fn version(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"GET /version HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").expect("an answer").1.trim().to_owned()
    }

    fn leftovers(&self) -> Vec<String> {
        let project = format!("label=opsctl.project={}", self.project);
        let compose = format!("label=com.docker.compose.project={}", self.project);
        let one_off = "label=com.docker.compose.oneoff=True";
        let ours = docker(["ps", "-a", "--format", "{{.Names}}", "--filter", &project]);
        let theirs =
            docker(["ps", "-a", "--format", "{{.Names}}", "--filter", &compose, "--filter", one_off]);
        let networks =
            docker(["network", "ls", "--format", "{{.Name}}", "--filter", "label=opsctl.operation"]);
        let networks = networks.lines().filter(|name| name.starts_with(&self.project));
        ours.lines().chain(theirs.lines()).chain(networks).map(str::to_owned).collect()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        for label in ["com.docker.compose.project", "opsctl.project"] {
            let label = format!("label={label}={}", self.project);
            for (list, remove) in [
                (vec!["ps", "-aq"], vec!["rm", "-fv"]),
                (vec!["volume", "ls", "-q"], vec!["volume", "rm", "-f"]),
                (vec!["network", "ls", "-q"], vec!["network", "rm"]),
            ] {
                let found = attempt(&[&list[..], &["--filter", &label]].concat());
                for id in String::from_utf8_lossy(&found.stdout).lines() {
                    attempt(&[&remove[..], &[id]].concat());
                }
            }
        }
        let images = attempt(&["images", "--format", "{{.Repository}}:{{.Tag}}", &self.image]);
        for image in String::from_utf8_lossy(&images.stdout).lines() {
            attempt(&["rmi", "-f", image]);
        }
    }
}

/// A container that is removed at the end.
struct Removed(String);

impl Drop for Removed {
    fn drop(&mut self) {
        attempt(&["rm", "-fv", &self.0]);
    }
}

#[test]
fn a_product_that_is_only_described_goes_all_the_ways() {
    let product = Product::up();
    product.query("INSERT INTO notes VALUES (1, 'one')");
    product.ops(0, &["backup"]);
    product.query("INSERT INTO notes VALUES (2, 'two')");

    let rehearsed = product.ops(0, &["upgrade", "2.0", "--rehearse"]).result()["result"].clone();
    assert_eq!(rehearsed["rows"].as_array().map(Vec::len), Some(0), "{rehearsed}");
    let failed = product.ops(3, &["upgrade", "3.0", "--rehearse"]);
    assert!(failed.fault().contains("nothing\\\" does not exist"), "{}", failed.told());
    assert_eq!((product.version().as_str(), product.columns().as_str()), ("1.0", "id text"));

    product.ops(0, &["upgrade", "2.0"]);
    assert_eq!((product.version().as_str(), product.columns().as_str()), ("2.0", "id text written"));
    assert_eq!(product.notes(), "one two");
    product.query("INSERT INTO notes VALUES (3, 'three')");

    let failed = product.ops(4, &["upgrade", "3.0"]);
    assert!(failed.fault().contains("nothing\\\" does not exist"), "{}", failed.told());
    assert_eq!((product.version().as_str(), product.columns().as_str()), ("2.0", "id text written"));
    assert_eq!(product.notes(), "one two three");

    product.ops(0, &["rollback"]);
    assert_eq!((product.version().as_str(), product.columns().as_str()), ("1.0", "id text"));
    assert_eq!(product.notes(), "one two");

    let listed = product.ops(0, &["backup", "list"]).result()["result"]["backups"].clone();
    let first = listed[0]["path"].as_str().expect("the first backup").to_owned();
    product.ops(0, &["restore", &first]);
    assert_eq!((product.version().as_str(), product.notes().as_str()), ("1.0", "one"));
    product.ops(0, &["restore", "--undo"]);
    assert_eq!(product.notes(), "one two");
    assert_eq!(product.leftovers(), Vec::<String>::new());
}
