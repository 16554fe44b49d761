-- What every service's schema holds for the runtime: inbox, outbox, dead letters.

CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE inbox IS 'Events whose effects are applied. Event ids are UUIDv7, so old ones are pruned by id range.';

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard smallint NOT NULL,
    topic text NOT NULL,
    key bytea,
    event_id uuid NOT NULL,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    traceparent text,
    payload bytea,
    headers jsonb
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE outbox IS 'Events of committed transactions that the broker has not yet acknowledged. The relay deletes them after the ack.';
COMMENT ON COLUMN outbox.headers IS 'Only for dead letters: the complete list of headers, as in dead_letter.headers.';

CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    record_at timestamptz,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    event_id uuid,
    event_type text,
    reason text NOT NULL,
    detail text NOT NULL,
    traceparent text,
    attempts integer NOT NULL DEFAULT 1,
    failed_at timestamptz NOT NULL DEFAULT clock.now(),
    replayed_at timestamptz,
    replayed_by text,
    UNIQUE (consumer, topic, partition, record_offset)
);
COMMENT ON TABLE dead_letter IS 'Records that could not be processed, with their bytes. headers: {"headers": [[name, base64 value or null], ...]}.';
CREATE INDEX dead_letter_open ON dead_letter (failed_at) WHERE replayed_at IS NULL;
