//! Small questions to a product over HTTP: is it well, which version is it.

#![expect(clippy::disallowed_types, reason = "this is the adapter that speaks HTTP")]

mod stream;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder, Url};
use rustls::RootCertStore;
use serde::de::DeserializeOwned;

use crate::model::secret::Secret;
use crate::profile::Method;

pub use stream::{Rest, Streamed};

/// A health answer is a few lines; a page that is longer is no answer to these questions.
const MOST_BODY: usize = 64 * 1024;

/// Asks over HTTP and HTTPS. Redirects are not followed: a token must not go where it was not meant to.
#[derive(Debug, Clone)]
pub struct Http {
    plain: Client,
    trusting: Arc<OnceLock<Trusting>>,
}

/// Clients that know the authorities that this host trusts. They are made when the first is needed: to read hundreds of
/// certificates takes longer than most questions.
#[derive(Debug)]
struct Trusting {
    direct: Client,
    proxied: Client,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The start of the body, up to 64 KiB unless more was asked for.
    pub body: Vec<u8>,
    /// Whether the body went on.
    pub truncated: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not one of HTTP.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// Nothing accepts connections there.
    #[error("nothing answers at {url}")]
    Connect {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The answer did not come in time.
    #[error("no answer from {url} within {} ms", limit.as_millis())]
    TimedOut {
        /// What was asked.
        url: String,
        /// The time it had.
        limit: Duration,
    },
    /// The answer broke off, or is not HTTP.
    #[error("the answer of {url} cannot be read")]
    Broken {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The body is not the JSON that was expected.
    #[error("the answer is not the expected JSON (status {status}, line {line}, column {column})")]
    Json {
        /// The HTTP status.
        status: u16,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It is said to be elsewhere, where it is not looked for.
    #[error("{url} {why}")]
    Redirected {
        /// What was asked.
        url: String,
        /// What is wrong with that.
        why: &'static str,
    },
    /// A part is given that was not asked for.
    #[error("{url} gives another part than the one that is missing")]
    OtherPart {
        /// What was asked.
        url: String,
    },
    /// No client could be made.
    #[error("HTTP cannot be used here")]
    Unusable(#[source] reqwest::Error),
}

impl HttpError {
    fn of(url: &str, source: reqwest::Error) -> Self {
        let (url, source) = (shown(url), source.without_url());
        if source.is_connect() { Self::Connect { url, source } } else { Self::Broken { url, source } }
    }

    /// Whether the next attempt may succeed.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::TimedOut { .. } | Self::Broken { .. })
    }
}

impl Http {
    /// Makes the client for what is near and speaks plain HTTP. On a host without certificates of authorities HTTPS fails at
    /// each question.
    ///
    /// # Errors
    /// If the system gives no resolver or sockets.
    pub fn new() -> Result<Self, HttpError> {
        let plain = client(RootCertStore::empty()).no_proxy().build().map_err(HttpError::Unusable)?;
        Ok(Self { plain, trusting: Arc::default() })
    }

    /// Asks with GET; the whole answer must be there within `limit`.
    ///
    /// # Errors
    /// If there is no answer in time. An answer with any status is no error.
    pub async fn get(&self, url: &str, bearer: Option<&Secret>, limit: Duration) -> Result<Reply, HttpError> {
        self.send(Method::Get, url, bearer, None, limit).await
    }

    /// Asks with GET for an answer that may be long: up to `most` bytes of it, all of them within `limit`.
    ///
    /// # Errors
    /// If there is no answer in time. An answer with any status is no error.
    pub async fn get_long(
        &self,
        url: &str,
        bearer: Option<&Secret>,
        limit: Duration,
        most: usize,
    ) -> Result<Reply, HttpError> {
        let (client, address) = self.client_for(url)?;
        log::debug!("http: Get {}", shown(url));
        ask(with_bearer(client.get(address), bearer), url, limit, most).await
    }

    /// Asks with POST and a JSON body; the whole answer must be there within `limit`.
    ///
    /// # Errors
    /// If there is no answer in time. An answer with any status is no error.
    pub async fn post(
        &self,
        url: &str,
        bearer: Option<&Secret>,
        body: &serde_json::Value,
        limit: Duration,
    ) -> Result<Reply, HttpError> {
        self.send(Method::Post, url, bearer, Some(body), limit).await
    }

    /// Asks with a method and perhaps a JSON body; the whole answer must be there within `limit`.
    ///
    /// # Errors
    /// If there is no answer in time. An answer with any status is no error.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        bearer: Option<&Secret>,
        body: Option<&serde_json::Value>,
        limit: Duration,
    ) -> Result<Reply, HttpError> {
        let (client, address) = self.client_for(url)?;
        log::debug!("http: {method:?} {}", shown(url));
        let request = match method {
            Method::Get => client.get(address),
            Method::Post => client.post(address),
            Method::Put => client.put(address),
            Method::Delete => client.delete(address),
        };
        let request = body.into_iter().fold(request, RequestBuilder::json);
        ask(with_bearer(request, bearer), url, limit, MOST_BODY).await
    }

    fn client_for(&self, url: &str) -> Result<(&Client, Url), HttpError> {
        let address = Url::parse(url)
            .ok()
            .filter(|address| matches!(address.scheme(), "http" | "https") && address.has_host())
            .ok_or_else(|| HttpError::Address(url.to_owned()))?;
        let client = match (is_local(&address), address.scheme()) {
            (true, "http") => &self.plain,
            (true, _) => &self.trusting()?.direct,
            // A proxy may speak HTTPS also where the address does not.
            (false, _) => &self.trusting()?.proxied,
        };
        Ok((client, address))
    }

    fn trusting(&self) -> Result<&Trusting, HttpError> {
        if let Some(made) = self.trusting.get() {
            return Ok(made);
        }
        let made = Trusting::new()?;
        Ok(self.trusting.get_or_init(|| made))
    }
}

impl Trusting {
    fn new() -> Result<Self, HttpError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Ok(Self {
            direct: client(roots.clone()).no_proxy().build().map_err(HttpError::Unusable)?,
            proxied: client(roots).build().map_err(HttpError::Unusable)?,
        })
    }
}

impl Reply {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is not the JSON that is expected.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|error| HttpError::Json {
            status: self.status,
            line: error.line(),
            column: error.column(),
        })
    }
}

fn client(roots: RootCertStore) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls(roots))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("opsctl/", env!("CARGO_PKG_VERSION")))
}

fn tls(roots: RootCertStore) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Containers and the loopback are never behind a proxy, whatever the environment says.
fn is_local(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn with_bearer(request: RequestBuilder, bearer: Option<&Secret>) -> RequestBuilder {
    match bearer {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    }
}

async fn ask(request: RequestBuilder, url: &str, limit: Duration, most: usize) -> Result<Reply, HttpError> {
    let shown = shown(url);
    let failed = |source: reqwest::Error| HttpError::of(url, source);
    let read = async {
        let mut response = request.send().await.map_err(failed)?;
        let mut reply = Reply { status: response.status().as_u16(), body: Vec::new(), truncated: false };
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            let room = most - reply.body.len();
            reply.body.extend_from_slice(&piece[..room.min(piece.len())]);
            if piece.len() > room {
                reply.truncated = true;
                break;
            }
        }
        Ok(reply)
    };
    match tokio::time::timeout(limit, read).await {
        Ok(answer) => answer,
        Err(_) => Err(HttpError::TimedOut { url: shown.clone(), limit }),
    }
}

/// The address without what may be secret in it: a login and the query.
fn shown(url: &str) -> String {
    let Ok(mut address) = Url::parse(url) else { return String::new() };
    address.set_query(None);
    address.set_fragment(None);
    let _has_no_login = address.set_username("").and_then(|()| address.set_password(None));
    address.to_string()
}

#[cfg(test)]
mod tests;
