//! API keys: how they look, how they are hashed, and how a hash moves to a new secret.
//!
//! A key is never stored. With `f = SHA-256(key)`, a row holds `HMAC-SHA256(secret, f)` in hex, by which a
//! key is looked up, and `f` *sealed* under the same secret. Without the secret neither is of use; with
//! the old and the new secret, `f` can be unsealed and hashed and sealed anew, which is what a rotation
//! needs when the keys themselves are not known.
//!
//! The seal is encrypt-then-MAC made of HMAC-SHA256 alone: `f` is one block, so the key stream is one HMAC
//! of a fresh 16-byte nonce under a key derived from the secret, and the tag is an HMAC under another one.
//! That is sound for this one purpose and spares a sample product a cipher; it is no general construction.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::store::api_keys::Role;

type HmacSha256 = Hmac<Sha256>;

const NONCE: usize = 16;
const SEAL: usize = NONCE + 32 + 32;

/// SHA-256 of an API key: enough to hash and seal it, not to use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

/// One `API_KEY_SECRET`. Has no `Debug` so that it cannot be logged.
pub(crate) struct Secret(Vec<u8>);

/// The secret that new hashes use, and during a rotation the one before it.
pub(crate) struct Secrets {
    pub(crate) current: Secret,
    pub(crate) previous: Option<Secret>,
}

/// What a row of `api_keys` holds of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredKey {
    /// `HMAC-SHA256(secret, fingerprint)`, hex.
    pub(crate) hash: String,
    /// The sealed fingerprint, hex.
    pub(crate) seal: String,
    /// Which secret both are under; see [`Secret::id`].
    pub(crate) secret_id: String,
}

/// The seal was not made with this secret, or has been changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored API key does not match its secret")]
pub(crate) struct BrokenSeal;

/// A new random key for `role`, 256 bits of it random.
pub(crate) fn generate(role: Role) -> Result<String, getrandom::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    Ok(format!("ldg_{}_{}", role.name(), URL_SAFE_NO_PAD.encode(random)))
}

impl Fingerprint {
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl Secrets {
    pub(crate) fn new(current: &str, previous: Option<&str>) -> Self {
        let secret = |text: &str| Secret(text.as_bytes().to_vec());
        Self { current: secret(current), previous: previous.map(secret) }
    }

    /// The hashes that a key may be stored under, the current one first.
    pub(crate) fn hashes(&self, fingerprint: Fingerprint) -> Vec<String> {
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .map(|secret| secret.hash(fingerprint))
            .collect()
    }
}

impl Secret {
    /// Tells secrets apart without telling anything of them: 12 hex digits of an HMAC.
    pub(crate) fn id(&self) -> String {
        let mut id = hex::encode(self.mac(b"ledger/secret-id", &[]));
        id.truncate(12);
        id
    }

    pub(crate) fn store(&self, fingerprint: Fingerprint) -> Result<StoredKey, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        Ok(StoredKey {
            hash: self.hash(fingerprint),
            seal: hex::encode(self.seal(fingerprint, nonce)),
            secret_id: self.id(),
        })
    }

    /// Recovers the fingerprint of a row that is under this secret.
    pub(crate) fn unseal(&self, stored: &StoredKey) -> Result<Fingerprint, BrokenSeal> {
        let sealed: [u8; SEAL] =
            hex::decode(&stored.seal).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(BrokenSeal)?;
        let (body, tag) = sealed.split_at(NONCE + 32);
        self.keyed(b"ledger/seal-tag", &[body]).verify_slice(tag).map_err(|_| BrokenSeal)?;
        let (nonce, hidden) = body.split_at(NONCE);
        let mut fingerprint = self.mac(b"ledger/seal-stream", &[nonce]);
        fingerprint.iter_mut().zip(hidden).for_each(|(byte, hidden)| *byte ^= hidden);
        let fingerprint = Fingerprint(fingerprint);
        // A seal moved here from another row has a good tag and another hash.
        if self.hash(fingerprint) == stored.hash { Ok(fingerprint) } else { Err(BrokenSeal) }
    }

    fn hash(&self, fingerprint: Fingerprint) -> String {
        hex::encode(hmac(&self.0, &[&fingerprint.0]).finalize().into_bytes())
    }

    fn seal(&self, fingerprint: Fingerprint, nonce: [u8; NONCE]) -> Vec<u8> {
        let stream = self.mac(b"ledger/seal-stream", &[&nonce]);
        let mut sealed = nonce.to_vec();
        sealed.extend(fingerprint.0.iter().zip(stream).map(|(byte, stream)| byte ^ stream));
        let tag = self.mac(b"ledger/seal-tag", &[&sealed]);
        sealed.extend(tag);
        sealed
    }

    fn mac(&self, purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        self.keyed(purpose, parts).finalize().into_bytes().into()
    }

    /// An HMAC under a key derived from the secret for one purpose, so that no output serves another.
    fn keyed(&self, purpose: &[u8], parts: &[&[u8]]) -> HmacSha256 {
        hmac(&hmac(&self.0, &[purpose]).finalize().into_bytes(), parts)
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> HmacSha256 {
    let mut mac = HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(secret: &Secret, key: &str) -> StoredKey {
        secret.store(Fingerprint::of(key)).expect("randomness")
    }

    #[test]
    fn the_hash_is_an_hmac_sha256_of_the_fingerprint_in_hex() {
        let secrets = Secrets::new("a secret of some length", None);
        // printf %s KEY | openssl dgst -sha256 -binary | openssl dgst -sha256 -hmac "a secret of some length"
        assert_eq!(secrets.current.hash(Fingerprint::of("ldg_agent_x")), HASH_BY_OPENSSL);
    }

    #[test]
    fn a_key_is_found_under_either_secret_only_while_both_are_there() {
        let old = Secrets::new("the secret of yesterday", None);
        let both = Secrets::new("the secret of today", Some("the secret of yesterday"));
        let new = Secrets::new("the secret of today", None);
        let row = stored(&old.current, "key");
        assert!(both.hashes(Fingerprint::of("key")).contains(&row.hash));
        assert!(!new.hashes(Fingerprint::of("key")).contains(&row.hash));
    }

    #[test]
    fn a_row_moves_to_another_secret_without_the_key() {
        let (old, new) = (Secret(b"yesterday".to_vec()), Secret(b"today".to_vec()));
        let moved = new.store(old.unseal(&stored(&old, "key")).expect("unsealed")).expect("randomness");
        assert_eq!(moved.hash, new.hash(Fingerprint::of("key")));
        assert_eq!(moved.secret_id, new.id());
        assert_ne!(new.id(), old.id());
    }

    #[test]
    fn a_seal_of_another_secret_or_row_or_a_changed_one_is_refused() {
        let (old, new) = (Secret(b"yesterday".to_vec()), Secret(b"today".to_vec()));
        let row = stored(&old, "key");
        assert_eq!(new.unseal(&row).err(), Some(BrokenSeal));
        let transplanted = StoredKey { seal: stored(&old, "other").seal, ..row.clone() };
        assert_eq!(old.unseal(&transplanted).err(), Some(BrokenSeal));
        let mut bytes = hex::decode(&row.seal).expect("hex");
        bytes[20] ^= 1;
        assert_eq!(old.unseal(&StoredKey { seal: hex::encode(bytes), ..row }).err(), Some(BrokenSeal));
    }

    #[test]
    fn generated_keys_name_their_role_and_differ() {
        let (one, two) = (generate(Role::Agent).expect("random"), generate(Role::Agent).expect("random"));
        assert!(one.starts_with("ldg_agent_") && one.len() == 53, "{one}");
        assert_ne!(one, two);
    }

    const HASH_BY_OPENSSL: &str = "8fc5ae073978f76df8cc941190e2419aa6749043e5a7d91d518d3a4b56a0b608";
}
