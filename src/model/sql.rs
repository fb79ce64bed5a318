//! Quoting of what goes into SQL where parameters cannot: names and literals of utility statements.

/// A name as SQL, always quoted.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A schema and a name as SQL.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// A text as SQL that reads the same whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// Settings whose value is a list, and is stored with its elements quoted; the list is `pg_dump`'s own.
const LIST_SETTINGS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// `SET name TO value` from a setting as the catalogue keeps it (`name=value`); `None` if it has no `=`.
pub fn set_clause(setting: &str) -> Option<String> {
    let (name, value) = setting.split_once('=')?;
    let value = if LIST_SETTINGS.contains(&name.to_ascii_lowercase().as_str()) {
        let elements: Vec<String> = list_elements(value).iter().map(|element| literal(element)).collect();
        // An empty list is written as one empty element.
        if elements.is_empty() { "''".to_owned() } else { elements.join(", ") }
    } else {
        literal(value)
    };
    Some(format!("SET {} TO {value}", identifier(name)))
}

/// The elements of a list as the server keeps it: separated by commas, quoted with `"` where needed.
fn list_elements(list: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut element = String::new();
    let mut quoted = false;
    let mut any = false;
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                element.push('"');
            }
            '"' => {
                quoted = !quoted;
                any = true;
            }
            ',' if !quoted => {
                elements.push(std::mem::take(&mut element));
                any = false;
            }
            character if !quoted && character.is_whitespace() => {}
            character => {
                element.push(character);
                any = true;
            }
        }
    }
    if any {
        elements.push(element);
    }
    elements
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(identifier(r#"we"ird"#), r#""we""ird""#);
        assert_eq!(qualified("a.b", "C"), r#""a.b"."C""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }

    #[rstest]
    #[case("work_mem=64MB", r#"SET "work_mem" TO '64MB'"#)]
    #[case("app.tenant=a=b'c", r#"SET "app.tenant" TO 'a=b''c'"#)]
    #[case(r#"search_path="$user", public"#, r#"SET "search_path" TO '$user', 'public'"#)]
    #[case(r#"search_path="we""ird, one""#, r#"SET "search_path" TO 'we"ird, one'"#)]
    #[case(r#"search_path="""#, r#"SET "search_path" TO ''"#)]
    #[case("search_path=", r#"SET "search_path" TO ''"#)]
    fn settings_become_clauses(#[case] setting: &str, #[case] clause: &str) {
        assert_eq!(set_clause(setting).as_deref(), Some(clause));
    }
}
