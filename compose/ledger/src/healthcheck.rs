//! `healthcheck`: one HTTP GET with the standard library alone, for images without a shell or curl.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;

use crate::{config::Environment, log};

const LIMIT: Duration = Duration::from_secs(5);

/// Exit code 0 when the endpoint answers 200, else 1 with a log line that says why.
pub(crate) fn run(environment: &Environment, url: Option<&str>) -> io::Result<ExitCode> {
    let port = environment.get("PORT").unwrap_or("3000");
    let url = url.map_or_else(|| format!("http://127.0.0.1:{port}/health"), str::to_owned);
    let (authority, path) = parse(&url)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an http:// URL with a host"))?;
    match ask(&authority, path) {
        Ok(200) => Ok(ExitCode::SUCCESS),
        Ok(status) => {
            log::error("not healthy", json!({"status": status}));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            log::error("no answer", json!({"error": error.to_string()}));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// `http://HOST[:PORT][/PATH]` as the address to connect to and the path to ask for.
fn parse(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    if authority.is_empty() {
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some((if has_port { authority.to_owned() } else { format!("{authority}:80") }, path))
}

fn ask(authority: &str, path: &str) -> io::Result<u16> {
    let address = authority.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64).read_to_string(&mut answer)?;
    answer
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_into_address_and_path() {
        assert_eq!(parse("http://127.0.0.1:3001/health"), Some(("127.0.0.1:3001".into(), "/health")));
        assert_eq!(parse("http://api"), Some(("api:80".into(), "/")));
        assert_eq!(parse("http://[::1]:3000/x"), Some(("[::1]:3000".into(), "/x")));
        assert_eq!(parse("https://api/health"), None);
        assert_eq!(parse("http:///health"), None);
    }
}
