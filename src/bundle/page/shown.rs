//! Which lines of which members are shown: all of them where there is room, else those that matter.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::contents::member;
use crate::bundle::findings::Finding;
use crate::bundle::log::Level;
use crate::bundle::read::{Bundle, Content};

/// Most bytes of the page that lines of logs take, all together.
const LOGS: usize = 2_400_000;

/// Most bytes of the page that lines of other members take, all together.
const OTHERS: usize = 1_100_000;

/// Most members that are shown.
const MEMBERS: usize = 200;

/// What a line takes besides its text.
const LINE: usize = 64;

/// Most characters of a line.
pub(super) const LONGEST: usize = 1_500;

/// Members with the lines of each that are shown.
pub(super) struct Shown<'a> {
    pub(super) members: Vec<ShownMember<'a>>,
}

/// A member, and what is shown of it.
pub(super) struct ShownMember<'a> {
    pub(super) path: &'a str,
    pub(super) content: &'a Content,
    /// Numbers of lines, counted from 1.
    pub(super) lines: BTreeSet<usize>,
    /// Levels of the lines that have one.
    pub(super) levels: BTreeMap<usize, Level>,
}

impl<'a> Shown<'a> {
    /// Chooses. Lines that findings rest on always come first.
    pub(super) fn of(bundle: &'a Bundle, findings: &'a [Finding]) -> Self {
        let cited = cited(findings);
        let is_log = |path: &str| path.starts_with(member::LOGS);
        let worth_it = |path: &str| !matches!(path, member::INDEX | member::FINDINGS);
        let (logs, others): (Vec<_>, Vec<_>) = bundle
            .members()
            .filter(|(path, _)| worth_it(path))
            .take(MEMBERS)
            .partition(|(path, _)| is_log(path));
        let budgets = [(&logs, LOGS), (&others, OTHERS)];
        let members = budgets.into_iter().flat_map(|(members, budget)| {
            let budgets = fair(budget, members.iter().map(|(_, content)| content_cost(content)));
            members
                .iter()
                .zip(budgets)
                .map(|((path, content), budget)| {
                    let levels = levels(bundle, path);
                    let cited = cited.get(path).cloned().unwrap_or_default();
                    let lines = lines(content, &cited, &levels, budget);
                    ShownMember { path, content, lines, levels }
                })
                .collect::<Vec<_>>()
        });
        Self { members: members.collect() }
    }
}

/// The lines of each member that findings rest on.
fn cited(findings: &[Finding]) -> BTreeMap<&str, BTreeSet<usize>> {
    let mut cited: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for evidence in findings.iter().flat_map(|finding| &finding.evidence) {
        if let Some(line) = evidence.line {
            cited.entry(&evidence.member).or_default().insert(line);
        }
    }
    cited
}

fn levels(bundle: &Bundle, path: &str) -> BTreeMap<usize, Level> {
    let log = bundle.logs().iter().find(|log| log.member == path);
    let events = log.into_iter().flat_map(|log| &log.events);
    events.filter_map(|event| Some((event.line, event.level?))).collect()
}

/// What each gets: what it asks for where that is little, and an equal part of the rest where it is not.
fn fair(budget: usize, asked: impl Iterator<Item = usize>) -> Vec<usize> {
    let asked: Vec<usize> = asked.collect();
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by_key(|index| asked[*index]);
    let mut left = budget;
    let mut given = vec![0; asked.len()];
    for (done, index) in order.into_iter().enumerate() {
        given[index] = asked[index].min(left / (asked.len() - done));
        left -= given[index];
    }
    given
}

fn content_cost(content: &Content) -> usize {
    content.lines().map(cost).sum()
}

/// The bytes that a line takes on the page, once it is escaped.
fn cost(line: &str) -> usize {
    let shown = line.char_indices().nth(LONGEST).map_or(line, |(end, _)| &line[..end]);
    let escaped = shown.bytes().map(|byte| match byte {
        b'"' => 6,
        b'&' => 5,
        b'<' | b'>' => 4,
        _ => 1,
    });
    LINE + escaped.sum::<usize>()
}

/// All lines, or what is cited, the end, the beginning, and what surrounds errors, the last ones first.
fn lines(
    content: &Content,
    cited: &BTreeSet<usize>,
    levels: &BTreeMap<usize, Level>,
    budget: usize,
) -> BTreeSet<usize> {
    let count = content.line_count();
    if content_cost(content) <= budget {
        return (1..=count).collect();
    }
    let around = |line: usize, reach: usize| line.saturating_sub(reach).max(1)..=(line + reach).min(count);
    let errors = levels.iter().rev().filter(|(_, level)| **level >= Level::Error).map(|(line, _)| *line);
    let wanted = cited
        .iter()
        .copied()
        .chain(cited.iter().flat_map(|line| around(*line, 3)))
        .chain((1..=count).rev().take(200))
        .chain((1..=count).take(40))
        .chain(errors.flat_map(|line| around(line, 3)))
        .chain((1..=count).rev());
    let mut left = budget;
    let mut chosen = BTreeSet::new();
    for line in wanted {
        let cost = content.line(line).map_or(0, cost);
        if cost > left {
            break;
        }
        if chosen.insert(line) {
            left -= cost;
        }
    }
    chosen
}
