//! Certificates are public, in whatever they are wrapped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{redacted, redaction};

/// What a certificate begins with, and 900 bytes that look like the rest of one.
fn certificate() -> Vec<u8> {
    let mut der =
        vec![0x30, 0x82, 0x03, 0x9d, 0x30, 0x82, 0x02, 0x85, 0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x14];
    let mut state = 7_u32;
    der.extend(
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(914),
    );
    der
}

fn lines(text: &str) -> Vec<&str> {
    text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect()
}

#[test]
fn certificates_stay() {
    let body = STANDARD.encode(certificate());
    let wrapped = lines(&body).join("\n");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{wrapped}\n-----END CERTIFICATE-----\n");
    let json = serde_json::to_string(&pem).expect("a string");
    for text in [
        pem.clone(),
        pem.repeat(3),
        pem.replace('\n', "\r\n"),
        format!("{{\"cert\":{json}}}\n"),
        format!("{{\"log\":{}}}\n", serde_json::to_string(&json).expect("a string")),
        format!("certificate-authority-data: {}\n", STANDARD.encode(&pem)),
        format!("{{\"x5c\":[\"{body}\"]}}\n"),
        format!("<ds:X509Certificate>{wrapped}</ds:X509Certificate>\n"),
        format!("peer certificate {body}\n"),
    ] {
        assert_eq!(redacted(&redaction(""), text.as_bytes()), text);
    }
}

#[test]
fn what_stands_behind_one_does_not_stay_with_it() {
    let secret = "Zq8Rk2Lw9Tn4Vb7Xc1Ms6Hd3";
    let body = STANDARD.encode(certificate());
    let private =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", lines(&body).join("\n"));
    for text in [
        format!("<ds:X509Certificate>{body}</ds:X509Certificate> {secret}\n"),
        format!("{body} {secret}\n"),
        format!(
            "client-key-data: {}\n",
            STANDARD.encode(format!("-----BEGIN CERTIFICATE-----\n{secret}\n{private}"))
        ),
        private,
    ] {
        let shown = redacted(&redaction(""), text.as_bytes());
        assert!(!shown.contains(&secret[..12]), "{shown}");
        assert!(shown.contains("[REDACTED"), "{shown}");
    }
}
