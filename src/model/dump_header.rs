//! The head of a `pg_dump` custom-format file, read without PostgreSQL's tools.
//!
//! A file begins with `PGDMP`, the archive version (three bytes), the widths of integers and offsets, and the format;
//! then come the compression, the time, and three texts: database, server version, `pg_dump` version.

use jiff::civil::DateTime;

use crate::model::dump_reader::{DumpReader, ReadError, Widths};

/// Bytes from the start of a dump that are certain to hold its head.
pub const HEAD_BYTES: usize = 2048;

const MAGIC: &[u8] = b"PGDMP";
const CUSTOM: u8 = 1;

/// What a dump says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpHeader {
    /// Version of the archive format, such as 1.14.0: `pg_restore` reads those up to its own.
    pub archive_version: (u8, u8, u8),
    /// How its data is compressed inside.
    pub compression: DumpCompression,
    /// When it was made, in the local time of the machine that made it.
    pub created: Option<DateTime>,
    /// The database's name.
    pub database: String,
    /// The server it came from.
    pub server_version: String,
    /// The `pg_dump` that made it.
    pub dump_version: String,
}

/// How a dump's data is compressed inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpCompression {
    /// Not at all.
    None,
    /// zlib.
    Gzip,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
    /// By something that came later than this program.
    Unknown(u8),
}

/// Why a file is not a dump that can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpHeaderError {
    /// It does not begin like one.
    #[error("it is not a custom-format dump: it does not begin with PGDMP")]
    NotADump,
    /// A dump in another of `pg_dump`'s formats.
    #[error("it is a dump of pg_dump's format {0}, not of the custom format")]
    OtherFormat(u8),
    /// From before PostgreSQL 9.1, or damaged.
    #[error("it has archive version {0}.{1}, which is not known")]
    UnknownVersion(u8, u8),
    /// It ends within its head.
    #[error("it ends within its head")]
    Cut,
    /// The head makes no sense.
    #[error("its head is damaged")]
    Damaged,
}

impl DumpHeader {
    /// The minor number of the archive's format: 14 in 1.14.
    pub fn archive_minor(&self) -> u8 {
        self.archive_version.1
    }

    /// The major version of the server that was dumped; 0 where the head does not tell.
    pub fn server_major(&self) -> u32 {
        let digits: String = self.server_version.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    /// Reads the head from the first bytes of a dump; [`HEAD_BYTES`] are always enough.
    ///
    /// # Errors
    /// If they are not the head of a custom-format dump.
    pub fn parse(bytes: &[u8]) -> Result<Self, DumpHeaderError> {
        Self::read(&mut DumpReader::new(bytes))
    }

    /// Reads the head with a reader at the beginning of a dump, which then knows how wide numbers are.
    ///
    /// # Errors
    /// If it is not the head of a custom-format dump.
    pub fn read(reader: &mut DumpReader<'_>) -> Result<Self, DumpHeaderError> {
        let magic = reader.take(MAGIC.len().min(reader.left()))?;
        if !MAGIC.starts_with(magic) {
            return Err(DumpHeaderError::NotADump);
        }
        if magic.len() < MAGIC.len() {
            return Err(DumpHeaderError::Cut);
        }
        let archive_version = (reader.byte()?, reader.byte()?, reader.byte()?);
        let (major, minor, _) = archive_version;
        // 1.12 is what PostgreSQL 9.1 to 10 write; nothing older is in service.
        if major != 1 || minor < 12 {
            return Err(DumpHeaderError::UnknownVersion(major, minor));
        }
        let (int, offset) = (reader.byte()?, reader.byte()?);
        match reader.byte()? {
            CUSTOM => {}
            other => return Err(DumpHeaderError::OtherFormat(other)),
        }
        reader.widths = Widths::new(int, offset)?;
        Ok(Self {
            archive_version,
            compression: compression(reader, minor)?,
            created: created(reader)?,
            database: text(reader)?,
            server_version: text(reader)?,
            dump_version: text(reader)?,
        })
    }
}

impl From<ReadError> for DumpHeaderError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cut => Self::Cut,
            ReadError::Senseless => Self::Damaged,
        }
    }
}

fn text(reader: &mut DumpReader<'_>) -> Result<String, ReadError> {
    Ok(String::from_utf8_lossy(reader.text()?.unwrap_or_default()).into_owned())
}

/// Since 1.15 an algorithm, before that a zlib level.
fn compression(reader: &mut DumpReader<'_>, minor: u8) -> Result<DumpCompression, ReadError> {
    if minor < 15 {
        return Ok(if reader.int()? == 0 { DumpCompression::None } else { DumpCompression::Gzip });
    }
    Ok(match reader.byte()? {
        0 => DumpCompression::None,
        1 => DumpCompression::Gzip,
        2 => DumpCompression::Lz4,
        3 => DumpCompression::Zstd,
        other => DumpCompression::Unknown(other),
    })
}

/// C's `struct tm`: years since 1900, months since January, and a daylight-saving flag that tells nothing more.
fn created(reader: &mut DumpReader<'_>) -> Result<Option<DateTime>, ReadError> {
    let mut parts = [0; 7];
    for part in &mut parts {
        *part = reader.int()?;
    }
    let [second, minute, hour, day, month, year, _daylight] = parts;
    let small = |value: i64| i8::try_from(value).ok();
    let build = || {
        let year = i16::try_from(year.checked_add(1900)?).ok()?;
        let (month, day) = (small(month.checked_add(1)?)?, small(day)?);
        DateTime::new(year, month, day, small(hour)?, small(minute)?, small(second)?, 0).ok()
    };
    Ok(build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i32) -> Vec<u8> {
        let mut bytes = vec![u8::from(value < 0)];
        bytes.extend(value.unsigned_abs().to_le_bytes());
        bytes
    }

    fn text(value: &str) -> Vec<u8> {
        let mut bytes = int(i32::try_from(value.len()).unwrap());
        bytes.extend(value.as_bytes());
        bytes
    }

    fn dump(minor: u8, compression: &[u8]) -> Vec<u8> {
        let mut bytes = b"PGDMP".to_vec();
        bytes.extend([1, minor, 0, 4, 8, 1]);
        bytes.extend(compression);
        for value in [59, 4, 3, 2, 0, 126, 0] {
            bytes.extend(int(value));
        }
        for value in ["ledger", "15.18 (Debian 15.18-0)", "15.18"] {
            bytes.extend(text(value));
        }
        bytes
    }

    #[test]
    fn says_what_it_is() {
        let header = DumpHeader::parse(&dump(14, &int(-1))).unwrap();
        assert_eq!(header.archive_version, (1, 14, 0));
        assert_eq!(header.compression, DumpCompression::Gzip);
        assert_eq!(header.created, Some(DateTime::constant(2026, 1, 2, 3, 4, 59, 0)));
        assert_eq!(header.database, "ledger");
        assert_eq!(header.server_version, "15.18 (Debian 15.18-0)");
        assert_eq!(header.dump_version, "15.18");
    }

    #[test]
    fn compression_is_read_by_the_archive_version() {
        let of = |minor, bytes: &[u8]| DumpHeader::parse(&dump(minor, bytes)).unwrap().compression;
        assert_eq!(of(14, &int(0)), DumpCompression::None);
        assert_eq!(of(14, &int(6)), DumpCompression::Gzip);
        assert_eq!(of(16, &[0]), DumpCompression::None);
        assert_eq!(of(16, &[3]), DumpCompression::Zstd);
        assert_eq!(of(16, &[9]), DumpCompression::Unknown(9));
    }

    #[test]
    fn cut_anywhere_it_is_refused() {
        let whole = dump(16, &[1]);
        for end in 0..whole.len() {
            assert!(DumpHeader::parse(&whole[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(DumpHeader::parse(b"-- PostgreSQL database dump"), Err(DumpHeaderError::NotADump));
        let mut tar_format = dump(14, &int(0));
        tar_format[10] = 3;
        assert_eq!(DumpHeader::parse(&tar_format), Err(DumpHeaderError::OtherFormat(3)));
        let mut future = dump(14, &int(0));
        future[5] = 2;
        assert_eq!(DumpHeader::parse(&future), Err(DumpHeaderError::UnknownVersion(2, 14)));
    }
}
