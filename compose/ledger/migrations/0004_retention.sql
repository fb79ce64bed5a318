CREATE TABLE retention_rules (
    kind text PRIMARY KEY,
    keep interval NOT NULL
);
ALTER TABLE records ADD COLUMN retained_until timestamptz;
UPDATE records SET retained_until = created_at + interval '10 years';
