//! What is long: fetched piece by piece, across redirects.

use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE};
use reqwest::{Response, StatusCode, Url};

use super::{Http, HttpError, shown};

/// Most redirects that are followed: a file that is really there is not further away.
const MOST_REDIRECTS: usize = 5;

/// An answer whose body comes piece by piece.
#[derive(Debug)]
pub struct Streamed {
    /// The HTTP status.
    pub status: u16,
    /// How many bytes the whole has, where the server says so.
    pub length: Option<u64>,
    /// How many bytes the body leaves out at the beginning, as it was asked to.
    pub from: u64,
    /// By what the server can be asked later whether it still has the same.
    pub validator: Option<String>,
    url: String,
    pause: Duration,
    response: Response,
}

/// What is missing of something that was fetched in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// How many bytes are there.
    pub from: u64,
    /// By what the server tells whether it still has the same.
    pub validator: String,
}

impl Http {
    /// Asks with GET and follows redirects, but never from HTTPS to what others on the way can change. The server may pause
    /// for up to `pause`. A server that has something else by now than what `rest` is missing of, or cannot give parts,
    /// gives all of it.
    ///
    /// # Errors
    /// If there is no answer, or one that does not fit `rest`. An answer with any status is no error.
    pub async fn stream(
        &self,
        url: &str,
        pause: Duration,
        rest: Option<&Rest>,
    ) -> Result<Streamed, HttpError> {
        let mut url = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let (client, address) = self.client_for(&url)?;
            log::debug!("http: Get {}", shown(&url));
            let request = rest.into_iter().fold(client.get(address.clone()), |request, rest| {
                request.header(RANGE, format!("bytes={}-", rest.from)).header(IF_RANGE, &rest.validator)
            });
            let sent = tokio::time::timeout(pause, request.send()).await;
            let response = match sent {
                Ok(answer) => answer.map_err(|source| HttpError::of(&url, source))?,
                Err(_) => return Err(HttpError::TimedOut { url: shown(&url), limit: pause }),
            };
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let Some(next) = next(&address, response.status(), location)? else {
                return answered(response, url, pause, rest);
            };
            url = next.to_string();
        }
        Err(HttpError::Redirected { url: shown(&url), why: "is redirected again and again" })
    }
}

fn answered(
    response: Response,
    url: String,
    pause: Duration,
    rest: Option<&Rest>,
) -> Result<Streamed, HttpError> {
    let status = response.status().as_u16();
    let from = match rest {
        Some(rest) if status == 206 => {
            if begins_at(response.headers()) != Some(rest.from) {
                return Err(HttpError::OtherPart { url: shown(&url) });
            }
            rest.from
        }
        _ => 0,
    };
    let length = response.content_length().map(|length| from + length);
    Ok(Streamed { status, length, from, validator: validator(response.headers()), url, pause, response })
}

/// Where a part begins.
fn begins_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// What may be asked with later: a tag that stands for every byte, else a date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    text(ETAG).filter(|tag| tag.starts_with('"')).or_else(|| text(LAST_MODIFIED))
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
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_weak_tag_is_nothing_to_ask_with() {
        let told = |pairs: &[(HeaderName, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            validator(&pairs.collect())
        };
        let date = "Thu, 26 Nov 2026 07:00:00 GMT";
        assert_eq!(told(&[(ETAG, "\"a\""), (LAST_MODIFIED, date)]).as_deref(), Some("\"a\""));
        assert_eq!(told(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, date)]).as_deref(), Some(date));
        assert_eq!(told(&[(ETAG, "W/\"a\"")]), None);
        let range =
            |text| begins_at(&HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_static(text))]));
        assert_eq!(range("bytes 100-199/200"), Some(100));
        assert_eq!(range("bytes */200"), None);
    }

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
