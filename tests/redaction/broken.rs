//! Secrets that a line break, a list of numbers or an old alphabet cuts up.

use super::{piece_left, redacted, redaction};

/// Looks like nothing: small letters and digits, as many tokens are.
const SECRET: &str = "q7dnot4real2mzkx81vwnot4realb3c9tfhs6pnot4real5j0gyruae2not4real7ko";

fn left(text: &str) -> Option<String> {
    let shown = redacted(&redaction(""), text.as_bytes());
    let (one, other) = SECRET.split_at(40);
    [one, other].iter().find_map(|part| piece_left(part, &shown)).map(|piece| format!("{piece} in {shown}"))
}

#[test]
fn a_mail_breaks_a_token_where_its_lines_are_full() {
    let (one, other) = SECRET.split_at(40);
    for end in ["\n", "\r\n"] {
        for begin in
            ["Authorization: Bearer ", "The token is token=3D", "https://app.example.org/reset?token=3D"]
        {
            // Quoted-printable breaks lines at 76 characters.
            let filler = "x".repeat(74_usize.saturating_sub(begin.len() + one.len()));
            for filler in [filler + " ", String::new()] {
                let text = format!("Hello{end}{filler}{begin}{one}={end}{other}{end}Thanks{end}");
                assert_eq!(left(&text), None);
                assert!(redacted(&redaction(""), text.as_bytes()).contains("Thanks"));
            }
        }
    }
}

#[test]
fn what_follows_a_token_that_ends_as_base64_does_stays() {
    let text = "token=cTdkbm90NHJlYWwyMQ==\n2026-03-14T02:30:00Z started\npassword=abc=\nlevel info\n";
    let shown = redacted(&redaction(""), text.as_bytes());
    assert!(
        shown.contains("\n2026-03-14T02:30:00Z started\n") && shown.contains("\nlevel info\n"),
        "{shown}"
    );
}

#[test]
fn a_command_goes_on_behind_a_backslash() {
    let (one, other) = SECRET.split_at(40);
    assert_eq!(
        left(&format!("curl -H 'Authorization: Bearer {one}\\\n{other}' https://api.example.org\n")),
        None
    );
}

#[test]
fn the_journal_writes_what_holds_colours_as_numbers() {
    let numbers = |text: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
    let text =
        format!("{{\"MESSAGE\":[{}],\"_PID\":\"12\"}}\n", numbers("\u{1b}[32mpassword=Zk8-notReal-Wq31vB"));
    let shown = redacted(&redaction(""), text.as_bytes());
    assert!(!shown.contains(&numbers("Zk8-notRea")) && shown.contains("\"_PID\":\"12\""), "{shown}");
    let harmless = format!("{{\"MESSAGE\":[{}]}}\n", numbers("\u{1b}[32mstarted"));
    assert_eq!(redacted(&redaction(""), harmless.as_bytes()), harmless);
}

#[test]
fn the_arguments_of_a_command_are_read_as_the_audit_log_writes_them() {
    let text =
        format!("type=PROCTITLE proctitle={}\n", hex::encode_upper("mysql\0-uroot\0-pZk8notRealWq31vB"));
    let shown = redacted(&redaction(""), text.as_bytes());
    assert!(!shown.contains(&hex::encode_upper("Zk8not")), "{shown}");
}

#[test]
fn a_known_secret_is_found_in_octal_numbers() {
    let secret = "Zk8-notReal-Wq31vB";
    let octal = secret.bytes().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat();
    let shown =
        redacted(&redaction(&format!("A_SECRET={secret}\n")), format!("got {octal} here\n").as_bytes());
    assert!(!shown.contains(&octal[16..32]), "{shown}");
}

#[test]
fn a_key_of_twilio_is_known_by_how_it_begins() {
    let key = "SK0123456789abcdef0123456789abcdef";
    assert!(!redacted(&redaction(""), format!("client {key} created\n").as_bytes()).contains("0123456789ab"));
    for harmless in ["TASK0123 done", "SKU SK01234", "SK0123456789abcdef0123456789abcde"] {
        assert_eq!(redacted(&redaction(""), harmless.as_bytes()), harmless);
    }
}
