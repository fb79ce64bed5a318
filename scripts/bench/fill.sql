-- Rows for the benchmark: `easy` accounts and `hard` entries. Every value follows from the row's number.
BEGIN;
CREATE SCHEMA bench;

-- As pgbench makes them: numbers, and filler that compresses to next to nothing.
CREATE TABLE bench.accounts (
    aid integer NOT NULL,
    bid integer NOT NULL,
    abalance integer NOT NULL,
    filler char(84) NOT NULL
);
INSERT INTO bench.accounts SELECT i, i / 100000, 0, '' FROM generate_series(1, :easy) AS i;
ALTER TABLE bench.accounts ADD PRIMARY KEY (aid);

-- As a signed ledger keeps them: hashes and signatures are random to a compressor, twice as long as they need be in hex.
CREATE TABLE bench.entries (
    record_id uuid NOT NULL,
    position integer NOT NULL,
    body jsonb NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL,
    signature text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO bench.entries
SELECT md5('record ' || i / 4)::uuid,
       i % 4 + 1,
       jsonb_build_object('event', 'entry.appended', 'actor', 'agent-' || i % 97, 'amount', i % 100003,
                          'digest', md5('digest ' || i), 'note', 'posted by the monthly run'),
       encode(sha256(('entry ' || i - 1)::bytea), 'hex'),
       encode(sha256(('entry ' || i)::bytea), 'hex'),
       translate(encode(sha512(('signature ' || i)::bytea), 'base64'), E'\n', ''),
       sha512(('sealed a ' || i)::bytea) || sha512(('sealed b ' || i)::bytea),
       timestamptz '2026-01-01' + i * interval '1 second'
FROM generate_series(1, :hard) AS i;
ALTER TABLE bench.entries ADD PRIMARY KEY (record_id, position);
CREATE UNIQUE INDEX entries_hash ON bench.entries (hash);
COMMIT;
-- Not in parallel: that takes more shared memory than a container is given.
VACUUM (ANALYZE, PARALLEL 0);
CHECKPOINT;
