//! What is long: fetched piece by piece, across redirects.

use std::time::Duration;

use reqwest::{Response, StatusCode, Url, header::LOCATION};

use super::{Http, HttpError, shown};

/// Most redirects that are followed: a file that is really there is not further away.
const MOST_REDIRECTS: usize = 5;

/// An answer whose body comes piece by piece.
#[derive(Debug)]
pub struct Streamed {
    /// The HTTP status.
    pub status: u16,
    /// How many bytes the body has, where the server says so.
    pub length: Option<u64>,
    url: String,
    pause: Duration,
    response: Response,
}

impl Http {
    /// Asks with GET and follows redirects, but never from HTTPS to what others on the way can change. The server may pause
    /// for up to `pause`.
    ///
    /// # Errors
    /// If there is no answer. An answer with any status is no error.
    pub async fn stream(&self, url: &str, pause: Duration) -> Result<Streamed, HttpError> {
        let mut url = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let (client, address) = self.client_for(&url)?;
            log::debug!("http: Get {}", shown(&url));
            let sent = tokio::time::timeout(pause, client.get(address.clone()).send()).await;
            let response = match sent {
                Ok(answer) => answer.map_err(|source| HttpError::of(&url, source))?,
                Err(_) => return Err(HttpError::TimedOut { url: shown(&url), limit: pause }),
            };
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let Some(next) = next(&address, response.status(), location)? else {
                let (status, length) = (response.status().as_u16(), response.content_length());
                return Ok(Streamed { status, length, url, pause, response });
            };
            url = next.to_string();
        }
        Err(HttpError::Redirected { url: shown(&url), why: "is redirected again and again" })
    }
}

/// Where a redirect leads; `None` for an answer that is none.
fn next(from: &Url, status: StatusCode, location: Option<&str>) -> Result<Option<Url>, HttpError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let wrong = |why| HttpError::Redirected { url: shown(from.as_str()), why };
    let to = location.and_then(|location| from.join(location).ok());
    let to = to.ok_or_else(|| wrong("is redirected to nowhere"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(wrong("is redirected from https to what anybody on the way can change"));
    }
    Ok(Some(to))
}

impl Streamed {
    /// The next piece of the body; `None` behind its end.
    ///
    /// # Errors
    /// If it breaks off, or nothing comes for too long.
    pub async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, HttpError> {
        match tokio::time::timeout(self.pause, self.response.chunk()).await {
            Ok(piece) => piece.map_err(|source| HttpError::of(&self.url, source)),
            Err(_) => Err(HttpError::TimedOut { url: shown(&self.url), limit: self.pause }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(from: &str, status: u16, location: Option<&str>) -> Result<Option<String>, String> {
        let next = next(&Url::parse(from).unwrap(), StatusCode::from_u16(status).unwrap(), location);
        next.map(|to| to.map(String::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_redirect_is_followed_but_not_out_of_https() {
        let from = "https://example.org/a/b";
        assert_eq!(to(from, 302, Some("../c")), Ok(Some("https://example.org/c".to_owned())));
        assert_eq!(to(from, 302, Some("https://other.org/x")), Ok(Some("https://other.org/x".to_owned())));
        assert!(to(from, 302, Some("http://example.org/a/b")).unwrap_err().contains("anybody on the way"));
        assert!(to(from, 301, Some("file:///etc/passwd")).is_err());
        assert!(to(from, 308, None).unwrap_err().contains("nowhere"));
        assert_eq!(to(from, 200, Some("https://other.org/x")), Ok(None));
        let plain = to("http://example.org/a", 307, Some("https://example.org/a"));
        assert_eq!(plain, Ok(Some("https://example.org/a".to_owned())));
    }
}
