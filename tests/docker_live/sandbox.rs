//! Throw-away images, registries and folders.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use opsctl::adapters::docker::{Engine, EngineSettings};
use opsctl::model::image_ref::{ImageId, ImageRef};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

static COUNTER: AtomicU32 = AtomicU32::new(0);

pub(crate) async fn engine() -> Engine {
    let settings = EngineSettings::from_environment(|name| std::env::var_os(name)?.into_string().ok());
    Engine::connect(&settings).await.expect("a docker engine")
}

/// A name nobody else has.
pub(crate) fn unique(what: &str) -> String {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("opsctl-dk-{what}-{}-{number}", std::process::id())
}

pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output().expect("docker runs");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An image of busybox and as much noise as wanted, removed with the value.
pub(crate) struct TestImage {
    pub(crate) id: ImageId,
    names: Vec<String>,
}

impl TestImage {
    pub(crate) fn build(noise: usize) -> Self {
        let name = format!("{}:base", unique("image"));
        let mut import = Command::new("docker")
            .args(["import", "-", &name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker runs");
        let mut archive = tar::Builder::new(import.stdin.take().unwrap());
        archive.append_path_with_name(busybox(), "bin/busybox").unwrap();
        for applet in ["sh", "cat", "sleep", "httpd", "dd", "echo", "true"] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            archive.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
        }
        let mut content = vec![0; noise];
        for piece in content.chunks_mut(64 * 1024) {
            getrandom::fill(piece).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(noise as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, "noise", content.as_slice()).unwrap();
        drop(archive.into_inner().unwrap());
        let output = import.wait_with_output().unwrap();
        assert!(output.status.success());
        let id = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        Self { id, names: vec![name] }
    }

    pub(crate) fn name(&self) -> &str {
        &self.names[0]
    }

    pub(crate) fn tag(&mut self, name: &str) {
        docker(&["tag", self.id.as_str(), name]);
        self.names.push(name.to_owned());
    }

    /// Removes it from the engine, as if it had never been there.
    pub(crate) fn forget(&self) {
        let _gone_already = Command::new("docker").args(["rmi", "-f", self.id.as_str()]).output();
    }
}

impl Drop for TestImage {
    fn drop(&mut self) {
        self.forget();
    }
}

fn busybox() -> &'static Path {
    ["/bin/busybox", "/usr/bin/busybox"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.exists())
        .expect("busybox-static")
}

/// The user and password of a registry that asks for them. The password's base64 needs the two characters in which
/// the alphabets differ.
pub(crate) const USER: &str = "ops";
pub(crate) const PASSWORD: &str = "p~~~~~?????q";
const HTPASSWD: &str = "ops:$2y$04$DaA2jFlb9fuk7mirYpJPxe/sb3pw67jRilRnsR73ydpRhEseBnzDK";

pub(crate) enum Access {
    Open,
    Password,
}

/// A registry of its own on a free port, ended with the value.
pub(crate) struct Registry {
    process: Child,
    pub(crate) host: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start(access: &Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let root = folder.path().display();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {root}/data}}}}\nhttp: {{addr: \"{host}\"}}\n"
        );
        if let Access::Password = access {
            config.extend(["auth: {htpasswd: {realm: test, path: ", &root.to_string(), "/htpasswd}}\n"]);
            put(&folder.path().join("htpasswd"), HTPASSWD);
            put(&folder.path().join("config.json"), &login(&host));
        }
        let config_path = folder.path().join("config.yml");
        put(&config_path, &config);
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry runs");
        let started = Instant::now();
        while std::net::TcpStream::connect(&host).is_err() {
            assert!(started.elapsed() < LIMIT, "the registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, host, folder }
    }

    /// Pushes an image, removes it from the engine, and gives the reference with its digest at the registry.
    pub(crate) fn publish(&self, image: &mut TestImage, repository: &str) -> ImageRef {
        let name = format!("{}/{repository}:1.0.0", self.host);
        image.tag(&name);
        let config = self.folder.path().display().to_string();
        let pushed = docker(&["--config", &config, "push", &name]);
        image.forget();
        let digest = pushed
            .split_whitespace()
            .find_map(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("no digest in {pushed}"));
        name.parse::<ImageRef>().unwrap().with_digest(digest)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// The one blob of at least `least` bytes.
    pub(crate) fn large_blob(&self, least: u64) -> std::path::PathBuf {
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        let deeper =
            |path: std::path::PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        deeper(blobs)
            .flat_map(deeper)
            .map(|blob| blob.join("data"))
            .find(|blob| blob.metadata().unwrap().len() >= least)
            .expect("a large blob")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _waited_already = self.process.wait();
    }
}

fn login(host: &str) -> String {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#)
}

pub(crate) fn put(path: &Path, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}
