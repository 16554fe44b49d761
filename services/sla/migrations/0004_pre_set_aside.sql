-- A complaint whose clocks this copy cannot work out waits by itself, and says since when and why.

ALTER TABLE journey ADD COLUMN set_aside_since timestamptz, ADD COLUMN set_aside_why text;
COMMENT ON COLUMN journey.set_aside_since IS 'Since when its clocks cannot be worked out; the ticker looks again at next_at. Null: all is well.';
COMMENT ON COLUMN journey.set_aside_why IS 'The class of the error, never what a customer wrote.';
CREATE INDEX journey_set_aside ON journey (set_aside_since) WHERE set_aside_since IS NOT NULL;
