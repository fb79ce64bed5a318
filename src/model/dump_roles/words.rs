//! SQL as `pg_dump` writes it, taken apart into words; what is quoted as text is left out.

/// A word or a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A keyword, a number, or a name that needs no quotes.
    Plain(&'a str),
    /// A name in quotes, without them.
    Quoted(String),
    /// Anything else.
    Mark(char),
}

/// The words of some SQL.
pub(super) fn words(sql: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            let after = &rest[first.len_utf8()..];
            match first {
                '"' => {
                    let name;
                    (name, rest) = quoted(after)?;
                    return Some(Word::Quoted(name));
                }
                '\'' => rest = behind_text(after, Backslash::Plain),
                'E' if after.starts_with('\'') => rest = behind_text(&after[1..], Backslash::Escapes),
                '-' if after.starts_with('-') => rest = behind(after, "\n"),
                '$' if dollar_tag(rest).is_some() => {
                    let tag = dollar_tag(rest)?;
                    rest = behind(&rest[tag.len()..], tag);
                }
                _ if first.is_whitespace() => rest = after,
                _ if is_of_a_word(first) => {
                    let end = rest.find(|c: char| !is_of_a_word(c) && c != '$').unwrap_or(rest.len());
                    let (word, after) = rest.split_at(end);
                    rest = after;
                    return Some(Word::Plain(word));
                }
                mark => {
                    rest = after;
                    return Some(Word::Mark(mark));
                }
            }
        }
    })
}

fn is_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A name up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Plain,
    Escapes,
}

/// What follows a text's closing quote.
fn behind_text(text: &str, backslash: Backslash) -> &str {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        let after = &text[index + character.len_utf8()..];
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = backslash == Backslash::Escapes,
            '\'' if after.starts_with('\'') => escaped = true,
            '\'' => return after,
            _ => {}
        }
    }
    ""
}

/// The tag that a dollar quote begins with, as in `$_$`.
fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let length = inner.find('$')?;
    let name = &inner[..length];
    let sound = name.chars().all(is_of_a_word) && !name.starts_with(|c: char| c.is_ascii_digit());
    sound.then(|| &text[..length + 2])
}

fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_bodies_and_comments_are_left_out() {
        let told = |sql: &str| {
            words(sql)
                .map(|word| match word {
                    Word::Plain(word) => word.to_owned(),
                    Word::Quoted(name) => format!("<{name}>"),
                    Word::Mark(mark) => mark.to_string(),
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (sql, expected) in [
            ("GRANT a(b) TO c;", "GRANT a ( b ) TO c ;"),
            (r#"TO "a ""b"" -- 'c'" d"#, r#"TO <a "b" -- 'c'> d"#),
            ("a 'b''c' d", "a d"),
            (r"a 'b\' d E'e\'f''g\'' h", "a d h"),
            ("a $$b$$ c $x$ d $$ e $x$ f $1 g", "a c f $ 1 g"),
            ("a -- b 'c\nd - e", "a d - e"),
            ("a$b$c d", "a$b$c d"),
            ("été ÉTÉ", "été ÉTÉ"),
            ("a 'b", "a"),
            ("a \"b", "a"),
            ("", ""),
        ] {
            assert_eq!(told(sql), expected, "{sql}");
        }
    }
}
