//! All rules, over one stretch of text.

use std::ops::Range;

use super::mark;
use super::pieces::Pieces;
use super::place::{Place, merged};
use super::{Redaction, again, assignments, entropy, nested, pem, readings, structure, tokens};

/// What a text is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A log, a configuration, anything.
    Ordinary,
    /// Variables, one a line.
    Environment,
}

/// How deep in what is packed a text is, and what is known.
#[derive(Clone, Copy)]
pub(super) struct Depth<'p> {
    pieces: Option<&'p Pieces>,
    left: u8,
}

/// So many layers of packing are looked into.
const DEEPEST: u8 = 3;

/// How much of a text shows what it is.
const SAMPLE: usize = 64 * 1024;

impl<'p> Depth<'p> {
    /// One layer further in, if that is still looked into.
    pub(super) fn deeper(self) -> Option<Self> {
        self.left.checked_sub(1).map(|left| Self { left, ..self })
    }

    /// Where nothing is known, as when what is to be known is taken apart.
    pub(super) fn without_known() -> Depth<'p> {
        Depth { pieces: None, left: DEEPEST }
    }
}

/// What is to be masked in a text: in order, and apart from each other.
pub(super) fn places(redaction: &Redaction, bytes: &[u8], shape: Shape) -> Vec<Place> {
    let depth = Depth { pieces: Some(&redaction.pieces), left: DEEPEST };
    let look = |bytes: &[u8]| {
        let mut places = raw(bytes, depth);
        assignments::find(bytes, shape, &mut places);
        beside_marks(bytes, merged(places))
    };
    again::settled(bytes, look(bytes), &redaction.marks, look)
}

/// Places without the marks in them: what was masked is not masked again, nor are the brackets around it.
fn beside_marks(bytes: &[u8], places: Vec<Place>) -> Vec<Place> {
    let marks = mark::all_in(bytes);
    if marks.is_empty() {
        return places;
    }
    let mut beside = Vec::with_capacity(places.len());
    for place in places {
        let first = marks.partition_point(|mark| mark.end <= place.range.start);
        let mut from = place.range.start;
        for mark in marks[first..].iter().take_while(|mark| mark.start < place.range.end) {
            beside.push(Place { open: None, range: from..mark.start.max(from), ..place.clone() });
            from = mark.end;
        }
        beside.push(Place { range: from..place.range.end.max(from), ..place });
    }
    beside.retain(|place| !place.range.is_empty());
    let is_something = |place: &Place| bytes[place.range.clone()].iter().any(u8::is_ascii_alphanumeric);
    beside.retain(|place| !marks_near(&marks, &place.range) || is_something(place));
    beside
}

fn marks_near(marks: &[Range<usize>], range: &Range<usize>) -> bool {
    marks.iter().any(|mark| mark.end == range.start || mark.start == range.end)
}

/// The same in a text that was unpacked.
pub(super) fn found_in(bytes: &[u8], depth: Depth<'_>) -> Vec<Place> {
    let mut places = raw(bytes, depth);
    assignments::find(bytes, shape_of(bytes), &mut places);
    merged(places)
}

fn raw(bytes: &[u8], depth: Depth<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(pieces) = depth.pieces {
        pieces.find(bytes, &mut places);
    }
    structure::find(bytes, &mut places);
    tokens::find(bytes, &mut places);
    let public = pem::find(bytes, &mut places);
    entropy::find(bytes, &public, depth, &mut places);
    nested::lists(bytes, depth, &mut places);
    places
}

/// What a text that begins so is.
pub(super) fn shape_of(bytes: &[u8]) -> Shape {
    let sample = String::from_utf8_lossy(&bytes[..bytes.len().min(SAMPLE)]);
    let (mut assigning, mut other) = (0_usize, 0_usize);
    for line in sample.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match kind_of(line) {
            Kind::Assigns => assigning += 1,
            Kind::Neutral => {}
            Kind::Other => other += 1,
        }
    }
    if assigning > 0 && assigning * 10 >= (assigning + other) * 7 {
        Shape::Environment
    } else {
        Shape::Ordinary
    }
}

enum Kind {
    Assigns,
    Neutral,
    Other,
}

fn kind_of(line: &str) -> Kind {
    if line.starts_with('{') && line.ends_with('}') && line.matches("\":").nth(1).is_some() {
        return Kind::Other;
    }
    if line.starts_with(['#', ';']) || !line.contains([' ', '=', ':']) {
        return Kind::Neutral;
    }
    let Some((name, value)) = readings::assignment(line) else {
        return if line.contains("-----") { Kind::Neutral } else { Kind::Other };
    };
    let separator = line.as_bytes()[line.len() - value.len() - 1];
    let value = value.trim();
    let is_quoted = value.starts_with(['"', '\'']);
    let names_more = value.split([' ', '&']).any(|word| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    });
    let shouted = name.bytes().all(|byte| !byte.is_ascii_lowercase());
    match separator {
        b'=' if is_quoted || !names_more || shouted => Kind::Assigns,
        b':' if shouted && (is_quoted || !value.contains(' ')) => Kind::Assigns,
        _ => Kind::Other,
    }
}
