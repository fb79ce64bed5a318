//! The stack as an install that is operated.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::docker;
use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::stand::{self, Stand, Writes};
use crate::writer::{Writer, records};

pub(crate) use crate::stand::{Ended, Run};

impl Stack {
    /// See [`stand::begin`].
    pub(crate) fn begin(&self, arguments: &[&str]) -> Run {
        stand::begin(self, arguments)
    }

    /// Runs it as automation does, to its end.
    pub(crate) fn ops(&self, arguments: &[&str]) -> Ended {
        self.begin(arguments).wait()
    }

    /// See [`stand::exits`].
    pub(crate) fn ops_exits(&self, code: i32, arguments: &[&str]) -> Ended {
        stand::exits(self, code, arguments)
    }

    /// See [`stand::does`].
    pub(crate) fn ops_does(&self, arguments: &[&str]) -> Value {
        stand::does(self, arguments)
    }

    /// See [`Stand::opsctl`].
    pub(crate) fn opsctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsctl"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir()).env("OPSCTL_PLATFORM_KEY", &self.platform_key);
        if let Some(host) = docker::host() {
            command.env("DOCKER_HOST", host);
        }
        command.current_dir(self.dir()).args(arguments);
        command
    }
}

impl Stand for Stack {
    type Writer = Writer;
    const RECORDS: &'static str = "public.records";

    /// Both servers have their stories: the first release is on one of them, the others are on the other.
    fn serving(release: &str) -> Self {
        let postgres = if release == "1.0.0" { 18 } else { 15 };
        Self::of(Settings::new(postgres, release).described(Description::MOMENT))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path(name)
    }

    fn describe(&self, more: &str) {
        self.settings.describe(self.dir());
        let file = self.path("opsctl.toml");
        let described = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{described}{more}")).unwrap();
    }

    fn opsctl(&self, arguments: &[&str]) -> Command {
        self.opsctl(arguments)
    }

    fn writer(&self) -> Writer {
        self.writer()
    }

    fn dies(&self) {
        docker::docker(["kill", &self.container("ledger-api").expect("the API is there")]);
    }

    fn is_answered(&self) -> bool {
        self.client().get("/health").is_ok()
    }

    fn assert_serves(&self, release: &str) {
        self.assert_serves(release);
    }

    fn assert_tidy(&self) {
        self.assert_tidy();
    }

    fn essence(&self) -> String {
        let world = self.world();
        format!("{:?} {} {:?}", world.images, world.env, world.migrations)
    }

    fn stored(&self) -> BTreeSet<String> {
        records(&self.client())
    }

    fn stored_beside(&self) -> BTreeSet<String> {
        let purposes = ["side", "restore_point", "replaced", "failed"];
        let kept = purposes.into_iter().flat_map(|purpose| self.kept(purpose));
        kept.flat_map(|database| self.stored_in(&database)).collect()
    }

    fn stored_in(&self, kept: &str) -> BTreeSet<String> {
        self.query(kept, "SELECT id FROM records").lines().map(str::to_owned).collect()
    }

    fn kept(&self, purpose: &str) -> Vec<String> {
        self.kept(purpose)
    }

    fn drop_kept(&self, purpose: &str) {
        for database in self.kept(purpose) {
            self.query("postgres", &format!("DROP DATABASE \"{database}\""));
        }
    }
}

impl Writes for Writer {
    fn goes_on(&self) {
        self.goes_on();
    }

    fn finish(self) -> Vec<String> {
        self.finish().acknowledged.into_iter().map(|(id, _)| id).collect()
    }
}
