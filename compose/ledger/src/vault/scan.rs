//! A walk over all chains, fed with entries in the order of record and position.

use serde::Serialize;

use super::chain::{Breach, Entry, Keys, Tip};

/// An entry with what its record says of the whole chain.
pub(crate) struct Link {
    pub(crate) entry: Entry,
    /// How many entries the record has.
    pub(crate) expected: i32,
    /// Whether the record's payload is the one in this entry; only the first entry of a chain holds one.
    pub(crate) payload_matches: bool,
}

/// One broken chain and the first thing wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokenChain {
    pub(crate) record_id: String,
    /// Where the chain stops to be sound: the position of the first entry that is not, or is missing.
    pub(crate) position: i32,
    pub(crate) breach: Breach,
}

/// What a scan has found so far; chains are counted when they have been walked to their end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Findings {
    pub(crate) checked: u64,
    pub(crate) entries: u64,
    pub(crate) broken_chains: Vec<BrokenChain>,
}

/// The state of a walk.
pub(crate) struct Walk {
    keys: Keys,
    current: Option<Current>,
    findings: Findings,
}

struct Current {
    record_id: String,
    expected: i32,
    tip: Result<Tip, ()>,
}

impl Walk {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys, current: None, findings: Findings::default() }
    }

    pub(crate) fn visit(&mut self, link: &Link) {
        if self.current.as_ref().is_none_or(|current| current.record_id != link.entry.record_id) {
            self.end_chain();
            self.current = Some(Current {
                record_id: link.entry.record_id.clone(),
                expected: link.expected,
                tip: Ok(Tip::origin()),
            });
        }
        self.findings.entries += 1;
        let Some(current) = &mut self.current else { return };
        // Behind a breach nothing can be said of the rest of the chain.
        let Ok(tip) = &current.tip else { return };
        let position = tip.position + 1;
        let outcome = link
            .entry
            .follows(tip, &self.keys)
            .and_then(|tip| if link.payload_matches { Ok(tip) } else { Err(Breach::Payload) });
        current.tip = outcome.map_err(|breach| {
            let record_id = link.entry.record_id.clone();
            self.findings.broken_chains.push(BrokenChain { record_id, position, breach });
        });
    }

    /// Counts a record that has no entries at all.
    pub(crate) fn visit_empty(&mut self, record_id: String) {
        self.end_chain();
        self.findings.checked += 1;
        self.findings.broken_chains.push(BrokenChain { record_id, position: 1, breach: Breach::Gap });
    }

    /// What has been found up to here.
    pub(crate) fn so_far(&self) -> Findings {
        self.findings.clone()
    }

    pub(crate) fn finish(mut self) -> Findings {
        self.end_chain();
        self.findings
    }

    fn end_chain(&mut self) {
        let Some(current) = self.current.take() else { return };
        self.findings.checked += 1;
        if let Ok(tip) = current.tip
            && tip.position != current.expected
        {
            let position = tip.position.min(current.expected) + 1;
            let record_id = current.record_id;
            self.findings.broken_chains.push(BrokenChain { record_id, position, breach: Breach::Gap });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::chain::tests::{chain, keys, signer},
        *,
    };

    fn visit(walk: &mut Walk, links: &[Link]) {
        for link in links {
            walk.visit(link);
        }
    }

    fn links(entries: Vec<Entry>, expected: i32) -> Vec<Link> {
        entries.into_iter().map(|entry| Link { entry, expected, payload_matches: true }).collect()
    }

    #[test]
    fn sound_chains_are_counted_and_nothing_is_reported() {
        let signer = signer();
        let mut walk = Walk::new(keys(&signer));
        visit(&mut walk, &links(chain("a", 2, &signer), 2));
        visit(&mut walk, &links(chain("b", 1, &signer), 1));
        assert_eq!(walk.so_far().checked, 1);
        assert_eq!(walk.finish(), Findings { checked: 2, entries: 3, broken_chains: vec![] });
    }

    #[test]
    fn a_cut_tail_an_empty_chain_and_a_changed_payload_are_reported_once_each() {
        let signer = signer();
        let mut walk = Walk::new(keys(&signer));
        visit(&mut walk, &links(chain("cut", 2, &signer), 3));
        walk.visit_empty("empty".into());
        let mut changed = links(chain("payload", 2, &signer), 2);
        changed[0].payload_matches = false;
        visit(&mut walk, &changed);
        let broken =
            |record_id: &str, position, breach| BrokenChain { record_id: record_id.into(), position, breach };
        let findings = walk.finish();
        assert_eq!(findings.checked, 3);
        assert_eq!(
            findings.broken_chains,
            [
                broken("cut", 3, Breach::Gap),
                broken("empty", 1, Breach::Gap),
                broken("payload", 1, Breach::Payload)
            ]
        );
    }
}
