//! One chain: its canonical form, its hashes, and how a broken one is told.
//!
//! The hash of an entry is SHA-256 over these lines, each ended by a line feed: `ledger-vault-1`, record id,
//! position (from 1), event, SHA-256 of the body in hex, hash of the entry before (64 zeros for the first),
//! microseconds since the Unix epoch, key id. The signature is over that hash, as the 32 bytes it is.

use std::collections::HashMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::signing::{Signer, Verifier};

/// The public keys by key id.
pub(crate) type Keys = HashMap<String, Verifier>;

/// What an entry is about, before it has its place in a chain.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) record_id: String,
    pub(crate) event: String,
    /// JSON text; hashed and stored byte for byte.
    pub(crate) body: String,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
}

/// The last entry of a chain, or what stands for it before the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) position: i32,
    pub(crate) hash: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) record_id: String,
    pub(crate) position: i32,
    pub(crate) event: String,
    pub(crate) body: String,
    pub(crate) previous_hash: String,
    pub(crate) hash: String,
    /// Base64 of 64 bytes.
    pub(crate) signature: String,
    pub(crate) key_id: String,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
}

/// Why a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Breach {
    /// An entry is missing, or there are more than the record knows of.
    Gap,
    /// An entry does not name the hash of the one before.
    Link,
    /// An entry is not what it was when it was hashed.
    Hash,
    /// The key that signed is not known.
    UnknownKey,
    /// The signature does not fit.
    Signature,
    /// The record's payload is not the one that its first entry holds.
    Payload,
}

impl Tip {
    pub(crate) fn origin() -> Self {
        Self { position: 0, hash: "0".repeat(64) }
    }
}

impl Entry {
    /// Puts `draft` behind `tip`, hashed and signed.
    pub(crate) fn seal(draft: Draft, tip: &Tip, signer: &Signer) -> Self {
        let mut entry = Self {
            record_id: draft.record_id,
            position: tip.position + 1,
            event: draft.event,
            body: draft.body,
            previous_hash: tip.hash.clone(),
            hash: String::new(),
            signature: String::new(),
            key_id: signer.key_id.clone(),
            created_at: draft.created_at,
        };
        let digest = entry.digest();
        entry.hash = hex::encode(digest);
        entry.signature = signer.sign(&digest);
        entry
    }

    /// Checks this entry as the one that follows `tip`.
    pub(crate) fn follows(&self, tip: &Tip, keys: &Keys) -> Result<Tip, Breach> {
        if self.position != tip.position + 1 {
            return Err(Breach::Gap);
        }
        if self.previous_hash != tip.hash {
            return Err(Breach::Link);
        }
        let digest = self.digest();
        if self.hash != hex::encode(digest) {
            return Err(Breach::Hash);
        }
        let verifier = keys.get(&self.key_id).ok_or(Breach::UnknownKey)?;
        if !verifier.accepts(&digest, &self.signature) {
            return Err(Breach::Signature);
        }
        Ok(Tip { position: self.position, hash: self.hash.clone() })
    }

    fn digest(&self) -> [u8; 32] {
        let body = hex::encode(Sha256::digest(&self.body));
        let canonical = format!(
            "ledger-vault-1\n{}\n{}\n{}\n{body}\n{}\n{}\n{}\n",
            self.record_id, self.position, self.event, self.previous_hash, self.created_at, self.key_id
        );
        Sha256::digest(canonical).into()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vault::signing;

    pub(in crate::vault) fn signer() -> Signer {
        Signer::parse(&signing::generate().expect("randomness")).expect("a key")
    }

    pub(in crate::vault) fn keys(signer: &Signer) -> Keys {
        let verifier = Verifier::parse(&signer.public_key()).expect("a key");
        Keys::from([(signer.key_id.clone(), verifier)])
    }

    pub(in crate::vault) fn chain(record_id: &str, length: i32, signer: &Signer) -> Vec<Entry> {
        let mut tip = Tip::origin();
        (0..length)
            .map(|index| {
                let draft = Draft {
                    record_id: record_id.into(),
                    event: "created".into(),
                    body: format!(r#"{{"n":{index}}}"#),
                    created_at: 1_700_000_000_000_000,
                };
                let entry = Entry::seal(draft, &tip, signer);
                tip = Tip { position: entry.position, hash: entry.hash.clone() };
                entry
            })
            .collect()
    }

    fn walk(entries: &[Entry], keys: &Keys) -> Result<Tip, Breach> {
        entries.iter().try_fold(Tip::origin(), |tip, entry| entry.follows(&tip, keys))
    }

    #[test]
    fn a_chain_verifies_to_its_end() {
        let signer = signer();
        let tip = walk(&chain("r", 3, &signer), &keys(&signer)).expect("whole");
        assert_eq!(tip.position, 3);
    }

    #[test]
    fn each_field_is_covered_by_the_hash() {
        let signer = signer();
        let whole = chain("r", 1, &signer).remove(0);
        let changed = [
            Entry { record_id: "s".into(), ..whole.clone() },
            Entry { event: "deleted".into(), ..whole.clone() },
            Entry { body: r#"{"n":1}"#.into(), ..whole.clone() },
            Entry { created_at: whole.created_at + 1, ..whole.clone() },
            Entry { key_id: "other".into(), ..whole.clone() },
        ];
        for entry in changed {
            assert_eq!(walk(&[entry], &keys(&signer)), Err(Breach::Hash));
        }
    }

    #[test]
    fn a_chain_rewritten_with_another_key_is_found_out() {
        let (owner, stranger) = (signer(), signer());
        let forged = chain("r", 2, &stranger);
        assert_eq!(walk(&forged, &keys(&owner)), Err(Breach::UnknownKey));
        let passed_off = Keys::from([(stranger.key_id.clone(), keys(&owner)[&owner.key_id].clone())]);
        assert_eq!(walk(&forged, &passed_off), Err(Breach::Signature));
    }

    #[test]
    fn missing_and_foreign_entries_are_found() {
        let signer = signer();
        let mut entries = chain("r", 3, &signer);
        let removed = entries.remove(1);
        assert_eq!(walk(&entries, &keys(&signer)), Err(Breach::Gap));
        entries.insert(1, Entry { previous_hash: "f".repeat(64), ..removed });
        assert_eq!(walk(&entries, &keys(&signer)), Err(Breach::Link));
    }
}
