//! Releases that are fetched over https, from a server whose certificate an authority of the test's own signed.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fetched::{archive_of, releases, sha256};
use crate::install::Install;
use crate::stand::Stand as _;

/// OpenSSL's own server, which gives the files of a folder.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Server {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-WWW", "-quiet", "-cert", "server.pem", "-key", "server.key", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { folder, port, child };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes two authorities, and a certificate for `localhost` by the first.
fn certify(folder: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(folder).stderr(Stdio::null());
        assert!(command.status().expect("the package openssl is installed").success(), "{arguments}");
    };
    for name in ["ca", "other"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {name}.key -out {name}.pem -subj /CN={name} \
             -addext basicConstraints=critical,CA:TRUE"
        ));
    }
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
}

#[test]
fn a_checksum_that_is_published_over_https_is_enough_and_only_from_who_is_trusted() {
    let archive = archive_of("1.1.0");
    let sums = format!("{}  c-1.1.0.tar.gz\n", sha256(&archive));
    let server = Server::with(&[("c-1.1.0.tar.gz", &archive), ("SHA256SUMS", sums.as_bytes())]);
    let install = Install::started("1.0.0");
    let source = format!("source = \"https://localhost:{}/c-{{version}}.tar.gz\"", server.port);
    let description = fs::read_to_string(install.path("opsctl.toml")).unwrap();
    fs::write(install.path("opsctl.toml"), description.replace("source = \"source\"", &source)).unwrap();
    let upgrade = |trusted: &str| {
        let mut command = install.opsctl(&["-y", "upgrade", "1.1.0"]);
        command.env("SSL_CERT_FILE", server.folder.path().join(trusted));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (status, text) = upgrade("other.pem");
    assert!(status == 3 && text.contains("certificate"), "{status}: {text}");
    assert_eq!(releases(&install), ["1.0.0"]);
    install.assert_serves("1.0.0");
    let (status, text) = upgrade("ca.pem");
    assert_eq!(status, 0, "{text}");
    install.assert_serves("1.1.0");
    assert_eq!(install.migrations(), ["1", "2"]);
}
