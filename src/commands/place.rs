//! The place of an install: what can be said of it without asking Docker or the database. Nothing is changed here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::commands::context::Context;
use crate::commands::embedded::Embedded;
use crate::commands::install::{described, env_file};
use crate::error::{Failure, Fault};
use crate::journal::state_dir::{STATE_DIR, StateDir};
use crate::profile;

/// Where the Compose files of an install can be, below its directory.
const DIRECTORIES: [&str; 4] = [".", "compose", "docker-compose", "deploy/compose"];

/// The Compose file that is always there.
const BASE_FILES: [&str; 4] = ["docker-compose.yml", "compose.yaml", "compose.yml", "docker-compose.yaml"];

/// How hints name what Compose does with the files.
const COMPOSE_ON_FILES: [&str; 5] = [
    "`docker compose up ",
    "`docker compose logs ",
    "`docker compose run ",
    "`docker compose exec ",
    "`docker compose config ",
];

/// What opsctl or its operator keeps where an install is.
const MARKS: [&str; 2] = [STATE_DIR, profile::FILE_NAME];

/// What else is only where an install is, and not in the folder of its Compose files.
const SIGNS: [&str; 3] = ["scripts", "backup", "VERSION"];

/// The place of an install: what can be said without asking Docker or the database.
#[derive(Debug, Clone)]
pub struct Place {
    /// The install's directory.
    pub dir: PathBuf,
    /// Where its Compose files are.
    pub compose_dir: PathBuf,
    /// What opsctl keeps of it.
    pub state: StateDir,
}

impl Place {
    /// Finds the install: the given directory, or the nearest upwards that holds one.
    pub fn find(context: &Context) -> Result<Self, Failure> {
        let start = &context.surroundings.directory;
        Self::sought(context)?.ok_or_else(|| {
            no_install(match &context.global.dir {
                Some(given) => format!("{} is no install", start.join(given).display()),
                None => format!("no install in {} or above it", start.display()),
            })
        })
    }

    /// The same, where there may be none.
    pub fn sought(context: &Context) -> Result<Option<Self>, Failure> {
        let start = &context.surroundings.directory;
        let found = match &context.global.dir {
            Some(given) => {
                let dir = std::path::absolute(start.join(given))
                    .map_err(|error| Fault::caused_by(format!("cannot use {}", given.display()), &error))?;
                Self::at(&dir)
            }
            None => start.ancestors().find_map(Self::at),
        };
        found.map(Self::wherever_it_was_found).transpose()
    }

    fn at(dir: &Path) -> Option<Self> {
        let compose_dir = DIRECTORIES
            .iter()
            .map(|below| if *below == "." { dir.to_owned() } else { dir.join(below) })
            .find(|folder| BASE_FILES.iter().any(|name| folder.join(name).is_file()));
        let described = dir.join(profile::FILE_NAME).is_file();
        let compose_dir = compose_dir.or_else(|| described.then(|| dir.to_owned()))?;
        Some(Self { dir: dir.to_owned(), compose_dir, state: StateDir::of(dir) })
    }

    /// The Compose files of an install can be in a folder below it. Both lead to the same install, or its records, backups
    /// and operations would be two that know nothing of each other.
    fn wherever_it_was_found(self) -> Result<Self, Failure> {
        if self.is_process() {
            return Ok(self);
        }
        let compose_dir = self.compose_dir.clone();
        let is_its_own = |place: &Self| place.compose_dir == compose_dir && !place.is_process();
        let places: Vec<Self> =
            compose_dir.ancestors().take(3).filter_map(Self::at).filter(is_its_own).collect();
        let has = |place: &Self, marks: &[&str]| marks.iter().any(|mark| place.dir.join(mark).exists());
        let mut marked: Vec<Self> = places.iter().filter(|place| has(place, &MARKS)).cloned().collect();
        match marked.len() {
            0 => {
                let above = places.into_iter().find(|place| place.dir != compose_dir && has(place, &SIGNS));
                Ok(above.unwrap_or(self))
            }
            1 => Ok(marked.remove(0)),
            _ => Err(two_homes(&marked)),
        }
    }

    fn is_process(&self) -> bool {
        Embedded::described(self).is_ok_and(|described| described.is_some())
    }

    /// The Compose file that is always there.
    pub fn base_file(&self) -> Option<PathBuf> {
        BASE_FILES.iter().map(|name| self.compose_dir.join(name)).find(|path| path.is_file())
    }

    /// The install's environment file.
    pub fn env_file(&self) -> PathBuf {
        if let Ok(Some(profile)) = Embedded::described(self) {
            return self.dir.join(profile.runtime.env_file);
        }
        env_file(self, described(self).ok().flatten().as_ref())
    }

    /// Where backups are: the flag or `BACKUP_DIR`, as seen from the working directory, else what `.env` says, as seen
    /// from the install, else `backup`.
    pub fn backup_dir(&self, given: Option<&Path>, variables: &BTreeMap<String, String>) -> PathBuf {
        if let Some(given) = given {
            return std::path::absolute(given).unwrap_or_else(|_| self.dir.join(given));
        }
        let named = variables.get("BACKUP_DIR").filter(|path| !path.is_empty());
        self.dir.join(named.map_or("backup", String::as_str))
    }
}

pub(super) fn no_install(what: String) -> Failure {
    Failure::usage(Fault::new(what).hint(
        "name its folder: `opsctl --dir DIR ...`; it holds opsctl.toml or the product's docker-compose.yml",
    ))
}

/// Compose finds the product's files where they are, or above the folder that somebody stands in.
pub(super) fn where_to_type(context: &Context, mut failure: Failure) -> Failure {
    let start = &context.surroundings.directory;
    let mut hints = failure.fault.hints.iter();
    if hints.any(|hint| COMPOSE_ON_FILES.iter().any(|command| hint.contains(command)))
        && let Ok(place) = Place::find(context)
        && !start.starts_with(&place.compose_dir)
    {
        let dir = shell_words::quote(&place.compose_dir.to_string_lossy()).into_owned();
        failure.fault = failure.fault.hint(format!("`docker compose` finds the files there: `cd {dir}`"));
    }
    failure
}

fn two_homes(places: &[Place]) -> Failure {
    let marks =
        |place: &Place| MARKS.map(|mark| place.dir.join(mark)).into_iter().filter(|path| path.exists());
    let found = places.iter().flat_map(marks).map(|path| path.display().to_string());
    let compose_dir = places[0].compose_dir.display();
    Failure::refused(
        Fault::new(format!("the install of {compose_dir} has records or a description in more than one folder"))
            .evidence(found)
            .hint("keep those with the newest history and backups, and move the others away, with the backups beside them"),
    )
}
