-- The clocks of complaints, what fired, the time ledger, and the rules each complaint follows.

CREATE TABLE journey (
    complaint_id uuid PRIMARY KEY,
    reference text NOT NULL,
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
    phase text NOT NULL,
    closed_at timestamptz,
    closed_seen_at timestamptz,
    facts jsonb NOT NULL,
    clocks jsonb NOT NULL,
    fired jsonb NOT NULL,
    version integer NOT NULL,
    next_at timestamptz,
    next_clock text,
    next_epoch integer,
    next_level text,
    due_at timestamptz,
    due_clock text,
    soon_at timestamptz,
    trace text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000);
COMMENT ON TABLE journey IS 'One row per complaint. Its clocks follow from its facts; the row is what is locked when either changes.';
COMMENT ON COLUMN journey.rules_pack IS 'Whose rules it follows: its own pack''s, or another''s where that was not loaded.';
COMMENT ON COLUMN journey.facts IS 'What happened as far as time is concerned, in its place.';
COMMENT ON COLUMN journey.clocks IS 'The clocks as others were told of them; of silence the latest.';
COMMENT ON COLUMN journey.fired IS '[[clock, epoch, level], ...]: the lines of `fired`, beside the facts they belong to.';
COMMENT ON COLUMN journey.version IS 'How many events we wrote about it.';
COMMENT ON COLUMN journey.next_at IS 'When the ticker must look next; none when nothing is left to fire.';
COMMENT ON COLUMN journey.due_at IS 'The next date we owe somebody; none while the customer has the ball.';
COMMENT ON COLUMN journey.soon_at IS 'From when on it is at risk.';
COMMENT ON COLUMN journey.closed_seen_at IS 'When we learnt that it was closed: nothing fires after that.';
COMMENT ON COLUMN journey.trace IS 'Trace context of its first assignment, to which timers are linked.';
CREATE UNIQUE INDEX journey_reference ON journey (reference);
CREATE INDEX journey_next ON journey (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX journey_soon ON journey (department, soon_at) WHERE soon_at IS NOT NULL;

CREATE TABLE fired (
    complaint_id uuid NOT NULL,
    clock text NOT NULL,
    epoch integer NOT NULL,
    level text NOT NULL,
    due_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    late boolean NOT NULL,
    event_id uuid,
    PRIMARY KEY (complaint_id, clock, epoch, level)
);
COMMENT ON TABLE fired IS 'Each level of each clock once. event_id is none where a later word in the same moment made it needless.';

CREATE TABLE ledger (
    complaint_id uuid NOT NULL,
    line integer NOT NULL,
    party text NOT NULL,
    department text,
    epoch integer NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    open interval NOT NULL,
    PRIMARY KEY (complaint_id, line)
);
COMMENT ON TABLE ledger IS 'The time ledger of closed complaints: its lines join without gaps and sum exactly to the journey.';

CREATE TABLE rules (
    pack text NOT NULL,
    version text NOT NULL,
    body jsonb NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT clock.now(),
    PRIMARY KEY (pack, version)
);
COMMENT ON TABLE rules IS 'Deadlines, ladders and calendars as complaints were promised them; a row is never changed.';

CREATE VIEW clock AS
SELECT j.complaint_id, c.kind, c.epoch, c.state, c.started_at, c.due_at, c.paused_at, c.stopped_at, c.outcome
FROM journey AS j
CROSS JOIN LATERAL jsonb_to_recordset(j.clocks) AS c (
    kind text, epoch integer, state text, started_at timestamptz, due_at timestamptz,
    paused_at timestamptz, stopped_at timestamptz, outcome text
);
COMMENT ON VIEW clock IS 'One row per complaint, kind and epoch.';

CREATE VIEW timer AS
SELECT complaint_id, next_clock AS kind, next_epoch AS epoch, next_level AS level, next_at AS due_at
FROM journey WHERE next_at IS NOT NULL;
COMMENT ON VIEW timer IS 'What fires next, per complaint.';
