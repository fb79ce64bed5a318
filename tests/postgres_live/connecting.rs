//! Every way to connect, and what is said when it does not work.

use std::path::Path;
use std::time::Duration;

use opsctl::adapters::postgres::connect::connect;
use opsctl::adapters::postgres::error::{PgError, TlsProblem};

use crate::cluster::{Cluster, ENCODED_PASSWORD, PASSWORD, give_to_server_user, run, write};

/// Makes an authority, a certificate signed by it, a self-signed one, and one of version 1.
fn make_certificates(directory: &Path) {
    let at = |name: &str| directory.join(name).display().to_string();
    write(&directory.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    let subject = |name: &str| format!("/CN={name}");
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject("test authority"),
            "-keyout",
            &at("ca.key"),
            "-out",
            &at("ca.crt"),
        ],
    );
    run(
        "openssl",
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            &subject("localhost"),
            "-keyout",
            &at("signed.key"),
            "-out",
            &at("signed.csr"),
        ],
    );
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-in",
            &at("signed.csr"),
            "-CA",
            &at("ca.crt"),
            "-CAkey",
            &at("ca.key"),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            &at("san"),
            "-out",
            &at("signed.crt"),
        ],
    );
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject("localhost"),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &at("self.key"),
            "-out",
            &at("self.crt"),
        ],
    );
    // Without an extension file, openssl makes version 1.
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-in",
            &at("signed.csr"),
            "-CA",
            &at("ca.crt"),
            "-CAkey",
            &at("ca.key"),
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            &at("old.crt"),
        ],
    );
    run("cp", &[&at("signed.key"), &at("old.key")]);
    for name in ["signed.crt", "signed.key", "self.crt", "self.key", "old.crt", "old.key"] {
        give_to_server_user(&directory.join(name));
    }
}

async fn use_certificate(cluster: &Cluster, name: &str) {
    let admin = cluster.session("postgres").await;
    let path = |suffix: &str| cluster.path().join(format!("{name}.{suffix}")).display().to_string();
    for statement in [
        format!("ALTER SYSTEM SET ssl_cert_file = '{}'", path("crt")),
        format!("ALTER SYSTEM SET ssl_key_file = '{}'", path("key")),
        "ALTER SYSTEM SET ssl = on".to_owned(),
    ] {
        admin.execute("setting up TLS", &statement).await.expect("superuser");
    }
    admin.execute("reloading", "SELECT pg_reload_conf()").await.expect("superuser");
    // The postmaster reads its files some time after the signal.
    tokio::time::sleep(Duration::from_millis(400)).await;
}

async fn uses_tls(cluster: &Cluster, host: &str, parameters: &str) -> Result<bool, PgError> {
    let url = format!("postgres://postgres:{ENCODED_PASSWORD}@{host}:PORT/postgres?{parameters}");
    let session = connect(&cluster.info(&url), "tests").await?;
    let ssl = session.text("asking", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await?;
    Ok(ssl.as_deref() == Some("t"))
}

fn tls_problem(outcome: Result<bool, PgError>) -> TlsProblem {
    match outcome.expect_err("the handshake fails") {
        PgError::Tls { problem, .. } => problem,
        other => panic!("another failure: {other:?}"),
    }
}

#[tokio::test]
async fn every_sslmode_does_what_libpq_does() {
    let rules = "hostssl all tls_only all scram-sha-256\nhostnossl all tls_only all reject\n\
                 hostnossl all plain_only all scram-sha-256\nhostssl all plain_only all reject\n";
    let cluster = Cluster::start_with(&[], rules).await;
    make_certificates(cluster.path());

    assert!(!uses_tls(&cluster, "localhost", "sslmode=prefer").await.expect("prefer falls back to plain"));
    let refused = uses_tls(&cluster, "localhost", "sslmode=require").await.expect_err("no TLS there yet");
    assert!(matches!(refused, PgError::TlsRefused { .. }), "{refused:?}");

    use_certificate(&cluster, "signed").await;
    let ca = format!("sslrootcert={}", cluster.path().join("ca.crt").display());
    for (parameters, expected) in [
        ("sslmode=disable".to_owned(), false),
        ("sslmode=allow".to_owned(), false),
        (String::new(), true),
        ("sslmode=prefer".to_owned(), true),
        ("sslmode=require".to_owned(), true),
        (format!("sslmode=require&{ca}"), true),
        (format!("sslmode=verify-ca&{ca}"), true),
        (format!("sslmode=verify-full&{ca}"), true),
        ("sslmode=require&channel_binding=require".to_owned(), true),
    ] {
        let tls = uses_tls(&cluster, "localhost", &parameters).await;
        assert_eq!(tls.unwrap_or_else(|error| panic!("{parameters}: {error:?}")), expected, "{parameters}");
    }
    assert!(
        uses_tls(&cluster, "127.0.0.1", &format!("sslmode=verify-full&{ca}"))
            .await
            .expect("an address in the SAN")
    );
    let unbound = uses_tls(&cluster, "localhost", "sslmode=disable&channel_binding=require").await;
    assert!(matches!(unbound, Err(PgError::Login { .. })), "{unbound:?}");

    assert_eq!(
        tls_problem(uses_tls(&cluster, "localhost", "sslmode=verify-full").await),
        TlsProblem::UnknownIssuer
    );
    let other_name = format!("sslmode=verify-full&{ca}&hostaddr=127.0.0.1");
    assert_eq!(tls_problem(uses_tls(&cluster, "db.example", &other_name).await), TlsProblem::WrongName);
    let other_name = format!("sslmode=verify-ca&{ca}&hostaddr=127.0.0.1");
    assert!(uses_tls(&cluster, "db.example", &other_name).await.expect("verify-ca looks at no name"));
    let missing = uses_tls(&cluster, "localhost", "sslmode=verify-ca&sslrootcert=/nonexistent").await;
    assert!(matches!(missing, Err(PgError::CertificateFile { .. })), "{missing:?}");

    let admin = cluster.session("postgres").await;
    admin
        .execute(
            "roles",
            "CREATE ROLE tls_only LOGIN PASSWORD 'x'; CREATE ROLE plain_only LOGIN PASSWORD 'x'",
        )
        .await
        .expect("superuser");
    for (role, mode, works) in [
        ("tls_only", "allow", true),
        ("tls_only", "disable", false),
        ("plain_only", "prefer", true),
        ("plain_only", "require", false),
    ] {
        let info = cluster.info(&format!("postgres://{role}:x@127.0.0.1:PORT/postgres?sslmode={mode}"));
        match connect(&info, "tests").await {
            Ok(_) => assert!(works, "{role} with {mode}"),
            Err(error) => assert!(
                !works && matches!(error, PgError::NotAllowed { .. }),
                "{role} with {mode}: {error:?}"
            ),
        }
    }

    use_certificate(&cluster, "self").await;
    let own = format!("sslrootcert={}", cluster.path().join("self.crt").display());
    assert!(
        uses_tls(&cluster, "localhost", &format!("sslmode=verify-full&{own}"))
            .await
            .expect("its own authority")
    );
    let other = uses_tls(&cluster, "localhost", &format!("sslmode=verify-ca&{ca}")).await;
    assert_eq!(tls_problem(other), TlsProblem::Authority);

    use_certificate(&cluster, "old").await;
    assert_eq!(tls_problem(uses_tls(&cluster, "localhost", "sslmode=require").await), TlsProblem::Version1);
}

#[tokio::test]
async fn odd_passwords_sockets_and_ipv6_work() {
    let cluster = Cluster::start().await;
    let socket = cluster.path().display().to_string();
    let encoded_socket = socket.replace('/', "%2F");
    let ipv6 = std::net::TcpStream::connect(("::1", cluster.port)).is_ok();
    let mut strings = vec![
        format!("postgres://postgres:{ENCODED_PASSWORD}@localhost:PORT/postgres"),
        format!("postgres://postgres:{ENCODED_PASSWORD}@/postgres?host={socket}&port=PORT"),
        format!("postgres://postgres:{ENCODED_PASSWORD}@{encoded_socket}:PORT/postgres"),
        format!("host={socket} port=PORT user=postgres dbname=postgres password='{PASSWORD}'"),
        format!("postgres://postgres:{ENCODED_PASSWORD}@127.0.0.1:1,127.0.0.1:PORT/postgres"),
        format!(
            "postgres://postgres:{ENCODED_PASSWORD}@127.0.0.1:PORT/postgres?schema=public&pgbouncer=true"
        ),
        format!(
            "postgres://postgres:{ENCODED_PASSWORD}@127.0.0.1:PORT/postgres?target_session_attrs=primary"
        ),
    ];
    if ipv6 {
        strings.push(format!("postgres://postgres:{ENCODED_PASSWORD}@[::1]:PORT/postgres"));
    }
    for string in strings {
        let session = connect(&cluster.info(&string), "opsctl:test@here").await;
        let session = session.unwrap_or_else(|error| panic!("{string}: {error:?}"));
        let settings =
            "SELECT current_setting('statement_timeout') || ' ' || current_setting('application_name')";
        let settings = session.text("asking", settings).await.expect("an answer");
        assert_eq!(settings.as_deref(), Some("0 opsctl:test@here"), "{string}");
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let cluster = Cluster::start_with(&["max_connections=6", "superuser_reserved_connections=1"], "").await;
    let admin = cluster.session("postgres").await;
    admin.execute("a role", "CREATE ROLE app LOGIN PASSWORD 'right'").await.expect("superuser");
    let failure = async |url: &str| match connect(&cluster.info(url), "tests").await {
        Ok(_) => panic!("{url} should not work"),
        Err(error) => {
            assert!(!error.hint().is_empty() && !format!("{error:?} {error}").contains("wr0ng"), "{error:?}");
            error
        }
    };
    let error = failure("postgres://app:wr0ng@127.0.0.1:PORT/postgres").await;
    assert!(matches!(error, PgError::Authentication { .. }), "{error:?}");
    let error = failure("postgres://app@127.0.0.1:PORT/postgres").await;
    assert!(matches!(error, PgError::Login { .. }), "{error:?}");
    let error = failure("postgres://app:right@127.0.0.1:PORT/nothing").await;
    assert!(matches!(error, PgError::NoDatabase { .. }), "{error:?}");
    let error = failure("postgres://app:right@127.0.0.1:1/postgres").await;
    assert!(matches!(error, PgError::Refused { .. }), "{error:?}");
    let error = failure("postgres://app:right@no.such.host.invalid/postgres").await;
    assert!(matches!(error, PgError::Resolve { .. }), "{error:?}");
    let error = failure("postgres://app:right@/postgres?host=/nonexistent").await;
    assert!(matches!(error, PgError::Refused { .. }), "{error:?}");
    let error = failure("postgres://app:right@127.0.0.1:PORT/postgres?target_session_attrs=standby").await;
    assert!(matches!(error, PgError::WrongKind { .. }), "{error:?}");

    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = silent.local_addr().expect("its address").port();
    let error = failure(&format!("postgres://app:right@127.0.0.1:{port}/postgres?connect_timeout=2")).await;
    assert!(matches!(error, PgError::TimedOut { .. }), "{error:?}");

    let mut held = Vec::new();
    let error = loop {
        match connect(&cluster.info("postgres://app:right@127.0.0.1:PORT/postgres"), "tests").await {
            Ok(session) if held.len() < 10 => held.push(session),
            Ok(_) => panic!("the limit does not hold"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PgError::TooManyConnections { .. }), "{error:?}");
}

#[tokio::test]
async fn the_end_of_a_session_is_noticed() {
    let cluster = Cluster::start().await;
    let admin = cluster.session("postgres").await;
    let victim = cluster.session("postgres").await;
    let kill = format!("SELECT pg_terminate_backend({})", victim.pid());
    admin.execute("terminating", &kill).await.expect("superuser");
    let reason = tokio::time::timeout(Duration::from_secs(5), victim.ended()).await.expect("noticed in time");
    assert!(reason.contains("administrator"), "{reason}");
    assert!(victim.is_closed());
}
