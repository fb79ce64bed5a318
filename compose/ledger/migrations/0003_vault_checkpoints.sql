-- The last verified entry of each chain, kept by the worker.
CREATE TABLE vault_checkpoints (
    record_id text PRIMARY KEY REFERENCES records (id),
    position integer NOT NULL,
    hash text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO vault_checkpoints (record_id, position, hash)
SELECT DISTINCT ON (record_id) record_id, position, hash
FROM vault_entries ORDER BY record_id, position DESC;

CREATE INDEX records_kind_seq ON records (kind, seq);
