//! What can happen to an archive's bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What happens to bytes that a disk, a cable or a person harms.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    Flipped(Index, u8),
    Cut(Index, usize),
    Ended(Index),
    Inserted(Index, Vec<u8>),
    Repeated(Index, usize, Index),
}

pub(crate) fn harm() -> impl Strategy<Value = Harm> {
    let length = || prop_oneof![1..20_usize, 1..2000_usize];
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Harm::Flipped(at, bit)),
        (any::<Index>(), length()).prop_map(|(at, length)| Harm::Cut(at, length)),
        any::<Index>().prop_map(Harm::Ended),
        (any::<Index>(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Harm::Inserted(at, bytes)),
        (any::<Index>(), length(), any::<Index>())
            .prop_map(|(from, length, to)| Harm::Repeated(from, length, to)),
    ]
}

impl Harm {
    pub(crate) fn done_to(&self, bytes: &mut Vec<u8>) {
        let place = |index: &Index| index.index(bytes.len() + 1);
        let end = |from: usize, length: usize| (from + length).min(bytes.len());
        match self {
            Self::Flipped(..) if bytes.is_empty() => {}
            Self::Flipped(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Cut(at, length) => {
                let range = place(at)..end(place(at), *length);
                bytes.drain(range);
            }
            Self::Ended(at) => bytes.truncate(place(at)),
            Self::Inserted(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Repeated(from, length, to) => {
                let piece = bytes[place(from)..end(place(from), *length)].to_vec();
                let to = place(to);
                bytes.splice(to..to, piece);
            }
        }
    }
}

/// Fields of a tar header, with odd values for them.
pub(crate) fn altered_header() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let paths = [
        "d/db.dump",
        "../x",
        "/x",
        "db.dump",
        "2026-03-04-050607/manifest.json",
        "2026-03-04-050607/x",
        "\u{1b}",
    ];
    let sizes = [
        &b"77777777777\0"[..],
        b"00000000000\0",
        b"00000000001\0",
        b"-1\0",
        b"x\0",
        &[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 12],
    ];
    prop_oneof![
        select(paths.to_vec()).prop_map(|path| (0, [path.as_bytes(), b"\0"].concat())),
        select(sizes.to_vec()).prop_map(|size| (124, size.to_vec())),
        any::<u8>().prop_map(|kind| (156, vec![kind])),
        select(vec![&b"\0\0\0\0\0\0"[..], b"ustar\0", b"ustar "]).prop_map(|magic| (257, magic.to_vec())),
        (0..512_usize, any::<u8>()).prop_map(|(at, byte)| (at, vec![byte])),
    ]
}
