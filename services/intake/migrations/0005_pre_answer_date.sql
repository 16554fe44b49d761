-- By when the customer has an answer, as sla says it, and since which assignment the owner is one: an agent tells the
-- caller both. Code from before this migration goes on writing the other columns.
--
-- The standings that are there get their dates as intake reads complaints.sla from its beginning.

ALTER TABLE standing
    ADD COLUMN epoch integer NOT NULL DEFAULT 0,
    ADD COLUMN journey_due_at timestamptz,
    ADD COLUMN extended_due_at timestamptz,
    ADD COLUMN clock_version integer NOT NULL DEFAULT 0;
COMMENT ON TABLE standing IS 'Where a complaint stands, as intake knows it: news of router and sla, and withdrawals. No row: submitted.';
COMMENT ON COLUMN standing.epoch IS 'Assignment that made the department the owner; 0: told by the code before 0005.';
COMMENT ON COLUMN standing.journey_due_at IS 'The journey clock''s date; null while it is paused or not yet known.';
COMMENT ON COLUMN standing.extended_due_at IS 'The latest date that a delay notice gave the customer.';
COMMENT ON COLUMN standing.clock_version IS 'Version of sla''s newest event that spoke of the journey clock.';
