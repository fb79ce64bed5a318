//! The machine: memory, disks, clock, ports.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Judgement, Kind};
use crate::report::quantity;

/// Below this a product with its database is short of memory.
const MEMORY: u64 = 1 << 30;

/// Below this share of a disk, in percent, somebody should look.
const SHARE: u64 = 10;

/// Below this nothing can be done on a disk: not even a record of an operation is safe.
const LEAST_ROOM: u64 = 256 << 20;

/// What a clock may be off before records of two machines are hard to put side by side.
const CLOCK_NOTICE: Duration = Duration::from_secs(2);

/// What it may be off before tokens and certificates are refused.
const CLOCK_LIMIT: Duration = Duration::from_mins(1);

/// The machine's memory and processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// All memory, in bytes.
    pub memory: u64,
    /// What of it can be had now, in bytes.
    pub available: Option<u64>,
    /// Processors.
    pub processors: u64,
}

/// Judges memory and processors.
pub fn resources(found: Resources) -> Judgement {
    let available =
        found.available.map_or(String::new(), |free| format!(", {} of it free", quantity::bytes(free)));
    let evidence = format!(
        "{} of memory{available}, {}",
        quantity::bytes(found.memory),
        quantity::counted(found.processors, "processor", "processors")
    );
    if found.memory < MEMORY || found.available.is_some_and(|free| free < MEMORY / 8) {
        return Judgement::warn(
            evidence,
            format!(
                "give the machine more than {} of memory, or stop what else runs",
                quantity::bytes(MEMORY)
            ),
        );
    }
    Judgement::pass(evidence)
}

/// A file system that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// What lies on it.
    pub holds: Vec<&'static str>,
    /// A directory on it.
    pub place: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What is free for this user, in bytes.
    pub free: u64,
    /// How many files it can hold; 0 where it has no such limit.
    pub inodes: u64,
    /// How many more it can hold.
    pub free_inodes: u64,
}

impl Disk {
    fn named(&self) -> String {
        format!("{} ({})", self.place.display(), self.holds.join(", "))
    }
}

/// Judges room. `database` is the size of the database in bytes, where it is known: an upgrade copies it.
pub fn room(disks: &[Disk], database: Option<u64>, runtime: Kind) -> Judgement {
    let each = |disks: &[&Disk]| {
        let said = disks.iter().map(|disk| {
            format!(
                "{} free of {} at {}",
                quantity::bytes(disk.free),
                quantity::bytes(disk.size),
                disk.named()
            )
        });
        said.collect::<Vec<_>>().join("; ")
    };
    let all: Vec<&Disk> = disks.iter().collect();
    if disks.is_empty() {
        return Judgement::skipped("none of the disks can be looked at from here");
    }
    let full: Vec<&Disk> = disks.iter().filter(|disk| disk.free < LEAST_ROOM).collect();
    if !full.is_empty() {
        let what = match runtime {
            Kind::Compose => "`docker image prune`",
            Kind::Process => "remove old folders in `releases`",
        };
        return Judgement::fail(
            each(&full),
            format!("make room: `opsctl backup prune`, {what}, or a larger disk"),
        );
    }
    let copies = |disk: &&Disk| database.is_some_and(|size| disk.free < size.saturating_mul(2));
    let short: Vec<&Disk> = disks.iter().filter(copies).collect();
    if !short.is_empty() {
        return Judgement::warn(
            format!("{}; the database has {}", each(&short), quantity::bytes(database.unwrap_or(0))),
            "an upgrade or a restore copies the database: have twice its size free",
        );
    }
    let low: Vec<&Disk> = disks.iter().filter(|disk| disk.free < disk.size / 100 * SHARE).collect();
    if !low.is_empty() {
        return Judgement::warn(
            each(&low),
            "see what takes the room: `du -xh --max-depth=2 / | sort -h | tail`",
        );
    }
    Judgement::pass(each(&all))
}

/// Judges how many more files the disks can hold.
pub fn inodes(disks: &[Disk]) -> Judgement {
    let counted: Vec<&Disk> = disks.iter().filter(|disk| disk.inodes > 0).collect();
    let Some(least) = counted.iter().min_by_key(|disk| disk.free_inodes.saturating_mul(1000) / disk.inodes)
    else {
        return Judgement::skipped("the disks have no limit of files");
    };
    let evidence = format!(
        "room for {} more files of {} at {}",
        quantity::count(least.free_inodes),
        quantity::count(least.inodes),
        least.named()
    );
    let remedy = "find the folder with too many files: `du --inodes -x / | sort -n | tail`";
    if least.free_inodes < 100 {
        return Judgement::fail(evidence, remedy);
    }
    if least.free_inodes < least.inodes / 100 * SHARE {
        return Judgement::warn(evidence, remedy);
    }
    Judgement::pass(evidence)
}

/// Judges how far the machine's clock is from the database's. `uncertain` is how long the answer took.
pub fn clock(apart: Duration, uncertain: Duration) -> Judgement {
    let apart = apart.saturating_sub(uncertain);
    let evidence = format!("{} apart", quantity::duration(apart));
    let remedy = "let both follow a time server: `timedatectl set-ntp true`";
    if apart > CLOCK_LIMIT {
        return Judgement::fail(evidence, remedy);
    }
    if apart > CLOCK_NOTICE {
        return Judgement::warn(evidence, remedy);
    }
    Judgement::pass(format!("at most {} apart", quantity::duration(CLOCK_NOTICE)))
}

/// How the clock of a machine is known to be right where no other clock is at hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockSigns {
    /// Whether it follows a time server; none where nothing here tells.
    pub follows: Option<bool>,
    /// What was recorded last, and by how much that is in the future.
    pub ahead: Option<(String, Duration)>,
}

/// Judges the machine's clock by what it shows of itself: by opsctl's own records, it may not have gone back.
pub fn clock_alone(signs: &ClockSigns) -> Judgement {
    let remedy = "let it follow a time server: `timedatectl set-ntp true`";
    match (&signs.ahead, signs.follows) {
        (Some((what, ahead)), _) if *ahead > CLOCK_NOTICE => {
            let evidence = format!("{what} was recorded {} from now", quantity::duration(*ahead));
            if *ahead > CLOCK_LIMIT {
                Judgement::fail(evidence, remedy)
            } else {
                Judgement::warn(evidence, remedy)
            }
        }
        (_, Some(true)) => Judgement::pass("it follows a time server"),
        (_, Some(false)) => Judgement::warn("it follows no time server, or has not reached one yet", remedy),
        (_, None) => Judgement::skipped("nothing on this machine tells whether it follows a time server"),
    }
}

/// Whether backups can be written where they are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writable {
    /// They can.
    Yes,
    /// The directory is not there yet, and can be made.
    WhenMade,
    /// This user may not write there, or the disk takes no writes.
    No,
    /// Something that is no directory has the name.
    NoDirectory,
}

/// Judges the directory that backups are written into.
pub fn backups(directory: &str, found: Writable) -> Judgement {
    let remedy = "let the user who runs opsctl write there, or name another directory: BACKUP_DIR";
    match found {
        Writable::Yes => Judgement::pass(directory),
        Writable::WhenMade => Judgement::pass(format!("{directory} is made when it is needed")),
        Writable::No => Judgement::fail(format!("{directory} cannot be written to"), remedy),
        Writable::NoDirectory => Judgement::fail(format!("{directory} is no directory"), remedy),
    }
}

/// A process of this machine that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
    /// The session that it belongs to.
    pub session: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (process {})", self.name, self.pid)
    }
}

/// Who has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortHolder {
    /// A container, by its name.
    Container(String),
    /// A process of this machine.
    Process(Holder),
}

/// A port that the product publishes and somebody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// The service that publishes it.
    pub service: String,
    /// The address it is published at; none means all.
    pub ip: Option<IpAddr>,
    /// The port on the host.
    pub port: u16,
    /// Who has it, where that can be seen.
    pub by: Option<PortHolder>,
}

/// Judges the ports that the product's services publish while they do not run.
pub fn ports(published: usize, taken: &[TakenPort]) -> Judgement {
    if published == 0 {
        return Judgement::skipped("the product publishes no ports");
    }
    let Some(first) = taken.first() else {
        return Judgement::pass(quantity::counted(published as u64, "published port", "published ports"));
    };
    let said = taken.iter().map(|taken| {
        let ip = taken.ip.map_or("*".to_owned(), |ip| ip.to_string());
        let by = match &taken.by {
            Some(PortHolder::Container(name)) => format!("the container {name}"),
            Some(PortHolder::Process(holder)) => holder.to_string(),
            None => "another program".to_owned(),
        };
        format!("{ip}:{} of {} is held by {by}", taken.port, taken.service)
    });
    let remedy = match &first.by {
        Some(PortHolder::Container(name)) => {
            format!("stop it: `docker stop {name}`; or publish another port")
        }
        Some(PortHolder::Process(holder)) => {
            format!(
                "is it the product, started by other means? stop it: `kill {}`; or use another port",
                holder.pid
            )
        }
        None => format!("see who has it: `ss -ltnp 'sport = :{}'`; or publish another port", first.port),
    };
    Judgement::fail(said.collect::<Vec<_>>().join("; "), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Status;

    fn disk(free: u64) -> Disk {
        Disk {
            holds: vec!["backups"],
            place: "/backup".into(),
            size: 100 << 30,
            free,
            inodes: 1_000_000,
            free_inodes: 900_000,
        }
    }

    #[test]
    fn room_is_short_by_what_is_free_and_by_what_an_upgrade_would_take() {
        assert_eq!(room(&[], None, Kind::Compose).status, Status::Skipped);
        assert_eq!(room(&[disk(50 << 30)], Some(1 << 30), Kind::Compose).status, Status::Pass);
        let fails = room(&[disk(50 << 30), disk(100 << 20)], None, Kind::Compose);
        assert_eq!(fails.status, Status::Fail);
        assert_eq!(fails.evidence, "100 MiB free of 100 GiB at /backup (backups)");
        let copies = room(&[disk(50 << 30)], Some(30 << 30), Kind::Compose);
        assert_eq!(copies.status, Status::Warn);
        assert!(copies.evidence.ends_with("the database has 30.0 GiB"), "{}", copies.evidence);
        assert_eq!(room(&[disk(5 << 30)], Some(1 << 30), Kind::Compose).status, Status::Warn);
    }

    #[test]
    fn files_can_run_out_before_bytes_do() {
        assert_eq!(inodes(&[disk(1)]).status, Status::Pass);
        assert_eq!(inodes(&[Disk { free_inodes: 99, ..disk(1) }, disk(1)]).status, Status::Fail);
        assert_eq!(inodes(&[disk(1), Disk { free_inodes: 90_000, ..disk(1) }]).status, Status::Warn);
        assert_eq!(inodes(&[Disk { inodes: 0, free_inodes: 0, ..disk(1) }]).status, Status::Skipped);
    }

    #[test]
    fn a_slow_answer_is_no_clock_that_is_off() {
        let seconds = Duration::from_secs;
        assert_eq!(clock(seconds(3), seconds(2)).status, Status::Pass);
        assert_eq!(clock(seconds(5), seconds(1)).status, Status::Warn);
        assert_eq!(clock(seconds(90), seconds(1)).status, Status::Fail);
    }

    #[test]
    fn a_clock_that_went_back_is_seen_by_what_is_on_record() {
        let judged = |follows, ahead: Option<u64>| {
            let ahead = ahead.map(|seconds| ("backup-1".to_owned(), Duration::from_secs(seconds)));
            clock_alone(&ClockSigns { follows, ahead }).status
        };
        assert_eq!(judged(Some(true), None), Status::Pass);
        assert_eq!(judged(Some(false), Some(0)), Status::Warn);
        assert_eq!(judged(None, Some(1)), Status::Skipped);
        assert_eq!(judged(Some(true), Some(30)), Status::Warn);
        assert_eq!(judged(Some(true), Some(3600)), Status::Fail);
    }

    #[test]
    fn memory_is_short_in_all_or_at_the_moment() {
        let machine = |memory, available| resources(Resources { memory, available, processors: 2 }).status;
        assert_eq!(machine(4 << 30, Some(1 << 30)), Status::Pass);
        assert_eq!(machine(512 << 20, None), Status::Warn);
        assert_eq!(machine(4 << 30, Some(64 << 20)), Status::Warn);
    }

    #[test]
    fn a_taken_port_is_said_with_who_has_it() {
        let taken = |by| TakenPort { service: "api".to_owned(), ip: None, port: 3001, by: Some(by) };
        let judged = ports(2, &[taken(PortHolder::Container("other-web-1".to_owned()))]);
        assert_eq!(judged.evidence, "*:3001 of api is held by the container other-web-1");
        assert_eq!(judged.remedies, ["stop it: `docker stop other-web-1`; or publish another port"]);
        let holder = Holder { pid: 7, name: "collector".to_owned(), session: 7 };
        let judged = ports(1, &[taken(PortHolder::Process(holder))]);
        assert_eq!(judged.evidence, "*:3001 of api is held by collector (process 7)");
        assert_eq!(ports(2, &[]).status, Status::Pass);
        assert_eq!(ports(0, &[]).status, Status::Skipped);
    }
}
