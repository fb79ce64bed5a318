//! What the kernel and the distribution say of this machine.

use std::collections::BTreeMap;
use std::fs;

use crate::adapters::disk;
use crate::bundle::contents::{DiskFacts, HostFacts};
use crate::preflight::host::Disk;

/// The machine, as far as it tells by itself; disks, versions and the engine are for others to add.
pub fn facts() -> HostFacts {
    let system = rustix::system::uname();
    let memory = memory();
    let kib = |name: &str| memory.get(name).copied().unwrap_or(0);
    HostFacts {
        os: distribution().unwrap_or_else(|| system.sysname().to_string_lossy().into_owned()),
        kernel: system.release().to_string_lossy().into_owned(),
        architecture: system.machine().to_string_lossy().into_owned(),
        cpus: std::thread::available_parallelism()
            .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
        load: load(),
        uptime_ms: uptime(),
        memory_bytes: kib("MemTotal"),
        memory_available_bytes: disk::available_memory().unwrap_or(0),
        swap_bytes: kib("SwapTotal"),
        swap_used_bytes: kib("SwapTotal").saturating_sub(kib("SwapFree")),
        clock: jiff::Timestamp::now().to_string(),
        ..HostFacts::default()
    }
}

/// A disk as a bundle shows it.
pub fn disk_facts(disk: &Disk) -> DiskFacts {
    DiskFacts {
        path: disk.place.display().to_string(),
        holds: disk.holds.join(", "),
        bytes: disk.size,
        bytes_available: disk.free,
        inodes: disk.inodes,
        inodes_available: disk.free_inodes,
    }
}

fn distribution() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    named(&text, "PRETTY_NAME=")
}

fn named(release: &str, key: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
}

fn load() -> [f64; 3] {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0.0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}

fn uptime() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split_whitespace().next().and_then(|word| word.split('.').next()?.parse::<u64>().ok());
    seconds.unwrap_or(0) * 1000
}

/// What `/proc/meminfo` says, in bytes.
fn memory() -> BTreeMap<String, u64> {
    sizes(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

fn sizes(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some((name.to_owned(), kib * 1024))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_are_read() {
        assert_eq!(
            sizes("MemTotal:  16 kB\nHugePages_Total: 0\n"),
            BTreeMap::from([("MemTotal".to_owned(), 16_384)])
        );
        assert_eq!(
            named("ID=debian\nPRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME=").as_deref(),
            Some("Debian 12")
        );
        let machine = facts();
        assert!(machine.memory_bytes > 0 && machine.memory_available_bytes <= machine.memory_bytes);
        assert!(machine.uptime_ms > 0 && !machine.kernel.is_empty());
    }
}
