//! The vault: for each record a chain of signed entries that cannot be changed unnoticed.

pub(crate) mod chain;
pub(crate) mod scan;
pub(crate) mod signing;
