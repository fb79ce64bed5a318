//! Putting one store in the place of another.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::copy;
use crate::adapters::files::{FileError, sync_dir};
use crate::error::Fault;

/// Puts `incoming` in the place of `live`, which becomes `outgoing`. Nobody may have one of them open. That it is done already
/// is fine, and one that was cut short is gone on with.
///
/// # Errors
/// If somebody has the store open or meddled with the files, or the disk does not do its part.
pub fn swap(live: &Path, incoming: &Path, outgoing: &Path) -> Result<(), Fault> {
    let failed = |error: std::io::Error| {
        Fault::caused_by(
            format!("could not put {} in the place of the live data", incoming.display()),
            &error,
        )
    };
    if is_second_name(incoming, live).map_err(failed)? {
        // A swap the other way round came no further than this.
        copy::carry(incoming, live).map_err(failed)?;
        fs::remove_file(incoming).map_err(failed)?;
    }
    if !incoming.exists() {
        return if live.exists() && outgoing.exists() {
            // Whoever did it may have been killed before that was durable.
            sync_dir(live.parent().unwrap_or(Path::new("."))).map_err(|error| undurable(&error))
        } else {
            Err(Fault::new(format!("{} is gone: somebody removed it", incoming.display())))
        };
    }
    if !live.exists() {
        // To SQLite an empty file is a store that is not there. A log that is left beside it is kept with it: it may hold what
        // was written last to a store that somebody moved away.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(live).map_err(failed)?;
    }
    if !outgoing.exists() {
        fold_unless_damaged(live)?;
        fs::hard_link(live, outgoing).map_err(failed)?;
        sync_dir(live.parent().unwrap_or(Path::new("."))).map_err(|error| undurable(&error))?;
    } else if !is_second_name(outgoing, live).map_err(failed)? {
        // The live name is never without a file: between the two steps both names are of the same one.
        return Err(Fault::new(format!("{} is there already, and is not the live data", outgoing.display()))
            .hint("was the product started meanwhile? leave it alone until the operation has ended"));
    }
    fold_unless_damaged(incoming)?;
    // A log that was left beside the name would be taken for that of the file that comes.
    copy::carry(live, outgoing).map_err(failed)?;
    copy::carry(incoming, live).map_err(failed)?;
    copy::take_after(incoming, live).map_err(failed)?;
    fs::rename(incoming, live).map_err(failed)?;
    sync_dir(live.parent().unwrap_or(Path::new("."))).map_err(|error| undurable(&error))
}

/// Gives the live store another name, and says whether there was one. Nobody may have it open.
///
/// # Errors
/// If somebody has it open, or the disk does not do its part.
pub fn put_aside(live: &Path, outgoing: &Path) -> Result<bool, Fault> {
    if !live.exists() {
        return Ok(false);
    }
    fold_unless_damaged(live)?;
    let renamed = copy::carry(live, outgoing).and_then(|()| fs::rename(live, outgoing));
    renamed.map_err(|error| Fault::caused_by(format!("{} cannot be put aside", live.display()), &error))?;
    sync_dir(live.parent().unwrap_or(Path::new("."))).map_err(|error| undurable(&error))?;
    Ok(true)
}

/// What is damaged beyond reading is put aside, or back, as it is.
fn fold_unless_damaged(file: &Path) -> Result<(), Fault> {
    match copy::fold(file) {
        Err(error) if !error.is_damage() => Err(error.fault("the live data cannot be put aside")),
        _ => Ok(()),
    }
}

fn undurable(error: &FileError) -> Fault {
    Fault::caused_by("the disk did not do its part", error)
}

/// Whether a name is one more of the live file: that is as far as a swap comes before it takes effect.
///
/// # Errors
/// If one of them cannot be looked at.
pub fn is_second_name(name: &Path, live: &Path) -> std::io::Result<bool> {
    if name == live || !name.exists() || !live.exists() {
        return Ok(false);
    }
    let (one, other) = (fs::metadata(name)?, fs::metadata(live)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}
