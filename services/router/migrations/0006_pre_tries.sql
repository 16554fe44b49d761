-- Tries to sign in are counted before a password is looked at; where a right one came from is remembered.

ALTER TABLE sign_in_failure ADD COLUMN counted_by uuid, ADD COLUMN good_at timestamptz;
COMMENT ON TABLE sign_in_failure IS 'Tries to sign in per user and address (`pair:`), known browser (`device:`) and user (`user:`), for the throttle.';
COMMENT ON COLUMN sign_in_failure.failures IS 'Tries without a right password since; an hour of quiet forgets them.';
COMMENT ON COLUMN sign_in_failure.counted_by IS 'The last try that was counted: whoever finds their own id here may have their password looked at.';
COMMENT ON COLUMN sign_in_failure.good_at IS 'When a right password last came from there.';
