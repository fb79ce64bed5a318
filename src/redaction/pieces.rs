//! Finding known secrets, whole and in pieces, by short stretches of bytes that are then extended as far as they agree.
//!
//! Of every form of every secret, each stretch of [`GRAM`] bytes is known. A text is probed at every [`STEP`]th byte: any
//! eight bytes of a secret hold a probe. Where one agrees, it is extended to both sides; what it comes to decides
//! whether it is a piece of the secret or looks like one by chance.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::fold::{Folded, fold, origins};
use super::forms::{self, Coding};
use super::harmless;
use super::known::KnownSecrets;
use super::mark::Marks;
use super::place::{Place, Rule};

/// Bytes that are compared at once.
const GRAM: usize = 6;

/// Bytes from one probe to the next.
const STEP: usize = 3;

/// The shortest piece that is found for sure.
const SHORTEST: usize = GRAM + STEP - 1;

/// A piece of this many bytes of a secret is masked wherever it stands.
const PIECE: usize = 12;

/// Forms that share a stretch of bytes; more say nothing.
const MOST_ALIKE: usize = 64;

/// What is known, made ready for searching.
pub(super) struct Pieces {
    secrets: Vec<Secret>,
    forms: Vec<FoldedForm>,
    /// Where each stretch of bytes stands in forms.
    grams: HashMap<u64, Vec<(u32, u32)>>,
    /// One bit for each stretch there is, by its hash.
    filter: Vec<u64>,
    shift: u32,
    /// Texts that are known to be harmless, folded: a piece that is one of theirs is none of a secret.
    public: Vec<Vec<u8>>,
}

struct Secret {
    name: Arc<str>,
    token: Arc<str>,
}

struct FoldedForm {
    secret: usize,
    bytes: Vec<u8>,
    /// How many bytes of the form, not folded, each byte begins after.
    from: Vec<usize>,
    length: usize,
    coding: Coding,
    /// Whether a short piece of it can be told from ordinary text.
    is_random: bool,
}

impl Pieces {
    /// Makes what is known ready.
    pub(super) fn of(known: &KnownSecrets, marks: &Marks) -> Self {
        let mut pieces = Self {
            secrets: Vec::new(),
            forms: Vec::new(),
            grams: HashMap::new(),
            filter: Vec::new(),
            shift: 0,
            public: known
                .public()
                .map(|value| fold(value.as_bytes()).bytes)
                .filter(|value| value.len() >= PIECE)
                .collect(),
        };
        let mut seen = BTreeSet::new();
        for (name, value) in known.everywhere() {
            let token = Arc::from(marks.fingerprint(value));
            pieces.secrets.push(Secret { name: Arc::clone(name), token });
            for form in forms::of(value) {
                pieces.add(&form, &mut seen);
            }
        }
        pieces.index();
        pieces
    }

    /// How many secrets are searched for.
    pub(super) fn secrets(&self) -> usize {
        self.secrets.len()
    }

    fn add(&mut self, form: &forms::Form, seen: &mut BTreeSet<Vec<u8>>) {
        let folded = fold(&form.bytes);
        let shortest = if form.coding == Coding::Plain { SHORTEST } else { PIECE - 2 };
        if folded.bytes.len() < shortest || !seen.insert(folded.bytes.clone()) {
            return;
        }
        self.forms.push(FoldedForm {
            secret: self.secrets.len() - 1,
            is_random: form.coding != Coding::Plain || harmless::looks_random(&form.bytes),
            length: form.bytes.len(),
            coding: form.coding,
            bytes: folded.bytes,
            from: origins(&form.bytes, 0).collect(),
        });
    }

    #[expect(clippy::cast_possible_truncation, reason = "secrets are far smaller than 4 GiB")]
    fn index(&mut self) {
        for (number, form) in self.forms.iter().enumerate() {
            for (at, gram) in form.bytes.windows(GRAM).enumerate() {
                let places = self.grams.entry(gram_of(gram)).or_default();
                if places.len() < MOST_ALIKE {
                    places.push((number as u32, at as u32));
                }
            }
        }
        // Sixteen bits for each, so that one probe in sixteen is in vain.
        let bits = (self.grams.len() * 16).next_power_of_two().max(1 << 12);
        self.shift = 64 - bits.trailing_zeros();
        self.filter = vec![0; bits / 64];
        for gram in self.grams.keys() {
            let bit = hash(*gram, self.shift);
            self.filter[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Finds what is known in a text.
    pub(super) fn find(&self, source: &[u8], places: &mut Vec<Place>) {
        if self.forms.is_empty() {
            return;
        }
        let folded = fold(source);
        let text = &folded.bytes;
        let mut at = 0;
        while at + GRAM <= text.len() {
            let gram = match text.get(at..at + 8) {
                Some(eight) => u64::from_le_bytes(eight.try_into().unwrap_or_default()) & 0xffff_ffff_ffff,
                None => gram_of(&text[at..at + GRAM]),
            };
            let bit = hash(gram, self.shift);
            if self.filter[bit / 64] & (1 << (bit % 64)) != 0
                && let Some(found) =
                    self.grams.get(&gram).and_then(|found| self.best(found, &folded, source, at))
            {
                let next = found.1.end.max(at + 1);
                places.push(self.place(found.0, &found.1, &folded, source));
                at = next;
                continue;
            }
            at += STEP;
        }
    }

    /// The longest piece around a probe that is not there by chance.
    fn best(
        &self,
        found: &[(u32, u32)],
        folded: &Folded,
        source: &[u8],
        at: usize,
    ) -> Option<(usize, Range<usize>)> {
        found
            .iter()
            .map(|(form, in_form)| (*form as usize, *in_form as usize))
            .filter_map(|(number, in_form)| {
                let form = &self.forms[number];
                let (text, of_form) = agreeing(&folded.bytes, at, &form.bytes, in_form);
                self.counts(form, &text, &of_form, folded, source).then_some((number, text))
            })
            .max_by_key(|(number, text)| (text.len(), std::cmp::Reverse(*number)))
    }

    /// Whether a piece is one of the secret, and not there by chance.
    fn counts(
        &self,
        form: &FoldedForm,
        text: &Range<usize>,
        piece: &Range<usize>,
        folded: &Folded,
        source: &[u8],
    ) -> bool {
        let bytes = &form.bytes[piece.clone()];
        if self.public.iter().any(|public| memchr::memmem::find(public, bytes).is_some()) {
            return false;
        }
        let is_whole = piece.len() == form.bytes.len();
        if is_whole && (form.is_random || piece.len() >= PIECE) {
            return true;
        }
        let range = folded.source(text, source);
        if is_whole {
            return stands_alone(source, &range);
        }
        let length = form.length_of(piece);
        match form.coding {
            Coding::Plain if length >= PIECE => true,
            Coding::Plain => {
                piece.len() >= SHORTEST
                    && (form.is_random && harmless::looks_random_piece(bytes)
                        || is_cut(form, piece, source, &range))
            }
            Coding::Base64 => length >= PIECE,
            Coding::Hex => length >= PIECE + 4,
        }
    }

    fn place(&self, form: usize, text: &Range<usize>, folded: &Folded, source: &[u8]) -> Place {
        let form = &self.forms[form];
        let secret = &self.secrets[form.secret];
        let mut range = folded.source(text, source);
        match form.coding {
            Coding::Plain => {}
            // The characters beside it hold bits of it, and the rest of the run is of no use without it.
            Coding::Base64 => widen(source, &mut range, is_base64),
            Coding::Hex => widen(source, &mut range, |byte| byte.is_ascii_hexdigit()),
        }
        Place {
            token: Some(Arc::clone(&secret.token)),
            ..Place::new(range, Rule::Known(Arc::clone(&secret.name)))
        }
    }
}

impl FoldedForm {
    /// How many bytes of the form, as it is written, a piece of the folded one comes to.
    fn length_of(&self, piece: &Range<usize>) -> usize {
        let end = self.from.get(piece.end).copied().unwrap_or(self.length);
        end - self.from[piece.start]
    }
}

/// How far text and form agree around a place: in both.
fn agreeing(text: &[u8], at: usize, form: &[u8], in_form: usize) -> (Range<usize>, Range<usize>) {
    let before =
        text[..at].iter().rev().zip(form[..in_form].iter().rev()).take_while(|(a, b)| a == b).count();
    let behind = text[at..].iter().zip(&form[in_form..]).take_while(|(a, b)| a == b).count();
    (at - before..at + behind, in_form - before..in_form + behind)
}

/// Whether a piece is what is left of a secret that was cut: its beginning before the end of the line or dots, or its end
/// where a line begins.
fn is_cut(form: &FoldedForm, piece: &Range<usize>, source: &[u8], range: &Range<usize>) -> bool {
    let behind = &source[range.end..];
    let cut_behind = piece.start == 0
        && (behind.is_empty()
            || behind.starts_with(b"\n")
            || behind.starts_with(b"..")
            || behind.starts_with("…".as_bytes())
            || behind.starts_with(b"**")
            || behind.starts_with(b"\\n")
            || behind.starts_with(b"\r"));
    let before = &source[..range.start];
    let cut_before = piece.end == form.bytes.len()
        && (before.is_empty()
            || before.ends_with(b"\n")
            || before.ends_with(b"..")
            || before.ends_with("…".as_bytes())
            || before.ends_with(b"**"));
    (cut_behind || cut_before) && form.is_random
}

fn stands_alone(source: &[u8], range: &Range<usize>) -> bool {
    let is_outside = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    is_outside(range.start.checked_sub(1).and_then(|before| source.get(before)))
        && is_outside(source.get(range.end))
}

fn widen(source: &[u8], range: &mut Range<usize>, belongs: impl Fn(u8) -> bool) {
    range.start -= source[..range.start].iter().rev().take_while(|byte| belongs(**byte)).count();
    range.end += source[range.end..].iter().take_while(|byte| belongs(**byte)).count();
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

fn gram_of(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight[..GRAM].copy_from_slice(&bytes[..GRAM]);
    u64::from_le_bytes(eight)
}

#[expect(clippy::cast_possible_truncation, reason = "the filter has far fewer bits than 2^32")]
fn hash(gram: u64, shift: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}
