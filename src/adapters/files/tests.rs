use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

fn file_with(dir: &TempDir, name: &str, content: &str, mode: u32) -> PathBuf {
    let path = dir.path().join(name);
    File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn mode_of(path: &Path) -> u32 {
    permissions_of(&fs::metadata(path).unwrap())
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn replacing_keeps_the_mode_and_leaves_no_temporary() {
    let dir = scratch();
    let path = file_with(&dir, ".env", "A=1\n", 0o640);
    replace(&path, b"A=2\n", Mode::KeepOr(0o600)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"A=2\n");
    assert_eq!(mode_of(&path), 0o640);
    assert_eq!(names_in(dir.path()), [".env"]);
}

#[test]
fn a_new_file_gets_the_given_mode_whatever_the_umask_is() {
    let dir = scratch();
    let path = dir.path().join("VERSION");
    replace(&path, b"1.0.0\n", Mode::KeepOr(0o666)).unwrap();
    assert_eq!(mode_of(&path), 0o666);
}

#[test]
fn an_exact_mode_wins_over_the_old_one() {
    let dir = scratch();
    let path = file_with(&dir, "state", "old", 0o644);
    replace(&path, b"new", Mode::Exactly(0o600)).unwrap();
    assert_eq!(mode_of(&path), 0o600);
}

#[test]
fn the_owner_is_kept() {
    let dir = scratch();
    let path = file_with(&dir, ".env", "A=1\n", 0o4750);
    let owner = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o4750)).unwrap();
        (1234, 4321)
    } else {
        let found = fs::metadata(&path).unwrap();
        (found.uid(), found.gid())
    };
    replace(&path, b"A=2\n", Mode::KeepOr(0o600)).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.uid(), found.gid()), owner);
    assert_eq!(permissions_of(&found), 0o4750);
}

#[test]
fn a_chain_of_links_stays_and_the_real_file_changes() {
    let dir = scratch();
    let sub = dir.path().join("real");
    fs::create_dir(&sub).unwrap();
    let real = file_with(&dir, "real/env", "A=1\n", 0o600);
    symlink("env", sub.join("inner")).unwrap();
    symlink("real/inner", dir.path().join(".env")).unwrap();
    replace(&dir.path().join(".env"), b"A=2\n", Mode::KeepOr(0o600)).unwrap();
    assert_eq!(fs::read_link(dir.path().join(".env")).unwrap(), Path::new("real/inner"));
    assert_eq!(fs::read(&real).unwrap(), b"A=2\n");
    assert!(fs::symlink_metadata(&real).unwrap().is_file());
}

#[test]
fn a_dangling_link_is_filled_and_a_loop_refused() {
    let dir = scratch();
    let link = dir.path().join("link");
    symlink("target", &link).unwrap();
    replace(&link, b"x", Mode::KeepOr(0o600)).unwrap();
    assert_eq!(fs::read(dir.path().join("target")).unwrap(), b"x");

    let loop_ = dir.path().join("loop");
    symlink("loop", &loop_).unwrap();
    assert_eq!(replace(&loop_, b"x", Mode::KeepOr(0o600)).unwrap_err().action, Action::FollowLink);
}

#[test]
fn what_is_no_regular_file_is_refused_and_nothing_is_left() {
    let dir = scratch();
    let sub = dir.path().join("sub");
    fs::create_dir(&sub).unwrap();
    let error = replace(&sub, b"x", Mode::KeepOr(0o600)).unwrap_err();
    assert_eq!(error.action, Action::Inspect);
    assert!(!error.is_in_place());
    assert_eq!(names_in(dir.path()), ["sub"]);
}

#[test]
fn a_missing_directory_is_named_with_a_hint() {
    let dir = scratch();
    let error = replace(&dir.path().join("no/such"), b"x", Mode::KeepOr(0o600)).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot create a temporary file in {}/no", dir.path().display()));
    assert_eq!(error.hint(), "create the directory first, or check the path");
}

#[test]
fn a_bare_file_name_lies_in_the_current_directory() {
    assert_eq!(parent_of(Path::new("VERSION")), Path::new("."));
    assert_eq!(parent_of(Path::new("/VERSION")), Path::new("/"));
}

#[test]
fn only_temporaries_of_ours_are_stale() {
    let dir = scratch();
    let stale = file_with(&dir, ".opsctl-tmp-abc123", "half", 0o600);
    file_with(&dir, ".env", "A=1\n", 0o600);
    file_with(&dir, "opsctl-tmp-not-ours", "", 0o600);
    file_with(&dir, ".opsctl-tmp-2026-03-14-120000.partial", "a backup", 0o600);
    symlink(".env", dir.path().join(".opsctl-tmp-link")).unwrap();
    assert_eq!(remove_stale_temporaries(dir.path()).unwrap(), [stale]);
    let backup = ".opsctl-tmp-2026-03-14-120000.partial";
    assert_eq!(names_in(dir.path()), [".env", backup, ".opsctl-tmp-link", "opsctl-tmp-not-ours"]);
}

#[test]
fn a_private_directory_is_made_or_narrowed() {
    let dir = scratch();
    let path = dir.path().join(".opsctl");
    create_private_dir(&path).unwrap();
    assert_eq!(mode_of(&path), 0o700);
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    create_private_dir(&path).unwrap();
    assert_eq!(mode_of(&path), 0o700);
    let file = file_with(&dir, "file", "", 0o600);
    assert_eq!(create_private_dir(&file).unwrap_err().action, Action::CreateDirectory);
}
