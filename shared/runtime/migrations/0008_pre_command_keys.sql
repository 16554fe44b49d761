-- Commands of staff and of customers act once per key.

CREATE TABLE command_key (
    who text NOT NULL,
    key uuid NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    asked_at timestamptz NOT NULL,
    status smallint,
    answer text,
    PRIMARY KEY (who, key)
);
COMMENT ON TABLE command_key IS 'Keys that commands were sent with, and their answers (shared/runtime/once.py). Kept for 7 days.';
COMMENT ON COLUMN command_key.digest IS 'SHA-256 of what was asked, by its meaning.';
COMMENT ON COLUMN command_key.answer IS 'What was answered; sealed where it tells of a person. Null only inside the transaction.';
CREATE INDEX command_key_age ON command_key USING brin (asked_at);
