-- What is not a case is forgotten after a stated span (shared/runtime/kept.py). The inbox says from which event on it
-- remembers: below that, "not in the inbox" means forgotten, not new.

CREATE FUNCTION first_id_at(at timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid $$;
COMMENT ON FUNCTION first_id_at(timestamptz) IS 'No UUIDv7 drawn at or after this moment is smaller.';

CREATE TABLE inbox_floor (
    consumer text PRIMARY KEY,
    event_id uuid NOT NULL
);
COMMENT ON TABLE inbox_floor IS 'The smallest event id whose row in the inbox has not been pruned.';

CREATE TABLE inbox_late (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock.now(),
    PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE inbox_late IS 'Events below the floor that were applied all the same: a replayed dead letter, an id drawn by a wrong clock.';
CREATE INDEX inbox_late_age ON inbox_late (applied_at);

CREATE INDEX dead_letter_replayed ON dead_letter (replayed_at) WHERE replayed_at IS NOT NULL;
CREATE INDEX dead_letter_event ON dead_letter (event_id) WHERE event_id IS NOT NULL;

-- A pruned table's free space is found again before it has grown by a fifth.
ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
