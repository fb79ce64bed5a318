//! The files of an install: Compose files, `.env`, and the description of the product.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::docker;

/// The password of the bundled server.
pub(crate) const DATABASE_PASSWORD: &str = "not-a-real-password";

/// The name of an install's own Compose file.
const OVERLAY: &str = "docker-compose.overlay.yml";

/// What an install is made from.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Major version of the bundled PostgreSQL server.
    pub(crate) postgres: u32,
    /// The release to install.
    pub(crate) release: String,
    /// The image without its tag.
    pub(crate) image: String,
    /// More lines of `.env`.
    pub(crate) more: Vec<(String, String)>,
    /// How the product is described to opsctl.
    pub(crate) description: Description,
    /// Whether the database runs in the project.
    pub(crate) bundled: bool,
    /// The container of a server outside of the project.
    pub(crate) server: Option<String>,
    /// One more Compose file, laid over the others.
    pub(crate) overlay: Option<String>,
}

/// How the product is described to opsctl.
#[derive(Debug, Clone)]
pub(crate) enum Description {
    /// Not at all: it is recognised.
    BuiltIn,
    /// The built-in description with other lines in `[health]` and `[migrate]`, so that tests need not wait.
    Brisk {
        /// Lines of `[health]`.
        health: &'static str,
        /// Lines of `[migrate]`.
        migrate: &'static str,
    },
}

impl Description {
    /// The services are watched for four seconds instead of fifteen.
    pub(crate) const BRISK: Self =
        Self::Brisk { health: "watch_for = \"4s\"\nstable_for = \"2s\"\n", migrate: "" };
    /// They are watched for a moment.
    pub(crate) const MOMENT: Self =
        Self::Brisk { health: "watch_for = \"1s\"\nstable_for = \"1s\"\n", migrate: "" };
}

impl Settings {
    pub(crate) fn new(postgres: u32, release: &str) -> Self {
        Self {
            postgres,
            release: release.to_owned(),
            image: "ledger/ledger".to_owned(),
            more: Vec::new(),
            description: Description::BRISK,
            bundled: true,
            server: None,
            overlay: None,
        }
    }

    pub(crate) fn described(mut self, description: Description) -> Self {
        self.description = description;
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.more.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn overlaid(mut self, text: &str) -> Self {
        self.overlay = Some(text.to_owned());
        self
    }

    /// The image of the bundled server.
    pub(crate) fn server_image(&self) -> String {
        format!("opsctl-sample/postgres:{}", self.postgres)
    }

    /// Lays the install out in a directory.
    pub(crate) fn write(&self, directory: &Path, project: &str, ports: [u16; 3]) {
        let compose = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose");
        for file in ["docker-compose.yml", "docker-compose.postgres.yml", "docker-compose.prod.yml"] {
            fs::copy(compose.join(file), directory.join(file)).unwrap();
        }
        if let Some(overlay) = &self.overlay {
            fs::write(directory.join(OVERLAY), overlay).unwrap();
        }
        let env = directory.join(".env");
        fs::write(&env, self.env(project, ports)).unwrap();
        fs::set_permissions(&env, fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(directory.join("VERSION"), format!("{}\n", self.release)).unwrap();
        self.describe(directory);
    }

    /// Writes the description of the product into the install, if it is to be described.
    pub(crate) fn describe(&self, directory: &Path) {
        if let Description::Brisk { health, migrate } = &self.description {
            describe(directory, health, migrate);
        }
    }

    fn env(&self, project: &str, [api, worker, server]: [u16; 3]) -> String {
        let files = if self.bundled {
            "docker-compose.yml:docker-compose.postgres.yml:docker-compose.prod.yml"
        } else {
            "docker-compose.yml:docker-compose.prod.yml"
        };
        let files = self.overlay.as_ref().map_or_else(|| files.to_owned(), |_| format!("{files}:{OVERLAY}"));
        let volume = if self.postgres < 18 { "/var/lib/postgresql/data" } else { "/var/lib/postgresql" };
        let mut text = format!(
            "# settings of an install\nCOMPOSE_PROJECT_NAME={project}\nCOMPOSE_FILE={files}\n\
             LEDGER_VERSION={}   # chosen by hand\nLEDGER_IMAGE={}\n\n\
             API_KEY_SECRET='{}'\nVAULT_SIGNING_KEY=\"{}\"\n\
             LEDGER_HOST_PORT={api}\nLEDGER_WORKER_HOST_PORT={worker}\nLEDGER_HEALTH_INTERVAL=1s\n",
            self.release,
            self.image,
            "5f".repeat(32),
            docker::signing_key(),
        );
        if self.bundled {
            text.push_str(&format!(
                "POSTGRES_IMAGE={}\nPOSTGRES_VOLUME_PATH={volume}\nPOSTGRES_PASSWORD={DATABASE_PASSWORD}\n\
                 POSTGRES_HOST_PORT={server}\n",
                self.server_image()
            ));
        }
        for (name, value) in &self.more {
            text.push_str(&format!("{name}={value}\n"));
        }
        text
    }
}

/// Writes the built-in description of the product into an install, with other lines in two of its sections.
pub(crate) fn describe(directory: &Path, health: &str, migrate: &str) {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/profiles/ledger.toml");
    let text = fs::read_to_string(built_in).unwrap();
    assert!(!text.contains("[health]"), "the built-in description has a [health] section now");
    let text = text.replace("[migrate]\n", &format!("[health]\n{health}\n[migrate]\n{migrate}"));
    fs::write(directory.join("opsctl.toml"), text).unwrap();
}

/// The folder that holds an install's backups.
pub(crate) fn backup_directory(directory: &Path) -> PathBuf {
    directory.join("backup")
}
