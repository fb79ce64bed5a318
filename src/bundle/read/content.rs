//! The content of one member.

use sha2::{Digest as _, Sha256};

/// What is in a member, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    text: String,
    starts: Vec<usize>,
    size: u64,
    sha256: String,
}

impl Content {
    /// All of a member.
    pub fn new(bytes: &[u8]) -> Self {
        Self::part(bytes, bytes.len() as u64, hex::encode(Sha256::digest(bytes)))
    }

    /// The beginning of a member of `size` bytes, too many to be kept, with the SHA-256 of all of them.
    pub fn part(bytes: &[u8], size: u64, sha256: String) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let mut starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        if starts.last() == Some(&text.len()) {
            starts.pop();
        }
        Self { text, starts, size, sha256 }
    }

    /// The text; what was no UTF-8 is replaced.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 of all of it, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its lines, without their ends.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        (1..=self.line_count()).filter_map(|number| self.line(number))
    }

    /// How many lines there are.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// A line by its number, counted from 1.
    pub fn line(&self, number: usize) -> Option<&str> {
        let start = *self.starts.get(number.checked_sub(1)?)?;
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        Some(self.text[start..end].trim_end_matches(['\n', '\r']))
    }
}
