//! How to log in to a registry: what the operator gave, else what the `docker` command would use.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::EngineSettings;
use crate::model::secret::Secret;

const CONFIG_FILE: &str = "config.json";

/// Docker Hub's credentials are filed under an address of its own.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A credential helper may ask a key ring or a cloud service.
const HELPER_LIMIT: Duration = Duration::from_secs(20);

/// Credentials for one registry, and where they come from.
#[derive(Debug, Clone)]
pub struct Credentials {
    login: Login,
    source: CredentialSource,
}

/// Where credentials come from; safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// There are none.
    Anonymous,
    /// The operator gave them to this program.
    Given,
    /// Docker's configuration file.
    ConfigFile(PathBuf),
    /// A credential helper, by its program's name.
    Helper(String),
}

/// Why credentials that are configured could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Docker's configuration file is unreadable.
    #[error("docker's configuration {} cannot be read: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The entry for the registry cannot be understood.
    #[error("the credentials for {registry} in {} cannot be read; log in again with `docker login {registry}`", path.display())]
    Entry {
        /// The registry.
        registry: String,
        /// The file.
        path: PathBuf,
    },
    /// The helper did not answer with credentials.
    #[error(
        "{helper} gave no credentials for {registry}; does `echo {registry} | {helper} get` work for this user?"
    )]
    Helper {
        /// The helper's program.
        helper: String,
        /// The registry.
        registry: String,
    },
    /// The helper did not answer in time.
    #[error("{helper} gave no answer for {registry} within {} s; is it waiting for a key ring to be unlocked?", HELPER_LIMIT.as_secs())]
    HelperHangs {
        /// The helper's program.
        helper: String,
        /// The registry.
        registry: String,
    },
}

#[derive(Debug, Clone)]
enum Login {
    Anonymous,
    Password { username: String, password: Secret },
    Token(Secret),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ConfigOutline {
    auths: HashMap<String, EntryOutline>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EntryOutline {
    auth: Option<serde::de::IgnoredAny>,
    username: Option<serde::de::IgnoredAny>,
    identitytoken: Option<serde::de::IgnoredAny>,
}

impl Credentials {
    /// No credentials.
    pub fn anonymous() -> Self {
        Self { login: Login::Anonymous, source: CredentialSource::Anonymous }
    }

    /// Credentials that the operator gave to this program.
    pub fn given(username: impl Into<String>, password: Secret) -> Self {
        let login = Login::Password { username: username.into(), password };
        Self { login, source: CredentialSource::Given }
    }

    /// What the operator gave, else what is configured.
    ///
    /// # Errors
    /// As [`Credentials::configured`].
    pub async fn given_or_configured(
        settings: &EngineSettings,
        registry: &str,
    ) -> Result<Self, CredentialError> {
        match &settings.login {
            Some((username, password)) => Ok(Self::given(username, password.clone())),
            None => Self::configured(settings, registry).await,
        }
    }

    /// What the `docker` command would use for a registry: its configuration file and credential helpers.
    /// Without an entry for the registry: none.
    ///
    /// # Errors
    /// If an entry exists and cannot be read: pulling without it would end in a misleading refusal.
    pub async fn configured(settings: &EngineSettings, registry: &str) -> Result<Self, CredentialError> {
        let Some(path) = settings.config_dir.as_ref().map(|folder| folder.join(CONFIG_FILE)) else {
            return Ok(Self::anonymous());
        };
        let config = match std::fs::read(&path) {
            Ok(config) => config,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::anonymous()),
            Err(error) => return Err(CredentialError::Config { path, why: error.to_string() }),
        };
        let outline: ConfigOutline = serde_json::from_slice(&config).map_err(|error| {
            let why =
                format!("it is not the expected JSON (line {}, column {})", error.line(), error.column());
            CredentialError::Config { path: path.clone(), why }
        })?;
        let key = if registry == DOCKER_HUB { DOCKER_HUB_KEY } else { registry };
        let source = outline.source(key, path);
        if source == CredentialSource::Anonymous {
            return Ok(Self::anonymous());
        }
        let asked = ask_in_background(config, key.to_owned()).await;
        Self::understood(asked, source, registry)
    }

    fn understood(
        asked: Option<Result<DockerCredential, CredentialRetrievalError>>,
        source: CredentialSource,
        registry: &str,
    ) -> Result<Self, CredentialError> {
        let registry = registry.to_owned();
        match (asked, source) {
            (Some(Ok(DockerCredential::UsernamePassword(username, password))), source) => {
                Ok(Self { login: Login::Password { username, password: Secret::new(password) }, source })
            }
            (Some(Ok(DockerCredential::IdentityToken(token))), source) => {
                Ok(Self { login: Login::Token(Secret::new(token)), source })
            }
            (Some(Err(error)), _) if has_no_entry(&error) => Ok(Self::anonymous()),
            (Some(Err(_)), CredentialSource::Helper(helper)) => {
                Err(CredentialError::Helper { helper, registry })
            }
            (Some(Err(_)), CredentialSource::ConfigFile(path)) => {
                Err(CredentialError::Entry { registry, path })
            }
            (None, CredentialSource::Helper(helper)) => {
                Err(CredentialError::HelperHangs { helper, registry })
            }
            (_, CredentialSource::Anonymous | CredentialSource::Given | CredentialSource::ConfigFile(_)) => {
                Ok(Self::anonymous())
            }
        }
    }

    /// Where they come from.
    pub fn source(&self) -> &CredentialSource {
        &self.source
    }

    pub(super) fn for_engine(&self, registry: &str) -> Option<DockerCredentials> {
        let serveraddress = Some(if registry == DOCKER_HUB { DOCKER_HUB_KEY } else { registry }.to_owned());
        match &self.login {
            Login::Anonymous => None,
            Login::Password { username, password } => Some(DockerCredentials {
                username: Some(username.clone()),
                password: Some(password.expose().to_owned()),
                serveraddress,
                ..DockerCredentials::default()
            }),
            Login::Token(token) => Some(DockerCredentials {
                identitytoken: Some(token.expose().to_owned()),
                serveraddress,
                ..DockerCredentials::default()
            }),
        }
    }
}

impl ConfigOutline {
    /// The same order as `docker`: a helper for the registry, an entry with content, the helper for everything.
    fn source(&self, key: &str, path: PathBuf) -> CredentialSource {
        let program = |helper: &String| CredentialSource::Helper(format!("docker-credential-{helper}"));
        if let Some(helper) = self.cred_helpers.get(key).filter(|helper| !helper.is_empty()) {
            return program(helper);
        }
        let host = |key: &str| {
            let key = key.trim_start_matches("https://").trim_start_matches("http://");
            key.split('/').next().unwrap_or(key).to_owned()
        };
        let has_content = |entry: &EntryOutline| {
            entry.auth.is_some() || entry.username.is_some() || entry.identitytoken.is_some()
        };
        if self.auths.iter().any(|(entry, content)| host(entry) == host(key) && has_content(content)) {
            return CredentialSource::ConfigFile(path);
        }
        self.creds_store
            .as_ref()
            .filter(|helper| !helper.is_empty())
            .map_or(CredentialSource::Anonymous, program)
    }
}

/// Helpers are programs that may hang, and a thread of the runtime that hangs would keep this program from ending.
async fn ask_in_background(
    config: Vec<u8>,
    key: String,
) -> Option<Result<DockerCredential, CredentialRetrievalError>> {
    let (answer, asked) = oneshot::channel();
    std::thread::spawn(move || {
        let _too_late = answer.send(get_credential_from_reader(config.as_slice(), &key));
    });
    tokio::time::timeout(HELPER_LIMIT, asked).await.ok()?.ok()
}

/// Helpers say so in words of the credential helper protocol.
fn has_no_entry(error: &CredentialRetrievalError) -> bool {
    match error {
        CredentialRetrievalError::NoCredentialConfigured => true,
        CredentialRetrievalError::HelperFailure { stdout, .. } => stdout.contains("credentials not found"),
        _ => false,
    }
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("no credentials"),
            Self::Given => formatter.write_str("the credentials given to opsctl"),
            Self::ConfigFile(path) => write!(formatter, "the credentials in {}", path.display()),
            Self::Helper(program) => write!(formatter, "the credentials of {program}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn settings(config: &str) -> (tempfile::TempDir, EngineSettings) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = std::fs::File::create(folder.path().join(CONFIG_FILE)).expect("a file");
        file.write_all(config.as_bytes()).expect("written");
        let settings = EngineSettings { config_dir: Some(folder.path().into()), ..EngineSettings::default() };
        (folder, settings)
    }

    async fn found(config: &str, registry: &str) -> Result<Credentials, CredentialError> {
        let (_folder, settings) = settings(config);
        Credentials::configured(&settings, registry).await
    }

    #[tokio::test]
    async fn an_entry_of_the_file_is_used_and_never_shown() {
        // "ops:hunter2"
        let config = r#"{"auths": {"example.com:5000": {"auth": "b3BzOmh1bnRlcjI="}}}"#;
        let credentials = found(config, "example.com:5000").await.expect("an entry");
        assert!(matches!(credentials.source(), CredentialSource::ConfigFile(_)));
        let engine = credentials.for_engine("example.com:5000").expect("a login");
        assert_eq!((engine.username.as_deref(), engine.password.as_deref()), (Some("ops"), Some("hunter2")));
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn docker_hub_has_an_entry_of_another_name() {
        let config = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "b3BzOmh1bnRlcjI="}}}"#;
        let credentials = found(config, "docker.io").await.expect("an entry");
        let engine = credentials.for_engine("docker.io").expect("a login");
        assert_eq!(engine.serveraddress.as_deref(), Some("https://index.docker.io/v1/"));
    }

    #[tokio::test]
    async fn other_registries_get_nothing() {
        let config = r#"{"auths": {"example.com": {"auth": "b3BzOmh1bnRlcjI="}}}"#;
        for registry in ["example.org", "example.com:5000"] {
            let credentials = found(config, registry).await.expect("none");
            assert_eq!(credentials.source(), &CredentialSource::Anonymous);
            assert!(credentials.for_engine(registry).is_none());
        }
    }

    #[tokio::test]
    async fn a_helper_that_is_missing_is_an_error_by_name() {
        let config = r#"{"credHelpers": {"example.com": "no-such-helper"}}"#;
        let error = found(config, "example.com").await.expect_err("no helper").to_string();
        assert!(error.contains("docker-credential-no-such-helper"), "{error}");
    }

    #[tokio::test]
    async fn a_broken_entry_or_file_is_an_error_without_its_content() {
        let entry = r#"{"auths": {"example.com": {"auth": "%%hunter2%%"}}}"#;
        let file = r#"{"auths": "hunter2"}"#;
        for config in [entry, file] {
            let error = found(config, "example.com").await.expect_err("a broken entry").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn no_file_means_no_credentials() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = EngineSettings { config_dir: Some(folder.path().into()), ..EngineSettings::default() };
        let credentials = Credentials::configured(&settings, "example.com").await.expect("none");
        assert_eq!(credentials.source().to_string(), "no credentials");
    }
}
