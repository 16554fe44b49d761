-- The code that wrote a complaint's standing into its own row is gone: what it wrote since 0003 is carried over, and the
-- columns go.

INSERT INTO standing AS s (complaint_id, state, department, seen_version)
SELECT complaint_id, state, department, seen_version FROM complaint WHERE state <> 'submitted' OR seen_version > 0
ON CONFLICT (complaint_id) DO UPDATE
SET state = excluded.state, department = excluded.department, seen_version = excluded.seen_version
WHERE excluded.seen_version > s.seen_version
   OR (excluded.seen_version = s.seen_version AND excluded.state = 'withdrawn' AND s.state <> 'withdrawn');

ALTER TABLE complaint DROP COLUMN state, DROP COLUMN department, DROP COLUMN seen_version;
-- Its rows are hardly ever updated now.
ALTER TABLE complaint SET (fillfactor = 100);
COMMENT ON TABLE complaint IS 'The complaint as told, in clear, because intake can blank it.';
