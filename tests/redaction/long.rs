//! Rows far behind the list of their columns.

use super::{redacted, redaction};

/// Some megabytes of them: windows of a text are smaller.
const ROWS: usize = 30_000;

fn password(row: usize) -> String {
    format!("plainword{}", row * 7919 % 1_000_003)
}

fn rows(row: impl Fn(usize) -> String, between: &str) -> String {
    (0..ROWS).map(row).collect::<Vec<_>>().join(between)
}

#[test]
fn rows_are_judged_by_their_columns_however_many_there_are() {
    let tuple = |row: usize| format!("({row}, 'u{row}@example.org', '{}', 'a VALUES note')", password(row));
    let line = |row: usize| format!("{row}\tu{row}@example.org\t{}\ta plain note", password(row));
    let columns = "(id, email, password, note)";
    for text in [
        format!("INSERT INTO public.users {columns} VALUES\n{};\n", rows(tuple, ",\n")),
        format!("INSERT INTO public.users {columns} VALUES {};\n", rows(tuple, ", ")),
        format!("COPY public.users {columns} FROM stdin;\n{}\n\\.\n", rows(line, "\n")),
    ] {
        let behind = "COPY public.notes (id, note) FROM stdin;\n1\tplainword-1\n\\.\n";
        let shown = redacted(&redaction(""), format!("{text}{behind}").as_bytes());
        let left = shown.matches("plainword").count();
        assert_eq!(left, 1, "of {ROWS}, and one that is none: {}", &shown[..400]);
        assert_eq!(shown.matches("note").count(), text.matches("note").count() + 2);
        assert!(shown.ends_with(behind), "what is no password stays");
    }
}
