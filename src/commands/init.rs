//! `opsctl init`: an annotated description of this install's product, to start from.

use serde_json::json;

use crate::cli::Init;
use crate::commands::context::{Context, Outcome};
use crate::commands::install::Place;
use crate::error::{Failure, Fault};
use crate::profile::{FILE_NAME, Profile, TEMPLATE};

/// Writes the description into the install's directory, or prints it. One that is there is never overwritten.
pub fn run(context: &Context, asked: &Init) -> Result<Outcome, Failure> {
    let place = Place::find(context).ok();
    let compose_file =
        place.as_ref().and_then(Place::base_file).and_then(|file| std::fs::read_to_string(file).ok());
    let description = compose_file.map_or(TEMPLATE, |text| Profile::text_for(&text));
    if asked.stdout {
        return Ok(Outcome::new(description, json!({"template": description})));
    }
    let given = context.global.dir.clone().unwrap_or_default();
    let named = context.surroundings.directory.join(given);
    let path = place.map_or(named, |place| place.dir).join(FILE_NAME);
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    match written.and_then(|mut file| std::io::Write::write_all(&mut file, description.as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::refused(
                Fault::new(format!("{} is there already and is not overwritten", path.display()))
                    .hint("`opsctl init --stdout` prints the annotated description"),
            ));
        }
        Err(error) => {
            return Err(Fault::caused_by(format!("could not write {}", path.display()), &error)
                .hint("does its folder exist, and may this user write there?")
                .into());
        }
    }
    let text = format!(
        "wrote {}: every key is explained in it; make it yours and try `opsctl status`",
        path.display()
    );
    Ok(Outcome::new(text, json!({"path": path})))
}
