use std::fmt::Write as _;

use opsctl::bundle::findings::findings;
use opsctl::bundle::page::render;

use crate::samples::{Sample, bundle_of, pino};

/// What a stranger may put into a log.
const HOSTILE: &str = "</div></script><script>alert(1)</script><img src=x onerror=alert(1)>\" onmouseover=\"alert(1)' <!-- ]]> &lt; &#60;";

fn page_of(sample: &Sample) -> String {
    let bundle = sample.bundle();
    render(&bundle, &findings(&bundle))
}

#[test]
fn every_sample_has_a_page_that_asks_nothing_of_the_network() {
    for (name, sample) in Sample::all() {
        let page = page_of(&sample);
        assert!(page.len() < 1 << 20, "{name}: {}", page.len());
        assert!(page.contains("default-src 'none'") && page.contains("lang=\"en\""), "{name}");
        for loads in [
            " src=",
            "@import",
            "url(",
            "<link",
            "<iframe",
            "<form",
            "http-equiv=\"refresh\"",
            " style=",
            " onclick=",
        ] {
            assert!(!page.contains(loads), "{name}: {loads}");
        }
    }
}

#[test]
fn whatever_is_in_a_bundle_is_text() {
    let mut sample = Sample::disk_full();
    sample.manifest.title = HOSTILE.into();
    sample.manifest.release = Some(HOSTILE.into());
    sample.container("agledger-api-1").image = HOSTILE.into();
    sample.container("agledger-worker-1").environment.insert(HOSTILE.into(), HOSTILE.into());
    sample.tables[0].name = HOSTILE.into();
    sample.operations[0].what = HOSTILE.into();
    sample.checks.push(crate::samples::failing(HOSTILE, HOSTILE, HOSTILE));
    let log = pino(60, 50, HOSTILE) + HOSTILE;
    sample.log("agledger-api-2", &log);
    sample.log("javascript:alert(1)", HOSTILE);
    let page = page_of(&sample);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img") && !page.contains("href=\"javascript"));
    assert!(!page.contains("\" onmouseover=\""));
}

#[test]
fn findings_point_to_lines_that_are_there() {
    for (name, sample) in Sample::all() {
        let page = page_of(&sample);
        let targets: Vec<&str> =
            page.split(" href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for target in targets {
            assert!(page.contains(&format!(" id=\"{target}\"")), "{name}: #{target}");
        }
    }
}

#[test]
fn no_bundle_is_too_large_for_its_page() {
    let mut sample = Sample::disk_full();
    for number in 0..12 {
        let mut log = String::new();
        for line in 0..12_000 {
            let _ = write!(
                log,
                "{}",
                pino(3000 - line / 10, if line == 6000 { 50 } else { 30 }, &format!("{HOSTILE} {line}"))
            );
        }
        if number < 3 {
            sample.log(&format!("noisy-{number}"), &log);
        }
        sample.text(&format!("other/{number}.json"), &log[..1 << 20]);
    }
    sample.log("one-line", &"x".repeat(4 << 20));
    for number in 0..3000 {
        sample.tables.push(sample.tables[number % 5].clone());
        sample.events.push(sample.events[0].clone());
        sample.operations.push(sample.operations[0].clone());
        sample.answers.push(sample.answers[number % 4].clone());
        sample.text(&format!("small/{number}.txt"), "x\n");
    }
    let bundle = sample.bundle();
    let found = findings(&bundle);
    let page = render(&bundle, &found);
    assert!(page.len() < 5_000_000, "{}", page.len());
    // The error in the middle of what is left out is shown.
    assert!(page.contains("6001</a>"), "the error's line");
    assert!(page.contains("lines not shown"));
}

#[test]
fn an_empty_bundle_has_a_page_too() {
    let bundle = bundle_of([]);
    let page = render(&bundle, &findings(&bundle));
    assert!(page.contains("<h2 id=\"findings-heading\">"));
}
