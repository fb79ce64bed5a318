CREATE TABLE chains (
    chain_id TEXT PRIMARY KEY,
    receipts INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO chains SELECT chain_id, count(*), max(sequence) FROM receipts GROUP BY chain_id;
CREATE TRIGGER receipts_count AFTER INSERT ON receipts BEGIN
    INSERT INTO chains VALUES (new.chain_id, 1, new.sequence)
        ON CONFLICT (chain_id) DO UPDATE SET
            receipts = receipts + 1, last_sequence = max(last_sequence, excluded.last_sequence);
END;
