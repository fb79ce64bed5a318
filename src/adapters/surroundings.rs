//! What the process finds around it when it starts: read once, here, and handed down.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::model::operation::Actor;

/// The environment, the working directory and the terminals of the process.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Environment variables; those that are not UTF-8 are left out, since Compose cannot use them either.
    pub environment: BTreeMap<String, String>,
    /// The command line, the program's name included; what is not UTF-8 in it is replaced.
    pub arguments: Vec<String>,
    /// The working directory.
    pub directory: PathBuf,
    /// Whether a person can answer.
    pub can_ask: bool,
    /// Whether progress can be redrawn.
    pub can_redraw: bool,
    /// Who runs it.
    pub actor: Actor,
}

impl Surroundings {
    /// Looks around.
    pub fn of_this_process() -> std::io::Result<Self> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let (stdin, stderr) = (std::io::stdin().is_terminal(), std::io::stderr().is_terminal());
        let actor = actor(&environment, stdin);
        Ok(Self {
            environment,
            arguments: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            directory: std::env::current_dir()?,
            can_ask: stdin && stderr,
            can_redraw: stderr,
            actor,
        })
    }

    /// A variable that is set to something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn actor(environment: &BTreeMap<String, String>, terminal: bool) -> Actor {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
    let uid = rustix::process::geteuid().as_raw();
    let ci = [
        ("GITHUB_ACTIONS", "GitHub Actions"),
        ("GITLAB_CI", "GitLab CI"),
        ("JENKINS_URL", "Jenkins"),
        ("CI", "CI"),
    ]
    .into_iter()
    .find(|(name, _)| variable(name).is_some())
    .map(|(_, title)| title.to_owned());
    Actor {
        user: user_name(uid).unwrap_or_else(|| uid.to_string()),
        sudo_user: variable("SUDO_USER"),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        pid: std::process::id(),
        ssh_client: variable("SSH_CLIENT").and_then(|client| client.split(' ').next().map(str::to_owned)),
        ci,
        terminal,
        tty: std::fs::read_link("/proc/self/fd/0")
            .ok()
            .filter(|_| terminal)
            .map(|tty| tty.display().to_string()),
    }
}

/// The name in the local user database: a static binary cannot ask the system's name services.
pub fn user_name(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    })
}
