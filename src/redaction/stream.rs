//! A text of any length, in windows: each is looked at with what is before and behind it.

use std::io::{self, Read};
use std::ops::Range;

use super::place::{End, Place};
use super::scan::{self, Shape};
use super::structure::columns;
use super::{Redaction, RedactionError};

/// What is decided in one go.
const WINDOW: usize = 1024 * 1024;

/// What is looked at on both sides of it.
const CONTEXT: usize = 48 * 1024;

/// A stretch of the text.
pub(super) enum Piece<'b> {
    Kept(&'b [u8]),
    /// To be masked, with the secret itself.
    Masked(Place, &'b [u8]),
}

/// Where a piece is handed.
pub(super) type Taker<'t> = dyn FnMut(Piece<'_>) -> Result<(), RedactionError> + 't;

/// What of a place goes on in the next window.
enum Carried {
    Nothing,
    /// So many bytes of it.
    Bytes(usize),
    /// It ends there.
    Until(End),
}

/// Hands a text on, piece by piece.
pub(super) fn masked(
    redaction: &Redaction,
    from: &mut dyn Read,
    take: &mut Taker<'_>,
) -> Result<(), RedactionError> {
    let mut buffer = Vec::with_capacity(WINDOW + 2 * CONTEXT);
    // How many bytes at the beginning of the buffer have been handed on.
    let mut behind = 0;
    let mut carried = Carried::Nothing;
    let mut shape = None;
    loop {
        let is_last = !fill(&mut buffer, behind + WINDOW + CONTEXT, from).map_err(RedactionError::Read)?;
        let shape: Shape = *shape.get_or_insert_with(|| scan::shape_of(&buffer));
        let places = scan::places(redaction, &buffer, shape);
        let cut = if is_last { buffer.len() } else { cut(&buffer, behind, &places) };
        let start = resumed(&buffer, behind, cut, &carried);
        carried = hand_on(&buffer, start..cut, &places, take)?
            .unwrap_or_else(|| carried.left(&buffer, behind, cut));
        if is_last {
            return Ok(());
        }
        behind = forget(&mut buffer, cut);
    }
}

/// Forgets what is long decided, but for a list of columns whose rows go on. Tells where what is not decided begins.
fn forget(buffer: &mut Vec<u8>, cut: usize) -> usize {
    let kept = cut.saturating_sub(CONTEXT);
    let open = columns::open_at(buffer, kept)
        .filter(|open| open.head.end <= open.row && open.head.start < kept && kept - open.row <= CONTEXT);
    let (head, kept) = match open {
        Some(open) => (buffer[open.head].to_vec(), open.row),
        None => (Vec::new(), kept),
    };
    buffer.splice(..kept, head.iter().copied());
    head.len() + cut - kept
}

/// Fills a buffer up to a length. `false` if there is no more.
fn fill(buffer: &mut Vec<u8>, length: usize, from: &mut dyn Read) -> io::Result<bool> {
    let wanted = length.saturating_sub(buffer.len());
    Ok(from.take(wanted as u64).read_to_end(buffer)? == wanted)
}

/// Where to stop deciding: at the end of a line, and not within a place.
fn cut(buffer: &[u8], behind: usize, places: &[Place]) -> usize {
    let far = buffer.len() - CONTEXT;
    let line = memchr::memrchr(b'\n', &buffer[behind.max(far - CONTEXT / 2)..far])
        .map(|at| behind.max(far - CONTEXT / 2) + at + 1);
    let cut = line.unwrap_or(far);
    places.iter().find(|place| place.range.start < cut && cut < place.range.end).map_or(cut, |place| {
        if place.range.start > behind.max(cut.saturating_sub(CONTEXT / 2)) { place.range.start } else { cut }
    })
}

/// Where handing on begins: behind what is left of a place that was begun before.
fn resumed(buffer: &[u8], behind: usize, cut: usize, carried: &Carried) -> usize {
    match carried {
        Carried::Nothing => behind,
        Carried::Bytes(length) => (behind + length).min(cut),
        Carried::Until(end) => end_of(&buffer[..cut], behind, *end).unwrap_or(cut),
    }
}

fn end_of(buffer: &[u8], from: usize, end: End) -> Option<usize> {
    let ends = |byte: &u8| match end {
        End::Blank => matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`'),
        End::Quote(quote) => *byte == quote,
    };
    buffer[from..].iter().position(ends).map(|length| from + length)
}

impl Carried {
    /// What is left of it behind a window that it filled.
    fn left(self, buffer: &[u8], behind: usize, cut: usize) -> Self {
        match self {
            Self::Bytes(length) => match length.checked_sub(cut - behind).filter(|left| *left > 0) {
                Some(left) => Self::Bytes(left),
                None => Self::Nothing,
            },
            Self::Until(end) if end_of(&buffer[..cut], behind, end).is_none() => Self::Until(end),
            Self::Nothing | Self::Until(_) => Self::Nothing,
        }
    }
}

/// Hands on what is between two places. What is returned goes on behind the end; `None` if nothing was begun.
fn hand_on(
    buffer: &[u8],
    range: Range<usize>,
    places: &[Place],
    take: &mut Taker<'_>,
) -> Result<Option<Carried>, RedactionError> {
    let mut from = range.start;
    for place in places.iter().filter(|place| place.range.end > range.start && place.range.start < range.end)
    {
        if place.range.start > from {
            take(Piece::Kept(&buffer[from..place.range.start]))?;
        }
        let start = place.range.start.max(from);
        let end = place.range.end.min(range.end);
        take(Piece::Masked(place.clone(), &buffer[start..end]))?;
        from = end;
        if place.range.end > range.end {
            return Ok(Some(match place.open {
                Some(end) => Carried::Until(end),
                None => Carried::Bytes(place.range.end - range.end),
            }));
        }
        if let Some(end) = place.open.filter(|_| place.range.end == range.end) {
            return Ok(Some(Carried::Until(end)));
        }
    }
    if from < range.end {
        take(Piece::Kept(&buffer[from..range.end]))?;
    }
    Ok(None)
}
