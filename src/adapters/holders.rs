//! Which processes of this machine have a file open, listen on a port, or have which environment: what `/proc` shows this
//! user. Of other users' processes only root sees that much.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::preflight::host::Holder;

/// What shells, `setsid` and systemd give every process.
const GIVEN_ANYWAY: [&str; 15] = [
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LANG",
    "LOGNAME",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "SYSTEMD_EXEC_PID",
    "USER",
    "_",
];

/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// Where the session of a process is, behind the name of its program.
const SESSION: usize = 3;

/// Processes other than this one that have a file open, by their numbers.
///
/// # Errors
/// If the file, or `/proc`, cannot be looked at.
pub fn of_file(file: &Path) -> io::Result<Vec<Holder>> {
    let wanted = fs::metadata(file)?;
    let is_it = |opened: &Path| {
        let found = fs::metadata(opened);
        found.is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
    };
    Ok(processes()?
        .into_iter()
        .filter(|pid| descriptors(*pid).iter().any(|fd| is_it(fd)))
        .map(holder)
        .collect())
}

/// The process that listens on a port of an address, or on that port of all addresses; none where nobody does, or it cannot
/// be seen who.
pub fn of_port(address: IpAddr, port: u16) -> Option<Holder> {
    let sockets: BTreeSet<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .flat_map(|table| listening(&fs::read_to_string(table).unwrap_or_default(), address, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let has =
        |fd: &PathBuf| fs::read_link(fd).is_ok_and(|to| sockets.contains(to.to_string_lossy().as_ref()));
    if sockets.is_empty() {
        return None;
    }
    processes().ok()?.into_iter().find(|pid| descriptors(*pid).iter().any(has)).map(holder)
}

/// What a process was given in its environment when it was started, without what every process is given; none where it is
/// gone, or another user's.
pub fn environment(pid: u32) -> Option<BTreeMap<String, String>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = |(name, _): &(String, String)| !GIVEN_ANYWAY.contains(&name.as_str());
    Some(text.split('\0').filter_map(pair).filter(own).collect())
}

/// Whether it can be seen what a process has open.
pub fn shows_files(pid: u32) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok()
}

/// Whether a process runs that belongs to a session: also after the one that began it has ended.
pub fn has_session(session: u32) -> bool {
    let belongs = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        behind_name(&stat)
            .is_some_and(|rest| session_in(rest) == Some(session) && !rest.starts_with(['Z', 'X']))
    };
    processes().unwrap_or_default().into_iter().any(belongs)
}

fn processes() -> io::Result<Vec<u32>> {
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
    let mut all: Vec<u32> = fs::read_dir("/proc")?.filter_map(number).collect();
    all.retain(|pid| *pid != std::process::id());
    all.sort_unstable();
    Ok(all)
}

fn descriptors(pid: u32) -> Vec<PathBuf> {
    let listed = fs::read_dir(format!("/proc/{pid}/fd"));
    listed.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn holder(pid: u32) -> Holder {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let session = behind_name(&stat).and_then(session_in);
    Holder { pid, name: name.trim().to_owned(), session: session.unwrap_or(pid) }
}

/// What stands behind the name of the program, which may hold anything.
pub(super) fn behind_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, rest)| rest)
}

fn session_in(behind_name: &str) -> Option<u32> {
    behind_name.split_ascii_whitespace().nth(SESSION)?.parse().ok()
}

/// The inodes of the sockets in a table that listen on a port of an address or of all.
fn listening(table: &str, address: IpAddr, port: u16) -> Vec<String> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (at, own_port) = fields.get(1)?.split_once(':')?;
        let at = parsed(at)?;
        let meets = at.is_unspecified() || address.is_unspecified() || at == address;
        let listens = *fields.get(3)? == LISTENS && u16::from_str_radix(own_port, 16).ok()? == port;
        (listens && meets).then(|| fields.get(9).map(ToString::to_string)).flatten()
    };
    table.lines().skip(1).filter_map(inode).collect()
}

/// An address as the kernel writes it: each four bytes as a number of this machine.
fn parsed(text: &str) -> Option<IpAddr> {
    let word =
        |word: &[u8]| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok().map(u32::to_ne_bytes);
    let bytes: Vec<u8> = text.as_bytes().chunks(8).map(word).collect::<Option<Vec<_>>>()?.concat();
    match (<[u8; 4]>::try_from(bytes.as_slice()), <[u8; 16]>::try_from(bytes.as_slice())) {
        (Ok(four), _) => Some(Ipv4Addr::from(four).into()),
        (_, Ok(sixteen)) => Some(Ipv6Addr::from(sixteen).to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listening_socket_is_found_by_address_and_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:2253 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   \
             1: 0100007F:2253 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(listening(table, local, 0x2253), ["4711"]);
        assert!(listening(table, local, 80).is_empty());
        assert!(listening(table, IpAddr::from([10, 0, 0, 1]), 0x2253).is_empty());
        assert_eq!(parsed("0000000000000000FFFF00000100007F"), Some(local));
    }

    #[test]
    fn what_this_process_holds_is_its_own_affair() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(of_file(file.path()).unwrap(), []);
        assert!(of_file(Path::new("/nowhere/at/all")).is_err());
        let bound = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        assert_eq!(of_port(address.ip(), address.port()), None);
    }

    #[test]
    fn an_environment_is_read_as_it_was_given() {
        let own = environment(std::process::id()).unwrap();
        let given = |name: &str| std::env::vars_os().any(|(known, _)| known == *name);
        assert!(own.keys().all(|name| given(name)) && !own.contains_key("PATH"), "{own:?}");
        assert_eq!(environment(u32::MAX), None);
    }
}
