//! Which backups to keep: the newest, by the order in which they were recorded, and whatever something depends on.
