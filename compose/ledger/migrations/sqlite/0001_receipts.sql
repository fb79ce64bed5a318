CREATE TABLE receipts (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    chain_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    receipt_hash TEXT NOT NULL,
    received_at TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX receipts_by_chain ON receipts (chain_id, sequence);
