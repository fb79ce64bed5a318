//! Releases that are fetched over connections that do not last: it goes on where it ended, and never with another file.

use std::time::{Duration, Instant};

use crate::fetched::{archive_of, fetching, releases, sha256};
use crate::install::Install;
use crate::stand::{Stand as _, begin, does};
use crate::web::{Pieces, Served, Web};

const PATH: &str = "/c-1.1.0.tar.gz";

/// All of it, over connections that last.
fn whole(body: &[u8], tag: &'static str) -> Pieces {
    Pieces { body: body.to_vec(), tag, each: usize::MAX >> 1, most: usize::MAX, ranges: true }
}

fn serve(web: &Web, pieces: Pieces) {
    web.pieces_given();
    web.serve(PATH, Served::Pieces(pieces));
}

/// What is kept of an archive that did not come whole.
fn kept(install: &Install) -> Option<u64> {
    std::fs::metadata(install.path(".opsctl/releases/fetching/archive")).ok().map(|found| found.len())
}

#[test]
fn connections_that_break_again_and_again_bring_every_byte_once() {
    let web = Web::start();
    let install = fetching(&web, "");
    let archive = archive_of("1.1.0");
    let each = archive.len() / 6 + 1;
    serve(&web, Pieces { each, ..whole(&archive, "\"a\"") });
    let (status, text) = install.run(&format!("upgrade 1.1.0 --sha256 {}", sha256(&archive)));
    assert_eq!(status, 0, "{text}");
    let given = web.pieces_given();
    assert_eq!(given.len(), 6, "{given:?}");
    assert_eq!(given.iter().map(|(_, length)| length).sum::<usize>(), archive.len(), "{given:?}");
    assert_eq!(kept(&install), None);
    install.assert_serves("1.1.0");
}

#[test]
fn what_a_run_brought_is_gone_on_with_by_the_next() {
    let web = Web::start();
    let install = fetching(&web, "");
    let archive = archive_of("1.1.0");
    let (half, command) = (archive.len() / 2, format!("upgrade 1.1.0 --sha256 {}", sha256(&archive)));
    serve(&web, Pieces { most: half, ..whole(&archive, "\"a\"") });
    let (status, text) = install.run(&command);
    assert!(status == 1 && text.contains("goes on from there"), "{status}: {text}");
    assert_eq!((releases(&install), kept(&install)), (vec!["1.0.0".to_owned()], Some(half as u64)));
    install.assert_serves("1.0.0");
    serve(&web, whole(&archive, "\"a\""));
    let (status, text) = install.run(&command);
    assert_eq!(status, 0, "{text}");
    assert_eq!(web.pieces_given(), [(half, archive.len() - half)]);
    install.assert_serves("1.1.0");
}

#[test]
fn what_a_killed_run_brought_is_gone_on_with() {
    let web = Web::start();
    let install = fetching(&web, "");
    let archive = archive_of("1.1.0");
    let half = archive.len() / 2;
    serve(&web, Pieces { most: half, ..whole(&archive, "\"a\"") });
    let mut run = begin(&install, &["upgrade", "1.1.0", "--sha256", &sha256(&archive)]);
    run.reaches("pull");
    let began = Instant::now();
    while kept(&install) != Some(half as u64) {
        assert!(began.elapsed() < Duration::from_secs(10), "half of it never came: {:?}", kept(&install));
        std::thread::sleep(Duration::from_millis(5));
    }
    run.kill_at("pull", Duration::ZERO);
    serve(&web, whole(&archive, "\"a\""));
    does(&install, &["resume"]);
    assert_eq!(web.pieces_given(), [(half, archive.len() - half)]);
    assert_eq!(kept(&install), None);
    install.assert_serves("1.1.0");
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_its_beginning() {
    let web = Web::start();
    let archive = archive_of("1.1.0");
    let damaged: Vec<u8> = archive.iter().map(|byte| byte ^ 1).collect();
    let half = archive.len() / 2;
    // The server says that it changed; it does not say so; it tells nothing to know it by; it gives no parts.
    let cases = [
        ("\"a\"", whole(&archive, "\"b\""), vec![(0, archive.len())]),
        ("\"a\"", whole(&archive, "\"a\""), vec![(half, archive.len() - half), (0, archive.len())]),
        ("", whole(&archive, ""), vec![(0, archive.len())]),
        ("\"a\"", Pieces { ranges: false, ..whole(&archive, "\"a\"") }, vec![(0, archive.len())]),
    ];
    for (tag, then, expected) in cases {
        let install = fetching(&web, "");
        let command = format!("upgrade 1.1.0 --sha256 {}", sha256(&archive));
        serve(&web, Pieces { most: half, ..whole(&damaged, tag) });
        let (status, text) = install.run(&command);
        assert_eq!(status, 1, "{text}");
        serve(&web, then);
        let (status, text) = install.run(&command);
        assert_eq!(status, 0, "{text}");
        assert_eq!(web.pieces_given(), expected, "{tag}");
        install.assert_serves("1.1.0");
    }
}

#[test]
fn one_archive_is_never_taken_for_the_beginning_of_another() {
    let web = Web::start();
    let install = fetching(&web, "");
    let (first, second) = (archive_of("1.1.0"), archive_of("1.2.0"));
    serve(&web, Pieces { most: first.len() / 2, ..whole(&first, "\"a\"") });
    assert_eq!(install.run(&format!("upgrade 1.1.0 --sha256 {}", sha256(&first))).0, 1);
    web.serve("/c-1.2.0.tar.gz", Served::Pieces(whole(&second, "\"a\"")));
    web.pieces_given();
    let (status, text) = install.run(&format!("upgrade 1.2.0 --sha256 {}", sha256(&second)));
    assert_eq!(status, 0, "{text}");
    assert_eq!(web.pieces_given(), [(0, second.len())]);
    install.assert_serves("1.2.0");
}
