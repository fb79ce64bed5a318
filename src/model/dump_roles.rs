//! Which roles a dump names, from the definitions that `pg_restore --schema-only` prints.

use std::collections::BTreeSet;

/// The roles that must exist for owners and grants to be restored as they were dumped.
pub fn roles_in_dump(sql: &str) -> BTreeSet<String> {
    let mut roles = BTreeSet::new();
    let mut body: Option<String> = None;
    for line in sql.lines() {
        match &body {
            Some(tag) if line.contains(tag.as_str()) => body = None,
            Some(_) => {}
            None => {
                roles.extend(roles_in_line(line));
                body = opened_body(line);
            }
        }
    }
    roles.remove("PUBLIC");
    roles
}

/// The dollar quote that a line opens and does not close: what follows is the body of a function, not definitions.
fn opened_body(line: &str) -> Option<String> {
    let start = line.find('$')?;
    let length = line[start + 1..].find('$')?;
    let tag = &line[start..start + length + 2];
    let inner = &tag[1..tag.len() - 1];
    let sound = inner.chars().all(|c| c.is_alphanumeric() || c == '_');
    (sound && line.matches(tag).count() % 2 == 1).then(|| tag.to_owned())
}

fn roles_in_line(line: &str) -> Vec<String> {
    let Some(statement) = line.strip_suffix(';') else { return Vec::new() };
    let mut roles = Vec::new();
    if statement.starts_with("ALTER ")
        && let Some((_, owner)) = statement.rsplit_once(" OWNER TO ")
    {
        roles.extend(first_name(owner));
    }
    if let Some(rest) = statement.strip_prefix("ALTER DEFAULT PRIVILEGES FOR ROLE ") {
        roles.extend(first_name(rest));
    }
    if statement.starts_with("GRANT ")
        || statement.contains(" GRANT ")
        || statement.starts_with("CREATE POLICY ")
    {
        roles.extend(statement.rsplit_once(" TO ").and_then(|(_, role)| first_name(role)));
    }
    if statement.starts_with("REVOKE ") || statement.contains(" REVOKE ") {
        roles.extend(statement.rsplit_once(" FROM ").and_then(|(_, role)| first_name(role)));
    }
    roles
}

/// The name at the beginning of a text, without its quotes.
fn first_name(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let name = text.split(|c: char| c.is_whitespace() || c == ',').next()?;
        return (!name.is_empty()).then(|| name.to_owned());
    };
    let mut name = String::new();
    let mut characters = quoted.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => return Some(name),
            other => name.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_grantees_are_found_and_bodies_are_not_searched() {
        let sql = r#"
ALTER TABLE public.records OWNER TO ledger;
CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $_$
GRANT SELECT ON TABLE public.records TO nobody;
$_$;
ALTER FUNCTION public.f() OWNER TO "odd ""role""";
REVOKE ALL ON TABLE public.records FROM writer;
GRANT SELECT,INSERT ON TABLE public.records TO ledger_app WITH GRANT OPTION;
GRANT SELECT ON TABLE public.records TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public GRANT SELECT ON TABLES TO reader;
CREATE POLICY p ON public.records TO tenant USING (true);
COMMENT ON TABLE public.records IS 'OWNER TO the reader';
"#;
        let found = roles_in_dump(sql);
        let expected = ["ledger", "ledger_app", "migrator", "odd \"role\"", "reader", "writer"];
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found[..5], expected[..5]);
        assert_eq!(found[5], "tenant");
        assert_eq!(found[6], "writer");
        assert_eq!(found.len(), 7);
    }
}
