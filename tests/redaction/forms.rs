//! Secrets that are known, in whatever form and place.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{PIECE, piece_left, redacted, redaction};

/// What is around a secret.
const AROUND: [(&str, &str); 8] = [
    ("", ""),
    ("2026-03-14T02:30:00Z worker: got ", " from the queue\n"),
    ("x", "y"),
    ("{\"msg\":\"", "\"}"),
    ("<", ">"),
    ("line\n", "\nline"),
    ("a=", "&b=1"),
    ("\u{1b}[31m", "\u{1b}[0m"),
];

/// A form of a secret, and how long the part of it is that must not come through.
fn written(secret: &str, form: usize) -> Vec<u8> {
    let base64 = |before: &str| STANDARD.encode(format!("{before}{secret} end"));
    match form {
        0 => secret.into(),
        1 => percent_encoding::percent_encode(secret.as_bytes(), percent_encoding::NON_ALPHANUMERIC)
            .to_string()
            .into(),
        2 => serde_json::to_string(secret).expect("a string").into(),
        3 => {
            serde_json::to_string(&serde_json::to_string(secret).expect("a string")).expect("a string").into()
        }
        4 => format!("'{}'", secret.replace('\'', "''")).into(),
        5 => base64("").into(),
        6 => base64("a").into(),
        7 => base64("ab").into(),
        8 => URL_SAFE_NO_PAD.encode(secret).into(),
        9 => hex::encode(secret).into(),
        10 => hex::encode_upper(secret).into(),
        11 => secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        12 => secret.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        13 => secret[..secret.len() - 3].into(),
        14 => secret[3..].into(),
        _ => format!("{}\n{}", &secret[..PIECE], &secret[PIECE..]).into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_known_secret_comes_through_in_no_form_at_no_place(
        secret in "[A-Za-z0-9!#%&*+/=?^_'\"-]{16,40}",
        form in 0..16_usize,
        around in 0..AROUND.len(),
        filler in 0..2000_usize,
    ) {
        prop_assume!(secret.bytes().any(|byte| byte.is_ascii_digit()));
        prop_assume!(secret.bytes().filter(u8::is_ascii_alphabetic).count() >= 6);
        prop_assume!(!secret.starts_with(['"', '\'', '#']) && !secret.ends_with(['"', '\'', '=', '#']));
        let redaction = redaction(&format!("SOME_SECRET={secret}\n"));
        let (before, behind) = AROUND[around];
        let form_text = written(&secret, form);
        let text = [
            "words of a log\n".repeat(filler / 15).as_bytes(),
            before.as_bytes(),
            &form_text,
            behind.as_bytes(),
        ]
        .concat();
        let mut shown = Vec::new();
        redaction.redact(&mut std::io::Cursor::new(&text), &mut shown).expect("a text");
        let shown = String::from_utf8_lossy(&shown).replace('\0', "");
        prop_assert_eq!(piece_left(&secret, &shown), None);
        let form_text = String::from_utf8_lossy(&form_text).replace('\0', "");
        if form < 13 && form_text.len() >= 24 {
            // The middle of it, whatever it is encoded in.
            let middle = form_text.len() / 2;
            let at = (middle - 8..middle).find(|at| form_text.is_char_boundary(*at)).unwrap_or(0);
            if let Some(piece) = form_text.get(at..at + 16) {
                prop_assert!(!shown.contains(piece), "{} in {}", piece, shown);
            }
        }
    }

    #[test]
    fn identifiers_hashes_and_times_stay(
        id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        hash in "[0-9a-f]{64}",
        commit in "[0-9a-f]{40}",
        container in "[0-9a-f]{12}",
        (day, hour, second) in (10..29_u8, 10..24_u8, 10..60_u8),
        port in 1024..65535_u16,
    ) {
        let redaction = redaction("POSTGRES_PASSWORD=Zk8-notReal-Wq31vB\n");
        let text = format!(
            "2026-03-{day}T{hour}:30:{second}.123Z reqId={id} image sha256:{hash} commit {commit}\n\
             {{\"container\":\"{container}\",\"id\":\"{id}\",\"digest\":\"{hash}\"}}\n\
             {container} {hash} 10.0.0.{day}:{port} -> db.internal:{port} in {second}ms\n"
        );
        prop_assert_eq!(redacted(&redaction, text.as_bytes()), text);
    }
}
