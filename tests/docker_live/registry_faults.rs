//! A registry that answers as registries do on bad days: each answer is told apart, by resolving and by pulling.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;

use opsctl::adapters::docker::{Credentials, PullError, PullLimits, RegistryFailure, Resolution};
use opsctl::model::image_ref::ImageRef;

use crate::sandbox::{LIMIT, engine};

const QUICK: PullLimits =
    PullLimits { stall: Duration::from_secs(10), attempts: 2, first_wait: Duration::from_millis(20) };

/// Answers every request with a status and a body, until the test ends.
struct BadRegistry {
    port: u16,
}

impl BadRegistry {
    fn answering(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // The thread ends with the process: it waits for nothing but requests.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines();
                let request = lines.next().and_then(Result::ok).unwrap_or_default();
                while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                drop(lines);
                // What asks whether this is a registry at all is told so, or nothing else would be asked.
                let (status, body) =
                    if request.contains(" /v2/ ") { ("200 OK", "{}") } else { (status, body) };
                let _gone_meanwhile = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/vnd.docker.distribution.manifest.v2+json\r\n\
                     Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { port }
    }

    fn tagged(&self) -> ImageRef {
        format!("127.0.0.1:{}/team/product:1.0.0", self.port).parse().unwrap()
    }
}

fn kind(failure: &RegistryFailure) -> &'static str {
    match failure {
        RegistryFailure::NotFound => "not found",
        RegistryFailure::Unauthorized { .. } => "unauthorized",
        RegistryFailure::RateLimited { .. } => "rate limited",
        RegistryFailure::ServerError { .. } => "server error",
        RegistryFailure::Corrupt { .. } => "corrupt",
        RegistryFailure::Unreachable { .. } => "unreachable",
        _ => "other",
    }
}

#[tokio::test]
async fn each_bad_answer_is_told_apart_and_only_those_that_may_pass_are_tried_again() {
    let engine = engine().await;
    let nobody = Credentials::anonymous();
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    let too_many = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#;
    for (status, body, expected) in [
        ("401 Unauthorized", r#"{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}"#, "unauthorized"),
        ("403 Forbidden", denied, "unauthorized"),
        ("404 Not Found", unknown, "not found"),
        ("429 Too Many Requests", too_many, "rate limited"),
        ("500 Internal Server Error", "", "server error"),
        ("502 Bad Gateway", "<html>a proxy's page</html>", "server error"),
        ("503 Service Unavailable", "", "server error"),
    ] {
        let registry = BadRegistry::answering(status, body);
        let answer = engine.resolve(&registry.tagged(), &nobody, LIMIT).await.unwrap();
        let Resolution::Failed(failure) = &answer else { panic!("{status}: {answer:?}") };
        assert_eq!(kind(failure), expected, "{status}: {failure:?}");
        assert!(failure.hint("registry").is_some(), "{status}: what to do is told");

        let pinned = registry.tagged().with_digest(format!("sha256:{}", "0".repeat(64)).parse().unwrap());
        let error = engine.pull(&pinned, &nobody, QUICK, |_| ()).await.unwrap_err();
        let PullError::Registry { failure, attempts, .. } = &error else { panic!("{status}: {error:?}") };
        assert_eq!(kind(failure), expected, "{status}: {failure:?}");
        assert_eq!(attempts.len(), usize::from(failure.is_transient()), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_what_its_digest_says_is_refused() {
    let engine = engine().await;
    let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{},"layers":[]}"#;
    let registry = BadRegistry::answering("200 OK", manifest);
    let pinned = registry.tagged().with_digest(format!("sha256:{}", "1".repeat(64)).parse().unwrap());
    let error = engine.pull(&pinned, &Credentials::anonymous(), QUICK, |_| ()).await.unwrap_err();
    assert!(
        matches!(&error, PullError::Registry { failure: RegistryFailure::Corrupt { .. }, attempts, .. }
        if attempts.is_empty()),
        "{error:?}"
    );
    assert_eq!(engine.image(&pinned).await.unwrap(), None);
}
