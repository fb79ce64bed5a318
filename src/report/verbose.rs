//! What is asked of Docker, Compose, PostgreSQL and the product, for `--verbose`: one line each on stderr.
//!
//! The lines say what is being done and hold no secret: statements are not shown, and of commands that somebody else wrote,
//! such as hooks, only the program is.

use std::io::Write as _;
use std::time::Instant;

use log::{LevelFilter, Log, Metadata, Record};

/// Writes the lines of this program; its libraries say more than their callers want to know, values among it.
struct Verbose {
    began: Instant,
}

/// Turns the lines on for the rest of the process.
pub fn turn_on() {
    let verbose = Verbose { began: Instant::now() };
    if log::set_boxed_logger(Box::new(verbose)).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

impl Log for Verbose {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("opsctl")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let at = self.began.elapsed().as_secs_f64();
            let _ = writeln!(anstream::stderr(), "[{at:8.3}] {}", record.args());
        }
    }

    fn flush(&self) {}
}
