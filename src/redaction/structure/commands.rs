//! Short flags of commands: `mysql -px`, `curl -u user:x`, `sshpass -p x`.

use std::ops::Range;

use super::cursor::{behind_blanks, behind_space, line_start, quote};
use super::value::{Value, bare, quoted};
use crate::redaction::harmless::{is_harmless, is_nothing, is_number};
use crate::redaction::place::Place;

/// Commands whose `-p` takes a password.
const WITH_PASSWORD: [&[u8]; 12] = [
    b"mysql",
    b"mariadb",
    b"sshpass",
    b"docker login",
    b"podman login",
    b"helm registry login",
    b"ldap",
    b"htpasswd",
    b"mongo",
    b"smbclient",
    b"az login",
    b"login -u",
];

/// Commands whose `-u` takes `user:password`.
const WITH_PAIR: [&[u8]; 5] = [b"curl", b"wget", b"http", b"httpie", b"xh"];

/// Commands whose `-a` takes a password.
const WITH_AUTH: [&[u8]; 2] = [b"redis-cli", b"valkey-cli"];

/// Long flags that take `user:password`.
pub(super) const PAIRS: [&str; 4] = ["--user ", "--user=", "--proxy-user ", "--proxy-user="];

/// How far before a flag its command is looked for.
const REACH: usize = 400;

/// Looks at a flag of one letter; `word` is ` -p` or the like, with what stands before it.
pub(super) fn find(bytes: &[u8], word: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let is_long = bytes[word.clone()].starts_with(b"--");
    let last = bytes[word.clone()].iter().copied().rfind(u8::is_ascii_alphabetic).unwrap_or_default();
    let letter = if is_long { b'u' } else { last };
    let commands: &[&[u8]] = match letter {
        b'p' | b'P' => &WITH_PASSWORD,
        b'u' | b'U' => &WITH_PAIR,
        b'a' => &WITH_AUTH,
        b'w' | b'D' => &[b"ldap"],
        _ => return word.end,
    };
    let line = line_start(bytes, word.start).max(word.start.saturating_sub(REACH));
    let before = bytes[line..word.start].to_ascii_lowercase();
    if !commands.iter().any(|command| memchr::memmem::find(&before, command).is_some()) {
        return word.end;
    }
    let Some(found) = argument(bytes, word.end) else { return word.end };
    let text = String::from_utf8_lossy(&bytes[found.start..found.end]);
    let range = match letter {
        b'u' | b'U' => match text.split_once(':') {
            Some((user, password)) if !is_number(password) || !is_number(user) => {
                found.end - password.len()..found.end
            }
            _ => return word.end,
        },
        _ => found.start..found.end,
    };
    if is_nothing(&String::from_utf8_lossy(&bytes[range.clone()]))
        || (letter == b'p' && is_port(&text))
        || text.starts_with('-')
    {
        return word.end;
    }
    let end = range.end;
    places.push(Place::structure(range, "flag"));
    end
}

/// `-p x`, `-px`, `"-p", "x"`.
fn argument(bytes: &[u8], at: usize) -> Option<Value> {
    if let Some((_, next)) = quote(bytes, at)
        && matches!(bytes.get(next), Some(b',' | b' '))
    {
        let next = behind_space(bytes, next + 1);
        return quote(bytes, next).map(|(mark, inner)| quoted(bytes, inner, mark));
    }
    let next = behind_blanks(bytes, at + usize::from(bytes.get(at) == Some(&b'=')));
    match quote(bytes, next) {
        Some((mark, inner)) => Some(quoted(bytes, inner, mark)),
        None => Some(bare(bytes, next, false)).filter(|found| found.end > found.start),
    }
}

fn is_port(text: &str) -> bool {
    text.contains(':') && is_harmless(text) || (is_number(text) && text.len() <= 5)
}
