//! Ports that nobody uses.

use std::net::TcpListener;
use std::sync::Mutex;

/// Below the range from which the kernel takes ports for outgoing connections.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A free port that no other caller in this process gets.
pub(crate) fn free() -> u16 {
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().unwrap();
    let span = u32::from(RANGE.end - RANGE.start);
    let first = RANGE.start + u16::try_from(std::process::id() % span).unwrap();
    for _ in RANGE {
        let port = next.unwrap_or(first);
        *next = Some(if port + 1 >= RANGE.end { RANGE.start } else { port + 1 });
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free between {} and {}", RANGE.start, RANGE.end);
}
