//! Secrets that are found by where they stand, whatever they are: as somebody's password, behind a name, in a header.

pub(super) mod columns;
mod commands;
mod cursor;
mod header;
mod judge;
mod key_value;
mod messages;
mod pgpass;
mod roles;
mod tables;
mod url;
mod value;

use std::ops::Range;
use std::sync::LazyLock;

use super::mark;
use super::needles::{Found, Letters, Needles};
use super::place::Place;

/// What is searched for, and who looks closer at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A word of a name.
    Word,
    /// `://`.
    Address,
    /// The `@` of an address that has no scheme.
    At,
    /// The scheme of an `Authorization` header.
    Scheme,
    /// A flag of one letter.
    Flag,
    /// The beginning of a message that quotes a value.
    Message,
    /// The port in a line of a `.pgpass`.
    Port,
    /// The beginning of a statement about a role.
    Role,
    /// What follows a list of columns.
    Columns,
    /// What stands between the head of a table and its rows.
    Table,
}

const WORDS: [&str; 32] = [
    "passw",
    "pwd",
    "passphrase",
    "passcode",
    "pass",
    "secret",
    "token",
    "key",
    "auth",
    "credential",
    "creds",
    "cookie",
    "dsn",
    "license",
    "licence",
    "session",
    "signature",
    "jwt",
    "salt",
    "mnemonic",
    "sig=",
    "code=",
    "otp",
    "pin=",
    "csrf",
    "nonce",
    "webhook",
    "ticket",
    "assertion",
    "connectionstring",
    "bindpw",
    "rootpw",
];

struct Signs {
    needles: Needles,
    signs: Vec<Sign>,
}

static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    let all: Vec<(&str, Sign)> = WORDS
        .iter()
        .map(|word| (*word, Sign::Word))
        .chain([("://", Sign::Address)])
        .chain(["bearer ", "basic ", "bearer%20", "basic%20"].map(|scheme| (scheme, Sign::Scheme)))
        .chain(
            [" -p", " -u", " -a ", " -w ", "\"-p", "\"-u", "'-p", "'-u", "\"-a", "'-a"]
                .map(|flag| (flag, Sign::Flag)),
        )
        .chain(commands::PAIRS.map(|flag| (flag, Sign::Flag)))
        .chain([":5432:", ":6432:", ":*:", ":5433:"].map(|port| (port, Sign::Port)))
        .chain(columns::SIGNS.map(|sign| (sign, Sign::Columns)))
        .chain(tables::SIGNS.map(|sign| (sign, Sign::Table)))
        .chain(roles::SIGNS.map(|sign| (sign, Sign::Role)))
        .chain(messages::beginnings().map(|begin| (begin, Sign::Message)))
        .collect();
    let needles = Needles::of(all.iter().map(|(word, _)| *word), Letters::AnySize);
    Signs { needles, signs: all.into_iter().map(|(_, sign)| sign).collect() }
});

impl Signs {
    /// The signs in a text, in order.
    fn find_iter<'t>(&'t self, bytes: &'t [u8]) -> impl Iterator<Item = (Sign, Range<usize>)> + 't {
        let mut words = self.needles.find_iter(bytes).peekable();
        // No word holds one.
        let mut ats = memchr::memchr_iter(b'@', bytes).peekable();
        std::iter::from_fn(move || {
            let before = |word: &Found| ats.peek().is_none_or(|at| word.range.start < *at);
            match words.next_if(before) {
                Some(found) => Some((self.signs[found.word], found.range)),
                None => ats.next().map(|at| (Sign::At, at..at + 1)),
            }
        })
    }
}

/// Finds what stands where secrets stand.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Place>) {
    let signs = &*SIGNS;
    // A value is not searched for names again, but the addresses in it are.
    let mut behind = 0;
    let marks = mark::all_in(bytes);
    for (sign, range) in signs.find_iter(bytes) {
        if range.start < behind && sign != Sign::Address || is_within(&marks, range.start) {
            continue;
        }
        let next = look(bytes, sign, &range, places);
        behind = behind.max(next);
    }
}

/// Whether a mark stands there: what it names is masked already.
fn is_within(marks: &[Range<usize>], at: usize) -> bool {
    marks.get(marks.partition_point(|mark| mark.end <= at)).is_some_and(|mark| mark.start <= at)
}

fn look(bytes: &[u8], sign: Sign, range: &Range<usize>, places: &mut Vec<Place>) -> usize {
    match sign {
        Sign::Word => key_value::find(bytes, range, places),
        Sign::Address => {
            url::find(bytes, range, places);
            range.end
        }
        Sign::At => {
            url::without_scheme(bytes, range.start, places);
            range.end
        }
        Sign::Scheme => header::bare_scheme(bytes, range, places),
        Sign::Flag => commands::find(bytes, range, places),
        Sign::Message => messages::find(bytes, range, places),
        Sign::Port => pgpass::find(bytes, range, places),
        Sign::Role => roles::find(bytes, range, places),
        Sign::Columns => columns::find(bytes, range, places),
        Sign::Table => tables::find(bytes, range, places),
    }
}
