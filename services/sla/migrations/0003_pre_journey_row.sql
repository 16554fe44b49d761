-- A complaint on its way into its row, as one value: the driver encodes an array of records at less than what writing
-- and reading them as one JSON text costs. A later version of the service that needs other columns makes a type of its
-- own (journey_row_2), so that old code keeps running beside it.

CREATE TYPE journey_row AS (
    complaint_id uuid,
    reference text,
    pack text,
    rules_pack text,
    rules_version text,
    language text,
    person_id uuid,
    department text,
    epoch integer,
    stage integer,
    category text,
    priority text,
    channel text,
    received_at timestamptz,
    phase text,
    closed_at timestamptz,
    closed_seen_at timestamptz,
    facts text,
    clocks text,
    fired text,
    version integer,
    next_at timestamptz,
    next_clock text,
    next_epoch integer,
    next_level text,
    due_at timestamptz,
    due_clock text,
    soon_at timestamptz,
    trace text
);

-- What is only stored and read back whole is checked as JSON, but no longer taken apart.
DROP VIEW clock;
ALTER TABLE journey
    ALTER COLUMN facts TYPE json USING facts::json,
    ALTER COLUMN clocks TYPE json USING clocks::json,
    ALTER COLUMN fired TYPE json USING fired::json;

CREATE VIEW clock AS
SELECT j.complaint_id, c.kind, c.epoch, c.state, c.started_at, c.due_at, c.paused_at, c.stopped_at, c.outcome
FROM journey AS j
CROSS JOIN LATERAL json_to_recordset(j.clocks) AS c (
    kind text, epoch integer, state text, started_at timestamptz, due_at timestamptz,
    paused_at timestamptz, stopped_at timestamptz, outcome text
);
COMMENT ON VIEW clock IS 'One row per complaint, kind and epoch.';
