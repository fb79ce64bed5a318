//! Backup archives: written in one pass, read back whole.
