-- `state` leaves the predicate of the ledger's last index: a change of state alone (leased → sending) is HOT from now on.

ALTER TABLE notice ADD COLUMN trouble_at timestamptz
    GENERATED ALWAYS AS (CASE WHEN state IN ('failed', 'unknown') THEN settled_at END) STORED;
COMMENT ON COLUMN notice.trouble_at IS 'When the notice failed or its outcome was found unknown for good. Null for all others, so that no ordinary change touches the index on it.';
DROP INDEX notice_failed;
CREATE INDEX notice_trouble ON notice (trouble_at) WHERE trouble_at IS NOT NULL;
