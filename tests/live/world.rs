//! The state of an install, as it can be seen from outside of opsctl.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::docker::{docker, image_id};
use crate::stack::Stack;

/// Everything that an operation may change, but for the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    /// For each service that runs, the image that it runs on.
    pub(crate) images: BTreeMap<String, String>,
    /// `.env`, byte for byte.
    pub(crate) env: String,
    pub(crate) env_mode: u32,
    pub(crate) version_file: String,
    pub(crate) migrations: Vec<String>,
    /// The databases on the server.
    pub(crate) databases: Vec<String>,
    /// Containers beside the services.
    pub(crate) one_offs: Vec<String>,
    /// Files that are no backups, in the folder of backups.
    pub(crate) oddments: Vec<String>,
}

impl Stack {
    pub(crate) fn world(&self) -> World {
        let names = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let env = self.path(".env");
        World {
            images: ["ledger-api", "ledger-worker"]
                .into_iter()
                .filter_map(|service| Some((service.to_owned(), self.running_image(service)?)))
                .collect(),
            env: fs::read_to_string(&env).unwrap(),
            env_mode: fs::metadata(&env).unwrap().permissions().mode() & 0o777,
            version_file: fs::read_to_string(self.path("VERSION")).unwrap_or_default(),
            migrations: names(self.query("ledger", "SELECT name FROM _migrations ORDER BY id")),
            databases: self.databases(),
            one_offs: self.one_offs(),
            oddments: self
                .files_beside_backups()
                .into_iter()
                .filter(|name| name != ".pre-upgrade-version")
                .collect(),
        }
    }

    /// The image of a service that runs.
    pub(crate) fn running_image(&self, service: &str) -> Option<String> {
        let id = self.container(service)?;
        let state = docker(["inspect", "--format", "{{.State.Running}} {{.Image}}", &id]);
        state.strip_prefix("true ").map(str::to_owned)
    }

    pub(crate) fn databases(&self) -> Vec<String> {
        let sql =
            "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1";
        self.query("postgres", sql).lines().map(str::to_owned).collect()
    }

    /// The databases that opsctl keeps for a purpose.
    pub(crate) fn kept(&self, purpose: &str) -> Vec<String> {
        let marker = format!("__opsctl_{purpose}_");
        self.databases().into_iter().filter(|name| name.contains(&marker)).collect()
    }

    /// Whole backups, oldest first.
    pub(crate) fn backup_files(&self) -> Vec<String> {
        self.backup_folder().into_iter().filter(|name| is_backup(name)).collect()
    }

    /// Whatever else lies in the folder of backups.
    pub(crate) fn files_beside_backups(&self) -> Vec<String> {
        self.backup_folder().into_iter().filter(|name| !is_backup(name)).collect()
    }

    fn backup_folder(&self) -> Vec<String> {
        let entries = fs::read_dir(self.backup_dir()).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn rows(&self) -> u64 {
        self.number("ledger", "SELECT count(*) FROM records")
    }

    /// That a release serves: both services on its image, saying its version, ready, and selected.
    pub(crate) fn assert_serves(&self, release: &str) {
        let expected = image_id(&format!("{}:{release}", self.settings.image));
        for service in ["ledger-api", "ledger-worker"] {
            assert_eq!(
                self.running_image(service).as_ref(),
                Some(&expected),
                "{service} should be on {release}"
            );
        }
        let health = self.client().get("/health").expect("the API answers");
        assert_eq!(health.body["version"], release);
        assert_eq!(self.client().get("/health/ready").expect("the API answers").status, 200);
        assert_eq!(self.variable("LEDGER_VERSION"), release);
        assert_eq!(fs::read_to_string(self.path("VERSION")).unwrap().trim(), release);
    }

    /// That nothing is left over of what ran: no container, no unfinished operation.
    pub(crate) fn assert_tidy(&self) {
        assert_eq!(self.one_offs(), Vec::<String>::new(), "containers are left over");
        assert_eq!(self.kept("side"), Vec::<String>::new(), "a side database is left over");
        assert_eq!(self.kept("scratch"), Vec::<String>::new(), "a scratch database is left over");
        let status = self.ops_does(&["status"]);
        assert!(status["unfinished"].is_null(), "{status}");
        assert!(status["running"].is_null(), "{status}");
        assert_eq!(status["release"]["drift"], serde_json::json!([]), "{status}");
        let operations = fs::read_dir(self.path(".opsctl/operations")).into_iter().flatten().flatten();
        let folders =
            operations.map(|entry| entry.path()).chain([self.dir().to_owned(), self.path(".opsctl")]);
        let names = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let temporary: Vec<String> = names.filter(|name| name.starts_with(".opsctl-tmp-")).collect();
        assert_eq!(temporary, Vec::<String>::new(), "temporary files are left over");
        let unknown = self.files_beside_backups().into_iter().filter(|name| name != ".pre-upgrade-version");
        assert_eq!(unknown.collect::<Vec<_>>(), Vec::<String>::new(), "files are left over");
    }
}

fn is_backup(name: &str) -> bool {
    name.starts_with("backup-") && name.ends_with(".tar.gz")
}
