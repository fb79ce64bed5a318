use std::fs;

use opsctl::bundle::findings::findings;
use opsctl::bundle::page::render;

use crate::samples::Sample;

#[test]
fn write_them() {
    let Ok(dir) = std::env::var("BUNDLE_PAGES") else { return };
    for (name, sample) in Sample::all() {
        let bundle = sample.bundle();
        let found = findings(&bundle);
        println!("== {name}");
        for finding in &found {
            println!(
                "{:?} {} | {} | because {:?}",
                finding.severity, finding.id, finding.title, finding.because
            );
            for evidence in &finding.evidence {
                println!("      {}:{:?} {}", evidence.member, evidence.line, evidence.text);
            }
        }
        fs::write(format!("{dir}/{name}.html"), render(&bundle, &found)).unwrap();
    }
}
