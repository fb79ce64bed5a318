//! Redaction against logs of many kinds: no secret comes through, and nothing is lost that must stay.

mod broken;
mod certificates;
mod forms;
mod harmless;
mod long;
mod secrets;

use std::io::Cursor;

use opsctl::redaction::{KnownSecrets, Redaction, TokenKey};

/// The fewest bytes of a secret that must not come through.
const PIECE: usize = 12;

fn redaction(environment: &str) -> Redaction {
    let mut known = KnownSecrets::default();
    known.note_public("ledger");
    known.learn_env_text("env", environment);
    Redaction::new(&known, TokenKey::new([9; 32]))
}

/// A redacted text, which proves clean and does not change when it is redacted again.
fn redacted(redaction: &Redaction, text: &[u8]) -> String {
    let mut shown = Vec::new();
    redaction.redact(&mut Cursor::new(text), &mut shown).expect("a text");
    let hits = redaction.prove(&mut Cursor::new(&shown)).expect("a text");
    let shown = String::from_utf8(shown).expect("UTF-8");
    assert!(hits.is_empty(), "{hits:?} in {shown}");
    assert_eq!(redaction.redact_text(&shown), shown, "redacted twice");
    shown
}

/// The first piece of a secret that is left, or all of it where it is short.
fn piece_left<'s>(secret: &'s str, shown: &str) -> Option<&'s str> {
    let length = secret.len().min(PIECE);
    (0..=secret.len() - length)
        .filter(|at| secret.is_char_boundary(*at) && secret.is_char_boundary(at + length))
        .map(|at| &secret[at..at + length])
        .find(|piece| shown.contains(piece))
}
