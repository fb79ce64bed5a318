//! Unpacking a release's archive: regular files below one folder, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tar::Archive;

use super::folder;
use crate::adapters::tar_member::{Limited, Unsafe, admitted};
use crate::error::Fault;

/// How much an archive may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    pub(super) members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 30, members: 20_000 }
    }
}

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
    #[error("it is no .tar.gz, or is damaged")]
    Damaged(#[source] io::Error),
    #[error("unpacked, it is more than {bytes} bytes or {members} files", bytes = .0.bytes, members = .0.members)]
    TooLarge(Limits),
    #[error("there is no file in it")]
    Empty,
    #[error("what is in it cannot be written")]
    Write(#[source] io::Error),
}

impl UnpackError {
    pub(super) fn fault(&self, url: &str) -> Fault {
        let fault = Fault::caused_by(format!("{url} cannot be unpacked"), self);
        fault.hint(match self {
            Self::Write(_) => "is there room? nothing was changed",
            _ => {
                "ask whoever made the release: its archive is a .tar.gz of regular files; nothing was changed"
            }
        })
    }
}

/// Unpacks an archive into a folder that is there and empty. Where all is in one folder of the archive, that is left out.
pub(super) fn unpack(archive: &Path, into: &Path, limits: &Limits) -> Result<(), UnpackError> {
    let file = File::open(archive).map_err(UnpackError::Damaged)?;
    let content = Limited::new(MultiGzDecoder::new(BufReader::new(file)), limits.bytes);
    let mut archive = Archive::new(content);
    let damaged = |error: io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => UnpackError::TooLarge(*limits),
        _ => UnpackError::Damaged(error),
    };
    let mut is_empty = true;
    for (index, entry) in archive.entries().map_err(damaged)?.enumerate() {
        if index >= limits.members {
            return Err(UnpackError::TooLarge(*limits));
        }
        let mut entry = entry.map_err(damaged)?;
        let Some(path) = admitted(&entry)? else { continue };
        let is_program = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mut file = create(&into.join(&path), &path, is_program)?;
        copy(&mut entry, &mut file).map_err(|error| match error {
            Copying::Read(error) => damaged(error),
            Copying::Write(error) => UnpackError::Write(error),
        })?;
        is_empty = false;
    }
    if is_empty {
        return Err(UnpackError::Empty);
    }
    lift(into).and_then(|()| folder::sync(into)).map_err(UnpackError::Write)
}

/// Of the permissions in an archive, only whether a file can be run is taken over.
fn create(target: &Path, path: &str, is_program: bool) -> Result<File, UnpackError> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(UnpackError::Write)?;
    }
    let mode = if is_program { 0o755 } else { 0o644 };
    let file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(target).map_err(
            |error| match error.kind() {
                io::ErrorKind::AlreadyExists => Unsafe::new(path, "is there twice").into(),
                _ => UnpackError::Write(error),
            },
        )?;
    // Whatever mask this process has.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(UnpackError::Write)?;
    Ok(file)
}

enum Copying {
    Read(io::Error),
    Write(io::Error),
}

fn copy(from: &mut impl Read, to: &mut impl io::Write) -> Result<(), Copying> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).map_err(Copying::Read)?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).map_err(Copying::Write)?;
    }
}

/// Puts what is in the only folder in that folder's place.
fn lift(into: &Path) -> io::Result<()> {
    let entries = fs::read_dir(into)?.collect::<io::Result<Vec<_>>>()?;
    let [only] = entries.as_slice() else { return Ok(()) };
    if !only.file_type()?.is_dir() {
        return Ok(());
    }
    let aside = into.with_extension("lifted");
    fs::rename(only.path(), &aside)?;
    fs::remove_dir(into)?;
    fs::rename(&aside, into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, EntryType, Header};

    const LIMITS: Limits = Limits { bytes: 1 << 20, members: 10 };

    fn header(kind: EntryType, size: usize, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header.set_mode(mode);
        header
    }

    /// The bytes of an archive with a header that no builder would write.
    fn raw(name: &str, mut header: Header, content: &[u8]) -> Vec<u8> {
        let field = &mut header.as_gnu_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        tar.append(&header, content).unwrap();
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn files(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content, mode) in files {
            let mut header = header(EntryType::Regular, content.len(), *mode);
            tar.append_data(&mut header, name, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(archive: &[u8]) -> (tempfile::TempDir, Result<(), UnpackError>) {
        let folder = tempfile::tempdir().unwrap();
        let (file, into) = (folder.path().join("archive"), folder.path().join("content"));
        crate::adapters::files::replace(&file, archive, crate::adapters::files::Mode::KeepOr(0o600)).unwrap();
        fs::create_dir(&into).unwrap();
        let outcome = unpack(&file, &into, &LIMITS);
        (folder, outcome)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn files_are_put_where_they_belong_with_or_without_a_folder_around_them() {
        for prefix in ["", "./", "collector-1.0.0/"] {
            let (program, text) = (format!("{prefix}collector"), format!("{prefix}doc/readme"));
            let archive = files(&[(&program, b"#!", 0o4755), (&text, b"words", 0o666)]);
            let (folder, outcome) = unpacked(&archive);
            outcome.unwrap();
            let content = folder.path().join("content");
            assert_eq!(mode(&content.join("collector")), 0o755, "no set-user-id");
            assert_eq!(mode(&content.join("doc/readme")), 0o644);
            assert_eq!(fs::read(content.join("doc/readme")).unwrap(), b"words");
        }
    }

    #[test]
    fn what_leads_out_or_is_no_file_is_refused() {
        let file = |name: &str| raw(name, header(EntryType::Regular, 1, 0o644), b"x");
        let special = |kind: EntryType| {
            let mut header = header(kind, 0, 0o644);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc/passwd").unwrap();
            }
            raw("thing", header, b"")
        };
        let hostile = [
            (file("/etc/cron.d/x"), "absolute"),
            (file("../../x"), "leads out"),
            (file("a/../../x"), "leads out"),
            (special(EntryType::Symlink), "link"),
            (special(EntryType::Link), "link"),
            (special(EntryType::Char), "no regular file"),
            (special(EntryType::Block), "no regular file"),
            (special(EntryType::Fifo), "no regular file"),
            (files(&[("a", b"1", 0o644), ("a", b"2", 0o644)]), "twice"),
            (files(&[("a", &vec![0; 2 << 20], 0o644)]), "more than"),
            (files(&[]), "no file"),
            (b"not an archive".to_vec(), "no .tar.gz"),
        ];
        for (archive, expected) in hostile {
            let (folder, outcome) = unpacked(&archive);
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
            assert!(!folder.path().join("x").exists() && !folder.path().parent().unwrap().join("x").exists());
        }
    }

    #[test]
    fn no_more_members_are_taken_than_there_may_be() {
        let names: Vec<String> = (0..11).map(|number| number.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), b"".as_slice(), 0o644)).collect();
        assert!(matches!(unpacked(&files(&many)).1, Err(UnpackError::TooLarge(_))));
    }

    #[test]
    fn one_that_is_cut_short_is_damaged() {
        let archive = files(&[("a", &vec![7; 100_000], 0o644)]);
        assert!(matches!(unpacked(&archive[..archive.len() / 2]).1, Err(UnpackError::Damaged(_))));
    }
}
