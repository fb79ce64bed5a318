//! When a server's certificates end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::connect::{ask_for_tls, server_name};
use super::error::PgError;
use super::tls;
use crate::model::conninfo::{ConnInfo, Host, SslMode, SslSettings};
use crate::preflight::route::Expiry;

/// How long the handshake may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The certificate of the server's chain that ends first; none where the first host speaks no TLS. It is looked at and not
/// verified.
///
/// # Errors
/// When the host cannot be reached.
pub async fn first_to_end(info: &ConnInfo) -> Result<Option<Expiry>, PgError> {
    let Some(host @ Host::Tcp { name, .. }) = info.hosts.first() else { return Ok(None) };
    if info.ssl.mode == SslMode::Disable {
        return Ok(None);
    }
    let look = async {
        let stream = match ask_for_tls(host).await {
            Err(PgError::TlsRefused { .. }) => return Ok(None),
            other => other?,
        };
        let unverified = SslSettings { mode: SslMode::Require, ..info.ssl.clone() };
        let config = Arc::new(tls::client_config(&unverified)?);
        let Ok(server) = ServerName::try_from(server_name(host).to_owned()) else { return Ok(None) };
        let Ok(stream) = TlsConnector::from(config).connect(server, stream).await else { return Ok(None) };
        let (_, connection) = stream.get_ref();
        let ends = connection.peer_certificates().unwrap_or_default().iter().filter_map(expiry);
        Ok(ends.min_by_key(|expiry| expiry.left))
    };
    let timed_out = || PgError::TimedOut { target: name.clone(), after: LIMIT };
    tokio::time::timeout(LIMIT, look).await.map_err(|_| timed_out())?
}

fn expiry(certificate: &CertificateDer<'_>) -> Option<Expiry> {
    let certificate = Certificate::from_der(certificate).ok()?.tbs_certificate;
    let end = certificate.validity.not_after.to_unix_duration();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let day = jiff::Timestamp::from_second(i64::try_from(end.as_secs()).ok()?).ok()?;
    Some(Expiry {
        subject: certificate.subject.to_string(),
        day: day.strftime("%Y-%m-%d").to_string(),
        left: end.checked_sub(now),
    })
}
