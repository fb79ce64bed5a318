//! Places in a text that are to be masked, and the rules that find them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A stretch of bytes that is to be masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) range: Range<usize>,
    pub(super) rule: Rule,
    /// The secret's fingerprint, if it is a known one: the same in whatever form it stands here.
    pub(super) token: Option<Arc<str>>,
    /// What ends it, if the end was not yet to be seen.
    pub(super) open: Option<End>,
}

/// What found a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// A secret that was known, by the name of its variable.
    Known(Arc<str>),
    /// Where it stands.
    Structure(&'static str),
    /// A line of an environment file.
    Variable(Arc<str>),
    /// What it looks like.
    Pattern(&'static str),
    /// That it looks like nothing at all.
    Entropy,
}

/// What ends a value that goes on beyond what can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// White space, or a quote.
    Blank,
    /// This quote.
    Quote(u8),
}

impl Place {
    pub(super) fn new(range: Range<usize>, rule: Rule) -> Self {
        Self { range, rule, token: None, open: None }
    }

    pub(super) fn structure(range: Range<usize>, name: &'static str) -> Self {
        Self::new(range, Rule::Structure(name))
    }

    pub(super) fn pattern(range: Range<usize>, name: &'static str) -> Self {
        Self::new(range, Rule::Pattern(name))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => write!(formatter, "known:{name}"),
            Self::Structure(name) => write!(formatter, "structure:{name}"),
            Self::Variable(name) => write!(formatter, "variable:{name}"),
            Self::Pattern(name) => write!(formatter, "pattern:{name}"),
            Self::Entropy => formatter.write_str("entropy"),
        }
    }
}

/// Brings places into order, and makes one of those that overlap: what is left of one behind another would be most of
/// it. It bears the name of the one that is known, else of the first.
pub(super) fn merged(mut places: Vec<Place>) -> Vec<Place> {
    places.retain(|place| !place.range.is_empty());
    places.sort_by(|one, other| {
        one.range
            .start
            .cmp(&other.range.start)
            .then(other.range.end.cmp(&one.range.end))
            .then(one.rule.cmp(&other.rule))
    });
    let mut result: Vec<Place> = Vec::with_capacity(places.len());
    for place in places {
        match result.last_mut() {
            Some(last) if place.range.start < last.range.end => take_in(last, place),
            _ => result.push(place),
        }
    }
    result
}

/// A stretch of a text without what is in places.
pub(super) fn without(bytes: &[u8], range: Range<usize>, places: &[Place]) -> String {
    let mut kept = Vec::with_capacity(range.len());
    let mut from = range.start;
    for place in places.iter().filter(|place| place.range.end > range.start && place.range.start < range.end)
    {
        kept.extend_from_slice(&bytes[from..place.range.start.max(from)]);
        from = place.range.end.min(range.end);
    }
    kept.extend_from_slice(&bytes[from..range.end]);
    String::from_utf8_lossy(&kept).into_owned()
}

fn take_in(last: &mut Place, place: Place) {
    if place.range.end >= last.range.end {
        last.open = place.open.or(last.open.filter(|_| place.range.end == last.range.end));
        last.range.end = place.range.end;
    }
    if place.rule < last.rule {
        last.rule = place.rule;
        last.token = place.token;
    }
}
