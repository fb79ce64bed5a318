//! The secrets that are known beforehand, and what is known to be none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{harmless, names, parts, readings};
use crate::profile::SecretKind;

/// Collects the secrets of an install, taken apart. None of them can be got out again but by searching for it.
#[derive(Default, Clone)]
pub struct KnownSecrets {
    /// The name of the variable by the secret.
    secrets: BTreeMap<Vec<u8>, Arc<str>>,
    public: BTreeSet<String>,
    /// What is declared of variables, by their names.
    kinds: BTreeMap<String, SecretKind>,
}

/// The fewest bytes of a secret that is searched for everywhere. Shorter ones would mask too much that only looks like
/// them: they are masked where they stand as secrets.
const SHORTEST: usize = 8;

/// Lines of a file that are this long are secrets of their own: they can be shown without the others.
const SHORTEST_LINE: usize = 16;

impl KnownSecrets {
    /// Says beforehand of which kind the variables of a name are.
    pub fn declare(&mut self, name: &str, kind: SecretKind) {
        self.kinds.insert(name.to_owned(), kind);
    }

    /// Learns a variable: its value is a secret if `kind` or its name says so, or if it is not plainly harmless. What is
    /// secret in a value that has parts (URLs, connection strings, JSON, PEM) is learnt by itself.
    pub fn learn_variable(&mut self, name: &str, value: &str, kind: Option<SecretKind>) {
        let value = value.trim();
        let is_secret = kind.is_some() || self.kinds.contains_key(name) || names::is_secret(name);
        if harmless::is_nothing(value) || (!is_secret && harmless::is_harmless(value)) {
            self.note_public(value);
            return;
        }
        if is_secret && harmless::is_place(value) && names::points(name) {
            return;
        }
        for part in parts::of(value, is_secret) {
            self.learn(name, &part);
        }
    }

    /// Learns the text of an environment file: every variable in every reading (Compose's, a shell's, and a person's of
    /// the bare line), also commented-out ones and those that a later line replaces.
    pub fn learn_env_text(&mut self, label: &str, text: &str) {
        for reading in readings::of(text) {
            self.learn_variable(&reading.name, &reading.value, None);
        }
        for (name, secret) in parts::in_environment(text) {
            self.learn(if name.is_empty() { label } else { &name }, secret.as_bytes());
        }
    }

    /// Learns a file that a setting names: a secret as a whole, and by line. Of a JSON document only what is secret in it:
    /// its lines are made of what every other document is made of too.
    pub fn learn_file(&mut self, name: &str, text: &str) {
        let trimmed = text.trim();
        for part in parts::of(trimmed, true) {
            self.learn(name, &part);
        }
        if parts::is_document(trimmed) {
            return;
        }
        for line in trimmed
            .lines()
            .map(str::trim)
            .filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"))
        {
            self.learn(name, line.as_bytes());
        }
    }

    /// Learns the passwords of a `.pgpass`.
    pub fn learn_pgpass(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            if let Some(password) = readings::pgpass_password(line) {
                self.learn("pgpass", password.as_bytes());
            }
        }
    }

    /// Learns the credentials in Docker's `config.json`.
    pub fn learn_docker_config(&mut self, text: &str) {
        for secret in parts::in_docker_config(text) {
            self.learn("docker-config", &secret);
        }
    }

    /// Notes a value that everybody knows, such as a shipped default or the product's name. A secret that equals it is
    /// masked only where it stands as one.
    pub fn note_public(&mut self, value: &str) {
        let value = value.trim();
        if !value.is_empty() {
            self.public.insert(value.to_owned());
        }
    }

    fn learn(&mut self, name: &str, secret: &[u8]) {
        let secret = secret.trim_ascii();
        if secret.len() >= SHORTEST {
            self.secrets.entry(secret.to_vec()).or_insert_with(|| Arc::from(name));
        }
    }

    /// Those that are searched for everywhere, each with the name of its variable.
    pub(super) fn everywhere(&self) -> impl Iterator<Item = (&Arc<str>, &[u8])> {
        let is_public = |secret: &[u8]| {
            std::str::from_utf8(secret).is_ok_and(|text| {
                harmless::is_common(text)
                    || self.public.iter().any(|public| public.eq_ignore_ascii_case(text))
            })
        };
        self.secrets
            .iter()
            .filter(move |(secret, _)| !is_public(secret))
            .map(|(secret, name)| (name, secret.as_slice()))
    }

    /// What is known to be no secret.
    pub(super) fn public(&self) -> impl Iterator<Item = &str> {
        self.public.iter().map(String::as_str)
    }
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "KnownSecrets({} secrets)", self.secrets.len())
    }
}
