//! What the product's migrations are given in the place of the live store.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::commands::embedded::Embedded;
use crate::error::Fault;
use crate::model::secret::Secret;

/// What stands for the store in a command.
const STORE: &str = "${DATABASE}";
const INSTALL: &str = "${INSTALL}";

/// What may stand before the path of a store in one setting. The longer ones are tried first.
const LEADS: [&str; 6] = ["sqlite3://", "sqlite3:", "sqlite://", "sqlite:", "file://", "file:"];

/// The command and the environment of the migrations, with the copy in the place of the live store.
#[derive(Debug)]
pub(super) struct Redirection {
    pub(super) command: Vec<String>,
    pub(super) environment: Vec<(String, Secret)>,
}

/// The live store, as settings may name it.
struct Live<'a> {
    install: &'a Path,
    store: &'a Path,
}

impl Redirection {
    /// To a copy. Migrations that nothing tells where the store is would find the live one by themselves: these are not tried.
    pub(super) fn to(copy: &Path, site: &Embedded, command: &[String]) -> Result<Self, Fault> {
        let store = site.database().file;
        let live = Live { install: &site.place.dir, store: &store };
        let (mut given, mut is_named) = (Vec::new(), false);
        let mut with_copy = |value: &str| {
            let instead = live.instead(value, copy);
            is_named |= instead.is_some();
            instead.unwrap_or_else(|| value.to_owned())
        };
        for argument in command {
            given.push(with_copy(&argument.replace(INSTALL, &live.install.display().to_string())));
        }
        let environment = site
            .environment()
            .iter()
            .map(|(name, value)| (name.clone(), Secret::new(with_copy(value))))
            .collect();
        if !is_named && !command.iter().any(|argument| argument.contains(STORE)) {
            return Err(Fault::new("nothing tells the migrations which store they are for: they would find the live one")
                .hint(format!(
                    "name it as `{STORE}` in `command` below [migrate] in opsctl.toml, or in a variable of the environment file"
                )));
        }
        Ok(Self { command: given, environment })
    }
}

impl Live<'_> {
    /// A setting that names the live store, with the copy in its place; `None` for one that names something else.
    fn instead(&self, value: &str, copy: &Path) -> Option<String> {
        let option = value.strip_prefix("--").and_then(|rest| rest.split_once('='));
        if let Some((name, value)) = option {
            return self.instead(value, copy).map(|instead| format!("--{name}={instead}"));
        }
        let (path, query) = value.split_once('?').map_or((value, None), |(path, query)| (path, Some(query)));
        let (lead, path) =
            LEADS.iter().find_map(|lead| Some((*lead, path.strip_prefix(lead)?))).unwrap_or(("", path));
        // Some count three slashes before a relative path, and four before an absolute one.
        let slashes = path.len() - path.trim_start_matches('/').len();
        let relative = (slashes == 1 && !lead.is_empty()).then(|| &path[1..]);
        let absolute = &path[slashes.saturating_sub(1)..];
        let extra = if slashes > 1 { &path[..slashes - 1] } else { "" };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let copy = copy.display();
        if self.is_it(absolute) {
            Some(format!("{lead}{extra}{copy}{query}"))
        } else if relative.is_some_and(|relative| self.is_it(relative)) {
            Some(format!("{lead}/{copy}{query}"))
        } else {
            None
        }
    }

    fn is_it(&self, path: &str) -> bool {
        if path.is_empty() {
            return false;
        }
        let path = self.install.join(path);
        let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
        match (identity(&path), identity(self.store)) {
            (Some(found), Some(store)) => found == store,
            _ => path.components().eq(self.store.components()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_the_store_leads_to_the_copy_and_nothing_else_does() {
        let install = tempfile::tempdir().unwrap();
        let root = install.path().display().to_string();
        fs::create_dir(install.path().join("data")).unwrap();
        let live = |exists: bool| {
            let store = install.path().join("data/c.db");
            if exists {
                drop(fs::File::create(&store).unwrap());
                std::os::unix::fs::symlink(&store, install.path().join("link.db")).unwrap();
            }
            store
        };
        for exists in [false, true] {
            let store = live(exists);
            let live = Live { install: install.path(), store: &store };
            let instead = |value: &str| live.instead(value, Path::new("/copy"));
            for (named, expected) in [
                ("data/c.db", "/copy"),
                ("./data/c.db", "/copy"),
                ("--db=data/c.db", "--db=/copy"),
                ("file:data/c.db?mode=rw", "file:/copy?mode=rw"),
                ("sqlite:///data/c.db", "sqlite:////copy"),
            ] {
                assert_eq!(instead(named).as_deref(), Some(expected), "{named}");
            }
            assert_eq!(instead(&format!("{root}/data/c.db")).as_deref(), Some("/copy"));
            assert_eq!(instead(&format!("sqlite://{root}/data/c.db")).as_deref(), Some("sqlite:///copy"));
            assert_eq!(instead(&format!("sqlite:///{root}/data/c.db")).as_deref(), Some("sqlite:////copy"));
            assert_eq!(instead("link.db").is_some(), exists);
            for other in ["", "/", "data", "c.db", "data/c.db.old", "postgres://data/c.db", "8080"] {
                assert_eq!(instead(other), None, "{other}");
            }
        }
    }
}
