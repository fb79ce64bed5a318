//! From one tar member to the next, letting only those pass that a backup has.

use tar::{EntryType, Header};

use super::content::Content;
use super::error::{ArchiveError, Found, Problem};
use super::tar_block::{self, BLOCK};
use crate::model::manifest::is_plain_name;

/// Most bytes of a member that is not the dump.
pub(super) const MAX_SIDE_MEMBER: u64 = 64 << 20;

/// Most members: each name is compared with all before it, and a small file can hold millions.
pub(super) const MAX_MEMBERS: usize = 1000;

/// Most bytes of zeros behind the end of an archive: tar fills up to whole records.
const MAX_FILL: usize = 1 << 20;

/// A regular file in the archive, `<directory>/<name>`.
pub(super) struct Entry {
    pub(super) directory: String,
    pub(super) name: String,
    pub(super) size: u64,
    /// Where in the file the part with its header begins.
    pub(super) offset: u64,
}

/// What has been seen so far.
#[derive(Default)]
pub(super) struct Walk {
    /// The one directory that everything is in.
    directory: Option<String>,
    names: Vec<String>,
    begun: bool,
}

impl Walk {
    /// The next regular file, whose content must then be read with [`Walk::pass`]; `None` at a sound end.
    pub(super) fn next(&mut self, content: &mut Content<'_, '_>) -> Result<Option<Entry>, ArchiveError> {
        loop {
            let block = match content.tar_block()? {
                Ok(block) => block,
                Err(part) if self.begun => return Err(content.wrong(cut(&part))),
                Err(part) => return Err(content.wrong(Problem::NotTar(Found::sniff(&part)))),
            };
            if block == [0; BLOCK] {
                return expect_end(content).map(|()| None);
            }
            let header = tar_block::parse(&block).ok_or_else(|| content.wrong(self.bad_header(&block)))?;
            self.begun = true;
            let offset = content.offset();
            if let Some((name, size)) = self.admit(&header).map_err(|problem| content.wrong(problem))? {
                let directory = self.directory.clone().unwrap_or_default();
                return Ok(Some(Entry { directory, name, size, offset }));
            }
        }
    }

    /// Gives the `size` bytes of a member's content to `sink`, and passes over what fills its last block.
    pub(super) fn pass(
        content: &mut Content<'_, '_>,
        size: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), ArchiveError> {
        let mut left = size;
        while left > 0 {
            let part = content.take(left)?;
            left -= part.len() as u64;
            if part.is_empty() {
                return Err(content.wrong(Problem::Truncated));
            }
            if let Err(problem) = sink(part) {
                return Err(content.wrong(problem));
            }
        }
        let mut fill = tar_block::padding(size) as u64;
        while fill > 0 {
            let part = content.take(fill)?.len() as u64;
            if part == 0 {
                return Err(content.wrong(Problem::Truncated));
            }
            fill -= part;
        }
        Ok(())
    }

    fn bad_header(&self, block: &[u8; BLOCK]) -> Problem {
        if self.begun {
            return Problem::Damaged("a tar header's checksum is wrong".into());
        }
        Problem::NotTar(Found::sniff(block))
    }

    /// Name and size of a regular file; `None` for the directory that it is in.
    fn admit(&mut self, header: &Header) -> Result<Option<(String, u64)>, Problem> {
        let path = header.path_bytes().into_owned();
        let shown = path.escape_ascii().to_string();
        let refused = |why| Problem::Unsafe { member: shown.clone(), why };
        let kind = header.entry_type();
        if !matches!(kind, EntryType::Regular | EntryType::Directory) {
            return Err(match why_refused(kind) {
                Some(why) => refused(why),
                None => {
                    Problem::NotABackup(format!("{shown} uses an extension of tar that backups do not use"))
                }
            });
        }
        let path = str::from_utf8(&path).map_err(|_| refused("has a name that is not text"))?;
        if path.starts_with('/') {
            return Err(refused("has an absolute path"));
        }
        if path.split('/').any(|part| part == "..") {
            return Err(refused("leads out of its directory"));
        }
        let stray = || Problem::NotABackup(format!("it holds {shown}"));
        let size =
            header.entry_size().map_err(|_| Problem::Damaged("a member's size is not a number".into()))?;
        let (directory, name) = path.split_once('/').ok_or_else(stray)?;
        if !is_plain_name(directory) || self.directory.as_ref().is_some_and(|known| known != directory) {
            return Err(stray());
        }
        self.directory = Some(directory.to_owned());
        if kind == EntryType::Directory {
            return if name.is_empty() && size == 0 { Ok(None) } else { Err(stray()) };
        }
        if !is_plain_name(name) {
            return Err(stray());
        }
        if self.names.iter().any(|known| known == name) {
            return Err(refused("is there twice"));
        }
        if self.names.len() == MAX_MEMBERS {
            return Err(Problem::NotABackup(format!("it holds more than {MAX_MEMBERS} files")));
        }
        self.names.push(name.to_owned());
        Ok(Some((name.to_owned(), size)))
    }
}

fn why_refused(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Symlink => Some("is a symbolic link"),
        EntryType::Link => Some("is a hard link"),
        EntryType::Char | EntryType::Block => Some("is a device"),
        EntryType::Fifo => Some("is a named pipe"),
        _ => None,
    }
}

fn cut(part: &[u8]) -> Problem {
    if part.iter().all(|&byte| byte == 0) {
        return Problem::Truncated;
    }
    Problem::Damaged("a tar header is not whole".into())
}

/// After one block of zeros: another, and then nothing but zeros that fill a record.
fn expect_end(content: &mut Content<'_, '_>) -> Result<(), ArchiveError> {
    let mut zeros = 0;
    loop {
        let part = content.take(u64::MAX)?;
        if part.is_empty() {
            break;
        }
        zeros += part.len();
        if zeros > MAX_FILL || part.iter().any(|&byte| byte != 0) {
            return Err(content.wrong(Problem::Trailing));
        }
    }
    if zeros < BLOCK { Err(content.wrong(Problem::Truncated)) } else { Ok(()) }
}
