//! Records, roles, the vault, the worker, and a stop that loses nothing.

use std::{
    thread::{self, sleep},
    time::Duration,
};

use serde_json::json;

use crate::{eventually, http, postgres::Postgres, product::Install};

#[test]
fn records_are_written_verified_by_the_worker_and_read_back() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    let (api, worker) = (install.start_ready("api"), install.start_ready("worker"));

    let id = api.write(&key, &json!({"amount": 1.50, "text": "ü\n"}));
    let event = json!({"event": "approved", "body": {"by": "ada"}});
    assert_eq!(api.post(&format!("/v1/records/{id}/events"), &key, &event).json["position"], 2);
    assert_eq!(api.post("/v1/records/rec_none/events", &key, &event).status, 404);

    let first = json!({"kind": "note", "payload": {}, "clientId": "mine"});
    let created = api.post("/v1/records", &key, &first);
    let repeated = api.post("/v1/records", &key, &first);
    assert_eq!((created.status, repeated.status), (201, 409));
    assert_eq!(created.json["id"], repeated.json["id"]);

    let record = eventually("a record that the worker has verified", || {
        let record = api.get(&format!("/v1/records/{id}"), Some(&key)).json;
        (!record["verifiedAt"].is_null()).then_some(record)
    });
    assert_eq!(record["payload"], json!({"amount": 1.50, "text": "ü\n"}));
    assert_eq!(record["entries"], 2);
    let chain = api.get(&format!("/v1/records/{id}/vault"), Some(&key)).json;
    assert_eq!(chain["entries"][0]["hash"], chain["entries"][1]["previousHash"]);
    eventually("a drained queue", || {
        (postgres.sql("SELECT count(*) FROM jobs WHERE status <> 'done'") == "0").then_some(())
    });
    let processed = worker.get("/metrics", None).text;
    assert!(
        processed.contains(r#"processed_total{queue="records.verify",status="success"} 3"#),
        "{processed}"
    );
    assert_eq!(postgres.sql("SELECT max(position) FROM vault_checkpoints"), "2");

    assert_eq!(api.get("/v1/records/count", Some(&key)).json["count"], 2);
    let page = api.get("/v1/records?after=0&limit=1", Some(&key)).json;
    let next = api.get(&format!("/v1/records?after={}", page["next"]), Some(&key)).json;
    assert_eq!(
        (page["records"][0]["id"].as_str(), &next["records"][0]["id"]),
        (Some(&*id), &created.json["id"])
    );
    assert_eq!(api.get("/v1/records?limit=0", Some(&key)).status, 400);
}

#[test]
fn admin_routes_are_for_platform_keys_and_tell_no_secret() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let keys = ["platform", "enterprise", "agent"].map(|role| install.create_key(role));
    let api = install.start_ready("api");
    for path in ["/v1/admin/system-health", "/v1/admin/support-bundle"] {
        let statuses = keys.each_ref().map(|key| api.get(path, Some(key)).status);
        assert_eq!(statuses, [200, 403, 403], "{path}");
        assert_eq!(api.get(path, None).status, 401);
        assert_eq!(api.get(path, Some("ldg_platform_made_up")).status, 401);
    }
    let bundle = api.get("/v1/admin/support-bundle", Some(&keys[0]));
    assert_eq!(bundle.json.as_object().unwrap().len(), 9);
    assert_eq!(bundle.json["database"]["migrations"].as_array().unwrap().len(), 3);
    let everything = bundle.text + &api.log() + &api.get("/metrics", None).text;
    for secret in [crate::product::SECRET, &keys[0], "MC4CAQAwBQYDK2Vw"] {
        assert!(!everything.contains(secret));
    }
    assert_eq!(api.get("/conformance", None).json["version"], "1.2.0");
    assert_eq!(api.get("/v1/conformance", None).json["version"], "1.2.0");
    assert_eq!(api.get("/status", None).json["status"], "operational");
    assert_eq!(api.get("/nowhere", None).status, 404);
    let url = format!("http://127.0.0.1:{}/health", api.port);
    assert!(install.run(&["healthcheck", &url]).status.success());
    assert!(!install.run(&["healthcheck", &url.replace("/health", "/nowhere")]).status.success());
}

#[test]
fn a_scan_finds_what_was_tampered_with_and_only_that() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("platform");
    let api = install.start_ready("api");
    let ids: Vec<_> = (0..4).map(|n| api.write(&key, &json!({"n": n}))).collect();
    let scan = || {
        let job = api.post("/v1/admin/vault/scan", &key, &json!({}));
        assert_eq!(job.status, 202);
        let path = format!("/v1/admin/vault/scan/{}", job.json["jobId"].as_str().unwrap());
        eventually("a scan that is done", || {
            Some(api.get(&path, Some(&key)).json).filter(|scan| scan["status"] == "done")
        })
    };
    let sound = scan();
    assert_eq!((&sound["checked"], &sound["total"]), (&json!(4), &json!(4)));
    assert_eq!(sound["brokenChains"], json!([]));
    assert!(install.run(&["verify-vault"]).status.success());

    postgres.sql(&format!("UPDATE vault_entries SET body = '{{}}' WHERE record_id = '{}'", ids[0]));
    postgres.sql(&format!("UPDATE records SET payload = '7' WHERE id = '{}'", ids[1]));
    postgres.sql(&format!("DELETE FROM vault_entries WHERE record_id = '{}'", ids[2]));
    let broken = scan()["brokenChains"].as_array().unwrap().clone();
    let mut found: Vec<_> = broken.iter().map(|chain| (&chain["recordId"], &chain["breach"])).collect();
    found.sort_by_key(|(id, _)| ids.iter().position(|known| *id == known));
    let (hash, payload, gap) = (json!("hash"), json!("payload"), json!("gap"));
    assert_eq!(found, [(&json!(ids[0]), &hash), (&json!(ids[1]), &payload), (&json!(ids[2]), &gap)]);
    assert_eq!(install.run(&["verify-vault"]).status.code(), Some(1));
}

#[test]
fn a_stop_waits_for_the_request_in_flight_and_is_not_ready_meanwhile() {
    let postgres = Postgres::start();
    let install = Install::of("1.2.0", &postgres);
    install.migrate();
    let key = install.create_key("agent");
    let (mut api, mut worker) = (install.start_ready("api"), install.start_ready("worker"));
    // Holds the request up for two seconds without holding up the probes.
    let blocker = postgres.sql_in_background("BEGIN; LOCK TABLE records; SELECT pg_sleep(2); COMMIT");
    eventually("the lock", || {
        let sql = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                   AND relation = 'records'::regclass";
        (postgres.sql(sql) == "1").then_some(())
    });
    let port = api.port;
    let in_flight = {
        let key = key.clone();
        thread::spawn(move || {
            http::request(port, "/v1/records", Some(&key), Some(&json!({"kind": "note", "payload": 1})))
        })
    };
    sleep(Duration::from_millis(300));
    api.terminate();
    worker.terminate();
    api.await_not_ready("stopping");
    assert_eq!(api.get("/health", None).status, 200);
    assert_eq!(api.get("/v1/records/count", Some(&key)).json["error"], "stopping");
    assert_eq!(in_flight.join().unwrap().unwrap().status, 201);
    assert_eq!(api.await_exit().code(), Some(0), "{}", api.log());
    assert_eq!(worker.await_exit().code(), Some(0), "{}", worker.log());
    assert_eq!(postgres.sql("SELECT count(*) FROM records"), "1");
    drop(blocker);
}

#[test]
fn provisioning_follows_the_files() {
    let postgres = Postgres::start();
    let mut install = Install::of("1.2.0", &postgres);
    install.migrate();
    let files = tempfile::tempdir().unwrap();
    install.set("LEDGER_PROVISIONING_DIR", files.path().to_str().unwrap());
    let key = install.create_key("platform");
    let api = install.start_ready("api");
    let reload = || api.post("/v1/admin/provisioning/reload", &key, &json!({}));
    let put = |name: &str, text: &str| std::fs::write(files.path().join(name), text).unwrap();
    put("a.json", r#"{"limit":1}"#);
    put("b.json", r#"{"limit":2}"#);
    assert_eq!(reload().json, json!({"created": 2, "updated": 0, "unchanged": 0, "removed": 0}));
    put("a.json", r#"{"limit":3}"#);
    std::fs::remove_file(files.path().join("b.json")).unwrap();
    assert_eq!(reload().json, json!({"created": 0, "updated": 1, "unchanged": 0, "removed": 1}));
    put("c.json", "not json");
    assert_eq!(reload().status, 500);
    assert_eq!(postgres.sql("SELECT name FROM provisioned_items"), "a");
}
