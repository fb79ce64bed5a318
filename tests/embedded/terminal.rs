//! A person at a terminal, who has to say yes.

use std::time::Duration;

use expectrl::{Eof, Session, WaitStatus};

use crate::install::Install;
use crate::stand::Stand as _;

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
