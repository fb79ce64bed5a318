//! `opsctl support-bundle redact`: the redaction of bundles, for a log that somebody wants to paste.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{BundleRedact, Output};
use crate::commands::context::{Context, Outcome};
use crate::commands::place::Place;
use crate::error::{Failure, Fault};
use crate::profile::Profile;
use crate::redaction::{Counts, KnownSecrets, Redaction, RedactionError, TokenKey, plain_text};

/// One file that was redacted.
struct Redacted {
    /// As it was named.
    from: String,
    /// Where it was written to, if not to standard output.
    to: Option<PathBuf>,
    counts: Counts,
}

/// Redacts files, or standard input. Where one fails, nothing of it is written, and the others are done all the same.
pub(super) fn run(context: &Context, asked: &BundleRedact) -> Result<Outcome, Failure> {
    if context.global.output == Output::Json && asked.output_dir.is_none() {
        return Err(Failure::usage(
            Fault::new("redacted text and JSON cannot both go to standard output")
                .hint("say where the text is to go: `--output-dir DIR`"),
        ));
    }
    let redaction = Redaction::new(&known(context, asked)?, token_key()?);
    if asked.files.is_empty() {
        let counts = to_stdout(&redaction, &mut io::stdin().lock())?;
        return Ok(said(context, &[Redacted { from: "standard input".to_owned(), to: None, counts }]));
    }
    let here = &context.surroundings.directory;
    let target = asked.output_dir.as_ref().map(|dir| here.join(dir));
    if let Some(target) = &target {
        create(target)?;
    }
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for file in &asked.files {
        let result = match &target {
            Some(target) => to_file(&redaction, &here.join(file), target),
            None => spooled_to_stdout(&redaction, &here.join(file)),
        };
        match result {
            Ok(result) => done.push(result),
            Err(fault) => failed.push(fault),
        }
    }
    let outcome = said(context, &done);
    match failed.len() {
        0 => Ok(outcome),
        1 => {
            context.known_so_far(&outcome);
            Err(failed.remove(0).into())
        }
        several => {
            context.known_so_far(&outcome);
            let all = failed.iter().map(ToString::to_string);
            Err(Fault::new(format!("{several} files could not be redacted")).evidence(all).into())
        }
    }
}

/// The secrets of the named environment files, and of the install's, if there is one.
fn known(context: &Context, asked: &BundleRedact) -> Result<KnownSecrets, Failure> {
    let mut known = KnownSecrets::default();
    for profile in Profile::built_in() {
        known.note_public(profile.product.name.as_str());
        for secret in &profile.secrets {
            known.declare(secret.name.as_str(), secret.kind);
        }
    }
    for file in &asked.env_file {
        learn(&mut known, &context.surroundings.directory.join(file))?;
    }
    if let Some(file) = Place::find(context).ok().map(|place| place.env_file()).filter(|file| file.exists()) {
        learn(&mut known, &file)?;
    }
    Ok(known)
}

fn learn(known: &mut KnownSecrets, path: &Path) -> Result<(), Failure> {
    let unread = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("cannot read the secrets in {}", path.display()), error)
            .hint("what is not known cannot be looked for: nothing was redacted")
    };
    let file = File::open(path).map_err(|error| unread(&error))?;
    let text = plain_text(&mut BufReader::new(file)).map_err(|error| unread(&error))?;
    known.learn_env_text("env-file", &text);
    Ok(())
}

/// The key of fingerprints that are used once: it is kept nowhere.
pub(super) fn token_key() -> Result<TokenKey, Fault> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| Fault::caused_by("the system gives no random numbers", &error))?;
    Ok(TokenKey::new(key))
}

fn create(dir: &Path) -> Result<(), Fault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Fault::caused_by(format!("could not make {}", dir.display()), &error))
}

/// Writes to a file of the same name, which is there whole or not at all.
fn to_file(redaction: &Redaction, path: &Path, target: &Path) -> Result<Redacted, Fault> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = redaction.redact_text(name.strip_suffix(".gz").unwrap_or(&name));
    let to = target.join(name);
    let unwritten = |error: io::Error| Fault::caused_by(format!("could not write {}", to.display()), &error);
    let mut file = tempfile::NamedTempFile::new_in(target).map_err(unwritten)?;
    let counts = redact(redaction, path, &mut BufWriter::new(&mut file))?;
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist_noclobber(&to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => {
            Fault::new(format!("{} is there already and is not overwritten", to.display()))
        }
        _ => unwritten(error.error),
    })?;
    Ok(Redacted { from: path.display().to_string(), to: Some(to), counts })
}

/// Writes to standard output once all of it is redacted.
fn spooled_to_stdout(redaction: &Redaction, path: &Path) -> Result<Redacted, Fault> {
    let unspooled = |error: io::Error| Fault::caused_by("there is no place to redact in", &error);
    let mut spool = tempfile::tempfile().map_err(unspooled)?;
    let counts = redact(redaction, path, &mut BufWriter::new(&mut spool))?;
    spool.rewind().map_err(unspooled)?;
    match io::copy(&mut spool, &mut io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::caused_by("could not write to standard output", &error))
        }
        // A reader that went away is no failure.
        _ => Ok(Redacted { from: path.display().to_string(), to: None, counts }),
    }
}

fn redact(redaction: &Redaction, path: &Path, to: &mut dyn Write) -> Result<Counts, Fault> {
    let failed = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("could not redact {}", path.display()), error)
    };
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    redaction.redact(&mut file, to).map_err(|error| failed(&error))
}

fn to_stdout(redaction: &Redaction, from: &mut dyn Read) -> Result<Counts, Fault> {
    let mut to = BufWriter::new(io::stdout().lock());
    redaction.redact(from, &mut to).or_else(|error| match error {
        RedactionError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Counts::default()),
        error => Err(Fault::caused_by("could not redact all of standard input", &error)
            .hint("what was written is redacted, and is not all of it")),
    })
}

/// Says what was masked: to people on standard error, as standard output may be the text.
fn said(context: &Context, done: &[Redacted]) -> Outcome {
    for file in done {
        let to = file.to.as_ref().map(|to| format!(" -> {}", to.display())).unwrap_or_default();
        let mut line = format!("{}{to}: {} masked", file.from, file.counts.total());
        for (number, (rule, count)) in file.counts.0.iter().enumerate() {
            let _ = write!(line, "{}{rule} {count}", if number == 0 { " (" } else { ", " });
        }
        if file.counts.total() > 0 {
            line.push(')');
        }
        if context.global.output == Output::Human {
            context.print_error(&line);
        }
    }
    let files: Vec<Value> = done
        .iter()
        .map(|file| json!({"file": file.from, "written": file.to, "masked": file.counts}))
        .collect();
    Outcome::new("", json!({"files": files}))
}
