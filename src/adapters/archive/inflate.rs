//! Reading any other gzip file, from its first byte to its last.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::content::{Block, Flaw};
use super::error::Problem;
use super::positioned::Positioned;

/// Bytes that are given out at once.
const CHUNK: usize = 256 << 10;

/// Output below this is never called a bomb: small files may well be all zeros.
const RATIO_FREE: u64 = 64 << 20;

/// More than this is no backup: rows that compress better than the best real ones by far.
const MOST_RATIO: u64 = 200;

/// The content of a gzip file, one gzip member after the other.
pub(super) struct Inflate {
    /// None behind the last member.
    decoder: Option<GzDecoder<BufReader<Positioned>>>,
    given: u64,
    end: u64,
}

fn position(reader: &BufReader<Positioned>) -> u64 {
    reader.get_ref().position() - reader.buffer().len() as u64
}

impl Inflate {
    pub(super) fn new(file: &File) -> io::Result<Self> {
        let reader = BufReader::with_capacity(CHUNK, Positioned::new(file, 0)?);
        Ok(Self { decoder: Some(GzDecoder::new(reader)), given: 0, end: 0 })
    }

    /// The next part of the content; `None` at its end.
    pub(super) fn next(&mut self) -> Result<Option<Block>, Flaw> {
        let start = self.end;
        let mut bytes = vec![0; CHUNK];
        let mut filled = 0;
        while filled < CHUNK {
            let Some(decoder) = &mut self.decoder else { break };
            match decoder.read(&mut bytes[filled..]) {
                Ok(0) => self.next_member()?,
                Ok(count) => filled += count,
                Err(error) => return Err(flaw(position(decoder.get_ref()), error)),
            }
        }
        if let Some(decoder) = &self.decoder {
            self.end = position(decoder.get_ref());
        }
        self.given += filled as u64;
        if self.given > RATIO_FREE && self.given / MOST_RATIO > self.end {
            return Err(Flaw::at(self.end, Problem::Bomb { ratio: MOST_RATIO }));
        }
        bytes.truncate(filled);
        Ok((filled > 0).then_some(Block { start, end: self.end, bytes }))
    }

    fn next_member(&mut self) -> Result<(), Flaw> {
        let Some(decoder) = self.decoder.take() else { return Ok(()) };
        let mut reader = decoder.into_inner();
        self.end = position(&reader);
        let ahead = reader.fill_buf().map_err(|error| Flaw::at(self.end, error))?;
        if ahead.is_empty() {
            return Ok(());
        }
        if !ahead.starts_with(&[0x1f, 0x8b]) {
            return Err(Flaw::at(self.end, Problem::Trailing));
        }
        self.decoder = Some(GzDecoder::new(reader));
        Ok(())
    }
}

fn flaw(offset: u64, error: io::Error) -> Flaw {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Flaw::at(offset, Problem::Truncated),
        _ if error.raw_os_error().is_some() => Flaw::at(offset, error),
        _ => Flaw::damaged(offset, "its compressed data or their checksum is wrong"),
    }
}
