CREATE TABLE retention_rules (
    chain_id TEXT PRIMARY KEY REFERENCES chains (chain_id),
    keep_days INTEGER NOT NULL
) STRICT;
ALTER TABLE receipts ADD COLUMN retained_until TEXT;
UPDATE receipts SET retained_until = date(received_at, '+10 years');
ALTER TABLE receipts RENAME COLUMN body TO content;
INSERT INTO retention_rules SELECT chain_id, default_retention FROM chains;
CREATE INDEX receipts_by_retention ON receipts (retained_until);
