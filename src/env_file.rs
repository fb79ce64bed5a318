//! The `.env` file by Compose's rules: read without a shell, edited one line at a time.
