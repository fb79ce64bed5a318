//! The product as a collector: one process, one file, no server beside it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    eventually, http,
    product::{Install, Service, await_exit, terminate},
};

fn receipt(id: &str, sequence: u32) -> String {
    format!(
        "{{\"id\": \"{id}\",  \"credentialSubject\": {{\"chain\": {{\"chain_id\": \"chain-1\", \"sequence\": {sequence}}},\n\
         \"action\": {{\"type\": \"tool.call\"}}}}, \"unknown\": 1.50, \"proof\": {{\"proofValue\": \"z1\"}}}}"
    )
}

fn send(service: &Service, body: &str) -> (u16, String) {
    let answer = http::post_text(service.port, "/receipts", body).unwrap();
    (answer.status, answer.text)
}

fn ready(install: &Install) -> Service {
    let service = install.start_collector();
    eventually("a collector that is healthy", || {
        http::request(service.port, "/healthz", None, None).ok().filter(|answer| answer.status == 200)
    });
    service
}

fn stored(file: &PathBuf) -> Vec<(String, Vec<u8>)> {
    let store = Connection::open(file).unwrap();
    let mut rows = store.prepare("SELECT id, body FROM receipts ORDER BY position").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_protocol_is_kept_and_told_in_the_log() {
    let install = Install::of_collector("1.2.0");
    let collector = ready(&install);
    let first = receipt("urn:receipt:1", 1);
    let (status, text) = send(&collector, &first);
    assert_eq!(status, 201, "{text}");
    assert!(
        text.contains(r#""id":"urn:receipt:1""#) && text.contains(r#""receipt_hash":"sha256:"#),
        "{text}"
    );
    assert_eq!(send(&collector, &first).0, 409);
    assert_eq!(send(&collector, "").0, 400);
    assert_eq!(send(&collector, "{").0, 400);
    assert_eq!(send(&collector, &format!("{first}{first}")).0, 400);
    assert_eq!(send(&collector, r#"{"id":"urn:receipt:2"}"#).0, 400);
    assert_eq!(send(&collector, &format!("{first}{}", " ".repeat(1 << 20))).0, 400);
    assert_eq!(stored(&install.store()), [("urn:receipt:1".to_owned(), first.into_bytes())]);

    let log = collector.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for told in [
        json!({"level": "INFO", "msg": "receipt accepted", "id": "urn:receipt:1", "chain_id": "chain-1", "sequence": 1}),
        json!({"level": "INFO", "msg": "receipt already exists, returning 409", "id": "urn:receipt:1"}),
        json!({"level": "WARN", "msg": "receipt rejected: malformed json"}),
        json!({"level": "WARN", "msg": "receipt rejected: structural validation failed", "id": "urn:receipt:2"}),
        json!({"level": "WARN", "msg": "receipt rejected: body too large", "limit": 1_048_576}),
    ] {
        let tells =
            |line: &&Value| told.as_object().unwrap().iter().all(|(name, value)| line[name] == *value);
        assert_eq!(lines.iter().filter(tells).count(), 1, "{told} in {log}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let install = Install::of_collector("1.1.0");
    let collector = ready(&install);
    for sequence in 0..50 {
        assert_eq!(send(&collector, &receipt(&format!("urn:receipt:{sequence}"), sequence)).0, 201);
    }
    drop(collector);
    let collector = ready(&install);
    assert_eq!(send(&collector, &receipt("urn:receipt:49", 49)).0, 409);
    assert_eq!(stored(&install.store()).len(), 50);
}

#[test]
fn a_request_in_flight_is_finished_before_the_end() {
    let install = Install::of_collector("1.0.0");
    let mut collector = ready(&install);
    let body = receipt("urn:receipt:1", 1);
    let (begun, rest) = body.split_at(20);
    let mut stream = TcpStream::connect(("127.0.0.1", collector.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = "POST /receipts HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length";
    write!(stream, "{head}: {}\r\n\r\n{begun}", body.len()).unwrap();
    // The request is in flight once it is read; a probe that was sent after it is answered after that.
    assert_eq!(http::request(collector.port, "/healthz", None, None).unwrap().status, 200);
    collector.terminate();
    eventually("a collector that is stopping", || {
        http::request(collector.port, "/healthz", None, None).ok().filter(|answer| answer.status == 503)
    });
    write!(stream, "{rest}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(collector.await_exit().success());
    assert_eq!(stored(&install.store()).len(), 1);
}

#[test]
fn migrations_are_the_releases_and_keep_what_was_stored() {
    let mut install = Install::of_collector("1.0.0");
    let collector = ready(&install);
    assert_eq!(send(&collector, &receipt("urn:receipt:1", 7)).0, 201);
    drop(collector);

    install.upgrade("1.1.0");
    let early = install.start_collector();
    let refused = eventually("a collector that answers", || {
        http::post_text(early.port, "/receipts", &receipt("urn:receipt:2", 8)).ok()
    });
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(install.run(&["preflight"]).status.code(), Some(1));
    drop(early);
    install.migrate();
    assert!(install.run(&["preflight"]).status.success());
    let collector = ready(&install);
    assert_eq!(send(&collector, &receipt("urn:receipt:2", 8)).0, 201);
    let store = Connection::open(install.store()).unwrap();
    let chain: (i64, i64) = store
        .query_one("SELECT receipts, last_sequence FROM chains", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(chain, (2, 8));
}

#[test]
fn broken_releases_are_broken_here_too() {
    let mut install = Install::of_collector("1.2.0");
    drop(ready(&install));
    install.upgrade("2.0.0-migration-hangs");
    let mut hanging = install.spawn(&["migrate"]);
    std::thread::sleep(Duration::from_millis(500));
    assert!(hanging.try_wait().unwrap().is_none(), "it hangs");
    terminate(&hanging);
    assert_eq!(await_exit(&mut hanging).code(), Some(1));

    install.upgrade("2.0.0-migration-fails");
    let failed = install.run(&["migrate"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stdout).contains("migration retention failed"), "{failed:?}");

    let mut install = Install::of_collector("2.0.0-never-ready");
    let never = install.start_collector();
    let health =
        eventually("a collector that answers", || http::request(never.port, "/healthz", None, None).ok());
    assert_eq!((health.status, health.json["error"].as_str()), (503, Some("starting")));
    drop(never);
    install.upgrade("2.0.0-crash-loop");
    assert_eq!(install.start_collector().await_exit().code(), Some(1));
}
