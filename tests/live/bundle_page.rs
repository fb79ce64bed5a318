//! The page of a bundle, as a browser shows it.

use std::path::Path;
use std::process::{Command, Stdio};

use opsctl::bundle::findings::findings;
use opsctl::bundle::page::render;
use tempfile::TempDir;

#[path = "../support/bundles.rs"]
#[expect(dead_code, reason = "each test takes what it needs")]
mod samples;

use samples::Sample;

/// Opened from disk, in a frame as narrow as a phone; what the frame holds is measured from outside.
const FRAME: &str = r#"<!doctype html><title>frame</title><iframe id="frame" width="360" height="800" src="page.html"></iframe><pre id="measured"></pre>
<script>
document.getElementById("frame").addEventListener("load", (event) => {
  const inner = event.target.contentWindow;
  document.getElementById("measured").textContent = JSON.stringify({
    overflow: inner.document.documentElement.scrollWidth - inner.document.documentElement.clientWidth,
    loaded: inner.performance.getEntriesByType("resource").length,
    findings: Array.from(inner.document.querySelectorAll(".finding .title")).filter((title) => title.checkVisibility()).length,
  });
});
</script>"#;

struct Browser {
    scratch: TempDir,
}

impl Browser {
    fn with_page(sample: &Sample) -> Self {
        let browser = Self { scratch: tempfile::tempdir().unwrap() };
        let bundle = sample.bundle();
        std::fs::write(browser.path().join("page.html"), render(&bundle, &findings(&bundle))).unwrap();
        std::fs::write(browser.path().join("frame.html"), FRAME).unwrap();
        browser
    }

    fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// The document after its scripts ran; nothing may have been written to the console.
    fn shows(&self, page: &str) -> String {
        let profile = self.path().join("profile");
        let output = Command::new("timeout")
            .args([
                "--kill-after=5",
                "60",
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--allow-file-access-from-files",
            ])
            .args([
                "--enable-logging=stderr",
                "--virtual-time-budget=5000",
                "--window-size=1280,900",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("file://{}/{page}", self.path().display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "chromium: {said}");
        assert!(!said.contains("CONSOLE"), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_browser_shows_the_findings_on_a_phone_and_loads_nothing() {
    for (name, sample) in Sample::all() {
        let browser = Browser::with_page(&sample);
        let dom = browser.shows("frame.html");
        let measured =
            dom.split("id=\"measured\">").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap();
        let measured: serde_json::Value =
            serde_json::from_str(measured).unwrap_or_else(|_| panic!("{name}: {dom}"));
        let found = findings(&sample.bundle()).len();
        assert_eq!(measured, serde_json::json!({"overflow": 0, "loaded": 0, "findings": found}), "{name}");
    }
}

#[test]
fn a_search_in_the_address_shows_what_matches_and_hides_the_rest() {
    let browser = Browser::with_page(&Sample::disk_full());
    let dom = browser.shows("page.html#q=No%20space%20left");
    let matches = dom.split("<output id=\"matches\"").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let count: usize = matches.split(['>', ' ']).find_map(|word| word.parse().ok()).unwrap_or(0);
    assert!(count > 31, "{matches}");
    let line = |text: &str| dom.split("<div class=\"l").find(|line| line.contains(text)).unwrap();
    assert!(
        !line("could not extend file").split('>').next().unwrap().contains("hidden"),
        "a line that matches"
    );
    assert!(
        line("checkpoint starting").split('>').next().unwrap().contains("hidden"),
        "a line that does not"
    );
    let none = browser.shows("page.html#q=nothing-says-this");
    assert!(none.contains(">0 matches<"), "the count of none");
}

#[test]
fn a_page_can_be_printed() {
    let browser = Browser::with_page(&Sample::lock_pile_up());
    let file = browser.path().join("page.pdf");
    let status = Command::new("timeout")
        .args(["60", "chromium", "--headless", "--no-sandbox", "--disable-gpu"])
        .arg(format!("--user-data-dir={}", browser.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", file.display()))
        .arg(format!("file://{}/page.html", browser.path().display()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(std::fs::read(&file).unwrap().starts_with(b"%PDF-"));
}
