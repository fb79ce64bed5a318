//! Which files make up a project: what Compose itself would take, or what running containers say they came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The names that Compose looks for, most wanted first.
const BASE_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDE_NAMES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// A Compose project: where it is and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeProject {
    /// The folder that relative paths in the files start from, and that holds `.env`.
    pub directory: PathBuf,
    /// The Compose files, the base first, with absolute paths.
    pub files: Vec<PathBuf>,
    /// Files with variables in place of the folder's `.env`; empty means that one.
    pub env_files: Vec<PathBuf>,
    /// The project's name; none means what the files or the folder say.
    pub name: Option<String>,
    /// Profiles to switch on.
    pub profiles: Vec<String>,
}

/// What says which files a project is made of, as read from the environment or `.env`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileSelection<'a> {
    /// `COMPOSE_FILE`.
    pub files: Option<&'a str>,
    /// `COMPOSE_PATH_SEPARATOR`; a colon if unset.
    pub separator: Option<&'a str>,
}

impl FileSelection<'_> {
    /// The files that Compose takes in `directory`, given the names of what is in it; empty if it would find none.
    pub fn files_in(&self, directory: &Path, present: &[&str]) -> Vec<PathBuf> {
        if let Some(list) = self.files.filter(|list| !list.is_empty()) {
            let separator = self.separator.filter(|separator| !separator.is_empty()).unwrap_or(":");
            let listed = list.split(separator).filter(|name| !name.is_empty());
            return listed.map(|name| directory.join(name)).collect();
        }
        let first_of = |wanted: &[&str]| {
            wanted.iter().find(|name| present.contains(name)).map(|name| directory.join(name))
        };
        let Some(base) = first_of(&BASE_NAMES) else { return Vec::new() };
        std::iter::once(base).chain(first_of(&OVERRIDE_NAMES)).collect()
    }
}

impl ComposeProject {
    /// The project that a container was made from, as its labels tell; none if Compose did not make it.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        let label = |name: &str| {
            labels.get(&format!("com.docker.compose.project{name}")).filter(|text| !text.is_empty())
        };
        let paths = |text: &String| text.split(',').map(PathBuf::from).collect();
        Some(Self {
            directory: PathBuf::from(label(".working_dir")?),
            files: paths(label(".config_files")?),
            env_files: label(".environment_file").map(paths).unwrap_or_default(),
            name: Some(label("")?.clone()),
            profiles: Vec::new(),
        })
    }

    /// Compose's options for this project, with `overrides` as the last files.
    pub(super) fn options(&self, overrides: &[PathBuf]) -> Vec<OsString> {
        let mut options = vec!["--project-directory".into(), self.directory.clone().into()];
        let mut option = |name: &str, value: OsString| options.extend([name.into(), value]);
        for file in self.files.iter().chain(overrides) {
            option("--file", file.into());
        }
        for file in &self.env_files {
            option("--env-file", file.into());
        }
        if let Some(name) = &self.name {
            option("--project-name", name.into());
        }
        for profile in &self.profiles {
            option("--profile", profile.into());
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "/srv/shop";

    fn found(selection: FileSelection<'_>, names: &[&'static str]) -> Vec<String> {
        let files = selection.files_in(Path::new(FOLDER), names);
        files.iter().map(|path| path.strip_prefix(FOLDER).unwrap_or(path).display().to_string()).collect()
    }

    #[test]
    fn the_usual_names_are_found_with_their_override() {
        let names = ["docker-compose.yml", "docker-compose.override.yml", "docker-compose.prod.yml", ".env"];
        let expected = ["docker-compose.yml", "docker-compose.override.yml"];
        assert_eq!(found(FileSelection::default(), &names), expected);
        assert_eq!(
            found(FileSelection::default(), &["compose.yaml", "docker-compose.yml"]),
            ["compose.yaml"]
        );
        assert!(found(FileSelection::default(), &["README.md"]).is_empty());
    }

    #[test]
    fn compose_file_names_them_all() {
        let colon = FileSelection { files: Some("base.yml:/etc/shop/prod.yml"), separator: None };
        assert_eq!(found(colon, &["compose.yaml"]), ["base.yml", "/etc/shop/prod.yml"]);
        let comma = FileSelection { files: Some("a.yml,b.yml"), separator: Some(",") };
        assert_eq!(found(comma, &[]), ["a.yml", "b.yml"]);
        let empty = FileSelection { files: Some(""), separator: None };
        assert_eq!(found(empty, &["compose.yml"]), ["compose.yml"]);
    }

    #[test]
    fn a_container_tells_where_it_came_from() {
        let labels = BTreeMap::from(
            [
                ("com.docker.compose.project", "shop"),
                ("com.docker.compose.project.working_dir", FOLDER),
                ("com.docker.compose.project.config_files", "/srv/shop/a.yml,/srv/shop/b.yml"),
                ("com.docker.compose.project.environment_file", "/srv/shop/prod.env"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let project = ComposeProject::from_labels(&labels).expect("a project");
        assert_eq!(project.files, [PathBuf::from("/srv/shop/a.yml"), PathBuf::from("/srv/shop/b.yml")]);
        assert_eq!(project.name.as_deref(), Some("shop"));
        let options = project.options(&["/tmp/override.yml".into()]);
        let options: Vec<_> = options.iter().map(|option| option.to_string_lossy()).collect();
        let files = ["--file", "/srv/shop/a.yml", "--file", "/srv/shop/b.yml", "--file", "/tmp/override.yml"];
        assert_eq!(options[..2], ["--project-directory", FOLDER]);
        assert_eq!(options[2..8], files);
        assert_eq!(options[8..], ["--env-file", "/srv/shop/prod.env", "--project-name", "shop"]);
        assert_eq!(ComposeProject::from_labels(&BTreeMap::new()), None);
    }
}
