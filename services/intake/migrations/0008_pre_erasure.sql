-- Erasing a person: what was asked and decided, what may not be erased yet, and since when a complaint is blank.

ALTER TABLE complaint ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN complaint.erased_at IS 'Since when nothing of what the customer told is kept here. Null: it is there.';

CREATE TABLE erasure (
    erasure_id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    complaint_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('asked', 'approved', 'blanked', 'done', 'declined')),
    why text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    told text[] NOT NULL DEFAULT '{}',
    blanked_at timestamptz,
    done_at timestamptz
);
COMMENT ON TABLE erasure IS 'Who asked for the erasure of whom, and how far it is. Persons by their ids, which tell nothing of them; never deleted.';
COMMENT ON COLUMN erasure.complaint_id IS 'The complaint by which the person was found.';
COMMENT ON COLUMN erasure.state IS 'asked: waits for a second person. approved: to be carried out. blanked: our tables are blank and the others are told; the key and sent copies of mails still have to go. done. declined: nothing was changed.';
COMMENT ON COLUMN erasure.told IS 'References of the complaints that were blanked.';
CREATE UNIQUE INDEX erasure_open ON erasure (person_id) WHERE state IN ('asked', 'approved', 'blanked');
CREATE INDEX erasure_person ON erasure (person_id);
CREATE INDEX erasure_blanked ON erasure (blanked_at);

CREATE TABLE legal_hold (
    complaint_id uuid PRIMARY KEY REFERENCES complaint,
    why text NOT NULL,
    set_by text NOT NULL,
    since timestamptz NOT NULL
);
COMMENT ON TABLE legal_hold IS 'Complaints whose persons may not be erased while the row is there.';
