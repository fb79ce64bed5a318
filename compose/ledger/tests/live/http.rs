//! HTTP over the standard library, one connection a request.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// An answer; the body is null where it is no JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// `GET` without a body, else `POST`.
pub(crate) fn request(port: u16, path: &str, key: Option<&str>, body: Option<&Value>) -> io::Result<Answer> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.map(Value::to_string).unwrap_or_default();
    send(port, method, path, key, &body)
}

/// `POST` of any text.
pub(crate) fn post_text(port: u16, path: &str, body: &str) -> io::Result<Answer> {
    send(port, "POST", path, None, body)
}

fn send(port: u16, method: &str, path: &str, key: Option<&str>, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        text: text.to_owned(),
        json: serde_json::from_str(text).unwrap_or_default(),
    })
}
