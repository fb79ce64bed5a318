//! The release of a product that runs as a process: a folder with a program.

use super::Judgement;

/// The program of a release, as it lies in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path.
    pub path: String,
    /// Whether it is a file that may be run; none if there is none.
    pub may_be_run: Option<bool>,
    /// What it is built for, as the kernel calls that: `x86_64`; none for a script, or what is no program of this system's.
    pub built_for: Option<String>,
}

/// Where a release is, or was, and how it comes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its path.
    pub path: String,
    /// Whether it is there.
    pub is_there: bool,
    /// Whether the description names where releases are brought from.
    pub has_source: bool,
}

/// Judges whether the release is here: a start, or going back, must not need whoever offers it.
pub fn present(release: &str, folder: &Folder, program: &Program) -> Judgement {
    if !folder.is_there {
        let missing = format!("{release} is not here: there is no folder {}", folder.path);
        let start = format!("`opsctl start {release}`");
        let remedy = if folder.has_source {
            format!("have it brought from `source` again: {start}; what runs goes on meanwhile")
        } else {
            format!("put its files there again; then {start}")
        };
        return Judgement::fail(missing, remedy);
    }
    match program.may_be_run {
        Some(true) => Judgement::pass(format!("{release} is here, with {}", program.path)),
        Some(false) => {
            Judgement::fail(format!("{} may not be run", program.path), format!("chmod +x {}", program.path))
        }
        None => Judgement::fail(
            format!("{release} has no program: there is no {}", program.path),
            if folder.has_source {
                let again = format!("have it brought again: `opsctl start {release}`");
                format!("is `command` in opsctl.toml right? else move {} away, and {again}", folder.path)
            } else {
                "put the files of the release there again; `command` in opsctl.toml names its program"
                    .to_owned()
            },
        ),
    }
}

/// A hash of a release that was noted once, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The hash.
    pub content: String,
    /// What it was noted at: a start, or an operation.
    pub at: String,
}

/// Judges whether the release is what it was. `content` is the hash of what is in its folder now.
pub fn whole(release: &str, content: &str, noted: Option<&Noted>) -> Judgement {
    let short = content.get(..19).unwrap_or(content);
    match noted {
        None => Judgement::skipped(format!("{short}: no start and no operation noted what {release} was")),
        Some(noted) if noted.content == content => Judgement::pass(format!("{short}, as at {}", noted.at)),
        Some(noted) => Judgement::fail(
            format!("the files of {release} are not what they were at {}", noted.at),
            "who changed them? put the files of that release back, or give the changed ones a version of their own",
        ),
    }
}

/// Judges whether the program is built for this machine, both as the kernel calls that.
pub fn architecture(program: &Program, machine: &str) -> Judgement {
    match &program.built_for {
        None => Judgement::skipped(format!("{} does not tell: it is a script, or not there", program.path)),
        Some(built) if built == machine => Judgement::pass(built.clone()),
        Some(built) => Judgement::fail(
            format!("{} is built for {built}, and this machine is {machine}", program.path),
            format!("fetch the release for {machine}"),
        ),
    }
}

/// Judges what the release's own program tells of its version; none where it is not asked.
pub fn version(selected: &str, told: Option<&Result<String, String>>) -> Judgement {
    match told {
        None => Judgement::skipped("`version` in opsctl.toml names no command that tells it"),
        Some(Err(why)) => {
            Judgement::fail(format!("it does not tell its version: {why}"), "run it by hand to see why")
        }
        Some(Ok(version)) if version == selected => Judgement::pass(version.clone()),
        Some(Ok(version)) => Judgement::fail(
            format!("{selected} is selected, and its program says it is {version}"),
            "are these the files of another release? put the right ones into its folder",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Status;

    fn program(may_be_run: Option<bool>, built_for: Option<&str>) -> Program {
        Program { path: "/r/1.0.0/run".to_owned(), may_be_run, built_for: built_for.map(str::to_owned) }
    }

    fn folder(is_there: bool, has_source: bool) -> Folder {
        Folder { path: "/r/1.0.0".to_owned(), is_there, has_source }
    }

    #[test]
    fn how_a_release_comes_here_again_depends_on_where_releases_come_from() {
        let remedy = |is_there, has_source| {
            let judged = present("1.0.0", &folder(is_there, has_source), &program(None, None));
            assert_eq!(judged.status, Status::Fail);
            judged.remedies[0].clone()
        };
        assert!(remedy(false, true).contains("from `source` again: `opsctl start 1.0.0`"));
        assert!(remedy(false, false).starts_with("put its files there again; then `opsctl start 1.0.0`"));
        assert!(remedy(true, true).contains("move /r/1.0.0 away"));
        assert!(!remedy(true, false).contains("opsctl start"));
        let elsewhere = present("1.0.0", &folder(false, false), &program(Some(true), None));
        assert_eq!(elsewhere.status, Status::Fail, "a program that is elsewhere is not the release");
    }

    #[test]
    fn a_release_is_there_with_a_program_for_this_machine() {
        let present = |program: &Program| present("1.0.0", &folder(true, true), program);
        assert_eq!(present(&program(Some(true), None)).status, Status::Pass);
        let judged = present(&program(Some(false), None));
        assert_eq!((judged.status, judged.remedies[0].as_str()), (Status::Fail, "chmod +x /r/1.0.0/run"));
        assert_eq!(present(&program(None, None)).status, Status::Fail);
        assert_eq!(architecture(&program(Some(true), None), "x86_64").status, Status::Skipped);
        assert_eq!(architecture(&program(Some(true), Some("x86_64")), "x86_64").status, Status::Pass);
        assert_eq!(architecture(&program(Some(true), Some("aarch64")), "x86_64").status, Status::Fail);
    }

    #[test]
    fn a_release_that_was_changed_or_says_it_is_another_is_refused() {
        let noted = |content: &str| Noted { content: content.to_owned(), at: "its start".to_owned() };
        let hash = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            whole("1.0.0", &hash, Some(&noted(&hash))).evidence,
            "sha256:aaaaaaaaaaaa, as at its start"
        );
        assert_eq!(whole("1.0.0", &hash, Some(&noted("sha256:b"))).status, Status::Fail);
        assert_eq!(whole("1.0.0", &hash, None).status, Status::Skipped);
        assert_eq!(version("1.0.0", None).status, Status::Skipped);
        assert_eq!(version("1.0.0", Some(&Ok("1.0.0".to_owned()))).status, Status::Pass);
        assert_eq!(version("1.0.0", Some(&Ok("1.1.0".to_owned()))).status, Status::Fail);
        assert_eq!(version("1.0.0", Some(&Err("no answer".to_owned()))).status, Status::Fail);
    }
}
