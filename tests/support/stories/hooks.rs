//! The operator's own commands around operations: one that says no stops them, and all are told what happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::stand::{Stand, does, exits};

const TELL: &str = "#!/bin/sh
env | grep '^OPSCTL_' | grep -v OPSCTL_OUTPUT | sort > \"told.$OPSCTL_HOOK\"
";

pub(crate) fn hooks_are_told_what_happens_and_one_that_says_no_stops_it<S: Stand>(stand: &S) {
    script(stand, "tell.sh", TELL);
    script(stand, "refuse.sh", "#!/bin/sh\necho 'not on a Friday' >&2\nexit 9\n");
    let hooks = |before: &str, after: &str| {
        stand.describe(&format!(
            "\n[hooks]\nbefore = [\"./{before}\"]\nafter = [\"./{after}\"]\nfailed = [\"./tell.sh\"]\n"
        ));
    };

    hooks("refuse.sh", "tell.sh");
    let before = stand.essence();
    let refused = exits(stand, 3, &["upgrade", "1.1.0"]);
    assert!(refused.fault().contains("the hook before the operation says no"), "{}", refused.told());
    assert!(refused.told().contains("not on a Friday"), "{}", refused.told());
    assert_eq!(stand.essence(), before, "nothing was changed");
    exits(stand, 2, &["resume"]);

    hooks("tell.sh", "tell.sh");
    does(stand, &["upgrade", "1.1.0"]);
    let told = told(stand, "before");
    assert!(told.contains("OPSCTL_KIND=upgrade\n") && told.contains("OPSCTL_TO=1.1.0\n"), "{told}");
    assert!(!told.contains("OPSCTL_ENDING"), "{told}");
    let told = self::told(stand, "after");
    assert!(told.contains("OPSCTL_ENDING=done\n") && told.contains("OPSCTL_EXIT=0\n"), "{told}");

    exits(stand, 4, &["upgrade", "2.0.0-migration-fails"]);
    let told = self::told(stand, "failed");
    assert!(told.contains("OPSCTL_ENDING=rolled-back\n") && told.contains("OPSCTL_EXIT=4\n"), "{told}");
    assert!(
        told.contains("OPSCTL_FROM=1.1.0\n") && told.contains("OPSCTL_ERROR=the upgrade failed"),
        "{told}"
    );

    // One that fails behind the operation fails nothing, and is told.
    hooks("tell.sh", "refuse.sh");
    let warned = exits(stand, 0, &["backup"]);
    assert!(
        warned.result()["warnings"].to_string().contains("the hook after the operation"),
        "{}",
        warned.told()
    );
    stand.assert_serves("1.1.0");
    stand.assert_tidy();
}

fn script<S: Stand>(stand: &S, name: &str, text: &str) {
    fs::write(stand.path(name), text).unwrap();
    fs::set_permissions(stand.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn told<S: Stand>(stand: &S, hook: &str) -> String {
    fs::read_to_string(stand.path(&format!("told.{hook}"))).unwrap()
}
