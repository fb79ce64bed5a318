//! A control group of the kernel, whose processes may only have so much memory together.

use std::fs;
use std::path::{Path, PathBuf};

/// The group; it is removed when dropped.
pub(crate) struct MemoryGroup {
    folder: PathBuf,
    /// The file that counts what was killed for want of memory, and the one that holds the most that was used.
    events: &'static str,
    peak: &'static str,
}

impl MemoryGroup {
    /// A group with a limit, or why there can be none.
    pub(crate) fn of(megabytes: u64) -> Result<Self, String> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("opsctl-live-{}", std::process::id());
        let limit = (megabytes << 20).to_string();
        let group = if root.join("cgroup.controllers").exists() {
            write(&root.join("cgroup.subtree_control"), "+memory")?;
            Self { folder: root.join(name), events: "memory.events", peak: "memory.peak" }
        } else {
            let folder = root.join("memory").join(name);
            Self { folder, events: "memory.oom_control", peak: "memory.max_usage_in_bytes" }
        };
        fs::create_dir(&group.folder).map_err(|error| format!("{}: {error}", group.folder.display()))?;
        let first = if group.events == "memory.events" { "memory.max" } else { "memory.limit_in_bytes" };
        write(&group.folder.join(first), &limit)?;
        // Only where there is swap to be counted.
        if group.folder.join("memory.swap.max").exists() {
            write(&group.folder.join("memory.swap.max"), "0")?;
        }
        Ok(group)
    }

    /// The file that a process writes its number to.
    pub(crate) fn members(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// How many processes were killed for want of memory.
    pub(crate) fn killed(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(self.events)).unwrap();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).expect("a count");
        count.trim().parse().unwrap()
    }

    /// The most that was used at once, in bytes; 0 where the kernel does not tell.
    pub(crate) fn most(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(self.peak)).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _still_used = fs::remove_dir(&self.folder);
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
