//! A receipt as it arrives: signed and chained by its sender, checked here only for what makes it storable.

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A receipt to store, with the bytes that came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) chain_id: String,
    pub(crate) sequence: i64,
    /// SHA-256 of the body, `sha256:` and hex.
    pub(crate) hash: String,
    pub(crate) body: Vec<u8>,
}

/// Why a body is no receipt. The sender should not try again.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("request body is empty")]
    Empty,
    #[error("malformed receipt: invalid JSON")]
    Malformed(String),
    #[error("request body must contain exactly one JSON object")]
    TrailingData,
    /// What is missing, and the id of the receipt, if it has one.
    #[error("{missing} is required")]
    Incomplete { missing: &'static str, id: String },
}

/// What is looked at; everything else in a receipt is its sender's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct View {
    id: String,
    #[serde(rename = "credentialSubject")]
    subject: Subject,
    proof: Proof,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subject {
    chain: Chain,
    action: Action,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chain {
    chain_id: String,
    sequence: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Action {
    r#type: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Proof {
    #[serde(rename = "proofValue")]
    value: String,
}

impl Receipt {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Rejection> {
        if body.is_empty() {
            return Err(Rejection::Empty);
        }
        let mut read = serde_json::Deserializer::from_slice(body);
        let view = View::deserialize(&mut read).map_err(|error| Rejection::Malformed(error.to_string()))?;
        read.end().map_err(|_| Rejection::TrailingData)?;
        let required = [
            (&view.id, "receipt id"),
            (&view.subject.chain.chain_id, "credentialSubject.chain.chain_id"),
            (&view.subject.action.r#type, "credentialSubject.action.type"),
            (&view.proof.value, "proof.proofValue"),
        ];
        let missing = required.into_iter().find(|(value, _)| value.is_empty()).map(|(_, name)| name);
        if let Some(missing) = missing {
            return Err(Rejection::Incomplete { missing, id: view.id });
        }
        Ok(Self {
            id: view.id,
            chain_id: view.subject.chain.chain_id,
            sequence: view.subject.chain.sequence,
            hash: format!("sha256:{}", hex::encode(Sha256::digest(body))),
            body: body.to_owned(),
        })
    }
}

#[cfg(test)]
impl Receipt {
    /// A receipt that a sender could have sent.
    pub(crate) fn for_tests(id: &str, sequence: i64) -> Self {
        let body = format!(
            r#"{{"id":"{id}","credentialSubject":{{"chain":{{"chain_id":"c1","sequence":{sequence}}},"action":{{"type":"t"}}}},"proof":{{"proofValue":"z"}}}}"#
        );
        Self::parse(body.as_bytes()).expect("a receipt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_kept_byte_by_byte() {
        let body = b" {\"id\": \"urn:receipt:1\", \"extra\": 1.0, \"credentialSubject\": {\"chain\": {\"chain_id\": \"c\",\n \
            \"sequence\": 7}, \"action\": {\"type\": \"t\"}}, \"proof\": {\"proofValue\": \"z\"}} \n";
        let receipt = Receipt::parse(body).expect("a receipt");
        assert_eq!(receipt.body, body);
        assert_eq!((receipt.chain_id.as_str(), receipt.sequence), ("c", 7));
        assert_eq!(receipt.hash.len(), "sha256:".len() + 64);
    }

    #[test]
    fn what_is_no_receipt_is_told_apart() {
        assert_eq!(Receipt::parse(b""), Err(Rejection::Empty));
        assert!(matches!(Receipt::parse(b"{"), Err(Rejection::Malformed(_))));
        assert!(matches!(Receipt::parse(b"[1]"), Err(Rejection::Malformed(_))));
        assert!(matches!(Receipt::parse(br#"{"id":7}"#), Err(Rejection::Malformed(_))));
        let whole = Receipt::for_tests("urn:receipt:1", 1).body;
        assert_eq!(Receipt::parse(&[whole.as_slice(), b"{}"].concat()), Err(Rejection::TrailingData));
    }

    #[test]
    fn the_first_field_that_is_missing_is_named() {
        let incomplete = |body: &str| Receipt::parse(body.as_bytes()).expect_err("incomplete").to_string();
        assert_eq!(incomplete("{}"), "receipt id is required");
        assert_eq!(incomplete(r#"{"id":"a"}"#), "credentialSubject.chain.chain_id is required");
        let chained = r#"{"id":"a","credentialSubject":{"chain":{"chain_id":"c"},"action":{"type":"t"}}}"#;
        assert_eq!(incomplete(chained), "proof.proofValue is required");
    }
}
