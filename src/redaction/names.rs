//! Judging a value by the name it goes by.

mod words;

use words::Words;

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Names {
    /// Nothing.
    Nothing,
    /// It could be a secret: it is one if it looks like one.
    Perhaps,
    /// It is a secret.
    Secret,
    /// It is a password, whatever it looks like.
    Password,
}

/// A last word by which a value is a password.
const PASSWORDS: [&str; 16] = [
    "password",
    "passwords",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "passcode",
    "pw",
    "passwort",
    "pgpassword",
    "mysqlpwd",
    "userpass",
    "dbpass",
    "rootpw",
    "bindpw",
    "masterauth",
];

/// Words that only end as passwords do.
const NO_PASSWORDS: [&str; 9] =
    ["bypass", "compass", "encompass", "surpass", "trespass", "overpass", "underpass", "oldpwd", "getpass"];

/// A last word by which a value is a secret.
const SECRETS: [&str; 34] = [
    "secret",
    "secrets",
    "token",
    "apikey",
    "apikeys",
    "apitoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "secretkey",
    "privatekey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "presharedkey",
    "credential",
    "credentials",
    "creds",
    "authorization",
    "cookie",
    "cookies",
    "dsn",
    "bearer",
    "jwt",
    "mnemonic",
    "licensekey",
    "clientsecret",
    "sharedaccesskey",
    "accountkey",
    "connectionstring",
    "sessiontoken",
];

/// A last word by which it could be one.
const PERHAPS: [&str; 26] = [
    "key",
    "keys",
    "tokens",
    "auth",
    "license",
    "licence",
    "session",
    "sid",
    "sessionid",
    "signature",
    "sig",
    "nonce",
    "salt",
    "otp",
    "pin",
    "code",
    "csrf",
    "xsrf",
    "hash",
    "digest",
    "seed",
    "webhook",
    "assertion",
    "ticket",
    "verifier",
    "userinfo",
];

/// Words that make a `key` a secret one.
const KEYS: [&str; 44] = [
    "api",
    "secret",
    "private",
    "access",
    "signing",
    "sign",
    "encryption",
    "encrypt",
    "master",
    "license",
    "licence",
    "auth",
    "vault",
    "hmac",
    "aes",
    "jwt",
    "session",
    "webhook",
    "shared",
    "preshared",
    "service",
    "ssh",
    "ssl",
    "tls",
    "account",
    "storage",
    "sas",
    "client",
    "admin",
    "root",
    "app",
    "application",
    "platform",
    "agent",
    "deploy",
    "function",
    "host",
    "integration",
    "ingest",
    "bot",
    "rsa",
    "cookie",
    "token",
    "security",
];

/// Words that make a `key` none.
const NO_KEYS: [&str; 24] = [
    "public",
    "primary",
    "foreign",
    "partition",
    "cache",
    "sort",
    "routing",
    "idempotency",
    "object",
    "row",
    "group",
    "map",
    "lock",
    "dedup",
    "range",
    "unique",
    "index",
    "registry",
    "feature",
    "message",
    "surrogate",
    "natural",
    "composite",
    "candidate",
];

/// Whether the value of a variable is a secret by its name alone.
pub(super) fn is_secret(name: &str) -> bool {
    judged(name) >= Names::Secret || {
        // In an environment file, a key is rarely anything else.
        matches!(
            Words::of(name).last_that_speaks(),
            Some((
                _,
                "key" | "license" | "licence" | "auth" | "salt" | "keys" | "tokens" | "headers" | "header"
            ))
        ) && judged(name) == Names::Perhaps
    }
}

/// Whether a name is that of a place where the value is.
pub(super) fn points(name: &str) -> bool {
    matches!(
        Words::of(name).last(),
        Some(
            "file"
                | "path"
                | "dir"
                | "key"
                | "cert"
                | "pem"
                | "license"
                | "credentials"
                | "secret"
                | "secrets"
        )
    )
}

/// Whether a name says of itself that its value is the path of a file.
pub(super) fn is_of_path(name: &str) -> bool {
    name.eq_ignore_ascii_case("PWD") || matches!(Words::of(name).last(), Some("file" | "path" | "dir"))
}

/// Whether a name is that of a text of which only parts are secret.
pub(super) fn is_of_parts(name: &str) -> bool {
    let words = Words::of(name);
    matches!(words.last_that_speaks(), Some((_, "dsn" | "connectionstring")))
        || matches!(words.last(), Some("dsn" | "connectionstring"))
}

/// Whether a name is that of a public key.
pub(super) fn is_public(name: &str) -> bool {
    let words = Words::of(name);
    (1..words.count).any(|at| words.get(at) == "key" && words.get(at - 1) == "public")
}

/// What a name says of its value.
pub(super) fn judged(name: &str) -> Names {
    let words = Words::of(name);
    let Some((at, word)) = words.last_that_speaks() else { return Names::Nothing };
    let before = at.checked_sub(1).map_or("", |before| words.get(before));
    let last = words.last().unwrap_or_default();
    if ends_in(word, &PASSWORDS, &["password", "passwd", "passphrase", "pass", "pwd"])
        && !NO_PASSWORDS.contains(&word)
    {
        // `pass` alone is what tests do.
        return if word == "pass" && at == 0 && words.count > 1 { Names::Nothing } else { Names::Password };
    }
    match word {
        "key" if NO_KEYS.contains(&before) => Names::Nothing,
        "key" if KEYS.contains(&before) => Names::Secret,
        // What names one that is somewhere else.
        "secret" if before == "existing" => Names::Nothing,
        "id" if before == "key" && at >= 2 && words.get(at - 2) == "access" => Names::Secret,
        "hash" | "digest" if (0..at).any(|at| PASSWORDS.contains(&words.get(at))) => Names::Secret,
        "hash" | "digest" | "header" | "headers" | "file" | "data" | "value" | "string" => Names::Nothing,
        "license" | "licence" if last == "key" => Names::Secret,
        word if ends_in(
            word,
            &SECRETS,
            &["secret", "apikey", "token", "secretkey", "privatekey", "accesskey"],
        ) =>
        {
            Names::Secret
        }
        word if PERHAPS.contains(&word) => Names::Perhaps,
        _ => Names::Nothing,
    }
}

fn ends_in(word: &str, words: &[&str], ends: &[&str]) -> bool {
    words.contains(&word) || ends.iter().any(|end| word.len() > end.len() && word.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "POSTGRES_PASSWORD",
            "db_passwd",
            "PGPASSWORD",
            "clientSecret",
            "API_KEY_SECRET_PREVIOUS",
            "x-api-key",
            "apiKey",
            "AWS_ACCESS_KEY_ID",
            "aws_secret_access_key",
            "VAULT_SIGNING_KEY",
            "authorization",
            "Cookie",
            "set-cookie",
            "SENTRY_DSN",
            "githubToken",
            "spring.datasource.password",
            "SECRET_KEY_BASE",
            "password_hash",
            "passphrase",
            "refresh_token",
            "API_KEY_2",
            "AccountKey",
            "PrivateKey",
            "TOKEN_B64",
        ] {
            assert!(judged(name) >= Names::Secret, "{name}");
        }
    }

    #[test]
    fn names_of_none() {
        for name in [
            "AUTH_BYPASS",
            "MONKEY",
            "token_count",
            "api_keys_total",
            "key_id",
            "auth_cache_hits_total",
            "author",
            "password_changed_at",
            "secret_name",
            "primary_key",
            "public_key",
            "keyspace",
            "turkey",
            "bypass",
            "compass",
            "passenger",
            "cache_key",
            "TOKEN_TTL",
            "max_tokens_per_minute",
        ] {
            assert_eq!(judged(name), Names::Nothing, "{name}");
        }
    }

    #[test]
    fn names_of_what_could_be_one() {
        for name in ["key", "auth", "signature", "session", "LICENSE"] {
            assert_eq!(judged(name), Names::Perhaps, "{name}");
        }
    }
}
