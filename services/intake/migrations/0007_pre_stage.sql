-- Whom a case waits for, so that a channel can say more than "assigned". Code from before this migration goes on writing the
-- other columns; a case that waits since then is told as waiting for the customer until sla speaks of it again.

ALTER TABLE standing
    ADD COLUMN waits_for text CHECK (waits_for IN ('answer', 'confirmation')),
    ADD COLUMN waits_version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN standing.waits_for IS 'What the customer is to give: an answer to a question, or a word on the resolution. Null: nothing.';
COMMENT ON COLUMN standing.waits_version IS 'Version of sla''s newest event that spoke of that.';
