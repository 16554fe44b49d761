-- A suppressed mailbox is tried again some day: people get their old address back, and servers refuse wrongly (C5).
-- A release before this one writes rows without an end; they get one here.

ALTER TABLE suppression ADD COLUMN until timestamptz NOT NULL DEFAULT clock.now() + interval '30 days';
UPDATE suppression SET until = since + interval '30 days';
COMMENT ON TABLE suppression IS 'Keyed hashes of mailboxes that do not exist: nothing is sent there until the date given.';
