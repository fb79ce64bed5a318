//! Looking again at the lines in which something was masked: what is beside a mark may read differently from what was
//! beside the secret, and what reads differently later would be masked then.

use std::ops::Range;

use super::mark::Marks;
use super::place::{Place, merged};

/// Lines are looked at again at most so often. Each time, something in them was masked.
const MOST: usize = 6;

/// A stretch of a text with marks in the places of secrets.
struct Masked {
    bytes: Vec<u8>,
    /// What was kept: where it stands among `bytes`, and where it stood before.
    kept: Vec<(usize, Range<usize>)>,
    reaches_end: bool,
}

/// Places, with those that are found once they are masked.
pub(super) fn settled(
    bytes: &[u8],
    mut places: Vec<Place>,
    marks: &Marks,
    look: impl Fn(&[u8]) -> Vec<Place>,
) -> Vec<Place> {
    let mut stretches = lines_of(bytes, &places);
    for _ in 0..MOST {
        let mut more = Vec::new();
        for stretch in &stretches {
            let masked = masked(bytes, stretch, &places, marks);
            more.extend(look(&masked.bytes).into_iter().filter_map(|place| masked.before(place)));
        }
        if more.is_empty() {
            break;
        }
        stretches = lines_of(bytes, &merged(more.clone()));
        places.extend(more);
        places = merged(places);
    }
    places
}

/// The lines that places are on, in stretches.
fn lines_of(bytes: &[u8], places: &[Place]) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for place in places {
        if let Some(last) = stretches.last_mut()
            && place.range.end <= last.end
        {
            continue;
        }
        let start = memchr::memrchr(b'\n', &bytes[..place.range.start]).map_or(0, |before| before + 1);
        let end = memchr::memchr(b'\n', &bytes[place.range.end..])
            .map_or(bytes.len(), |length| place.range.end + length + 1);
        match stretches.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => stretches.push(start..end),
        }
    }
    stretches
}

fn masked(bytes: &[u8], stretch: &Range<usize>, places: &[Place], marks: &Marks) -> Masked {
    let mut masked = Masked { bytes: Vec::new(), kept: Vec::new(), reaches_end: stretch.end == bytes.len() };
    let mut from = stretch.start;
    let first = places.partition_point(|place| place.range.end <= stretch.start);
    for place in places[first..].iter().take_while(|place| place.range.start < stretch.end) {
        masked.keep(bytes, from..place.range.start.max(from));
        masked.bytes.extend_from_slice(marks.stand_in(place).as_bytes());
        from = place.range.end;
    }
    masked.keep(bytes, from..stretch.end.max(from));
    masked
}

impl Masked {
    fn keep(&mut self, bytes: &[u8], range: Range<usize>) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&bytes[range.clone()]);
        if !range.is_empty() {
            self.kept.push((at, range));
        }
    }

    /// A place in what is masked, as one in what it was before. Marks are in none.
    fn before(&self, place: Place) -> Option<Place> {
        let last = self.kept.partition_point(|(at, _)| *at <= place.range.start).checked_sub(1)?;
        let (at, kept) = &self.kept[last];
        let start = kept.start + place.range.start - at;
        let end = (kept.start + place.range.end - at).min(kept.end);
        let open = place.open.filter(|_| self.reaches_end && place.range.end == self.bytes.len());
        (start < end).then_some(Place { range: start..end, open, ..place })
    }
}
