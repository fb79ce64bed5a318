use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Answers one request with `answer`, and gives the request.
async fn server(answer: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/health", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut request = vec![0; 4096];
        let length = client.read(&mut request).await.expect("a request");
        // A client that has read enough hangs up.
        let _hung_up = client.write_all(&answer).await;
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (url, serving)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[tokio::test]
async fn an_answer_has_status_and_json() {
    let (url, _serving) = server(answer("503 Service Unavailable", br#"{"version": "1.2.3"}"#)).await;
    let reply = Http::new().expect("a client").get(&url, None, LIMIT).await.expect("an answer");
    assert_eq!((reply.status, reply.is_success()), (503, false));
    assert_eq!(reply.json::<serde_json::Value>().expect("JSON")["version"], "1.2.3");
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let (url, _serving) = server(answer("200 OK", &vec![b'x'; 200_000])).await;
    let reply = Http::new().expect("a client").get(&url, None, LIMIT).await.expect("an answer");
    assert_eq!((reply.body.len(), reply.truncated), (MOST_BODY, true));
}

#[tokio::test]
async fn a_post_carries_the_token() {
    let (url, serving) = server(answer("202 Accepted", b"")).await;
    let token = Secret::new("not-a-real-token");
    let http = Http::new().expect("a client");
    let reply = http.post(&url, Some(&token), &serde_json::json!({}), LIMIT).await.expect("an answer");
    assert_eq!(reply.status, 202);
    let request = serving.await.expect("a request");
    assert!(request.starts_with("POST /health"));
    assert!(request.contains("authorization: Bearer not-a-real-token"));
}

#[tokio::test]
async fn redirects_are_an_answer_and_not_followed() {
    let redirect =
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    let (url, _serving) = server(redirect).await;
    let reply = Http::new().expect("a client").get(&url, None, LIMIT).await.expect("an answer");
    assert_eq!(reply.status, 302);
}

#[tokio::test]
async fn a_server_that_hangs_or_is_not_there_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let http = Http::new().expect("a client");
    let url = format!("http://user:hunter2@{address}/?token=hunter2");
    let error = http.get(&url, None, Duration::from_millis(200)).await.expect_err("no answer");
    assert!(matches!(error, HttpError::TimedOut { .. }), "{error:?}");
    assert!(!format!("{error}{error:?}").contains("hunter2"));
    drop(listener);
    let error = http.get(&url, None, LIMIT).await.expect_err("nobody there");
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
    assert!(!format!("{error}{error:?}").contains("hunter2"));
}

#[test]
fn local_addresses_are_never_behind_a_proxy() {
    for url in ["http://127.0.0.1:1/", "http://172.18.0.2/", "http://[::1]/", "http://localhost:3001/"] {
        assert!(is_local(&Url::parse(url).expect("an address")), "{url}");
    }
    assert!(!is_local(&Url::parse("https://example.com/").expect("an address")));
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let error =
        Http::new().expect("a client").get("file:///etc/passwd", None, LIMIT).await.expect_err("no HTTP");
    assert!(matches!(error, HttpError::Address(_)));
}
