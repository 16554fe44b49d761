-- Mailboxes whose suppression has ended are found without reading all.
CREATE INDEX suppression_until ON suppression (until);
