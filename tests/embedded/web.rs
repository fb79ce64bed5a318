//! A web server on this machine, which serves well or badly.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What becomes of a request.
#[derive(Clone)]
pub(crate) enum Served {
    /// This, all of it.
    Whole(Vec<u8>),
    /// Only half of it, although all was promised.
    Half(Vec<u8>),
    /// This many bytes are promised, and none follows.
    Promised(u64),
    /// It is said to be there.
    At(&'static str),
    /// The server is busy, once.
    BusyOnce(Vec<u8>),
    /// The connection breaks after so many bytes each time.
    Pieces(Pieces),
}

/// A page of a server that gives parts, and whose connections do not last.
#[derive(Clone)]
pub(crate) struct Pieces {
    pub(crate) body: Vec<u8>,
    /// By what a client can tell whether it is still the same; nothing is said of an empty one.
    pub(crate) tag: &'static str,
    /// How many bytes one connection lasts for.
    pub(crate) each: usize,
    /// How many bytes of the page come through at all.
    pub(crate) most: usize,
    /// Whether parts are given, or always all of it.
    pub(crate) ranges: bool,
}

pub(crate) struct Web {
    port: u16,
    pages: Arc<Mutex<HashMap<String, Served>>>,
    /// From which byte on pieces were given, and how long they were.
    given: Arc<Mutex<Vec<(usize, usize)>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pages, stop) =
            (Arc::<Mutex<HashMap<String, Served>>>::default(), Arc::new(AtomicBool::new(false)));
        let given = Arc::<Mutex<Vec<(usize, usize)>>>::default();
        let (served, until, noted) = (pages.clone(), stop.clone(), given.clone());
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if until.load(Ordering::Relaxed) {
                    break;
                }
                // A client that has seen enough hangs up.
                let _hung_up = client.and_then(|client| answer(client, &served, &noted));
            }
        });
        Self { port, pages, given, stop, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn serve(&self, path: &str, served: Served) {
        self.pages.lock().unwrap().insert(path.to_owned(), served);
    }

    /// The pieces that were given since it was asked last: where each began, and how long it was.
    pub(crate) fn pieces_given(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut *self.given.lock().unwrap())
    }

    pub(crate) fn serve_nothing(&self) {
        self.pages.lock().unwrap().clear();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(
    mut client: TcpStream,
    pages: &Mutex<HashMap<String, Served>>,
    given: &Mutex<Vec<(usize, usize)>>,
) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let length = client.read(&mut request)?;
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let mut pages = pages.lock().unwrap();
    let page = pages.get(path).cloned();
    let mut say = |status: &str, more: &str, length: u64, body: &[u8]| {
        let head =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n");
        client.write_all(head.as_bytes())?;
        client.write_all(body)
    };
    match page {
        None => say("404 Not Found", "", 0, b""),
        Some(Served::Whole(body)) => say("200 OK", "", body.len() as u64, &body),
        Some(Served::Half(body)) => say("200 OK", "", body.len() as u64, &body[..body.len() / 2]),
        Some(Served::Promised(length)) => say("200 OK", "", length, b""),
        Some(Served::At(place)) => say("302 Found", &format!("Location: {place}\r\n"), 0, b""),
        Some(Served::Pieces(pieces)) => {
            let wanted = header(&request, "if-range").is_none_or(|tag| tag == pieces.tag);
            let asked = header(&request, "range").filter(|_| wanted && pieces.ranges);
            let from = asked.map_or(0, |range| range[6..].trim_end_matches('-').parse().unwrap());
            let length = pieces.body.len();
            let until = length.min(from + pieces.each).min(pieces.most.max(from));
            given.lock().unwrap().push((from, until - from));
            let tag = if pieces.tag.is_empty() { String::new() } else { format!("ETag: {}\r\n", pieces.tag) };
            let (status, range) = match from {
                0 => ("200 OK", String::new()),
                _ => (
                    "206 Partial Content",
                    format!("Content-Range: bytes {from}-{}/{length}\r\n", length - 1),
                ),
            };
            say(status, &format!("{tag}{range}"), (length - from) as u64, &pieces.body[from..until])
        }
        Some(Served::BusyOnce(body)) => {
            pages.insert(path.to_owned(), Served::Whole(body));
            say("503 Service Unavailable", "", 0, b"")
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let lines = request.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
