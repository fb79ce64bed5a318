//! Ed25519 keys: the one that signs new entries, and the public ones that old entries were signed with.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes},
};
use sha2::{Digest, Sha256};

/// As stored in `vault_signing_keys.algorithm`.
pub(crate) const ALGORITHM: &str = "Ed25519";

/// The key of `VAULT_SIGNING_KEY`. Has no `Debug` so that it cannot be logged.
pub(crate) struct Signer {
    key: SigningKey,
    /// First 16 hex digits of the SHA-256 of the public key.
    pub(crate) key_id: String,
}

/// A public key from `vault_signing_keys`.
#[derive(Debug, Clone)]
pub(crate) struct Verifier(VerifyingKey);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("it is neither base64 of a PKCS#8 document nor PEM")]
    Encoding,
    #[error("it is not an Ed25519 private key in PKCS#8 form")]
    NotEd25519,
}

impl Signer {
    /// Accepts base64 of PKCS#8 DER, or PEM, in which line breaks may be written as `\n`.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let key = if text.starts_with("-----BEGIN") {
            SigningKey::from_pkcs8_pem(text.replace("\\n", "\n").trim()).map_err(|_| KeyError::NotEd25519)?
        } else {
            let joined: String = text.split_ascii_whitespace().collect();
            let der = STANDARD.decode(joined).map_err(|_| KeyError::Encoding)?;
            SigningKey::from_pkcs8_der(&der).map_err(|_| KeyError::NotEd25519)?
        };
        let mut key_id = hex::encode(Sha256::digest(key.verifying_key().as_bytes()));
        key_id.truncate(16);
        Ok(Self { key, key_id })
    }

    /// The public key as base64 of its 32 bytes.
    pub(crate) fn public_key(&self) -> String {
        STANDARD.encode(self.key.verifying_key().as_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.key.sign(message).to_bytes())
    }
}

impl Verifier {
    /// Reads what [`Signer::public_key`] wrote.
    pub(crate) fn parse(public_key: &str) -> Option<Self> {
        let bytes: [u8; 32] = STANDARD.decode(public_key).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    pub(crate) fn accepts(&self, message: &[u8], signature: &str) -> bool {
        STANDARD
            .decode(signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .is_some_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// A new private key in the form of `VAULT_SIGNING_KEY`: base64 of PKCS#8 version 1.
///
/// Version 2, which adds the public key, is refused by OpenSSL 3.0 and Node 20.
pub(crate) fn generate() -> Result<String, getrandom::Error> {
    let mut secret_key = [0; 32];
    getrandom::fill(&mut secret_key)?;
    let document = KeypairBytes { secret_key, public_key: None }.to_pkcs8_der();
    Ok(STANDARD.encode(document.expect("32 bytes always encode").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Both were written by `openssl genpkey -algorithm ed25519` and are one key.
    const DER: &str = "MC4CAQAwBQYDK2VwBCIEIJRrhCZlG2OKSzmOQC8/p0o24E3mNP0usXiOokVpm/iL";

    #[test]
    fn keys_of_openssl_are_read_in_each_form() {
        let id = |text: &str| Signer::parse(text).map(|signer| signer.key_id);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{DER}\n-----END PRIVATE KEY-----\n");
        let expected = id(DER).expect("base64 of DER");
        assert_eq!(id(&pem).as_ref(), Ok(&expected));
        assert_eq!(id(&pem.replace('\n', "\\n")).as_ref(), Ok(&expected));
    }

    #[test]
    fn generated_keys_are_pkcs8_version_1_and_usable() {
        let text = generate().expect("randomness");
        let der = STANDARD.decode(&text).expect("base64");
        assert_eq!((der.len(), der[4]), (48, 0), "48 bytes with version number 0");
        let signer = Signer::parse(&text).expect("usable");
        let verifier = Verifier::parse(&signer.public_key()).expect("a public key");
        let signature = signer.sign(b"message");
        assert!(verifier.accepts(b"message", &signature));
        assert!(!verifier.accepts(b"massage", &signature));
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_reason() {
        assert_eq!(Signer::parse("not base64!").err(), Some(KeyError::Encoding));
        assert_eq!(Signer::parse("AAAA").err(), Some(KeyError::NotEd25519));
    }
}
