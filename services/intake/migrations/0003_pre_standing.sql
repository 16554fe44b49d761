-- What the router says of a complaint, in narrow rows of its own: every complaint is assigned a moment after it was
-- filed, and writing that into the wide row of the complaint made a second version of all its text and of its entries in
-- four indexes. A complaint nobody said anything of has no row here.
--
-- Code from before this migration still writes complaint.state; 0004, after it is gone, carries over what it wrote.

CREATE TABLE standing (
    complaint_id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('submitted', 'assigned', 'withdrawn', 'closed')),
    department text,
    seen_version integer NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE standing IS 'Where a complaint stands, as intake knows it: the router''s events, and withdrawals. No row: submitted.';
COMMENT ON COLUMN standing.seen_version IS 'Version of the newest event of the router that was applied.';

INSERT INTO standing (complaint_id, state, department, seen_version)
SELECT complaint_id, state, department, seen_version FROM complaint WHERE state <> 'submitted' OR seen_version > 0;
