CREATE TRIGGER receipts_stay BEFORE DELETE ON receipts BEGIN
    SELECT raise(ABORT, 'receipts are never deleted');
END;
CREATE TRIGGER receipts_stay_as_they_are BEFORE UPDATE OF id, receipt_hash, body ON receipts BEGIN
    SELECT raise(ABORT, 'receipts are never changed');
END;
CREATE INDEX receipts_by_time ON receipts (received_at);
