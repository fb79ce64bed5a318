//! Taking secrets out of whatever is about to leave the machine: known ones in every form they take, unknown ones by
//! where they stand and what they look like.
//!
//! Pure: bytes in, bytes out. A text is read in windows, so that memory does not grow with it. In each window
//!
//! - *known* secrets are searched for in a [`fold`]ed copy, in which escapes, quotes, white space and case are gone, by
//!   short pieces that are then extended as far as they agree ([`pieces`]): whole ones, cut ones, and encoded ones;
//! - what stands where secrets stand is found by [`structure`], the shapes of well-known tokens by [`tokens`] and
//!   [`pem`], lines of environment files by [`assignments`], and what only looks random by [`entropy`];
//! - what is packed (base64, percent signs, gzip) is unpacked and searched in turn ([`nested`]).
//!
//! Whatever fails here fails the whole: a caller that gets an error has to throw away what was written.

mod again;
mod assignments;
mod entropy;
mod fold;
mod forms;
mod harmless;
mod known;
mod mark;
mod names;
mod needles;
mod nested;
mod normalise;
mod page;
mod parts;
mod pem;
mod pieces;
mod place;
#[cfg(test)]
mod properties;
mod readings;
mod scan;
mod stream;
mod structure;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

pub use known::KnownSecrets;
pub use mark::TokenKey;
pub use page::{PageLine, Shown};

use mark::Marks;
use normalise::Unreadable;
use pieces::Pieces;
use place::Rule;

/// What a file holds, as text: unpacked, and in UTF-8 whatever it was in.
///
/// # Errors
/// [`RedactionError`] if it cannot be read.
pub fn plain_text(from: &mut dyn Read) -> Result<String, RedactionError> {
    let mut bytes = Vec::new();
    normalise::plain(from)?.read_to_end(&mut bytes).map_err(RedactionError::Read)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Everything that is to be masked, made ready for searching. It is shared by reference: one serves every file.
pub struct Redaction {
    pieces: Pieces,
    marks: Marks,
}

/// How often each rule masked something: `known:NAME`, `structure:url-userinfo`, `pattern:aws-access-key`, `entropy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts(pub BTreeMap<String, u64>);

/// Something in a redacted text that should have been masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The rule that finds it.
    pub rule: String,
    /// How many bytes of the text, unpacked, are before it.
    pub offset: u64,
}

/// Why a text could not be redacted. What was written of it must not be kept.
#[derive(Debug, thiserror::Error)]
pub enum RedactionError {
    /// It could not be read: also what is no whole gzip.
    #[error("could not read it")]
    Read(#[source] io::Error),
    /// The result could not be written.
    #[error("could not write what was redacted")]
    Write(#[source] io::Error),
    /// It is packed in a way that cannot be looked into.
    #[error("{0} cannot be looked into: unpack it first")]
    Packed(&'static str),
    /// A gzip within a gzip within a gzip.
    #[error("it is packed too many times over")]
    TooDeep,
}

impl Redaction {
    /// Makes known secrets ready for searching. Marks carry fingerprints under `key`.
    pub fn new(known: &KnownSecrets, key: TokenKey) -> Self {
        Self::with_marks(known, Marks::Keyed(key))
    }

    /// The same, with marks that name the secret and tell nothing else of it: for texts that are read where they are
    /// written.
    pub fn plain(known: &KnownSecrets) -> Self {
        Self::with_marks(known, Marks::Plain)
    }

    fn with_marks(known: &KnownSecrets, marks: Marks) -> Self {
        Self { pieces: Pieces::of(known, &marks), marks }
    }

    /// Copies a text without its secrets. Compressed and UTF-16 texts are written as plain UTF-8, and frames of Docker's
    /// log streams are taken off.
    ///
    /// # Errors
    /// [`RedactionError`]; what was written until then is not to be used.
    pub fn redact(&self, from: &mut dyn Read, to: &mut dyn Write) -> Result<Counts, RedactionError> {
        let mut counts = Counts::default();
        let mut plain = normalise::plain(from)?;
        stream::masked(self, &mut plain, &mut |piece| match piece {
            stream::Piece::Kept(bytes) => to.write_all(bytes).map_err(RedactionError::Write),
            stream::Piece::Masked(place, secret) => {
                counts.add(&place.rule);
                to.write_all(self.marks.mark(&place, secret).as_bytes()).map_err(RedactionError::Write)
            }
        })?;
        to.flush().map_err(RedactionError::Write)?;
        Ok(counts)
    }

    /// A text without its secrets.
    pub fn redact_text(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut shown = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for place in scan::places(self, bytes, scan::shape_of(bytes)) {
            shown.extend_from_slice(&bytes[from..place.range.start]);
            shown.extend_from_slice(self.marks.mark(&place, &bytes[place.range.clone()]).as_bytes());
            from = place.range.end;
        }
        shown.extend_from_slice(&bytes[from..]);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Searches a redacted text for anything that is still to be masked. Marks are passed over; what only looks random
    /// does not count.
    ///
    /// # Errors
    /// [`RedactionError`] if it cannot be read: then nothing is proven.
    pub fn prove(&self, from: &mut dyn Read) -> Result<Vec<Hit>, RedactionError> {
        let mut hits = Vec::new();
        let mut offset = 0;
        let mut plain = normalise::plain(from)?;
        stream::masked(self, &mut plain, &mut |piece| {
            let (bytes, place) = match piece {
                stream::Piece::Kept(bytes) => (bytes, None),
                stream::Piece::Masked(place, bytes) => (bytes, Some(place)),
            };
            if let Some(place) = place.filter(|place| place.rule != Rule::Entropy) {
                hits.push(Hit { rule: place.rule.to_string(), offset });
            }
            offset += bytes.len() as u64;
            Ok(())
        })?;
        Ok(hits)
    }

    /// The lines of an environment file as they are shown: what is secret masked, with its length and kind.
    pub fn environment_page(&self, text: &str) -> Vec<PageLine> {
        page::lines(self, text)
    }
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Redaction({} secrets)", self.pieces.secrets())
    }
}

impl Counts {
    fn add(&mut self, rule: &Rule) {
        *self.0.entry(rule.to_string()).or_default() += 1;
    }

    /// Those of the marks that stand in a text already, by the name in each: what was masked before it came here. Marks of
    /// others, which bear no fingerprint, are not counted.
    pub fn of_marks(text: &[u8]) -> Self {
        let mut counts = Self::default();
        for mark in mark::all_in(text) {
            if let Some((name, _)) = String::from_utf8_lossy(&text[mark]).split_once('#') {
                let name = name.rsplit(':').next().unwrap_or_default();
                *counts.0.entry(format!("mark:{name}")).or_default() += 1;
            }
        }
        counts
    }

    /// Takes those of another text in.
    pub fn merge(&mut self, other: &Self) {
        for (rule, count) in &other.0 {
            *self.0.entry(rule.clone()).or_default() += count;
        }
    }

    /// How much was masked in all.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl From<Unreadable> for RedactionError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Failed(error) => Self::Read(error),
            Unreadable::Packed(format) => Self::Packed(format),
            Unreadable::TooDeep => Self::TooDeep,
        }
    }
}
