//! Backup archives: written in one pass, read back whole.
//!
//! An archive is a `.tar.gz` that plain `tar xzf` opens. What only opsctl makes use of is how it is cut into gzip
//! members, here called *frames*:
//!
//! - every frame holds at most 1 MiB and says in its header how long it is, so that frames are deflated and inflated
//!   in parallel;
//! - the tar header of a member whose size is not known beforehand is a frame of its own, stored and of fixed length,
//!   that is written again when the size is known;
//! - the last frame is empty and says where the manifest begins, so that it is read without reading the rest.
//!
//! Reading accepts these, and the archives of the scripts that opsctl takes the place of: one gzip member around
//! `<directory>/db.dump`. Nothing is ever unpacked except the dump, into a writer of the caller's.
//!
//! Everything here blocks; asynchronous callers run it on a blocking thread.

mod content;
mod early_sync;
mod error;
mod frame;
mod frames;
mod inflate;
mod pipeline;
mod positioned;
mod read;
mod tar_block;
mod temporary;
mod walk;
mod workers;
mod writer;

pub use error::{ArchiveError, Found, Problem};
pub use read::{Checked, Contents, DumpHead, Limits, Origin, Progress, Summary, copy_dump, inspect, verify};
pub use temporary::sweep_temporaries;
pub use writer::{ArchiveWriter, Written};
