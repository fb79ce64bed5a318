//! The operator's own commands around operations: one that says no stops them, and all are told what happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::stack::Stack;

const TELL: &str = "#!/bin/sh
env | grep '^OPSCTL_' | grep -v OPSCTL_OUTPUT | sort > \"told.$OPSCTL_HOOK\"
";

#[test]
fn hooks_are_told_what_happens_and_one_that_says_no_stops_it() {
    let stack = Stack::up(18, "1.0.0");
    let described = stack.ops_does(&["init", "--stdout"])["template"].as_str().unwrap().to_owned();
    script(&stack, "tell.sh", TELL);
    script(&stack, "refuse.sh", "#!/bin/sh\necho 'not on a Friday' >&2\nexit 9\n");
    let hooks = |before: &str| {
        let hooks = format!(
            "\n[hooks]\nbefore = [\"./{before}\"]\nafter = [\"./tell.sh\"]\nfailed = [\"./tell.sh\"]\n"
        );
        fs::write(stack.path("opsctl.toml"), format!("{described}{hooks}")).unwrap();
    };

    hooks("refuse.sh");
    let before = stack.world();
    let refused = stack.ops_exits(3, &["upgrade", "1.1.0"]);
    assert!(refused.fault().contains("the hook before the operation says no"), "{}", refused.told());
    assert!(refused.told().contains("not on a Friday"), "{}", refused.told());
    assert_eq!(stack.world(), before, "nothing was changed");
    stack.ops_exits(2, &["resume"]);

    hooks("tell.sh");
    stack.ops_does(&["upgrade", "1.1.0"]);
    let told = told(&stack, "before");
    assert!(told.contains("OPSCTL_KIND=upgrade\n") && told.contains("OPSCTL_TO=1.1.0\n"), "{told}");
    assert!(!told.contains("OPSCTL_ENDING"), "{told}");
    let told = self::told(&stack, "after");
    assert!(told.contains("OPSCTL_ENDING=done\n") && told.contains("OPSCTL_EXIT=0\n"), "{told}");

    stack.ops_exits(4, &["upgrade", "2.0.0-migration-fails"]);
    let told = self::told(&stack, "failed");
    assert!(told.contains("OPSCTL_ENDING=rolled-back\n") && told.contains("OPSCTL_EXIT=4\n"), "{told}");
    assert!(
        told.contains("OPSCTL_FROM=1.1.0\n") && told.contains("OPSCTL_ERROR=the upgrade failed"),
        "{told}"
    );
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
}

fn script(stack: &Stack, name: &str, text: &str) {
    fs::write(stack.path(name), text).unwrap();
    fs::set_permissions(stack.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn told(stack: &Stack, hook: &str) -> String {
    fs::read_to_string(stack.path(&format!("told.{hook}"))).unwrap()
}
