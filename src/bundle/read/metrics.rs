//! Metrics in the Prometheus text format.

use super::Bundle;
use crate::bundle::contents::member;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The member that it stands in.
    pub member: String,
    /// The line there.
    pub line: usize,
    /// The service, or the container, that was asked.
    pub service: String,
    /// The metric's name.
    pub name: String,
    /// Its labels as they are written, without the braces.
    pub labels: String,
    /// The value.
    pub value: f64,
}

/// All values of all services.
pub(super) fn read(bundle: &Bundle) -> Vec<Sample> {
    let files = bundle.below(member::METRICS);
    files
        .flat_map(|(path, content)| {
            let service = path.trim_start_matches(member::METRICS).trim_end_matches(".txt");
            content.lines().enumerate().filter_map(move |(index, line)| {
                let (name, labels, value) = sample(line)?;
                Some(Sample {
                    member: path.to_owned(),
                    line: index + 1,
                    service: service.to_owned(),
                    name: name.to_owned(),
                    labels: labels.to_owned(),
                    value,
                })
            })
        })
        .collect()
}

/// `name{label="x"} 1.5 1773453600000`; a label's value may hold anything but an unescaped quote.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let name_end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once('}')?,
        None => ("", rest),
    };
    Some((name, labels, rest.split_whitespace().next()?.parse().ok()?))
}
