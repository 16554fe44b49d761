-- The outbox keeps what was published, in time partitions that are dropped after some days: it can be sent again. Relays
-- note how far they have come. Code from before this migration deletes what it publishes, which does no harm.

LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE;
ALTER TABLE outbox RENAME TO outbox_0001;
CREATE SEQUENCE outbox_number;
SELECT setval('outbox_number', last_value, is_called) FROM outbox_id_seq;

CREATE TABLE outbox (
    id bigint NOT NULL DEFAULT nextval('outbox_number'),
    shard smallint NOT NULL,
    topic text NOT NULL,
    key bytea,
    event_id uuid NOT NULL,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    traceparent text,
    payload bytea,
    headers jsonb
) PARTITION BY RANGE (occurred_at);
COMMENT ON TABLE outbox IS 'Events of committed transactions, in the order they were said; kept for OUTBOX_DAYS after they were published.';
COMMENT ON COLUMN outbox.headers IS 'Only for dead letters: the complete list of headers, as in dead_letter.headers.';
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT WITH (autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX outbox_id ON outbox (id);
SELECT * FROM renew_partitions('outbox', interval '2 days', clock.now() - interval '30 days', 2);

CREATE TABLE relay_copy (
    copy uuid PRIMARY KEY,
    until timestamptz NOT NULL
);
COMMENT ON TABLE relay_copy IS 'Copies of this service that live, by the clock of the database.';

CREATE TABLE relay_lease (
    shard smallint PRIMARY KEY,
    copy uuid
);
COMMENT ON TABLE relay_lease IS 'Which copy publishes a shard, for as long as relay_copy says that it lives.';
INSERT INTO relay_lease (shard) SELECT s FROM generate_series(0, 15) AS s;

CREATE TABLE relay_position (
    topic text NOT NULL,
    shard smallint NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    open bigint[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (topic, shard)
) WITH (fillfactor = 50);
COMMENT ON TABLE relay_position IS 'What the broker has of the outbox: everything up to high but for the ids in open. A topic that stands still has rows of its own; topic '''' is all others.';
INSERT INTO relay_position (topic, shard, low, high)
SELECT '', s, at, at
FROM generate_series(0, 15) AS s,
     (SELECT coalesce((SELECT min(id) - 1 FROM outbox_0001),
                      (SELECT last_value - (NOT is_called)::int FROM outbox_number)) AS at) AS start;

CREATE TABLE relay_partition (
    topic text NOT NULL,
    partition integer NOT NULL,
    acked bigint NOT NULL,
    truncations integer NOT NULL DEFAULT 0,
    again_from bigint,
    noticed_at timestamptz,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE relay_partition IS 'Next offset after the last one the broker acknowledged to us. A log that ends before it has lost its tail.';
COMMENT ON COLUMN relay_partition.again_from IS 'At the last truncation: rows with greater ids were published again.';

CREATE TABLE void_event (
    event_id uuid PRIMARY KEY,
    topic text NOT NULL,
    type text NOT NULL,
    complaint_id uuid,
    voided_at timestamptz NOT NULL DEFAULT clock.now()
);
COMMENT ON TABLE void_event IS 'Events of this service that a restored database does not know (redress recover): they stand on the topic, and no longer count.';

INSERT INTO outbox (id, shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers)
SELECT id, shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers FROM outbox_0001 ORDER BY id;
DROP TABLE outbox_0001;

CREATE VIEW outbox_unpublished AS
SELECT o.id, o.shard, o.topic, o.key, o.event_id, o.type, o.occurred_at, o.traceparent, o.payload, o.headers
FROM outbox o
JOIN LATERAL (
    SELECT p.high, p.open FROM relay_position p
    WHERE p.shard = o.shard AND p.topic IN ('', o.topic) ORDER BY p.topic DESC LIMIT 1
) AS p ON o.id > p.high OR o.id = ANY (p.open)
WHERE o.id > (SELECT min(low) FROM relay_position);
COMMENT ON VIEW outbox_unpublished IS 'What the broker has not acknowledged yet, as of at most a second ago.';
