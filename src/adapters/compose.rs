//! The `docker compose` command, for what only it can do.
