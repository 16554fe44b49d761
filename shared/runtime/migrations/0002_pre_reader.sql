-- Where each consumer stands, who let it pass what, and why processes ended.

CREATE TABLE reader_position (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    record_ms bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE reader_position IS 'The next offset a consumer reads, written with the effects of what lies before it. At an assignment it decides, not the offset in Kafka.';
COMMENT ON COLUMN reader_position.record_ms IS 'Timestamp of the record before next_offset, in milliseconds: another one there means that the log is not the one that was read.';

CREATE TABLE reader_skip (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    why text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock.now(),
    done_at timestamptz,
    PRIMARY KEY (consumer, topic, partition, record_offset)
);
COMMENT ON TABLE reader_skip IS 'What an operator lets a consumer pass (redress skip). The consumer buries the record and goes on.';

CREATE TABLE process_end (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock.now()
);
COMMENT ON TABLE process_end IS 'Why a process of this service gave up and was started anew; counted by watchdog_restarts_total.';
CREATE INDEX process_end_age ON process_end (ended_at);
