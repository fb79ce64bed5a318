//! Members of tar archives from elsewhere: which of them may be taken, and how much they may be.

use std::io::{self, Read};

use tar::{Entry, EntryType};

/// Most bytes of a member's path.
const MAX_PATH: usize = 512;

/// A member that nobody should take: its name, made harmless, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its member {member} {why}")]
pub(crate) struct Unsafe {
    pub(crate) member: String,
    pub(crate) why: &'static str,
}

impl Unsafe {
    pub(crate) fn new(member: &str, why: &'static str) -> Self {
        Self { member: member.to_owned(), why }
    }
}

/// The path of a regular file, which stays below where it is put; `None` for a folder.
pub(crate) fn admitted(entry: &Entry<'_, impl Read>) -> Result<Option<String>, Unsafe> {
    let path = entry.path_bytes();
    let shown = path[..path.len().min(MAX_PATH)].escape_ascii().to_string();
    let is_folder = match entry.header().entry_type() {
        EntryType::Regular => false,
        EntryType::Directory => true,
        // What `git archive` begins with: a comment.
        EntryType::XGlobalHeader => return Ok(None),
        EntryType::Symlink | EntryType::Link => return Err(Unsafe::new(&shown, "is a link")),
        _ => return Err(Unsafe::new(&shown, "is no regular file")),
    };
    let path = str::from_utf8(&path).map_err(|_| Unsafe::new(&shown, "has a name that is not text"))?;
    if path.len() > MAX_PATH || path.chars().any(char::is_control) {
        return Err(Unsafe::new(&shown, "has a name that no such file has"));
    }
    if path.starts_with('/') {
        return Err(Unsafe::new(&shown, "has an absolute path"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(Unsafe::new(&shown, "leads out of its folder"));
    }
    Ok((!is_folder).then(|| path.trim_start_matches("./").to_owned()))
}

/// Fails with [`io::ErrorKind::FileTooLarge`] rather than ends where more comes than is allowed.
pub(crate) struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R> Limited<R> {
    pub(crate) fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}
