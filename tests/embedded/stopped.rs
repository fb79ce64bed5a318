//! A product that nobody wants to run just now.

use crate::install::Install;

#[test]
fn a_failed_upgrade_leaves_it_stopped_and_says_so() {
    let install = Install::started("1.1.0");
    install.send("a");
    assert_eq!(install.run("stop").0, 0);
    let (status, text) = install.run("upgrade 2.0.0-crash-loop");
    assert_eq!(status, 4, "{text}");
    assert!(text.contains("is stopped as before") && !text.contains("serves again"), "{text}");
    assert!(!install.is_healthy());
    assert_eq!(install.run("start").0, 0);
    assert_eq!((install.receipts().len(), install.is_healthy()), (1, true));
}
