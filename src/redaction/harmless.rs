//! Judging a value by itself: whether it is plainly harmless, nothing at all, or looks random.

mod nothing;
mod random;

pub(super) use nothing::{is_common, is_nothing};
pub(super) use random::{is_wordlike, looks_random, looks_random_piece};

use random::changes;

/// Whether a value is plainly harmless: a boolean, number, word, path, address, identifier, version, or a list of them.
pub(super) fn is_harmless(value: &str) -> bool {
    let value = unquoted(value.trim());
    if is_nothing(value) || (value.contains('[') && value.contains("[REDACTED")) {
        return true;
    }
    if value.contains("-----BEGIN") && value.contains("PRIVATE KEY") {
        return false;
    }
    let is_address = value.contains("://");
    value
        .split(|char: char| {
            char.is_whitespace()
                || matches!(char, ',' | ';' | '|' | '=' | '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}')
                || (is_address && char == '&')
        })
        .all(is_harmless_token)
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

fn is_harmless_token(token: &str) -> bool {
    if matches!(token, "" | "&" | "+") || is_identifier(token) || is_digest(token) || is_version(token) {
        return true;
    }
    if let Some((scheme, rest)) = token.split_once("://") {
        return scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
            && !has_userinfo(rest)
            && rest.split(['/', '?', '&', '=', ',']).all(|part| part.is_empty() || is_harmless_token(part));
    }
    if let Some((before, digest)) = token.split_once('@') {
        // An address, or an image by its digest.
        return !before.contains(':') && is_plain_word(before) && is_plain_word(digest)
            || (is_digest(digest) && is_plain_word(before));
    }
    is_plain_word(token)
}

/// `1.2.3`, `v1.2.3-rc1`, `1.2.3+build.7`
fn is_version(token: &str) -> bool {
    let token = token.strip_prefix('v').unwrap_or(token);
    let (numbers, rest) = token.split_at(token.find(['-', '+']).unwrap_or(token.len()));
    numbers.contains('.')
        && numbers
            .split('.')
            .all(|part| !part.is_empty() && part.len() <= 8 && part.bytes().all(|byte| byte.is_ascii_digit()))
        && rest.len() <= 16
        && rest.split(['-', '+', '.']).all(|part| part.len() <= 8)
}

fn has_userinfo(rest: &str) -> bool {
    let userinfo = rest.split(['/', '?']).next().and_then(|authority| authority.rsplit_once('@'));
    // What is left of one whose password was taken out is none.
    userinfo.is_some_and(|(user, _)| {
        !user.is_empty() && !user.strip_suffix(':').is_some_and(|name| name.is_empty() || is_plain_word(name))
    })
}

/// Words, numbers and short identifiers, joined by what joins those.
fn is_plain_word(token: &str) -> bool {
    token
        .split(|char: char| {
            matches!(char, '/' | ':' | '.' | '_' | '-' | '@' | '~' | '*' | '%' | '<' | '>' | '?')
        })
        .all(|part| part.is_empty() || is_plain_part(part))
        && !looks_random(token.as_bytes())
}

fn is_plain_part(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    if digits == part.len() {
        return digits <= 10 || is_number(part) && digits <= 13;
    }
    if !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let latin: String = part.chars().map(|char| if char.is_ascii() { char } else { 'a' }).collect();
        return part.chars().all(char::is_alphabetic)
            && (is_wordlike(&latin) || part.chars().all(|char| !char.is_ascii()));
    }
    if digits == 0 {
        return is_wordlike(part);
    }
    // `v2`, `rs256`, `s3`, `512mb`, `x64`, `2026T`: a word and a number.
    changes(part.as_bytes()) <= if part.len() <= 6 { 3 } else { 2 }
        && part.len() - digits <= 16
        && digits <= 8
        && part.split(|char: char| char.is_ascii_digit()).all(is_wordlike)
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b':' | b','))
        && text.len() <= 12
}

/// A UUID (8-4-4-4-12 hexadecimal digits) or a ULID of our days (26 of Crockford's characters).
pub(super) fn is_identifier(token: &str) -> bool {
    let is_crockford = |byte: u8| {
        byte.is_ascii_digit() || byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'L' | b'O' | b'U')
    };
    if token.len() == 26 && token.starts_with("01") && token.bytes().all(is_crockford) {
        return true;
    }
    let token = token.strip_prefix("urn:uuid:").unwrap_or(token);
    let mut parts = token.split('-');
    [8, 4, 4, 4, 12].into_iter().all(|length| {
        parts
            .next()
            .is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}

/// What is known to be a hash, by what stands before it: nothing else may stand beside it but what names it.
pub(super) fn is_digest(token: &str) -> bool {
    const KINDS: [&[u8]; 12] = [
        b"sha256:", b"sha512:", b"sha1:", b"sha384:", b"sha256-", b"sha512-", b"sha384-", b"sha1-", b"md5:",
        b"SHA256:", b"MD5:", b"h1:",
    ];
    let bytes = token.as_bytes();
    memchr::memchr2_iter(b':', b'-', bytes).any(|mark| {
        let kind = KINDS.iter().find(|kind| bytes[..=mark].ends_with(kind));
        kind.is_some_and(|kind| {
            (mark + 1).checked_sub(kind.len() + 1).is_none_or(|before| !bytes[before].is_ascii_alphanumeric())
        })
    })
}

/// Whether a value is the path of a file.
pub(super) fn is_place(value: &str) -> bool {
    let value = unquoted(value.trim());
    let rooted = value.starts_with('/')
        || value.starts_with("./")
        || value.starts_with("../")
        || value.starts_with("~/");
    let named = value.rsplit_once('.').is_some_and(|(_, end)| {
        matches!(
            end,
            "pem"
                | "key"
                | "crt"
                | "cer"
                | "txt"
                | "json"
                | "env"
                | "toml"
                | "yml"
                | "yaml"
                | "p12"
                | "pub"
                | "conf"
        )
    });
    (rooted || named)
        && value.len() < 256
        && !value.contains(char::is_whitespace)
        && !value.contains(['=', '@', '$', '!', '%'])
        && value.split('/').all(|part| part.is_empty() || part.len() < 40 && !looks_random(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plainly_harmless() {
        for value in [
            "",
            "true",
            "5432",
            "0.5",
            "30s",
            "512MB",
            "1.2.3",
            "v1.2.3-rc1",
            "info",
            "production",
            "localhost:5432",
            "db.internal",
            "https://ledger.example.org:3001/v1/health",
            "/var/lib/postgresql/data",
            "10.0.0.0/8",
            "fe80::1",
            "Europe/Berlin",
            "ghcr.io/agledger/api:1.2.3",
            "a.yml:b.yml",
            "123e4567-e89b-12d3-a456-426614174000",
            "eu-west-1",
            "RS256",
            "TLSv1.2",
            "ops@example.org",
            "en_US.UTF-8",
            "0 3 * * *",
            "json,text",
            "sha256:9f86d081884c7d659a2feaa0c55ad015",
            "postgres://db:5432/ledger?sslmode=require",
            "ghcr.io/a/b@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "verify-full",
            "max_old_space_size",
            "--max-old-space-size=4096",
        ] {
            assert!(is_harmless(value), "{value}");
        }
    }

    #[test]
    fn what_is_not() {
        for value in [
            "hX8s2kQ9vLm4",
            "p@ss!word",
            "9f86d081884c7d659a2feaa0c55ad015",
            "https://u:p@h/",
            "postgres://u:p@h/d",
            "Tr0ub4dor&3",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "correct$horse",
            "xKqJzRwTvBnMpLsD",
            "https://hooks.example.org/T024/hX8s2kQ9vLm4hX8s2kQ9",
        ] {
            assert!(!is_harmless(value), "{value}");
        }
    }

    #[test]
    fn what_says_that_there_is_no_secret() {
        for value in [
            "",
            "null",
            "\"\"",
            "***",
            "xxxxx",
            "<redacted>",
            "[FILTERED]",
            "[REDACTED:A#k3f9]",
            "${POSTGRES_PASSWORD}",
            "$1",
            "%s",
        ] {
            assert!(is_nothing(value), "{value}");
        }
        for value in ["hunter2", "${A:-hunter2}", "$ecret", "12345678"] {
            assert!(!is_nothing(value), "{value}");
        }
    }
}
