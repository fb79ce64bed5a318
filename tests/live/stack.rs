//! A running install of the sample product: made in a temporary directory, gone when dropped.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::docker::{attempt, client, docker, docker_with, require};
use crate::http::Client;
use crate::ports;
use crate::settings::{DATABASE_PASSWORD, Settings};
use crate::writer::Writer;

/// One install, with its containers, volumes and network.
pub(crate) struct Stack {
    directory: TempDir,
    pub(crate) project: String,
    pub(crate) settings: Settings,
    pub(crate) api_port: u16,
    /// A key that may write and read records.
    pub(crate) agent_key: String,
    /// A key that may do everything.
    pub(crate) platform_key: String,
}

impl Stack {
    /// A stack with a server of this major version and a release.
    pub(crate) fn up(postgres: u32, release: &str) -> Self {
        Self::of(Settings::new(postgres, release))
    }

    pub(crate) fn of(settings: Settings) -> Self {
        let mut stack = Self::laid_out(settings);
        stack.start();
        stack.make_keys();
        stack
    }

    /// Starts the services, the database first: on a busy machine a server's very first start can take longer than its
    /// health check allows what depends on it to wait.
    pub(crate) fn start(&self) {
        if self.settings.bundled {
            self.compose(&["up", "-d", "postgres"]);
            self.server_gets_well();
        }
        self.compose(&["up", "-d", "--wait"]);
    }

    /// Waits until the bundled server's own health check passes.
    pub(crate) fn server_gets_well(&self) {
        let server = self.server();
        let began = Instant::now();
        while docker(["inspect", "--format", "{{.State.Health.Status}}", &server]) != "healthy" {
            assert!(began.elapsed() < Duration::from_mins(3), "the database server does not get well");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the API says that it is ready.
    pub(crate) fn gets_ready(&self) {
        let (client, began) = (self.client(), Instant::now());
        while client.get("/health/ready").map(|answer| answer.status).unwrap_or_default() != 200 {
            assert!(began.elapsed() < Duration::from_mins(1), "the product does not get ready");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The files of a stack of which nothing runs yet.
    pub(crate) fn laid_out(settings: Settings) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let mut images = vec!["ledger/ledger:1.0.0".to_owned()];
        if settings.bundled {
            images.push(settings.server_image());
        }
        require(&images.iter().map(String::as_str).collect::<Vec<_>>());
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::Builder::new().prefix("opsctl-live-").tempdir().unwrap();
        let project = format!("opsctl-live-{}-{number}", std::process::id());
        let ports = [ports::free(), ports::free(), ports::free()];
        settings.write(directory.path(), &project, ports);
        Self {
            directory,
            project,
            settings,
            api_port: ports[0],
            agent_key: String::new(),
            platform_key: String::new(),
        }
    }

    pub(crate) fn make_keys(&mut self) {
        let make = |role: &str| {
            let api = self.container("ledger-api").expect("the API runs");
            docker(["exec", &api, "/ledger", "create-api-key", "--role", role, "--name", "live"])
        };
        (self.agent_key, self.platform_key) = (make("agent"), make("platform"));
    }

    pub(crate) fn dir(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn backup_dir(&self) -> PathBuf {
        crate::settings::backup_directory(self.dir())
    }

    /// `docker compose` on the install.
    pub(crate) fn compose(&self, arguments: &[&str]) {
        let directory = self.dir().display().to_string();
        let mut all = vec!["compose", "--project-directory", &directory];
        let files = self.variable("COMPOSE_FILE");
        let files: Vec<String> = files.split(':').map(|file| self.path(file).display().to_string()).collect();
        all.extend(files.iter().flat_map(|file| ["-f", file.as_str()]));
        all.extend(["-p", &self.project]);
        all.extend(arguments);
        docker_with(&all);
    }

    /// The value of a variable in `.env`, without its quotes.
    pub(crate) fn variable(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(".env")).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.split(" #").next().unwrap_or_default().trim().trim_matches('\'').to_owned())
            .unwrap_or_default()
    }

    /// Appends a line to `.env`.
    pub(crate) fn add_line(&self, line: &str) {
        let text = fs::read_to_string(self.path(".env")).unwrap();
        fs::write(self.path(".env"), format!("{text}{line}\n")).unwrap();
    }

    /// The container of a service, running or not.
    pub(crate) fn container(&self, service: &str) -> Option<String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let replica = "label=com.docker.compose.oneoff=False";
        let found = docker(["ps", "-aq", "--filter", &project, "--filter", &service, "--filter", replica]);
        found.lines().next().map(str::to_owned)
    }

    /// The container of the database server.
    pub(crate) fn server(&self) -> String {
        let outside = self.settings.server.clone();
        outside.or_else(|| self.container("postgres")).expect("the server runs")
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.api_port, Some(self.agent_key.clone()))
    }

    /// A client that writes until it is stopped.
    pub(crate) fn writer(&self) -> Writer {
        Writer::start(self.client())
    }

    /// A query on the bundled server, by its superuser.
    pub(crate) fn query(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The same, whatever comes of it.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> Output {
        let server = self.server();
        let login = ["psql", "-h", "127.0.0.1", "-U", "ledger", "-d", database];
        let all =
            [&["exec", "-i", "-e", "PGPASSWORD", &server][..], &login, &["-XAtq", "-v", "ON_ERROR_STOP=1"]];
        let mut client = client(&all.concat());
        client.env("PGPASSWORD", DATABASE_PASSWORD);
        let mut child =
            client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may hold a password too. Whoever does not listen says why.
        let _told = child.stdin.take().unwrap().write_all(sql.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// A number that a query gives.
    pub(crate) fn number(&self, database: &str, sql: &str) -> u64 {
        self.query(database, sql).parse().unwrap()
    }

    /// The names of this stack's containers that are no replicas of its services.
    pub(crate) fn one_offs(&self) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let one_off = "label=com.docker.compose.oneoff=True";
        let found = docker(["ps", "-a", "--format", "{{.Names}}", "--filter", &project, "--filter", one_off]);
        found.lines().map(str::to_owned).chain(self.tool_containers()).collect()
    }

    /// The names of the containers in which PostgreSQL's tools run for this stack.
    pub(crate) fn tool_containers(&self) -> Vec<String> {
        let label = format!("label=opsctl.project={}", self.project);
        let found = docker(["ps", "-a", "--format", "{{.Names}}", "--filter", &label]);
        found.lines().map(str::to_owned).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let list = |arguments: &[&str]| {
            let output = attempt(arguments);
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let tools = format!("label=opsctl.project={}", self.project);
        let mut containers = list(&["ps", "-aq", "--filter", &tools]);
        containers.extend(list(&["ps", "-aq", "--filter", &label]));
        for container in &containers {
            attempt(&["rm", "-fv", container]);
        }
        for volume in list(&["volume", "ls", "-q", "--filter", &label]) {
            attempt(&["volume", "rm", "-f", &volume]);
        }
        for network in list(&["network", "ls", "-q", "--filter", &label]) {
            attempt(&["network", "rm", &network]);
        }
    }
}
