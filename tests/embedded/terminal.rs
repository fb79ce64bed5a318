//! A person at a terminal, to whom an operation fails.

use std::time::Duration;

use expectrl::{Eof, Session, WaitStatus};

use crate::install::Install;
use crate::stand::Stand as _;

#[test]
fn who_is_at_a_terminal_is_offered_a_bundle_when_an_operation_failed() {
    let install = Install::started("1.1.0");
    for (answer, bundles) in [("n\r", 0), ("y\r", 1)] {
        let mut session = Session::spawn(install.opsctl(&["upgrade", "2.0.0-crash-loop"])).unwrap();
        session.set_expect_timeout(Some(Duration::from_mins(1)));
        session.expect("Upgrade Collector").expect("a question");
        session.send("yes\r").unwrap();
        session.expect("Make a support bundle now?").expect("an offer");
        session.send(answer).unwrap();
        session.expect(Eof).expect("it ends");
        let status = session.wait().unwrap();
        assert!(matches!(status, WaitStatus::Exited(_, 4)), "{answer:?}: {status:?}");
        assert_eq!(install.bundles().len(), bundles, "{answer:?}");
        install.assert_serves("1.1.0");
    }
}

#[test]
fn only_a_line_that_says_yes_is_consent() {
    let install = Install::started("1.1.0");
    for answer in ["\r", "yn\r", "any\r", "n\r", "\u{4}"] {
        let mut session = Session::spawn(install.opsctl(&["stop"])).unwrap();
        session.set_expect_timeout(Some(Duration::from_mins(1)));
        session.expect("Stop Collector? [y/N]").expect("a question");
        session.send(answer).unwrap();
        session.expect("nothing was changed").unwrap_or_else(|error| panic!("{answer:?}: {error}"));
        session.expect(Eof).expect("it ends");
        assert!(matches!(session.wait().unwrap(), WaitStatus::Exited(_, 2)), "{answer:?}");
        assert!(install.is_healthy(), "{answer:?}");
    }
}
