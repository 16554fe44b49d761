-- Whether the customer agreed to be written to. Complaints that began before are taken to have: nothing here says otherwise.

ALTER TABLE case_text ADD COLUMN consent boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN case_text.consent IS 'As the submission says; without it no message is sent, and the desk rings instead.';
