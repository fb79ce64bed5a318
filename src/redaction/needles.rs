//! Searching for a hundred short words at once: three letters tell whether one of them can begin at a place, and only there
//! is it looked at closer.
//!
//! The same is found as by an automaton that reads every byte: the leftmost word, of those the longest, and no two that
//! overlap. Most texts hold few beginnings of words, and a table of one answer for each three letters stays in the
//! processor's nearest cache, so that this costs a fraction of it.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, MatchKind, StartKind};

/// Words to be searched for.
pub(super) struct Needles {
    /// Whether a word begins with three letters, by [`triple`].
    begins: Box<[u8; TRIPLES]>,
    automaton: AhoCorasick,
}

/// Whether letters have to be of the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// As they are.
    Exact,
    /// Of any size.
    AnySize,
}

/// A word that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Which of the words it is, as they were given.
    pub(super) word: usize,
    /// Where it stands.
    pub(super) range: Range<usize>,
}

/// What is kept of a byte: letters of both sizes have the same.
const BITS: usize = 5;

/// How many triples of such bytes there are.
const TRIPLES: usize = 1 << (3 * BITS);

/// Bytes that are read at once, and how many triples they hold.
const BLOCK: usize = 8;
const STEP: usize = BLOCK - 2;

impl Needles {
    /// Makes words of at least three bytes ready.
    pub(super) fn of<'w>(words: impl Iterator<Item = &'w str> + Clone, letters: Letters) -> Self {
        let mut begins: Box<[u8; TRIPLES]> =
            vec![0; TRIPLES].try_into().expect("as many as there are triples");
        for word in words.clone() {
            begins[triple(word.as_bytes())] = 1;
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(letters == Letters::AnySize)
            .kind(Some(AhoCorasickKind::DFA))
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::LeftmostLongest)
            .build(words)
            .expect("the words are few and short");
        Self { begins, automaton }
    }

    /// The words in a text, in order.
    pub(super) fn find_iter<'t>(&'t self, bytes: &'t [u8]) -> impl Iterator<Item = Found> + 't {
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                at = self.candidate(bytes, at)?;
                if let Some(found) = self.at(bytes, at) {
                    at = found.range.end;
                    return Some(found);
                }
                at += 1;
            }
        })
    }

    /// The first place from `at` on at which a word can begin.
    fn candidate(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            let packed = packed(*block);
            let mut hits = 0_u32;
            for place in 0..STEP {
                hits |= u32::from(self.begins[packed >> (place * BITS) & (TRIPLES - 1)]) << place;
            }
            if hits != 0 {
                return Some(at + hits.trailing_zeros() as usize);
            }
            at += STEP;
        }
        let rest = bytes.get(at..)?.windows(3);
        rest.enumerate().find(|(_, three)| self.begins[triple(three)] != 0).map(|(place, _)| at + place)
    }

    /// The longest word that begins at `at`.
    fn at(&self, bytes: &[u8], at: usize) -> Option<Found> {
        let input = Input::new(bytes).span(at..bytes.len()).anchored(Anchored::Yes);
        self.automaton
            .find(input)
            .map(|found| Found { word: found.pattern().as_usize(), range: found.range() })
    }
}

/// What is kept of the first three bytes.
fn triple(bytes: &[u8]) -> usize {
    bytes[..3].iter().rev().fold(0, |triple, byte| triple << BITS | usize::from(byte & 0x1f))
}

/// What is kept of eight bytes, one behind the other, the first in the lowest bits.
#[expect(clippy::cast_possible_truncation, reason = "forty bits; on a machine of 32 bits this is not built")]
fn packed(block: [u8; BLOCK]) -> usize {
    let mut bits = u64::from_le_bytes(block);
    bits = bits & 0x001f_001f_001f_001f | bits >> 3 & 0x03e0_03e0_03e0_03e0;
    bits = bits & 0x0000_03ff_0000_03ff | bits >> 6 & 0x000f_fc00_000f_fc00;
    (bits & 0x0000_0000_000f_ffff | bits >> 12 & 0x0000_00ff_fff0_0000) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: [&str; 8] = ["pass", "passphrase", "://", "key", "key-", "$1$", "sig=", " -p"];

    fn by_automaton(letters: Letters, text: &[u8]) -> Vec<Found> {
        AhoCorasick::builder()
            .ascii_case_insensitive(letters == Letters::AnySize)
            .match_kind(MatchKind::LeftmostLongest)
            .build(WORDS)
            .expect("the words are few and short")
            .find_iter(text)
            .map(|found| Found { word: found.pattern().as_usize(), range: found.range() })
            .collect()
    }

    proptest! {
        #[test]
        fn the_same_is_found_as_by_reading_every_byte(
            text in "([a-z :/=$-]|PASS|passPhrase|pass|ph|://|key|Key-|\\$1|\\$|sig=| -p|é|\\x00|P){0,40}",
            letters in prop::sample::select(vec![Letters::Exact, Letters::AnySize]),
        ) {
            let needles = Needles::of(WORDS.into_iter(), letters);
            let found: Vec<Found> = needles.find_iter(text.as_bytes()).collect();
            prop_assert_eq!(found, by_automaton(letters, text.as_bytes()));
        }
    }
}
