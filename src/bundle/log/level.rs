//! How bad an event is, in the words and numbers of many.

/// How bad an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For who looks for a fault.
    Debug,
    /// As it should be.
    Info,
    /// Something may come of it.
    Warning,
    /// Something failed.
    Error,
    /// It cannot go on.
    Fatal,
}

impl Level {
    /// By its name in any of the usual logging libraries, whatever its case; slog's `ERROR+2` too.
    pub fn of_word(word: &str) -> Option<Self> {
        let word = word.split(['+', '-']).next().unwrap_or_default();
        let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        Some(match word {
            _ if is(&["trace", "trc", "finest", "silly"]) => Self::Trace,
            _ if is(&["debug", "dbg", "verbose", "debug1", "debug2", "debug3", "debug4", "debug5"]) => {
                Self::Debug
            }
            _ if is(&[
                "info",
                "inf",
                "information",
                "informational",
                "notice",
                "log",
                "statement",
                "hint",
            ]) =>
            {
                Self::Info
            }
            _ if is(&["warn", "warning", "wrn"]) => Self::Warning,
            _ if is(&["error", "err", "eror", "severe", "exception"]) => Self::Error,
            _ if is(&[
                "fatal",
                "ftl",
                "critical",
                "crit",
                "panic",
                "alert",
                "emerg",
                "emergency",
                "dpanic",
            ]) =>
            {
                Self::Fatal
            }
            _ => return None,
        })
    }

    /// By its number: of pino and bunyan from 10 to 60, of syslog from 0 (worst) to 7.
    pub fn of_number(number: i64) -> Option<Self> {
        Some(match number {
            0..=2 | 60..100 => Self::Fatal,
            3 | 50..60 => Self::Error,
            4 | 40..50 => Self::Warning,
            5 | 6 | 30..40 => Self::Info,
            7 | 20..30 => Self::Debug,
            10..20 => Self::Trace,
            _ => return None,
        })
    }

    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}
