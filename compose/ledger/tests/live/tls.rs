//! What each `sslmode` takes and refuses, with certificates made by OpenSSL.

use std::{path::Path, process::Command};

use crate::{
    postgres::{Postgres, run},
    product::Install,
};

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace()).current_dir(folder).stderr(std::process::Stdio::null());
    assert!(command.status().expect("install Debian's package `openssl`").success(), "openssl {arguments}");
}

/// A server with a certificate for `localhost`, signed by `ca.pem`; `other.pem` is another authority.
fn server() -> Postgres {
    let folder = Postgres::folder();
    let path = folder.path();
    let authority = "req -x509 -newkey rsa:2048 -nodes -days 2 -addext basicConstraints=critical,CA:TRUE";
    openssl(path, &format!("{authority} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(path, &format!("{authority} -keyout other.key -out other.pem -subj /CN=other"));
    openssl(path, "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
    std::fs::write(path.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        path,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    start(folder)
}

/// A server whose certificate is self-signed, for `localhost`.
fn self_signed_server() -> Postgres {
    let folder = Postgres::folder();
    openssl(
        folder.path(),
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout server.key -out server.pem -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost",
    );
    start(folder)
}

fn start(folder: tempfile::TempDir) -> Postgres {
    let path = folder.path();
    run(Command::new("chmod").arg("600").arg(path.join("server.key")));
    // The key must belong to whom the folder was made for.
    run(Command::new("chown")
        .arg("--reference")
        .arg(path)
        .args([path.join("server.key"), path.join("server.pem")]));
    let certificate = format!("ssl_cert_file={}", path.join("server.pem").display());
    let key = format!("ssl_key_file={}", path.join("server.key").display());
    Postgres::start_in(folder, &["ssl=on", "listen_addresses=localhost", &certificate, &key])
}

/// The last words of `migrate` with this host and these parameters, or nothing if it worked.
fn refusal(postgres: &Postgres, host: &str, parameters: &str) -> Option<String> {
    let mut install = Install::of("1.0.0", postgres);
    let url = format!("postgres://ledger@{host}:{}/ledger?{parameters}", postgres.port);
    install.set("DATABASE_URL", &url);
    let output = install.run(&["migrate"]);
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn certificates_are_verified_as_far_as_the_mode_says() {
    let postgres = server();
    let file = |name: &str| postgres.socket_folder().join(name).display().to_string();
    let (ca, other) = (file("ca.pem"), file("other.pem"));
    for mode in ["disable", "prefer", "require"] {
        assert_eq!(refusal(&postgres, "127.0.0.1", &format!("sslmode={mode}")), None, "{mode}");
    }
    assert_eq!(refusal(&postgres, "localhost", &format!("sslmode=verify-full&sslrootcert={ca}")), None);
    assert_eq!(refusal(&postgres, "127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")), None);
    for refused in ["verify-full", "verify-ca", "require"] {
        let text = refusal(&postgres, "localhost", &format!("sslmode={refused}&sslrootcert={other}"));
        assert!(text.as_deref().is_some_and(|text| text.contains("certificate")), "{refused}: {text:?}");
    }
    let wrong_name = refusal(&postgres, "127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ca}"));
    assert!(wrong_name.as_deref().is_some_and(|text| text.contains("certificate")), "{wrong_name:?}");
    let missing = refusal(&postgres, "localhost", "sslmode=verify-ca&sslrootcert=/nowhere.pem");
    assert!(missing.as_deref().is_some_and(|text| text.contains("/nowhere.pem")), "{missing:?}");
}

#[test]
fn a_self_signed_certificate_can_be_trusted_as_itself() {
    let postgres = self_signed_server();
    let ca = postgres.socket_folder().join("server.pem").display().to_string();
    assert_eq!(refusal(&postgres, "localhost", &format!("sslmode=verify-full&sslrootcert={ca}")), None);
    assert_eq!(refusal(&postgres, "127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")), None);
    assert!(refusal(&postgres, "127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ca}")).is_some());
    let mut install = Install::of("1.0.0", &postgres);
    let url = format!("postgres://ledger@localhost:{}/ledger?sslmode=verify-full", postgres.port);
    install.set("DATABASE_URL", &url);
    install.set("NODE_EXTRA_CA_CERTS", &ca);
    install.migrate();
}

#[test]
fn a_unix_socket_needs_no_tls_whatever_the_mode() {
    let postgres = Postgres::start();
    let folder = postgres.socket_folder().display().to_string().replace('/', "%2F");
    assert_eq!(refusal(&postgres, &folder, "sslmode=require"), None);
}
