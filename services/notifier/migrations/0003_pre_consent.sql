-- Whether the customer agreed to be written to. Complaints that began before are taken to have: nothing here says otherwise.

ALTER TABLE journey ADD COLUMN consent boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN journey.consent IS 'As the submission says; without it every notice is suppressed as no_consent.';
