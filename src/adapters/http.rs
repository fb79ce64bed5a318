//! Small questions over HTTP.
