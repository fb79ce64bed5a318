//! Looking into an archive: at once, or at every byte of it.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::content::{Content, Opened};
use super::error::{ArchiveError, Problem};
use super::walk::{Entry, MAX_SIDE_MEMBER, Walk};
use crate::adapters::sqlite::head::MAGIC as SQLITE_MAGIC;
use crate::model::dump_header::{DumpHeader, DumpHeaderError, HEAD_BYTES};
use crate::model::manifest::{DUMP_NAME, Digest, MANIFEST_NAME, Manifest, Member};

/// Told how far reading has come: bytes of the file read, and its length. `Break` ends it with
/// [`Problem::Interrupted`].
pub type Progress<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// Most bytes of a manifest.
const MAX_MANIFEST: u64 = 8 << 20;

/// What the old scripts put into their archives beside the dump.
const SCRIPTS_MEMBERS: [&str; 2] = ["vault-public-keys.csv", "backup-metadata"];

/// What the caller has room for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    max_bytes: u64,
}

/// Who wrote an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// opsctl: it has a manifest.
    Opsctl(Box<Manifest>),
    /// The scripts that opsctl takes the place of. There are no checksums of what was meant to be in it.
    Scripts {
        /// Name of the directory in it.
        directory: String,
    },
}

/// How much was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checked {
    /// It was unpacked to its end without an error. Whether that is what was dumped, nothing tells.
    Structure,
    /// Besides, every member has the size and the SHA-256 that the manifest gives.
    Hashes,
}

/// What a database in an archive is, by how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpHead {
    /// What `pg_dump` wrote.
    Postgresql(DumpHeader),
    /// A SQLite database.
    Sqlite,
}

impl DumpHead {
    fn parse(head: &[u8]) -> Result<Self, DumpHeaderError> {
        if head.starts_with(SQLITE_MAGIC) {
            Ok(Self::Sqlite)
        } else {
            DumpHeader::parse(head).map(Self::Postgresql)
        }
    }
}

/// What an archive says of itself, nothing of it proven.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Who wrote it.
    pub origin: Origin,
    /// The head of its dump.
    pub dump: DumpHead,
    /// Length of the file in bytes.
    pub file_bytes: u64,
}

/// What was found in an archive that was read whole.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Who wrote it.
    pub origin: Origin,
    /// The head of its dump.
    pub dump: DumpHead,
    /// How much was proven.
    pub checked: Checked,
    /// Every member except the manifest, with its size and hash as they were read.
    pub members: Vec<Member>,
    /// Length of the file in bytes.
    pub file_bytes: u64,
}

impl Limits {
    /// Only what the archive's own manifest, or the measure of the plausible, gives.
    pub const fn none() -> Self {
        Self { max_bytes: u64::MAX }
    }

    /// Refuses a dump of more than `bytes`, before any of it is read.
    pub const fn at_most(bytes: u64) -> Self {
        Self { max_bytes: bytes }
    }
}

/// Looks at the head of an archive and, if opsctl wrote it, at its manifest. That takes no longer for a large one. What
/// the scripts wrote, or somebody packed again, says nowhere what is in it, and is unpacked to its end.
///
/// # Errors
/// If it is not a backup as far as can be seen from there.
pub fn inspect(path: &Path) -> Result<Summary, ArchiveError> {
    let mut silent = |_, _| ControlFlow::Continue(());
    let opened = Opened::open(path)?;
    let mut manifest = manifest_ahead(&opened, &mut silent)?;
    let mut content = opened.content(&mut silent)?;
    let mut walk = Walk::default();
    let mut dump = None;
    while let Some(entry) = walk.next(&mut content)? {
        admit_size(&entry, Limits::none()).map_err(|problem| content.wrong(problem))?;
        if entry.name == DUMP_NAME {
            let mut head = Vec::new();
            let size = if manifest.is_some() { entry.size.min(HEAD_BYTES as u64) } else { entry.size };
            Walk::pass(&mut content, size, &mut |part| {
                head.extend_from_slice(&part[..part.len().min(HEAD_BYTES - head.len())]);
                Ok(())
            })?;
            dump = Some((DumpHead::parse(&head).map_err(|error| content.wrong(error))?, entry.directory));
            if manifest.is_some() {
                break;
            }
        } else if entry.name == MANIFEST_NAME && entry.size <= MAX_MANIFEST {
            manifest = Some(read_manifest(&mut content, &entry)?);
        } else {
            Walk::pass(&mut content, entry.size, &mut |_| Ok(()))?;
        }
    }
    let (dump, directory) = dump.ok_or_else(|| content.wrong(no_dump()))?;
    let origin = match manifest {
        Some(manifest) => Origin::Opsctl(Box::new(manifest)),
        None => Origin::Scripts { directory },
    };
    Ok(Summary { origin, dump, file_bytes: opened.length })
}

/// Reads all of an archive and compares it with its manifest, if it has one.
///
/// # Errors
/// At the first thing that is wrong.
pub fn verify(path: &Path, limits: Limits, progress: &mut Progress<'_>) -> Result<Contents, ArchiveError> {
    read_all(path, limits, None, progress)
}

/// As [`verify`], and writes the dump to `output` on the way.
///
/// # Errors
/// As [`verify`], or if `output` fails. What was written is then worth nothing: that something is wrong may be
/// seen only at the end of the archive.
pub fn copy_dump(
    path: &Path,
    limits: Limits,
    output: &mut dyn Write,
    progress: &mut Progress<'_>,
) -> Result<Contents, ArchiveError> {
    read_all(path, limits, Some(output), progress)
}

fn read_all(
    path: &Path,
    limits: Limits,
    output: Option<&mut dyn Write>,
    progress: &mut Progress<'_>,
) -> Result<Contents, ArchiveError> {
    let opened = Opened::open(path)?;
    let manifest = manifest_ahead(&opened, progress)?;
    let mut content = opened.content(progress)?;
    let mut reading = Reading { limits, ahead: manifest, output, ..Reading::default() };
    let mut walk = Walk::default();
    while let Some(entry) = walk.next(&mut content)? {
        reading.admit(&entry, &opened).map_err(|problem| content.wrong(problem))?;
        reading.member(&mut content, entry)?;
    }
    reading.contents(opened.length).map_err(|problem| ArchiveError::new(path, problem))
}

/// The manifest of an archive that says where to find it.
fn manifest_ahead(opened: &Opened, progress: &mut Progress<'_>) -> Result<Option<Manifest>, ArchiveError> {
    let Some(offset) = opened.manifest_offset else { return Ok(None) };
    let mut content = opened.content_from(offset, progress)?;
    let found = match Walk::default().next(&mut content) {
        // The frame is sound, but not one that a manifest begins in.
        Err(error) if matches!(error.problem, Problem::NotTar(_)) => None,
        other => other?,
    };
    let Some(entry) = found.filter(|entry| entry.name == MANIFEST_NAME && entry.size <= MAX_MANIFEST) else {
        return Err(content.wrong(Problem::Damaged("its manifest is not where its last bytes say".into())));
    };
    read_manifest(&mut content, &entry).map(Some)
}

fn read_manifest(content: &mut Content<'_, '_>, entry: &Entry) -> Result<Manifest, ArchiveError> {
    let mut json = Vec::new();
    Walk::pass(content, entry.size, &mut |part| {
        json.extend_from_slice(part);
        Ok(())
    })?;
    Manifest::parse(&json).map_err(|error| content.wrong(error))
}

#[derive(Default)]
struct Reading<'a> {
    limits: Limits,
    /// The manifest, where it could be read before the rest.
    ahead: Option<Manifest>,
    output: Option<&'a mut dyn Write>,
    members: Vec<Member>,
    directory: String,
    dump: Option<DumpHead>,
    /// The manifest as it was found in its place.
    manifest: Option<Vec<u8>>,
}

impl Reading<'_> {
    /// Refuses a member before it is read.
    fn admit(&mut self, entry: &Entry, opened: &Opened) -> Result<(), Problem> {
        self.directory.clone_from(&entry.directory);
        if self.manifest.is_some() {
            return Err(Problem::NotABackup(format!("{} follows its manifest", entry.name)));
        }
        admit_size(entry, self.limits)?;
        let Some(manifest) = &self.ahead else { return Ok(()) };
        let mismatch = |what| Problem::Mismatch { member: entry.name.clone(), what };
        if entry.directory != manifest.id.to_string() {
            return Err(mismatch("its directory is another"));
        }
        let expected = manifest.members.get(self.members.len());
        match expected {
            None if entry.name == MANIFEST_NAME && Some(entry.offset) == opened.manifest_offset => Ok(()),
            Some(expected) if expected.name == entry.name => {
                if expected.size == entry.size {
                    Ok(())
                } else {
                    Err(mismatch("its size is another"))
                }
            }
            None | Some(_) => Err(mismatch("it is not expected here")),
        }
    }

    fn member(&mut self, content: &mut Content<'_, '_>, entry: Entry) -> Result<(), ArchiveError> {
        let mut hash = Sha256::new();
        let mut head = Vec::new();
        let head_bytes = match entry.name.as_str() {
            DUMP_NAME => HEAD_BYTES,
            MANIFEST_NAME => usize::MAX,
            _ => 0,
        };
        let mut output = self.output.as_mut().filter(|_| entry.name == DUMP_NAME);
        Walk::pass(content, entry.size, &mut |part| {
            hash.update(part);
            head.extend_from_slice(&part[..part.len().min(head_bytes - head.len())]);
            match &mut output {
                Some(output) => output.write_all(part).map_err(Problem::Output),
                None => Ok(()),
            }
        })?;
        if entry.name == MANIFEST_NAME {
            self.manifest = Some(head);
            return Ok(());
        }
        if entry.name == DUMP_NAME {
            self.dump = Some(DumpHead::parse(&head).map_err(|error| content.wrong(error))?);
        }
        let sha256 = Digest(hash.finalize().into());
        self.members.push(Member { name: entry.name, size: entry.size, sha256 });
        Ok(())
    }

    fn contents(self, file_bytes: u64) -> Result<Contents, Problem> {
        let dump = self.dump.ok_or_else(no_dump)?;
        let Some(json) = self.manifest else {
            if self.ahead.is_some() {
                return Err(Problem::Truncated);
            }
            if let Some(stray) = self.members.iter().find(|member| !is_of_the_scripts(&member.name)) {
                return Err(Problem::NotABackup(format!("it holds {}", stray.name)));
            }
            let origin = Origin::Scripts { directory: self.directory };
            return Ok(Contents {
                origin,
                dump,
                checked: Checked::Structure,
                members: self.members,
                file_bytes,
            });
        };
        let manifest = Manifest::parse(&json)?;
        if manifest.id.to_string() != self.directory {
            return Err(Problem::Mismatch {
                member: self.directory,
                what: "it is the directory of another backup",
            });
        }
        compare(&manifest.members, &self.members)?;
        let origin = Origin::Opsctl(Box::new(manifest));
        Ok(Contents { origin, dump, checked: Checked::Hashes, members: self.members, file_bytes })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::none()
    }
}

fn compare(expected: &[Member], found: &[Member]) -> Result<(), Problem> {
    let mismatch = |member: &Member, what| Err(Problem::Mismatch { member: member.name.clone(), what });
    for (index, expected) in expected.iter().enumerate() {
        match found.get(index) {
            Some(found) if found == expected => {}
            Some(found) if found.name == expected.name && found.size == expected.size => {
                return mismatch(expected, "its SHA-256 is another");
            }
            Some(_) => return mismatch(expected, "its name or size is another"),
            None => return mismatch(expected, "it is missing"),
        }
    }
    found.get(expected.len()).map_or(Ok(()), |extra| mismatch(extra, "it is not in it"))
}

fn admit_size(entry: &Entry, limits: Limits) -> Result<(), Problem> {
    let limit = match entry.name.as_str() {
        DUMP_NAME => limits.max_bytes,
        MANIFEST_NAME => MAX_MANIFEST,
        _ => MAX_SIDE_MEMBER,
    };
    if entry.size > limit { Err(Problem::TooLarge { limit }) } else { Ok(()) }
}

fn is_of_the_scripts(name: &str) -> bool {
    name == DUMP_NAME
        || SCRIPTS_MEMBERS.iter().any(|known| name == *known || name.starts_with("backup-metadata."))
}

fn no_dump() -> Problem {
    Problem::NotABackup("it holds no db.dump".into())
}
