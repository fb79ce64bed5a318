//! Releases that do not work, found out before clients reach them: everything is as before, and nothing is lost.

use crate::stand::{Stand, Writes as _, assert_holds_all, exits};

/// What is to be found out about a release.
pub(crate) struct Broken {
    pub(crate) release: &'static str,
    /// What the reason must name.
    pub(crate) because: &'static str,
    /// Whether there is something of it to be kept for support.
    pub(crate) wrote: bool,
}

/// Upgrades to each of them from `serving`, under a client that writes; `look` is given what failed, by its name.
pub(crate) fn are_undone<S: Stand>(
    stand: &S,
    serving: &str,
    releases: &[Broken],
    look: impl Fn(&Broken, &str),
) {
    let writer = stand.writer();
    for broken in releases {
        let (before, failed_before) = (stand.essence(), stand.kept("failed"));
        let ended = exits(stand, 4, &["upgrade", broken.release]);
        assert!(ended.fault().contains(broken.because), "{}: {}", broken.release, ended.fault());
        writer.goes_on();
        stand.assert_serves(serving);
        stand.assert_tidy();
        assert_eq!(stand.essence(), before, "{}", broken.release);
        let failed: Vec<String> =
            stand.kept("failed").into_iter().filter(|name| !failed_before.contains(name)).collect();
        // Also of a migration that was taken back: what it wrote is told all the same.
        assert_eq!(
            failed.len(),
            usize::from(broken.wrote),
            "{}: what failed is kept for support",
            broken.release
        );
        if let [failed] = failed.as_slice() {
            look(broken, failed);
        }
        assert_eq!(stand.kept("restore_point"), Vec::<String>::new(), "{}", broken.release);
    }
    let acknowledged = writer.finish();
    assert_holds_all(stand, &acknowledged);
    println!("{} writes through {} failed upgrades", acknowledged.len(), releases.len());
}
