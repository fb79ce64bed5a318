//! Tokens that are known by how they begin.

use std::sync::LazyLock;

use super::needles::{Letters, Needles};
use super::nested;
use super::place::Place;

/// What may follow the beginning of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// Letters, digits, `_` and `-`.
    Word,
    /// The same and `.`, `+`, `/`, `=`, `~`.
    Wide,
    /// Capitals and digits.
    Capitals,
    /// Hexadecimal digits.
    Hex,
    /// Anything but blanks, quotes and brackets.
    Any,
    /// What is in the path of an address.
    Path,
    /// What is in one value of an address's query.
    Query,
}

struct Kind {
    begin: &'static str,
    name: &'static str,
    alphabet: Alphabet,
    /// The fewest characters behind the beginning.
    least: usize,
    /// Whether what it begins with is shown: it is public, or an address.
    keeps: bool,
}

const fn kind(begin: &'static str, name: &'static str, alphabet: Alphabet, least: usize) -> Kind {
    Kind { begin, name, alphabet, least, keeps: false }
}

const fn path(begin: &'static str, name: &'static str) -> Kind {
    Kind { begin, name, alphabet: Alphabet::Path, least: 12, keeps: true }
}

/// The signature of an address: whoever has it has what is there.
const fn signature(begin: &'static str) -> Kind {
    Kind { begin, name: "signed-address", alphabet: Alphabet::Query, least: 20, keeps: true }
}

const KINDS: &[Kind] = &[
    kind("AKIA", "aws-access-key", Alphabet::Capitals, 12),
    kind("ASIA", "aws-access-key", Alphabet::Capitals, 12),
    kind("ABIA", "aws-access-key", Alphabet::Capitals, 12),
    kind("ACCA", "aws-access-key", Alphabet::Capitals, 12),
    kind("ghp_", "github-token", Alphabet::Word, 16),
    kind("gho_", "github-token", Alphabet::Word, 16),
    kind("ghu_", "github-token", Alphabet::Word, 16),
    kind("ghs_", "github-token", Alphabet::Word, 16),
    kind("ghr_", "github-token", Alphabet::Word, 16),
    kind("github_pat_", "github-token", Alphabet::Word, 16),
    kind("glpat-", "gitlab-token", Alphabet::Word, 12),
    kind("gldt-", "gitlab-token", Alphabet::Word, 12),
    kind("glrt-", "gitlab-token", Alphabet::Word, 12),
    kind("glptt-", "gitlab-token", Alphabet::Word, 12),
    kind("glcbt-", "gitlab-token", Alphabet::Word, 12),
    kind("xoxb-", "slack-token", Alphabet::Word, 10),
    kind("xoxp-", "slack-token", Alphabet::Word, 10),
    kind("xoxa-", "slack-token", Alphabet::Word, 10),
    kind("xoxr-", "slack-token", Alphabet::Word, 10),
    kind("xoxs-", "slack-token", Alphabet::Word, 10),
    kind("xoxe-", "slack-token", Alphabet::Word, 10),
    kind("xoxe.", "slack-token", Alphabet::Wide, 10),
    kind("xapp-", "slack-token", Alphabet::Word, 10),
    kind("sk_live_", "stripe-key", Alphabet::Word, 10),
    kind("sk_test_", "stripe-key", Alphabet::Word, 10),
    kind("rk_live_", "stripe-key", Alphabet::Word, 10),
    kind("rk_test_", "stripe-key", Alphabet::Word, 10),
    kind("whsec_", "webhook-secret", Alphabet::Wide, 12),
    kind("npm_", "npm-token", Alphabet::Word, 30),
    kind("pypi-", "pypi-token", Alphabet::Word, 30),
    kind("rubygems_", "rubygems-token", Alphabet::Word, 30),
    kind("sk-", "sk-key", Alphabet::Word, 20),
    kind("SG.", "sendgrid-key", Alphabet::Wide, 20),
    kind("AIza", "google-api-key", Alphabet::Word, 30),
    kind("ya29.", "google-token", Alphabet::Wide, 16),
    kind("GOCSPX-", "google-secret", Alphabet::Word, 16),
    kind("AGE-SECRET-KEY-1", "age-key", Alphabet::Capitals, 16),
    kind("SCRAM-SHA-256$", "scram-verifier", Alphabet::Any, 16),
    kind("agl_", "agledger-key", Alphabet::Wide, 12),
    kind("dop_v1_", "digitalocean-token", Alphabet::Word, 16),
    kind("doo_v1_", "digitalocean-token", Alphabet::Word, 16),
    kind("shpat_", "shopify-token", Alphabet::Word, 16),
    kind("shpss_", "shopify-token", Alphabet::Word, 16),
    kind("shpca_", "shopify-token", Alphabet::Word, 16),
    kind("hf_", "huggingface-token", Alphabet::Word, 20),
    kind("glsa_", "grafana-token", Alphabet::Word, 20),
    kind("glc_", "grafana-token", Alphabet::Wide, 20),
    kind("hvs.", "vault-token", Alphabet::Word, 16),
    kind("hvb.", "vault-token", Alphabet::Word, 16),
    kind("hvr.", "vault-token", Alphabet::Word, 16),
    kind("dckr_pat_", "docker-token", Alphabet::Word, 12),
    kind("lin_api_", "linear-key", Alphabet::Word, 16),
    kind("ntn_", "notion-token", Alphabet::Word, 20),
    kind("figd_", "figma-token", Alphabet::Word, 16),
    kind("PMAK-", "postman-key", Alphabet::Word, 20),
    kind("NRAK-", "newrelic-key", Alphabet::Capitals, 16),
    kind("NRII-", "newrelic-key", Alphabet::Word, 16),
    kind("sq0atp-", "square-token", Alphabet::Word, 16),
    kind("sq0csp-", "square-token", Alphabet::Word, 16),
    kind("EAAA", "square-token", Alphabet::Word, 50),
    kind("tfp_", "typeform-token", Alphabet::Word, 30),
    kind("pscale_", "planetscale-token", Alphabet::Wide, 20),
    kind("dapi", "databricks-token", Alphabet::Hex, 32),
    kind("sntrys_", "sentry-token", Alphabet::Wide, 20),
    kind("sntryu_", "sentry-token", Alphabet::Hex, 20),
    kind("phc_", "posthog-key", Alphabet::Word, 30),
    kind("re_", "resend-key", Alphabet::Word, 24),
    kind("pat-na", "hubspot-token", Alphabet::Word, 30),
    kind("atlasv1.", "terraform-token", Alphabet::Wide, 20),
    kind(".atlasv1.", "terraform-token", Alphabet::Wide, 20),
    kind("ATATT3", "atlassian-token", Alphabet::Wide, 30),
    kind("cfut_", "cloudflare-token", Alphabet::Word, 20),
    kind("tskey-", "tailscale-key", Alphabet::Word, 16),
    kind("fly_", "fly-token", Alphabet::Wide, 40),
    kind("FlyV1 ", "fly-token", Alphabet::Any, 20),
    kind("xkeysib-", "brevo-key", Alphabet::Word, 30),
    kind("key-", "mailgun-key", Alphabet::Hex, 32),
    kind("rdme_", "readme-key", Alphabet::Word, 30),
    kind("sbp_", "supabase-token", Alphabet::Hex, 30),
    kind("oy2", "nuget-key", Alphabet::Word, 43),
    kind("AQE", "linkedin-token", Alphabet::Word, 80),
    kind("LTAI", "alibaba-key", Alphabet::Word, 16),
    kind("$2a$", "password-hash", Alphabet::Any, 40),
    kind("$2b$", "password-hash", Alphabet::Any, 40),
    kind("$2y$", "password-hash", Alphabet::Any, 40),
    kind("$argon2", "password-hash", Alphabet::Any, 30),
    kind("$apr1$", "password-hash", Alphabet::Any, 20),
    kind("$scrypt$", "password-hash", Alphabet::Any, 30),
    kind("$pbkdf2", "password-hash", Alphabet::Any, 30),
    kind("pbkdf2_sha256$", "password-hash", Alphabet::Any, 30),
    kind("$1$", "password-hash", Alphabet::Any, 20),
    kind("$5$", "password-hash", Alphabet::Any, 30),
    kind("$6$", "password-hash", Alphabet::Any, 40),
    kind("$y$", "password-hash", Alphabet::Any, 30),
    kind("{SSHA", "password-hash", Alphabet::Any, 20),
    signature("&sig="),
    signature("?sig="),
    signature("&amp;sig="),
    signature("\\u0026sig="),
    signature("&Signature="),
    signature("?Signature="),
    signature("X-Amz-Signature="),
    signature("X-Goog-Signature="),
    signature("X-Amz-Security-Token="),
    path("hooks.slack.com/services/", "webhook"),
    path("hooks.slack.com/workflows/", "webhook"),
    path("hooks.slack.com/triggers/", "webhook"),
    path("discord.com/api/webhooks/", "webhook"),
    path("discordapp.com/api/webhooks/", "webhook"),
    path("webhook.office.com/webhookb2/", "webhook"),
    path("outlook.office.com/webhook/", "webhook"),
    path("hooks.zapier.com/hooks/catch/", "webhook"),
    path("maker.ifttt.com/trigger/", "webhook"),
    path("api.telegram.org/bot", "webhook"),
    path("chat.googleapis.com/v1/spaces/", "webhook"),
    path("events.pagerduty.com/integration/", "webhook"),
];

static BEGINNINGS: LazyLock<Needles> = LazyLock::new(|| {
    Needles::of(KINDS.iter().map(|kind| kind.begin).chain(["eyJ"]).chain(TWILIO), Letters::Exact)
});

/// `SK`, which stands in many words, and the digit behind it.
const TWILIO: [&str; 16] = [
    "SK0", "SK1", "SK2", "SK3", "SK4", "SK5", "SK6", "SK7", "SK8", "SK9", "SKa", "SKb", "SKc", "SKd", "SKe",
    "SKf",
];

/// A key of Twilio's: `SK` and 32 hexadecimal digits.
const TWILIO_KEY: Kind = kind("SK", "twilio-key", Alphabet::Hex, 32);

/// Finds tokens by how they begin.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Place>) {
    for found in BEGINNINGS.find_iter(bytes) {
        match KINDS.get(found.word) {
            Some(kind) => places.extend(token(bytes, kind, found.range.start)),
            None if found.word == KINDS.len() => places.extend(web_token(bytes, found.range.start)),
            None => places.extend(token(bytes, &TWILIO_KEY, found.range.start)),
        }
    }
}

fn token(bytes: &[u8], kind: &Kind, start: usize) -> Option<Place> {
    let behind = start + kind.begin.len();
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let is_inside = kind.begin.as_bytes()[0].is_ascii_alphanumeric()
        && before.is_some_and(|byte| byte.is_ascii_alphanumeric() && !is_escape(bytes, start));
    let length = bytes[behind..].iter().take_while(|byte| belongs(**byte, kind.alphabet)).count();
    let inner = &bytes[behind..behind + length];
    let enough = length >= kind.least
        && match kind.alphabet {
            Alphabet::Word | Alphabet::Wide => {
                inner.iter().any(u8::is_ascii_digit) || inner.iter().any(u8::is_ascii_uppercase)
            }
            Alphabet::Path => inner.contains(&b'/') || inner.contains(&b':'),
            _ => true,
        };
    // What is shorter at the end of what can be seen was cut there.
    let is_cut = length >= 6
        && matches!(bytes.get(behind + length), None | Some(b'\n'))
        && kind.begin.len() >= 4
        && kind.begin.contains(['_', '-']);
    (!is_inside && (enough || is_cut))
        .then(|| Place::pattern(if kind.keeps { behind } else { start }..behind + length, kind.name))
}

/// Whether the letter before `start` is the end of an escape such as `\n`.
fn is_escape(bytes: &[u8], start: usize) -> bool {
    start >= 2 && bytes[start - 2] == b'\\' && matches!(bytes[start - 1], b'n' | b't' | b'r')
        || start >= 3 && bytes[start - 3] == b'%' && bytes[start - 2..start].iter().all(u8::is_ascii_hexdigit)
}

fn belongs(byte: u8, alphabet: Alphabet) -> bool {
    match alphabet {
        Alphabet::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        Alphabet::Wide => {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
        }
        Alphabet::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        Alphabet::Hex => byte.is_ascii_hexdigit(),
        Alphabet::Any => {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'(' | b')' | b'[' | b']')
        }
        Alphabet::Query => byte.is_ascii_alphanumeric() || b"_-.~+/%=".contains(&byte),
        Alphabet::Path => byte.is_ascii_alphanumeric() || b"_-.~/:@%=&?+!".contains(&byte),
    }
}

/// A JSON web token, or what is left of one: at least its first part is the base64 of an object.
fn web_token(bytes: &[u8], start: usize) -> Option<Place> {
    if start.checked_sub(1).is_some_and(|at| bytes[at].is_ascii_alphanumeric() && !is_escape(bytes, start)) {
        return None;
    }
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=');
    let length = bytes[start..].iter().take_while(|byte| is_of_it(byte)).count();
    let token = &bytes[start..start + length];
    let dots = memchr::memchr_iter(b'.', token).count();
    let is_token = length >= 20 && dots >= 1 || length >= 36 && !nested::is_plain_text(token);
    is_token.then(|| Place::pattern(start..start + length, "jwt"))
}
