//! The table of contents of a custom-format dump: what is in it, whose that is, and where its data begins.

use std::fmt;

use crate::model::dump_header::{DumpHeader, DumpHeaderError};
use crate::model::dump_reader::{DumpReader, ReadError, Widths};

/// The newest archive version that is known here, as its minor number: that of PostgreSQL 17 and 18.
const NEWEST_MINOR: u8 = 16;

/// Most entries. A database of a million tables has a few of them for each.
const MOST_ENTRIES: i64 = 16 << 20;

/// Most things that one entry depends on.
const MOST_DEPENDENCIES: usize = 1 << 20;

/// The table of contents.
#[derive(Debug, PartialEq, Eq)]
pub struct DumpToc<'a> {
    /// Bytes from the beginning of the dump to its data.
    pub length: usize,
    /// How wide its numbers are.
    pub widths: Widths,
    /// What is in it, in the order of the dump.
    pub entries: Vec<TocEntry<'a>>,
}

/// Something that is in a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TocEntry<'a> {
    /// Its number in the dump.
    pub dump_id: i64,
    /// Its name; for a grant, what it is on, such as `TABLE records`.
    pub tag: &'a [u8],
    /// What kind of thing it is, such as `TABLE` or `TABLE DATA`.
    pub kind: &'a [u8],
    /// The SQL that makes it; empty for data.
    pub definition: &'a [u8],
    /// The SQL that drops it; empty for what is dropped together with something else.
    pub drop: &'a [u8],
    /// Who it belongs to; empty for nobody.
    pub owner: &'a [u8],
    /// Where its data is.
    pub data: DataState,
    /// Where in the dump that is said: the position of the state's byte, which the offset follows.
    pub data_at: usize,
}

/// What a dump says of where an entry's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataState {
    /// Somewhere: the dump was written where nobody could go back to note it.
    Unknown,
    /// At an offset.
    Known,
    /// There is none.
    NoData,
}

/// Why a table of contents could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TocError {
    /// More bytes are needed.
    Cut,
    /// It is not one of those known here.
    NotUnderstood(NotUnderstood),
}

/// Something in a dump that is not known here. PostgreSQL's tools may well know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnderstood(pub &'static str);

impl DumpToc<'_> {
    /// The byte of [`DataState::Known`] in a dump.
    pub const KNOWN: u8 = 2;

    /// Reads it from the beginning of a dump.
    ///
    /// # Errors
    /// [`TocError::Cut`] if `bytes` end within it.
    pub fn parse(bytes: &[u8]) -> Result<DumpToc<'_>, TocError> {
        let mut reader = DumpReader::new(bytes);
        let header = DumpHeader::read(&mut reader).map_err(|error| match error {
            DumpHeaderError::Cut => TocError::Cut,
            _ => not_understood("its head"),
        })?;
        if header.archive_minor() > NEWEST_MINOR {
            return Err(not_understood("an archive version that came later"));
        }
        let count = reader.int()?;
        if !(0..=MOST_ENTRIES).contains(&count) {
            return Err(not_understood("the number of its entries"));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(entry(&mut reader, header.archive_minor())?);
        }
        Ok(DumpToc { length: reader.position(), widths: reader.widths, entries })
    }
}

fn entry<'a>(reader: &mut DumpReader<'a>, minor: u8) -> Result<TocEntry<'a>, TocError> {
    let dump_id = reader.int()?;
    if !(1..=i64::from(i32::MAX)).contains(&dump_id) {
        return Err(not_understood("the number of an entry"));
    }
    let _had_dumper = reader.int()?;
    let [_table_oid, _oid, tag, kind] = texts(reader)?;
    let _section = reader.int()?;
    let [definition, drop, _copy, _namespace, _tablespace] = texts(reader)?;
    if minor >= 14 {
        let _access_method = reader.text()?;
    }
    if minor >= 16 {
        let _relation_kind = reader.int()?;
    }
    let [owner, _with_oids] = texts(reader)?;
    for count in 0.. {
        match reader.text()? {
            None => break,
            Some(_) if count == MOST_DEPENDENCIES => {
                return Err(not_understood("the dependencies of an entry"));
            }
            Some(_) => {}
        }
    }
    let data_at = reader.position();
    let data = match reader.byte()? {
        1 => DataState::Unknown,
        DumpToc::KNOWN => DataState::Known,
        3 => DataState::NoData,
        _ => return Err(not_understood("where the data of an entry is")),
    };
    let _offset = reader.take(reader.widths.offset)?;
    Ok(TocEntry { dump_id, tag, kind, definition, drop, owner, data, data_at })
}

fn texts<'a, const N: usize>(reader: &mut DumpReader<'a>) -> Result<[&'a [u8]; N], ReadError> {
    let mut texts = [&[][..]; N];
    for text in &mut texts {
        *text = reader.text()?.unwrap_or_default();
    }
    Ok(texts)
}

fn not_understood(what: &'static str) -> TocError {
    TocError::NotUnderstood(NotUnderstood(what))
}

impl From<ReadError> for TocError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cut => Self::Cut,
            ReadError::Senseless => not_understood("the length of a text"),
        }
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in the dump is not known", self.0)
    }
}

#[cfg(test)]
pub(super) mod tests;
