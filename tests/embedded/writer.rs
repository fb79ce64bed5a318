//! Clients of the sample product, and one that writes throughout.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::stand::Writes;

/// Sends a receipt; the status of the answer.
pub(crate) fn post(port: u16, id: &str) -> Option<u16> {
    let body = format!(
        r#"{{"id":"urn:receipt:{id}","credentialSubject":{{"chain":{{"chain_id":"c","sequence":1}},"action":{{"type":"t"}}}},"proof":{{"proofValue":"z"}}}}"#
    );
    ask(port, "POST /receipts", &body)
}

/// Asks for something; the status of the answer.
pub(crate) fn ask(port: u16, what: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// How many there were: none sends what another sent.
static WRITERS: AtomicUsize = AtomicUsize::new(0);

/// Sends receipts without a pause until it is stopped, and remembers which were acknowledged.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<String>>,
}

impl Writer {
    pub(crate) fn start(port: u16) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (until, count) = (stop.clone(), acknowledged.clone());
        let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
        let thread = std::thread::spawn(move || {
            let mut ids = Vec::new();
            for number in 0.. {
                if until.load(Ordering::Relaxed) {
                    break;
                }
                let id = format!("w{writer}-{number}");
                match post(port, &id) {
                    Some(201) => {
                        ids.push(format!("urn:receipt:{id}"));
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(refused @ 400..500) => panic!("{id} is refused: {refused}"),
                    _ => {}
                }
                sleep(Duration::from_millis(2));
            }
            ids
        });
        Self { stop, acknowledged, thread }
    }
}

impl Writes for Writer {
    fn goes_on(&self) {
        let (before, began) = (self.acknowledged.load(Ordering::Relaxed), Instant::now());
        while self.acknowledged.load(Ordering::Relaxed) < before + 10 {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing is acknowledged any more");
            sleep(Duration::from_millis(20));
        }
    }

    fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
