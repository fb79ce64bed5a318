//! A product that somebody starts by hand while opsctl works on it: opsctl does not own that process, and cannot stop it.

use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::install::Install;
use crate::stand::{Stand as _, Writes as _, assert_holds_all, begin, exits};

/// The old release, until this is dropped.
struct ByHand(Child);

impl ByHand {
    fn start(install: &Install, release: &str) -> Self {
        let program = install.path("releases").join(release).join("run");
        let mut command = Command::new(program);
        command.args(["api", "--addr", &format!("127.0.0.1:{}", install.port), "--db"]).arg(install.store());
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_product_that_somebody_starts_in_the_middle_stops_the_upgrade_and_is_waited_for() {
    let install = Install::serving("1.1.0");
    let (before, writer) = (install.essence(), install.writer());
    writer.goes_on();
    let mut run = begin(&install, &["upgrade", "1.2.0"]);
    // A product that does not move keeps opsctl in this step, before it takes hold of the store.
    run.reaches("\"pull\"");
    install.signal_product("STOP");
    run.reaches("\"quiesce\"");
    run.signal(Signal::STOP);
    install.signal_product("TERM");
    install.signal_product("CONT");
    install.ends();
    let by_hand = ByHand::start(&install, "1.1.0");
    writer.goes_on();
    run.signal(Signal::CONT);
    let ended = run.wait();
    assert_eq!(ended.code, Some(6), "it holds the port: {}", ended.told());
    assert!(ended.fault().contains("another process has it open"), "{}", ended.fault());
    writer.goes_on();

    drop(by_hand);
    exits(&install, 4, &["resume"]);
    install.assert_serves("1.1.0");
    install.assert_tidy();
    assert_eq!(install.essence(), before);
    writer.goes_on();
    assert_holds_all(&install, &writer.finish());
}
