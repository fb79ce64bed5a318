//! How many requests the API refuses, and whether they became more.
//!
//! A container that is made anew counts from zero, so that what is compared is never two counts but two rates, each over a
//! stretch of a few seconds.

use serde::{Deserialize, Serialize};

use crate::profile::RequestCounter;

/// So many more requests than in the same time before may be refused without that being a rise: few are no evidence.
const FEW: f64 = 8.0;

/// So many times as many as before are no rise: clients come and go.
const TIMES: f64 = 2.0;

/// What an instance of the API counted, of requests that did not get what they asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Those whose key was not taken: 401 and 403.
    pub refused: f64,
    /// Those that the API failed to answer: 500 to 599.
    pub failed: f64,
}

/// What was counted in a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// How long it was.
    pub seconds: f64,
    /// What each instance counted in it.
    pub instances: Vec<Counts>,
}

impl Counts {
    /// What the text of an instance's metrics says; `None` where the counter is not in it.
    pub fn in_metrics(text: &str, counter: &RequestCounter) -> Option<Self> {
        let mut samples = text.lines().filter_map(|line| sample(line, counter)).peekable();
        samples.peek()?;
        Some(samples.fold(Self::default(), |counts, (status, value)| match status {
            Some(401 | 403) => Self { refused: counts.refused + value, ..counts },
            Some(500..=599) => Self { failed: counts.failed + value, ..counts },
            _ => counts,
        }))
    }

    /// What was counted since `earlier`: all of it, where the instance began to count anew meanwhile.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        let grown = |now: f64, then: f64| if now < then { now } else { now - then };
        Self { refused: grown(self.refused, earlier.refused), failed: grown(self.failed, earlier.failed) }
    }
}

/// The status and the value of a line, if it is a sample of the counter.
fn sample(line: &str, counter: &RequestCounter) -> Option<(Option<u16>, f64)> {
    let labelled = line.strip_prefix(counter.name.as_str())?.strip_prefix('{')?;
    let (labels, rest) = labels(labelled)?;
    let value = rest.split_ascii_whitespace().next()?.parse::<f64>().ok()?;
    let status = labels.into_iter().find(|(name, _)| *name == counter.status_label)?.1;
    (value.is_finite() && value >= 0.0).then_some((status.parse().ok(), value))
}

/// The labels up to the closing brace, and what follows that. A backslash in a value stands before `\`, `"` or `n`.
fn labels(text: &str) -> Option<(Vec<(&str, &str)>, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((found, behind));
        }
        let (name, value) = rest.split_once("=\"")?;
        let mut escaped = false;
        let end = value.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        })?;
        found.push((name.trim(), &value[..end]));
        rest = &value[end + 1..];
    }
}

impl Stretch {
    /// As a note in the journal.
    pub fn to_note(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a note in the journal, if it is one.
    pub fn from_note(note: &str) -> Option<Self> {
        serde_json::from_str(note).ok()
    }

    /// In what more goes wrong than in a stretch before, in words and numbers; `None` if nothing is more than what comes and
    /// goes. A constant background of wrong keys is in both, and cancels out.
    pub fn risen_since(&self, before: &Self) -> Option<String> {
        let rise = |what: &str, of: fn(&Counts) -> f64| {
            let (then, now) = (before.rate(of), self.rate(of));
            let is_more = now * self.seconds > TIMES * then * self.seconds + FEW;
            is_more.then(|| {
                format!("{what}: {now:.1} a second, and {then:.1} before the containers were made anew")
            })
        };
        let kinds = [
            rise("refuses more keys than before (401, 403)", |counts| counts.refused),
            rise("fails to answer more requests than before (5xx)", |counts| counts.failed),
        ];
        let risen: Vec<String> = kinds.into_iter().flatten().collect();
        (!risen.is_empty()).then(|| risen.join("; it "))
    }

    /// What was counted, for a person.
    pub fn in_words(&self) -> String {
        let (refused, failed) = (self.rate(|counts| counts.refused), self.rate(|counts| counts.failed));
        format!("{refused:.1} refused and {failed:.1} failed a second")
    }

    /// The same of each instance, where there are several.
    pub fn each_in_words(&self) -> Vec<String> {
        let each = self.instances.iter().enumerate().map(|(index, counts)| {
            let alone = Self { seconds: self.seconds, instances: vec![*counts] };
            format!("replica {}: {}", index + 1, alone.in_words())
        });
        each.collect()
    }

    fn rate(&self, of: impl Fn(&Counts) -> f64) -> f64 {
        let counted: f64 = self.instances.iter().map(of).sum();
        if self.seconds > 0.0 { counted / self.seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
