//! Room on file systems, and in memory.

use std::path::{Path, PathBuf};

use crate::error::Fault;
use crate::preflight::host::Disk;
use crate::report::quantity;

/// What stays free of what is promised: a file system that is full to the last byte helps nobody.
const RESERVE: u64 = 64 << 20;

/// Something that will be written, and where.
#[derive(Debug, Clone)]
pub struct Need {
    /// What it is, for a person.
    pub what: &'static str,
    /// A directory on the file system that it lands on.
    pub place: PathBuf,
    /// How many bytes it takes, at most.
    pub bytes: u64,
}

/// Checks that everything fits, summed over each file system, and says how much that is. A place that cannot be looked at
/// is left out.
pub fn check(needs: &[Need]) -> Result<Vec<String>, Fault> {
    let mut by_device: Vec<(u64, u64, Vec<&Need>)> = Vec::new();
    for need in needs {
        let Some((device, free)) = free(&need.place) else { continue };
        match by_device.iter_mut().find(|(known, ..)| *known == device) {
            Some((_, _, together)) => together.push(need),
            None => by_device.push((device, free, vec![need])),
        }
    }
    let mut fits = Vec::new();
    for (_, free, together) in by_device {
        let sum: u64 = together.iter().map(|need| need.bytes).sum::<u64>() + RESERVE;
        let place = together.first().map(|need| need.place.display().to_string()).unwrap_or_default();
        let each = together.iter().map(|need| format!("{}: {}", need.what, quantity::bytes(need.bytes)));
        let each = each.chain([format!("to stay free: {}", quantity::bytes(RESERVE))]);
        if sum > free {
            return Err(Fault::new(format!(
                "not enough room at {place}: {} needed, {} free",
                quantity::bytes(sum),
                quantity::bytes(free)
            ))
            .evidence(each));
        }
        let what: Vec<&str> = together.iter().map(|need| need.what).collect();
        fits.push(format!(
            "{} for {}, and {} free at {place}",
            quantity::bytes(sum),
            what.join(" and "),
            quantity::bytes(free)
        ));
    }
    Ok(fits)
}

/// The device under a directory, or under the nearest one above it that exists, and what is free on it for this user.
fn free(place: &Path) -> Option<(u64, u64)> {
    let existing = place.ancestors().find(|path| path.exists())?;
    let device = rustix::fs::stat(existing).ok()?.st_dev;
    let room = rustix::fs::statvfs(existing).ok()?;
    Some((device, room.f_bavail * room.f_frsize))
}

/// The file systems under places, with what each holds; a place that cannot be looked at is left out.
pub fn disks(places: &[(&'static str, PathBuf)]) -> Vec<Disk> {
    let mut found: Vec<(u64, Disk)> = Vec::new();
    for (what, place) in places {
        let Some(existing) = place.ancestors().find(|path| path.exists()) else { continue };
        let (Ok(stat), Ok(room)) = (rustix::fs::stat(existing), rustix::fs::statvfs(existing)) else {
            continue;
        };
        match found.iter_mut().find(|(device, _)| *device == stat.st_dev) {
            Some((_, disk)) => disk.holds.push(what),
            None => found.push((
                stat.st_dev,
                Disk {
                    holds: vec![what],
                    place: existing.to_owned(),
                    size: room.f_blocks * room.f_frsize,
                    free: room.f_bavail * room.f_frsize,
                    inodes: room.f_files,
                    free_inodes: room.f_favail,
                },
            )),
        }
    }
    found.into_iter().map(|(_, disk)| disk).collect()
}

/// What of the machine's memory can be had now, in bytes, as the kernel estimates it.
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(bytes: u64) -> Need {
        Need { what: "a backup", place: std::env::temp_dir().join("not/there/yet"), bytes }
    }

    #[test]
    fn needs_on_one_file_system_are_summed() {
        let (_, free) = free(&std::env::temp_dir()).unwrap();
        let fits = check(&[need(1), need(2)]).unwrap();
        assert_eq!(fits.len(), 1, "{fits:?}");
        assert!(fits[0].starts_with("64.0 MiB for a backup and a backup, and "), "{fits:?}");
        let fault = check(&[need(free / 2), need(free / 2)]).unwrap_err();
        assert!(fault.what.starts_with("not enough room"), "{fault}");
        assert_eq!(fault.evidence.len(), 3);
        assert_eq!(fault.evidence[2], "to stay free: 64.0 MiB");
    }
}
