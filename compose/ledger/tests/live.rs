//! The product as operators meet it: its processes against a real, throw-away PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "live/collector.rs"]
mod collector;
#[path = "live/http.rs"]
mod http;
#[path = "live/outage.rs"]
mod outage;
#[path = "live/postgres.rs"]
mod postgres;
#[path = "live/product.rs"]
mod product;
#[path = "live/releases.rs"]
mod releases;
#[path = "live/secrets.rs"]
mod secrets;
#[path = "live/serving.rs"]
mod serving;
#[path = "live/tls.rs"]
mod tls;

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Asks again and again until `look` finds something; fails the test after 20 seconds.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "never came: {what}");
        sleep(Duration::from_millis(50));
    }
}
