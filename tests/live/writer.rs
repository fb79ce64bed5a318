//! A client that writes throughout, and remembers what it was told is safe.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::Client;

/// Between two writes, so that a story does not measure the machine.
const PAUSE: Duration = Duration::from_millis(15);
/// No story takes longer.
const LIMIT: Duration = Duration::from_mins(6);

/// A client in a thread of its own.
pub(crate) struct Writer {
    client: Client,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Log>>,
}

/// What was written, and when.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Acknowledged records, each with the moment of its acknowledgement.
    pub(crate) acknowledged: Vec<(String, Instant)>,
    /// Answers that are neither an acknowledgement nor a reason to try again.
    pub(crate) refused: Vec<(u16, String)>,
}

impl Writer {
    pub(crate) fn start(client: Client) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let thread = {
            let (client, stop, written) = (client.clone(), stop.clone(), written.clone());
            std::thread::spawn(move || write_on(&client, &stop, &written))
        };
        let writer = Self { client, stop, written, thread: Some(thread) };
        writer.goes_on();
        writer
    }

    /// Waits until a few more writes are acknowledged.
    pub(crate) fn goes_on(&self) {
        let (began, before) = (Instant::now(), self.written.load(Ordering::SeqCst));
        while self.written.load(Ordering::SeqCst) < before + 3 {
            assert!(began.elapsed() < Duration::from_secs(30), "nobody takes writes");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it, and gives what it wrote once it is shown that all of it is there.
    pub(crate) fn finish_with_nothing_lost(self) -> Log {
        let client = self.client.clone();
        let log = self.finish();
        let missing = log.missing(&client);
        assert!(
            missing.is_empty(),
            "of {} acknowledged writes are lost: {missing:?}",
            log.acknowledged.len()
        );
        log
    }

    pub(crate) fn finish(mut self) -> Log {
        self.stop.store(true, Ordering::SeqCst);
        let log = self.thread.take().unwrap().join().expect("the writer does not panic");
        assert_eq!(log.refused, [], "writes were refused");
        log
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

impl Log {
    /// The longest time between two acknowledgements.
    pub(crate) fn longest_gap(&self) -> Duration {
        let moments = self.acknowledged.windows(2).map(|pair| pair[1].1 - pair[0].1);
        moments.max().unwrap_or_default()
    }

    /// Acknowledged records that are not there.
    pub(crate) fn missing(&self, client: &Client) -> Vec<String> {
        let present = records(client);
        self.acknowledged.iter().map(|(id, _)| id).filter(|id| !present.contains(*id)).cloned().collect()
    }
}

/// The identifiers of all records.
pub(crate) fn records(client: &Client) -> BTreeSet<String> {
    let (mut found, mut after) = (BTreeSet::new(), 0);
    loop {
        let page =
            client.get(&format!("/v1/records?limit=1000&after={after}")).expect("records can be listed");
        assert_eq!(page.status, 200, "{page:?}");
        let records = page.body["records"].as_array().unwrap();
        found.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        match page.body["next"].as_i64() {
            Some(next) => after = next,
            None => return found,
        }
    }
}

fn write_on(client: &Client, stop: &AtomicBool, written: &AtomicUsize) -> Log {
    let (began, mut log) = (Instant::now(), Log::default());
    let process = std::process::id();
    for number in 0.. {
        let name = format!("{process}-{:?}-{number}", client.address.port());
        let record =
            json!({"kind": "entry", "payload": {"number": number}, "clientId": format!("{name}-{began:?}")});
        // An outcome that is not known is asked for again under the same name, until it is.
        loop {
            if stop.load(Ordering::SeqCst) || began.elapsed() > LIMIT {
                return log;
            }
            match client.post("/v1/records", &record) {
                Ok(answer) if matches!(answer.status, 201 | 409) && answer.body["id"].is_string() => {
                    let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
                    log.acknowledged.push((id, Instant::now()));
                    written.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Ok(answer) if (400..500).contains(&answer.status) => {
                    log.refused.push((answer.status, answer.body.to_string()));
                    return log;
                }
                Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        std::thread::sleep(PAUSE);
    }
    log
}
