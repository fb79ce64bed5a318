-- A digest of each payload, also for the records that are there already.
ALTER TABLE records ADD COLUMN payload_sha256 text;
UPDATE records SET payload_sha256 = encode(sha256(convert_to(payload::text, 'UTF8')), 'hex');
ALTER TABLE records ALTER COLUMN payload_sha256 SET NOT NULL;

CREATE TABLE kinds (
    kind text PRIMARY KEY,
    first_seen_at timestamptz NOT NULL
);
INSERT INTO kinds SELECT kind, min(created_at) FROM records GROUP BY kind;

CREATE TABLE record_labels (
    record_id text NOT NULL REFERENCES records (id),
    label text NOT NULL,
    PRIMARY KEY (record_id, label)
);
