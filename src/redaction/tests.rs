//! Nothing of a secret is left, what is no secret stays, and the proof tells one from the other.

use std::io::Cursor;

use super::*;

const DATABASE: &str = "Vq7-notReal-Zk31xB";

fn redaction() -> Redaction {
    let mut known = KnownSecrets::default();
    known.learn_env_text("env", &format!("POSTGRES_PASSWORD={DATABASE}\n"));
    Redaction::new(&known, TokenKey::new([5; 32]))
}

fn hits(text: &str) -> Vec<String> {
    let found = redaction().prove(&mut Cursor::new(text)).expect("a text");
    found.into_iter().map(|hit| hit.rule).collect()
}

#[test]
fn what_was_redacted_proves_clean_and_stays_as_it_is() {
    for text in [
        "password: passwordpassword: password: x9Kq-Vm2",
        "db password=Hn4!kx then token: 8fjQ2mZx: secret=again",
        "POSTGRES_PASSWORD: Vq7-notReal-Zk31xB: refused",
        "postgres://app:Vq7-notReal-Zk31xB@db:5432/l?password=Lm3-xx91 refused",
        "{\"password\":\"a b c\",\"note\":\"token=Zx81-qq: secret: Kd0\"}",
        "INSERT INTO users (name, password) VALUES ('password=x1', 'secret: Qm4x')",
        "A=1 DB_PASSWORD=Xk29-dk SECRET_KEY=Zk10-aa B=2",
    ] {
        let once = redaction().redact_text(text);
        assert_eq!(redaction().redact_text(&once), once, "{text}");
        assert_eq!(hits(&once), Vec::<String>::new(), "{once}");
    }
}

#[test]
fn what_is_left_is_proven() {
    let once = redaction().redact_text("password: x9Kq-Vm2 and more\n");
    for (rest, rule) in [
        (DATABASE, "known:POSTGRES_PASSWORD"),
        ("postgres://app:Lm3-xx91@db/l", "structure:url-userinfo"),
        ("[REDACTED Vq7-notReal-Zk31xB]", "known:POSTGRES_PASSWORD"),
    ] {
        assert_eq!(hits(&format!("{once}{rest}\n")), [rule], "{rest}");
    }
}

#[test]
fn rows_are_masked_by_the_names_of_their_columns() {
    let text = "INSERT INTO users (id, email, \"password\", note) VALUES\n  (1, 'a@example.org', 'it''s, x9', 'plain'),\n  \
                (2, lower('B@example.org'), crypt('y)8-kq', gen_salt('bf')), NULL);\n";
    let shown = redaction().redact_text(text);
    for gone in ["it''s", "x9", "y)8-kq"] {
        assert!(!shown.contains(gone), "{shown}");
    }
    for kept in
        ["(1, 'a@example.org', '[REDACTED", "', 'plain'),", "lower('B@example.org'), crypt('[REDACTED"]
    {
        assert!(shown.contains(kept), "{shown}");
    }
    let rows =
        "COPY users (id, secret, name) FROM stdin;\n1\tQk4-xx8\tAda\n2\t\\N\tBob\n\\.\n3\tnot-one\tx\n";
    let shown = redaction().redact_text(rows);
    assert!(
        !shown.contains("Qk4-xx8") && shown.contains("\tAda\n2\t\\N\tBob\n\\.\n3\tnot-one\tx\n"),
        "{shown}"
    );
}

#[test]
fn what_is_masked_does_not_depend_on_where_a_window_begins() {
    let mut text = String::new();
    for number in 0..12_000 {
        text.push_str(match number % 6 {
            0 => "2026-03-14T02:30:00.123Z INFO api request GET /v1/entries?limit=50 200 12ms\n",
            1 => "{\"level\":30,\"reqId\":\"9f2c1e7a-0b1d-4c3e-8f5a-6b7c8d9e0f1a\",\"msg\":\"request completed\"}\n",
            2 => "sha256:0f3e9c1d2b4a5968778695a4b3c2d1e0ff1e2d3c4b5a69788796a5b4c3d2e1f0 pulled\n",
            3 => "POSTGRES_PASSWORD=Vq7-notReal-Zk31xB password: Xk2-81mm\n",
            4 => "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7 key xYz93KfQ0pLmW28RtVbN4cHd\n",
            _ => "checkpoint complete: wrote 42 buffers (0.3%)\n",
        });
    }
    let mut shown = Vec::new();
    redaction().redact(&mut Cursor::new(text.as_bytes()), &mut shown).expect("a text");
    let shown = String::from_utf8(shown).expect("UTF-8");
    let lines: Vec<&str> = shown.lines().collect();
    for (number, line) in lines.iter().enumerate().skip(6) {
        assert_eq!(*line, lines[number % 6], "line {number}");
    }
    assert!(lines[0].starts_with("2026-") && !lines[4].contains("xYz93"), "{:?}", &lines[..6]);
}

#[test]
fn a_page_of_the_environment_is_redacted_twice_as_it_is_once() {
    for value in [
        "1234567890123456",
        "00112233445566778899aabbccddeeff",
        "Zk31Vq7notRealXbLm20",
        "TUM0Q0FRQXdCUVlESzJWd0JDSUVJTm90UmVhbA==",
        "postgres://app:Lm3-xx91@db:5432/ledger",
        "not real: $ and % and more",
    ] {
        let page = redaction().environment_page(&format!("VAULT_SIGNING_KEY={value}\n"));
        let shown = &page[0].text;
        assert!(!shown.contains(value), "{shown}");
        assert_eq!(redaction().redact_text(shown), *shown);
    }
}
