//! Passwords in addresses: what stands before the last `@` of the part of an address that names a server.

use std::ops::Range;

use super::cursor::behind_colours;
use crate::redaction::harmless::{is_digest, is_harmless, is_nothing, is_number, looks_random};
use crate::redaction::place::Place;

/// Schemes of which no path holds an `@`, in small letters.
const DATABASES: [&[u8]; 12] = [
    b"postgres",
    b"postgresql",
    b"mysql",
    b"mariadb",
    b"redis",
    b"rediss",
    b"amqp",
    b"amqps",
    b"mongodb",
    b"srv",
    b"smtp",
    b"smtps",
];

/// The longest address that is looked at.
const LONGEST: usize = 8192;

/// What must be random to be a secret although nothing says so, from this length on.
const SHORTEST_TOKEN: usize = 16;

/// The shortest beginning of a password that is masked.
const SHORTEST_CUT: usize = 4;

/// Looks at an address whose `://` stands at `mark`. Where it ends is where to look on.
pub(super) fn find(bytes: &[u8], mark: &Range<usize>, places: &mut Vec<Place>) -> usize {
    let start = mark.end;
    let end = end_of(bytes, start);
    let Some(at) = last_at(bytes, mark.start, start..end) else {
        places.extend(cut_password(bytes, mark, end));
        return mark.end;
    };
    let userinfo = start..at;
    match memchr::memchr(b':', &bytes[userinfo.clone()]).or_else(|| coded_colon(&bytes[userinfo.clone()])) {
        Some(colon) => {
            let behind = start + colon + if bytes[start + colon] == b'%' { 3 } else { 1 };
            let password = behind..at;
            if !is_nothing(&String::from_utf8_lossy(&bytes[password.clone()])) {
                places.push(Place::structure(password, "url-userinfo"));
            }
        }
        None if userinfo.len() >= SHORTEST_TOKEN
            && !is_harmless(&String::from_utf8_lossy(&bytes[userinfo.clone()])) =>
        {
            places.push(Place::structure(userinfo, "url-userinfo"));
        }
        None => {}
    }
    at + 1
}

/// The password of an address that ends before its `@`: what stands where a port should and is none.
fn cut_password(bytes: &[u8], mark: &Range<usize>, end: usize) -> Option<Place> {
    let colon = mark.end + memchr::memchr(b':', &bytes[mark.end..end])?;
    let text = String::from_utf8_lossy(&bytes[colon + 1..end]);
    let port = text.split(['/', '?', ',', ')', ']']).next().unwrap_or_default();
    let is_secret = is_database(bytes, mark.start)
        && text.len() >= SHORTEST_CUT
        && !bytes[mark.end..colon].contains(&b'/')
        && !is_number(port)
        && !port.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && !is_nothing(&text);
    is_secret.then(|| Place::structure(colon + 1..end, "url-userinfo"))
}

/// Whether the scheme that ends there is one of a database.
fn is_database(bytes: &[u8], scheme_end: usize) -> bool {
    let length =
        bytes[..scheme_end].iter().rev().take(16).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    DATABASES.iter().any(|known| bytes[scheme_end - length..scheme_end].eq_ignore_ascii_case(known))
}

fn coded_colon(userinfo: &[u8]) -> Option<usize> {
    userinfo.windows(3).position(|three| three.eq_ignore_ascii_case(b"%3a"))
}

/// An address ends at a blank, a quote, or where another begins.
fn end_of(bytes: &[u8], start: usize) -> usize {
    let limit = bytes.len().min(start + LONGEST);
    let mut at = start;
    while at < limit {
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'`' | b'<' | b'>' | 0 => break,
            0x1b => match behind_colours(bytes, at) {
                next if next > at && next < limit => at = next,
                _ => break,
            },
            b'\'' if bytes[at + 1..limit].first().is_none_or(|next| !next.is_ascii_alphanumeric()) => break,
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'n' | b'r' | b't' | b'\\')) => break,
            b':' if bytes[at..limit].starts_with(b"://") => return separator_before(bytes, start, at),
            _ => at += 1,
        }
    }
    at
}

/// Where an address ends in which another one's `://` stands at `mark`: at the comma or blank before that one's scheme.
fn separator_before(bytes: &[u8], start: usize, mark: usize) -> usize {
    let scheme = bytes[start..mark]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
        .count();
    mark - scheme
}

/// The `@` behind which the server's name stands.
fn last_at(bytes: &[u8], scheme_end: usize, range: Range<usize>) -> Option<usize> {
    let url = &bytes[range.clone()];
    let candidates: Vec<usize> =
        memchr::memchr_iter(b'@', url).filter(|at| is_host(&url[at + 1..])).collect();
    let last = *candidates.last()?;
    let is_database = is_database(bytes, scheme_end);
    let authority = url.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(url.len());
    let in_authority = candidates.iter().copied().rfind(|at| *at < authority);
    // An `@` behind the name of a server and its port is one of the path.
    if in_authority.is_none() && !is_database && names_server(&url[..authority]) {
        return None;
    }
    // One behind a parameter (`?name=`) is the parameter's, if there is another before it.
    let parameters =
        url.iter().enumerate().position(|(at, byte)| *byte == b'?' && names_parameter(&url[at + 1..]));
    let before_parameters = parameters.and_then(|end| candidates.iter().copied().rfind(|at| *at < end));
    let chosen = match (in_authority, before_parameters) {
        (Some(at), _) if !is_database => {
            let goes_on = |other: &usize| *other < authority || names_userinfo(&url[at + 1..*other]);
            candidates.iter().copied().rfind(goes_on).unwrap_or(at)
        }
        (_, Some(at)) => at,
        _ => last,
    };
    Some(range.start + chosen)
}

/// Whether `name=` stands there, as behind the `?` of an address.
fn names_parameter(rest: &[u8]) -> bool {
    let name = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        .count();
    name > 0 && rest.get(name) == Some(&b'=')
}

/// Whether what follows an `@` goes on like a password: the `@` was part of it.
fn names_userinfo(between: &[u8]) -> bool {
    !between.contains(&b'/') && !between.contains(&b'?')
}

fn is_host(rest: &[u8]) -> bool {
    let length = rest
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b'$' | b'{' | b'}')
        })
        .count();
    let behind = rest.get(length);
    (length > 0 && !is_digest(&String::from_utf8_lossy(rest))
        || rest.starts_with(b"/")
        || rest.starts_with(b":")
        || rest.starts_with(b"%2"))
        && matches!(
            behind,
            None | Some(
                b'/' | b':'
                    | b'?'
                    | b'#'
                    | b','
                    | b')'
                    | b';'
                    | b'%'
                    | b'&'
                    | b'|'
                    | b']'
                    | b'}'
                    | b'\''
                    | b'@'
                    | 0x1b
            )
        )
        || (rest.is_empty())
}

/// Whether an authority is `host` or `host:port`.
fn names_server(authority: &[u8]) -> bool {
    match memchr::memrchr(b':', authority) {
        Some(colon) => {
            !authority[..colon].is_empty()
                && colon + 1 < authority.len()
                && authority[colon + 1..].iter().all(u8::is_ascii_digit)
        }
        None => true,
    }
}

/// How long the password of `jdbc:oracle:thin:user/password@` or `user/password@//host` is.
fn oracle_password(token: &[u8], behind: &[u8]) -> Option<usize> {
    let user = memchr::memchr(b'/', token)?;
    let password = &token[user + 1..];
    let is_oracle = token.starts_with(b"jdbc:oracle:") || behind.starts_with(b"//") && !token.contains(&b':');
    let is_password = !password.is_empty() && !password.contains(&b'/') && user > 0;
    (is_oracle && is_password && !is_nothing(&String::from_utf8_lossy(password))).then_some(password.len())
}

/// `user:password@host` without a scheme, around an `@`.
pub(super) fn without_scheme(bytes: &[u8], at: usize, places: &mut Vec<Place>) {
    let before = bytes[..at]
        .iter()
        .rev()
        .take(256)
        .take_while(|byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b',' | b'[')
        })
        .count();
    let token = &bytes[at - before..at];
    if let Some(password) = oracle_password(token, &bytes[at + 1..]) {
        places.push(Place::structure(at - password..at, "userinfo"));
        return;
    }
    let Some(colon) = memchr::memchr(b':', token) else { return };
    let (user, password) = (&token[..colon], &token[colon + 1..]);
    let is_user = !user.is_empty()
        && user.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let password_text = String::from_utf8_lossy(password);
    if is_user
        && password.len() >= 6
        && !password.starts_with(b"//")
        && is_host(&bytes[at + 1..bytes.len().min(at + 256)])
        && !is_harmless(&password_text)
        && (looks_random(password) || password.iter().any(u8::is_ascii_punctuation))
        && !password.contains(&b'/')
        && !is_nothing(&password_text)
    {
        places.push(Place::structure(at - password.len()..at, "userinfo"));
    }
}
