//! TLS as each `sslmode` of libpq means it, with rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::PgError;
use crate::model::conninfo::{ClientCertificate, RootCertificates, SslMode, SslSettings};

/// The client's side of TLS for these settings.
///
/// # Errors
/// When a certificate or key file cannot be used, or verification is asked for and there is no authority to trust.
pub(super) fn client_config(settings: &SslSettings) -> Result<ClientConfig, PgError> {
    let provider = Arc::new(ring::default_provider());
    let verifier =
        Verifier { trust: trust(settings)?, algorithms: provider.signature_verification_algorithms };
    let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("sslmode", settings.mode.as_str(), &error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match &settings.client {
        None => Ok(builder.with_no_client_auth()),
        Some(client) => with_client_certificate(builder, client),
    }
}

fn with_client_certificate(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    client: &ClientCertificate,
) -> Result<ClientConfig, PgError> {
    let chain = read_certificates("sslcert", &client.certificate)?;
    let path = client.key.display().to_string();
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|error| unusable("sslkey", &path, &error))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| unusable("sslkey", &path, &error))
}

/// What a server's certificate is held against.
#[derive(Debug)]
enum Trust {
    /// Nothing: `allow`, `prefer` and `require` only ask for encryption.
    Anything,
    /// Authorities, and for `verify-full` the host name.
    Authorities { roots: RootCertStore, exact: Vec<CertificateDer<'static>>, name: NameCheck },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameCheck {
    Skip,
    Must,
}

fn trust(settings: &SslSettings) -> Result<Trust, PgError> {
    let name = match settings.mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => return Ok(Trust::Anything),
        SslMode::VerifyCa => NameCheck::Skip,
        SslMode::VerifyFull => NameCheck::Must,
    };
    let (source, exact) = match &settings.roots {
        RootCertificates::File(path) => (path.display().to_string(), read_certificates("sslrootcert", path)?),
        RootCertificates::System | RootCertificates::Unspecified => {
            ("system".to_owned(), rustls_native_certs::load_native_certs().certs)
        }
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(exact.iter().cloned());
    if added == 0 {
        return Err(unusable("sslrootcert", &source, &"it holds no certificate authority"));
    }
    Ok(Trust::Authorities { roots, exact, name })
}

fn read_certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, PgError> {
    let shown = path.display().to_string();
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(what, &shown, &error))?.collect();
    let certificates = read.map_err(|error| unusable(what, &shown, &error))?;
    if certificates.is_empty() {
        return Err(unusable(what, &shown, &"it holds no certificate"));
    }
    Ok(certificates)
}

fn unusable(what: &'static str, path: &str, reason: &dyn std::fmt::Display) -> PgError {
    PgError::CertificateFile { what, path: path.to_owned(), reason: reason.to_string() }
}

/// Verifies as libpq does: rustls alone would refuse a self-signed certificate that is its own authority.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Authorities { roots, exact, name } = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let signed = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            roots,
            intermediates,
            now,
            self.algorithms.all,
        );
        if let Err(error) = signed
            && (out_of_date(&error) || !exact.contains(end_entity))
        {
            return Err(error);
        }
        if *name == NameCheck::Must {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The validity is checked before anything else, so this verdict also holds for a certificate that is its own authority.
fn out_of_date(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}
