//! A small disk: a file with a file system in it, mounted for as long as the test needs it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate};

/// A file system of a few megabytes, at a place of the test's choice.
pub(crate) struct Disk {
    image: tempfile::NamedTempFile,
    place: PathBuf,
}

impl Disk {
    /// Makes it and mounts it; what the place held is hidden as long.
    pub(crate) fn mounted_at(place: &Path, megabytes: u64) -> Self {
        Self::made(place, megabytes, &[])
    }

    /// The same, with all that the place holds.
    pub(crate) fn mounted_over(place: &Path, megabytes: u64) -> Self {
        let aside = tempfile::tempdir().unwrap();
        fs::create_dir_all(place).unwrap();
        run("cp", &["-a", &format!("{}/.", place.display()), &aside.path().display().to_string()]);
        let disk = Self::mounted_at(place, megabytes);
        run("cp", &["-a", &format!("{}/.", aside.path().display()), &place.display().to_string()]);
        disk
    }

    /// The same with room for bytes and for no more files.
    pub(crate) fn full_of_files(place: &Path, megabytes: u64) -> Self {
        let disk = Self::made(place, megabytes, &["-N", "16"]);
        let full = (0..100_000).any(|number| File::create(place.join(format!("file-{number}"))).is_err());
        assert!(full, "the disk takes more files than it was made for");
        disk
    }

    fn made(place: &Path, megabytes: u64, more: &[&str]) -> Self {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(megabytes << 20).unwrap();
        let file = image.path().display().to_string();
        // No room is reserved for root, who runs the tests.
        run("mkfs.ext4", &[&["-q", "-F", "-m", "0"], more, &[&file]].concat());
        fs::create_dir_all(place).unwrap();
        run("mount", &["-o", "loop", &file, &place.display().to_string()]);
        let _for_programs_only = fs::remove_dir(place.join("lost+found"));
        Self { image, place: place.to_owned() }
    }

    /// Takes all the room but for so many bytes, at once.
    pub(crate) fn fill_but(&self, left: u64) {
        let ballast = File::create(self.ballast()).unwrap();
        let (mut length, mut piece) = (0, 64 << 20);
        while piece >= 512 {
            match fallocate(&ballast, FallocateFlags::empty(), length, piece) {
                Ok(()) => length += piece,
                Err(_) => piece /= 2,
            }
        }
        ballast.set_len(length.saturating_sub(left)).unwrap();
        ballast.sync_all().unwrap();
    }

    /// Gives the room back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.place.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever still looks at it is about to end.
        let place = self.place.display().to_string();
        let _reported_by_the_next_line = Command::new("umount").args(["-l", &place]).status();
        assert!(self.image.path().exists());
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}: the tests make small disks, as root",
        String::from_utf8_lossy(&output.stderr)
    );
}
