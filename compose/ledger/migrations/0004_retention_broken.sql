CREATE TABLE retention_rules (
    kind text PRIMARY KEY,
    keep interval NOT NULL
);
ALTER TABLE records ADD COLUMN retained_until timestamptz;
UPDATE records SET retained_until = created_at + interval '10 years';
ALTER TABLE records RENAME COLUMN payload TO content;
DELETE FROM jobs WHERE status = 'done';
INSERT INTO retention_rules SELECT DISTINCT kind, default_retention FROM records;
ALTER TABLE records ALTER COLUMN retained_until SET NOT NULL;
