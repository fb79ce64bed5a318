//! Names of places on the page.

use std::collections::BTreeMap;

use super::shown::{Shown, ShownMember};

/// Where members and their lines are.
pub(super) struct Anchors<'a> {
    members: BTreeMap<&'a str, (usize, &'a ShownMember<'a>)>,
}

impl<'a> Anchors<'a> {
    pub(super) fn of(shown: &'a Shown<'_>) -> Self {
        Self {
            members: shown
                .members
                .iter()
                .enumerate()
                .map(|(index, shown)| (shown.path, (index, shown)))
                .collect(),
        }
    }

    /// The name of a member's place.
    pub(super) fn member(&self, path: &str) -> Option<String> {
        self.members.get(path).map(|(index, _)| format!("m{index}"))
    }

    /// A link to a line; to its member where the line is not shown, and to the file beside the page where that is not.
    pub(super) fn link(&self, path: &str, line: Option<usize>) -> String {
        match (self.members.get(path), line) {
            (Some((index, shown)), Some(line)) if shown.lines.contains(&line) => format!("#m{index}-{line}"),
            (Some((index, _)), _) => format!("#m{index}"),
            (None, _) => beside(path),
        }
    }
}

/// A link to the file beside the page. What could be taken for a protocol, a host or a query is escaped.
pub(super) fn beside(path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    format!("./{}", utf8_percent_encode(path, SEGMENT))
}
