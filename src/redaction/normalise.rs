//! What a text is wrapped in, taken off: gzip, UTF-16, the frames of Docker's log streams.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// Why a text cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    Failed(io::Error),
    Packed(&'static str),
    TooDeep,
}

/// How much shows what a text is.
const SAMPLE: usize = 4096;

/// A gzip is looked into so many times over.
const DEEPEST: usize = 4;

/// What cannot be looked into, by how it begins.
const PACKED: [(&[u8], &str); 9] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "a zstd archive"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"PK\x03\x04", "a zip archive"),
    (&[b'7', b'z', 0xbc, 0xaf], "a 7z archive"),
    (&[0x04, 0x22, 0x4d, 0x18], "an lz4 archive"),
    (b"PGDMP", "a dump of PostgreSQL"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
];

/// A frame of a log stream is never larger.
const LARGEST_FRAME: u32 = 64 * 1024 * 1024;

const FRAME_HEADER: usize = 8;

/// The text of what is read, in UTF-8 where it can be told what it is.
pub(super) fn plain<'r>(from: &'r mut dyn Read) -> Result<Box<dyn Read + 'r>, Unreadable> {
    let mut reader: Box<dyn Read + 'r> = Box::new(from);
    for _ in 0..DEEPEST {
        let mut sample = Vec::with_capacity(SAMPLE);
        reader.by_ref().take(SAMPLE as u64).read_to_end(&mut sample).map_err(Unreadable::Failed)?;
        let whole = Cursor::new(sample.clone()).chain(reader);
        if sample.starts_with(&[0x1f, 0x8b]) {
            reader = Box::new(MultiGzDecoder::new(whole));
            continue;
        }
        if let Some((_, format)) = PACKED.iter().find(|(begin, _)| sample.starts_with(begin)) {
            return Err(Unreadable::Packed(format));
        }
        return Ok(match encoding(&sample) {
            Encoding::Utf16(order) => Box::new(Utf16::new(whole, order)),
            Encoding::Frames => Box::new(Frames { inner: whole, left: 0, broken: Vec::new() }),
            Encoding::Bytes => Box::new(whole),
        });
    }
    Err(Unreadable::TooDeep)
}

enum Encoding {
    Bytes,
    Utf16(Order),
    Frames,
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

fn encoding(sample: &[u8]) -> Encoding {
    if sample.starts_with(&[0xff, 0xfe]) {
        return Encoding::Utf16(Order::Little);
    }
    if sample.starts_with(&[0xfe, 0xff]) {
        return Encoding::Utf16(Order::Big);
    }
    if frame_length(sample).is_some_and(|length| {
        sample
            .get(FRAME_HEADER + length as usize..)
            .is_none_or(|rest| rest.is_empty() || rest.len() < FRAME_HEADER || frame_length(rest).is_some())
    }) {
        return Encoding::Frames;
    }
    // Without a mark: text of which every other byte is zero.
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let half = sample.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, odd) if half >= 4 && sample[1] == 0 && odd * 10 >= half * 8 => Encoding::Utf16(Order::Little),
        (even, 0) if half >= 4 && sample[0] == 0 && even * 10 >= half * 8 => Encoding::Utf16(Order::Big),
        _ => Encoding::Bytes,
    }
}

/// The length of the frame whose header stands at the beginning.
fn frame_length(bytes: &[u8]) -> Option<u32> {
    let [0..=3, 0, 0, 0, a, b, c, d] = *bytes.get(..FRAME_HEADER)? else { return None };
    Some(u32::from_be_bytes([a, b, c, d])).filter(|length| (1..=LARGEST_FRAME).contains(length))
}

/// The content of frames, one behind the other.
struct Frames<R> {
    inner: R,
    left: u32,
    /// What stood where a header should.
    broken: Vec<u8>,
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.broken.is_empty() {
            let mut header = Vec::with_capacity(FRAME_HEADER);
            self.inner.by_ref().take(FRAME_HEADER as u64).read_to_end(&mut header)?;
            match frame_length(&header) {
                Some(length) => self.left = length,
                None if header.is_empty() => return Ok(0),
                None => {
                    // From here on it is taken as it is.
                    self.broken = header;
                    self.left = u32::MAX;
                }
            }
        }
        if !self.broken.is_empty() {
            let length = self.broken.len().min(into.len());
            into[..length].copy_from_slice(&self.broken[..length]);
            self.broken.drain(..length);
            return Ok(length);
        }
        let most = into.len().min(self.left as usize);
        let length = self.inner.read(&mut into[..most])?;
        if self.left != u32::MAX {
            self.left -= u32::try_from(length).unwrap_or(self.left);
        }
        Ok(length)
    }
}

/// UTF-16 as UTF-8.
struct Utf16<R> {
    inner: R,
    order: Order,
    /// Bytes that are no whole character yet.
    pending: Vec<u8>,
    /// Text that is still to be handed out.
    ready: Vec<u8>,
    handed: usize,
}

impl<R: Read> Utf16<R> {
    fn new(inner: R, order: Order) -> Self {
        Self { inner, order, pending: Vec::new(), ready: Vec::new(), handed: 0 }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 8192];
        let length = self.inner.read(&mut chunk)?;
        self.pending.extend_from_slice(&chunk[..length]);
        let units: Vec<u16> = self.pending.chunks_exact(2).map(|pair| self.unit(pair)).collect();
        // A pair of surrogates may be cut in two.
        let cut = length > 0 && units.last().is_some_and(|last| (0xd800..0xdc00).contains(last));
        let whole = units.len() - usize::from(cut);
        self.ready.clear();
        self.handed = 0;
        for char in char::decode_utf16(units[..whole].iter().copied()) {
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            if char != '\u{feff}' {
                self.ready.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.pending.drain(..whole * 2);
        if length == 0 {
            self.ready.append(&mut self.pending);
        } else if self.ready.is_empty() {
            return self.refill();
        }
        Ok(())
    }

    fn unit(&self, pair: &[u8]) -> u16 {
        let pair = [pair[0], pair[1]];
        match self.order {
            Order::Little => u16::from_le_bytes(pair),
            Order::Big => u16::from_be_bytes(pair),
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.handed == self.ready.len() {
            self.refill()?;
        }
        let length = into.len().min(self.ready.len() - self.handed);
        into[..length].copy_from_slice(&self.ready[self.handed..self.handed + length]);
        self.handed += length;
        Ok(length)
    }
}
