-- The staff move into the directory that all services share. Copies of the release before read and write it through a view.

INSERT INTO directory.staff (user_name, name, role, department, password_hash, active, changed_at)
SELECT user_name, name, role, department, password_hash, active, changed_at FROM staff ON CONFLICT DO NOTHING;
DROP TABLE staff;
CREATE VIEW staff AS SELECT user_name, name, role, department, password_hash, active, changed_at FROM directory.staff;
COMMENT ON VIEW staff IS 'For copies of the release before the directory; a later release drops it.';
