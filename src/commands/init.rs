//! `opsctl init`: an annotated description of this install's product, to start from, and a unit for systemd.

mod unit;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::Init;
use crate::commands::context::{Context, Outcome};
use crate::commands::place::Place;
use crate::error::{Failure, Fault};
use crate::profile::{Described, FILE_NAME, ProcessProfile, Profile};

/// What to do where there is a description already.
const PRINT: &str = "`opsctl init --stdout` prints the annotated description";

/// Writes the description into the install's directory, or prints it. One that is there is never overwritten.
pub fn run(context: &Context, asked: &Init) -> Result<Outcome, Failure> {
    let place = Place::sought(context)?;
    let start = &context.surroundings.directory;
    if context.global.dir.is_none() && !asked.stdout {
        refuse_elsewhere(place.as_ref(), start)?;
    }
    let given = || context.global.dir.as_ref().map_or_else(|| start.clone(), |given| start.join(given));
    let dir = place.as_ref().map_or_else(given, |place| place.dir.clone());
    let product = asked.product.unwrap_or_else(|| likely(place.as_ref(), &dir));
    if asked.stdout {
        return Ok(Outcome::new(product.text(), json!({"template": product.text()})));
    }
    let path = dir.join(FILE_NAME);
    if asked.systemd {
        return with_unit(&dir, &path, product);
    }
    write_new(&path, product.text(), PRINT)?;
    let text = format!(
        "wrote {}: every key is explained in it; make it yours and try `opsctl status`",
        path.display()
    );
    Ok(Outcome::new(text, json!({"path": path})))
}

/// Who stands in some folder below an install may mean that one, or a new one.
fn refuse_elsewhere(place: Option<&Place>, start: &Path) -> Result<(), Failure> {
    match place {
        Some(place) if start.starts_with(&place.dir) && place.dir != start && place.compose_dir != start => {
            let (here, above) = (start.display(), place.dir.display());
            Err(Failure::usage(
                Fault::new(format!("{here} is inside of another install: {above}"))
                    .hint(format!("describe that one: `opsctl --dir {above} init`"))
                    .hint("or a new one in this folder: `opsctl --dir . init`"),
            ))
        }
        _ => Ok(()),
    }
}

/// What the folder looks like.
fn likely(place: Option<&Place>, dir: &Path) -> Described {
    let compose_file = place.and_then(Place::base_file).and_then(|file| fs::read_to_string(file).ok());
    match compose_file {
        Some(text) => Profile::described(&text),
        None if dir.join("releases").is_dir() => Described::Collector,
        None => Described::Agledger,
    }
}

/// Writes a unit, and a description that uses it unless there is one.
fn with_unit(dir: &Path, path: &Path, product: Described) -> Result<Outcome, Failure> {
    let (described, is_new) = match fs::read_to_string(path) {
        Ok(text) => (text, false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (unit::watched(product.text()), true),
        Err(error) => return Err(Fault::caused_by(format!("cannot read {}", path.display()), &error).into()),
    };
    if !ProcessProfile::is_meant_by(&described) {
        return Err(Failure::usage(
            Fault::new("systemd watches over products that run as a process; Compose over all others")
                .hint("leave --systemd out, or name such a product: `--product collector`"),
        ));
    }
    let profile = ProcessProfile::parse(&described, path).map_err(|error| {
        Failure::usage(Fault::caused_by("the product's description cannot be used", &error))
    })?;
    let dir = std::path::absolute(dir).map_err(|error| Fault::caused_by("cannot use the folder", &error))?;
    let file = unit::file_name(&profile);
    let unit = dir.join(&file);
    let owner = unit::owner(&dir);
    let rule = owner.as_ref().map(|owner| (dir.join(unit::rule_name(&profile)), unit::rule(&profile, owner)));
    // First those of which another may be there already.
    let mut files = vec![(unit.clone(), unit::text(&profile, &dir)?, "move it away, and run this again")];
    files.extend(rule.clone().map(|(path, text)| (path, text, "move it away, and run this again")));
    if is_new {
        files.push((path.to_owned(), described, PRINT));
    }
    write_all(&files)?;
    let mut lines = vec![format!("wrote {}", unit.display())];
    if is_new {
        lines.push(format!("wrote {}: every key is explained in it; make both yours", path.display()));
    } else if profile.service.supervisor().is_none() {
        lines.push(format!("so that opsctl uses it, add to [service] in {}:", path.display()));
        lines.push(format!("  unit = \"{file}\""));
    }
    lines.push(format!("as root: `systemctl enable {}` makes it known", unit.display()));
    if let (Some(owner), Some((rule, _))) = (&owner, &rule) {
        lines.push(format!(
            "as root: `cp {} /etc/polkit-1/rules.d/` lets {owner}, as whom opsctl runs, have it started and stopped",
            rule.display()
        ));
        lines.push(format!(
            "as root: `usermod --append --groups systemd-journal {owner}` lets {owner} read its log in the journal"
        ));
    }
    lines.push("`opsctl start VERSION` starts it".to_owned());
    let description = is_new.then_some(path);
    let rule = rule.map(|(path, _)| path);
    Ok(Outcome::new(lines.join("\n"), json!({"path": description, "unit": unit, "rule": rule})))
}

/// Writes all of the files or none: each with what to do where there is one already.
fn write_all(files: &[(PathBuf, String, &str)]) -> Result<(), Failure> {
    for (index, (path, text, otherwise)) in files.iter().enumerate() {
        if let Err(failure) = write_new(path, text, otherwise) {
            for (written, ..) in &files[..index] {
                let _ = fs::remove_file(written);
            }
            return Err(failure);
        }
    }
    Ok(())
}

fn write_new(path: &Path, text: &str, otherwise: &str) -> Result<(), Failure> {
    let written = fs::OpenOptions::new().write(true).create_new(true).open(path);
    written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::refused(
            Fault::new(format!("{} is there already and is not overwritten", path.display())).hint(otherwise),
        ),
        _ => Fault::caused_by(format!("could not write {}", path.display()), &error)
            .hint("does its folder exist, and may this user write there?")
            .into(),
    })
}
