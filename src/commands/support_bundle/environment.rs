//! What the install says of itself: its settings without what is secret in them, and the description of the product.

use std::fs;

use crate::bundle::contents::member;
use crate::error::Fault;
use crate::profile::{self, Profile};

use super::collect::{Gathered, Missing, Outcome};
use super::scene::{Desk, Scene};

/// The environment file as a person may read it.
pub(super) async fn page(desk: &Desk<'_>) -> Outcome {
    let path = desk.scene.outlook().env_file();
    if !path.exists() {
        return Err(Missing::Skipped(format!("there is no {}", path.display())));
    }
    desk.put(member::ENVIRONMENT, text(desk.scene)?).await?;
    Ok(Gathered::Whole)
}

/// The page as it is shown and collected: every line of the file, each value as far as it may be seen.
pub(super) fn text(scene: &Scene<'_>) -> Result<String, Fault> {
    let path = scene.outlook().env_file();
    let raw = fs::read(&path)
        .map_err(|error| Fault::caused_by(format!("cannot read {}", path.display()), &error))?;
    let lines = scene.redaction.environment_page(&String::from_utf8_lossy(&raw));
    Ok(lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect())
}

/// The description that is in force: that of the install, else the one that is built in.
pub(super) async fn description(desk: &Desk<'_>) -> Outcome {
    let place = &desk.scene.outlook().place;
    let own = place.dir.join(profile::FILE_NAME);
    if own.is_file() {
        desk.copy(member::DESCRIPTION, &own, 1 << 20).await?;
        return Ok(Gathered::Whole);
    }
    let base = place.base_file().and_then(|path| fs::read_to_string(path).ok());
    let known = base.filter(|text| Profile::likely(text).is_some());
    let Some(base) = known else {
        return Err(Missing::Skipped("no product that is known here, and no opsctl.toml".to_owned()));
    };
    desk.put(member::DESCRIPTION, Profile::text_for(&base)).await?;
    Ok(Gathered::Whole)
}
