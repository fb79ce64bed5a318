//! The container in which migrations are tried: described as the product describes it, cut off from the product.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::{COMPOSE_LIMIT, ComposeServices, compose_fault};
use crate::adapters::compose::{self, ComposeVersion};
use crate::adapters::files;
use crate::error::Fault;
use crate::model::compose_model::{Mount, MountSource};
use crate::model::secret::Secret;
use crate::plan::step::OneOff;

/// Older ones cannot take away what another file says: <https://docs.docker.com/reference/compose-file/merge/>.
const NEEDED: ComposeVersion = ComposeVersion { major: 2, minor: 24, patch: 4 };

/// What a rehearsal changes of the container in which the product would migrate.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The container.
    pub one_off: OneOff,
    /// The only network it is on, by name.
    pub network: String,
    /// Its environment, where that differs from the product's.
    pub environment: Vec<(String, Secret)>,
    /// What Compose fills in for `${NAME}` where that differs from the install's settings.
    pub filled_in: Vec<(String, Secret)>,
    /// What the product mounts into it; it is mounted for reading only.
    pub mounts: Vec<Mount>,
}

impl ComposeServices {
    /// Makes and starts the container.
    pub async fn start_rehearsal(&self, rehearsal: &Rehearsal) -> Result<(), Fault> {
        let installed = ComposeVersion::installed().await.map_err(|error| compose_fault(&error))?;
        if installed < NEEDED {
            return Err(Fault::new(format!(
                "docker compose is {installed}, and a rehearsal needs at least {NEEDED}: older ones cannot cut a \
                 service off from its network"
            ))
            .hint("install a newer docker-compose-plugin (or docker-compose-v2)"));
        }
        let one_off = &rehearsal.one_off;
        let image = self.local_image(&one_off.release).await?.id.to_string();
        let overlay = self.write_overlay(rehearsal, &image)?;
        let secrets = rehearsal.environment.iter().enumerate();
        let filled_in = secrets
            .map(|(index, (_, value))| (placeholder(index), value.clone()))
            .chain(rehearsal.filled_in.iter().cloned())
            .collect();
        let container = compose::OneOff {
            service: one_off.service.to_string(),
            name: one_off.name.clone(),
            operation: self.operation.to_string(),
            role: "rehearsal".to_owned(),
            command: Vec::new(),
            overrides: vec![overlay],
            limit: COMPOSE_LIMIT,
        };
        let compose = self.compose_with(&one_off.release, filled_in);
        compose.create_one_off(&container).await.map(drop).map_err(|error| compose_fault(&error))
    }

    fn write_overlay(&self, rehearsal: &Rehearsal, image: &str) -> Result<PathBuf, Fault> {
        let path = self.scratch.join(format!("{}.yml", rehearsal.one_off.name));
        files::replace(&path, overlay(rehearsal, image).as_bytes(), files::Mode::Exactly(0o600))
            .map_err(|error| Fault::caused_by("could not describe the container", &error))?;
        Ok(path)
    }
}

fn placeholder(index: usize) -> String {
    format!("OPSCTL_REHEARSAL_{index}")
}

/// A file to lay over the project's own. Values are written as JSON, which YAML contains; secrets are left for Compose
/// to fill in.
fn overlay(rehearsal: &Rehearsal, image: &str) -> String {
    let environment: serde_json::Map<String, serde_json::Value> = rehearsal
        .environment
        .iter()
        .enumerate()
        .map(|(index, (name, _))| (name.clone(), json!(format!("${{{}}}", placeholder(index)))))
        .collect();
    let mounts: Vec<serde_json::Value> = rehearsal.mounts.iter().filter_map(for_reading).collect();
    let mut text = format!(
        "services:\n  {}:\n    image: {}\n    restart: \"no\"\n    pull_policy: never\n    \
         network_mode: !reset null\n    networks: !override {}\n    volumes: !override {}\n    \
         logging: !override {}\n    environment: {}\n",
        json!(rehearsal.one_off.service),
        json!(image),
        json!({"opsctl-rehearsal": {}}),
        json!(mounts),
        json!({"driver": "json-file"}),
        json!(environment),
    );
    for taken_away in ["ports", "depends_on", "container_name", "extra_hosts", "links", "external_links"] {
        let _ = writeln!(text, "    {taken_away}: !reset null");
    }
    if let Some(command) = &rehearsal.one_off.command {
        let _ = writeln!(text, "    command: {}", json!(command));
    }
    let network = json!({"opsctl-rehearsal": {"external": true, "name": rehearsal.network}});
    let _ = writeln!(text, "networks: {network}");
    text
}

/// A mount that nothing can be written to. What is gone with its container is left to Compose.
fn for_reading(mount: &Mount) -> Option<serde_json::Value> {
    let dollars_kept = |text: &str| text.replace('$', "$$");
    let (kind, source) = match &mount.source {
        MountSource::Bind(path) => ("bind", Some(dollars_kept(&path.display().to_string()))),
        MountSource::Volume(name) => ("volume", Some(dollars_kept(name))),
        MountSource::AnonymousVolume => ("volume", None),
        MountSource::Other(kind) if kind == "tmpfs" => ("tmpfs", None),
        MountSource::Other(_) => return None,
    };
    let mut value = json!({"type": kind, "target": dollars_kept(&mount.target)});
    if let Some(source) = source {
        value["source"] = json!(source);
        value["read_only"] = json!(true);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::compose_model::MountAccess;
    use crate::model::release::Version;
    use crate::plan::step::Release;

    fn rehearsal() -> Rehearsal {
        let release = Release {
            version: Version::parse("1.1.0").unwrap(),
            image: "x/x:1.1.0".to_owned(),
            digest: None,
            image_id: None,
            pin: None,
        };
        let service = crate::profile::ServiceName::try_from("web").unwrap();
        let command = Some(vec!["x".to_owned(), "db".to_owned(), "${DATABASE_URL}".to_owned()]);
        Rehearsal {
            one_off: OneOff { name: "x-rehearsal".to_owned(), service, release, command, program: None },
            network: "x-opsctl-rehearsal".to_owned(),
            environment: vec![("DATABASE_URL".to_owned(), Secret::new("postgres://u:s3cr3t@h/d"))],
            filled_in: Vec::new(),
            mounts: vec![Mount {
                source: MountSource::Volume("uploads".to_owned()),
                target: "/data".to_owned(),
                access: MountAccess::ReadWrite,
            }],
        }
    }

    #[test]
    fn the_container_is_cut_off_and_its_file_holds_no_secret() {
        let text = overlay(&rehearsal(), "sha256:ab");
        assert!(!text.contains("s3cr3t"), "{text}");
        let expected = [
            r#"networks: !override {"opsctl-rehearsal":{}}"#,
            r#""read_only":true,"source":"uploads""#,
            r#"environment: {"DATABASE_URL":"${OPSCTL_REHEARSAL_0}"}"#,
            r#"command: ["x","db","${DATABASE_URL}"]"#,
            "depends_on: !reset null",
        ];
        for part in expected {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
