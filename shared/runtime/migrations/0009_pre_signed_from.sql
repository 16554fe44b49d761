-- Events are signed by their writers (ADR 25). A new installation, whose service has no tables of its own yet, never
-- believes an unsigned one.

CREATE TABLE signed_from (
    topic text NOT NULL,
    partition integer NOT NULL,
    from_offset bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock.now(),
    PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE signed_from IS 'From which offset on every event must be signed; a partition that is not named: from the first. No row at all: an upgrade from a release without signatures is under way.';

INSERT INTO signed_from (topic, partition, from_offset)
SELECT '', 0, 0
WHERE NOT EXISTS (SELECT FROM migration WHERE name LIKE 'services.%');
