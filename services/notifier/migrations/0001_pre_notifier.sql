-- What customers see, the ledger of notices, and whom not to write to. Personal text stays sealed; erasing deletes it.

CREATE TABLE journey (
    complaint_id uuid PRIMARY KEY,
    reference text NOT NULL,
    pack text NOT NULL,
    language text NOT NULL,
    person_id uuid,
    channel text,
    received_at timestamptz,
    told boolean NOT NULL,
    reachable boolean NOT NULL,
    erased boolean NOT NULL,
    acknowledged text NOT NULL,
    phase text NOT NULL,
    department text,
    epoch integer NOT NULL,
    clock_epoch integer NOT NULL,
    stage integer NOT NULL,
    journey_due_at timestamptz,
    extended_due_at timestamptz,
    question_id uuid,
    answer_due_at timestamptz,
    answer_since timestamptz,
    replied boolean NOT NULL,
    resolution_id uuid,
    remedy text,
    confirmation_due_at timestamptz,
    confirmation_since timestamptz,
    decision text,
    closed_how text,
    closed_at timestamptz,
    rating integer CHECK (rating BETWEEN 1 AND 5),
    held boolean NOT NULL,
    intake_version integer NOT NULL,
    router_version integer NOT NULL,
    sla_version integer NOT NULL,
    own_version integer NOT NULL,
    CHECK (acknowledged IN ('not_yet', 'pending', 'bare', 'full')),
    CHECK (phase IN ('received', 'assigned', 'working', 'waiting', 'proposed', 'closed'))
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE journey IS 'One row per complaint, as its customer sees it. Ids, codes and times only. Every update is HOT: no changing column is indexed.';
CREATE INDEX journey_reference ON journey (reference);

CREATE TABLE contact (
    complaint_id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    name text,
    email text,
    token text,
    token_hash bytea UNIQUE
);
COMMENT ON TABLE contact IS 'How to reach the customer, sealed (s1.…), and the SHA-256 of the private link''s token. Emptied when the person is erased.';
CREATE INDEX contact_person ON contact (person_id);

CREATE TABLE entry (
    complaint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    department text,
    text text,
    field text,
    due_at timestamptz,
    PRIMARY KEY (complaint_id, event_id),
    CHECK ((text IS NULL) OR (field IS NOT NULL))
);
COMMENT ON TABLE entry IS 'The story as the customer may read it. text is sealed under field; event_id is time-ordered.';

CREATE TABLE notice (
    complaint_id uuid NOT NULL,
    notice_id uuid NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL DEFAULT 'email',
    cause_id uuid NOT NULL,
    recipient_ref uuid NOT NULL,
    subject_id uuid,
    epoch integer NOT NULL,
    previous_department text,
    due_at timestamptz,
    former_due_at timestamptz,
    variant text NOT NULL,
    state text NOT NULL,
    next_at timestamptz,
    lease uuid,
    attempts integer NOT NULL DEFAULT 0,
    resends integer NOT NULL DEFAULT 0,
    reason text,
    message_id text,
    created_at timestamptz NOT NULL,
    due_since timestamptz NOT NULL,
    settled_at timestamptz,
    traceparent text,
    PRIMARY KEY (complaint_id, notice_id),
    UNIQUE (cause_id, recipient_ref, channel),
    CHECK (state IN ('pending', 'leased', 'sending', 'sent', 'failed', 'suppressed', 'unknown')),
    CHECK (state NOT IN ('pending', 'leased', 'sending') OR next_at IS NOT NULL),
    CHECK (resends <= 1)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE notice IS 'The ledger: one row per (cause, recipient, channel), never deleted.';
COMMENT ON COLUMN notice.next_at IS 'When the row needs somebody: pending and unknown: try then; leased and sending: the lease ends then. Null: settled.';
COMMENT ON COLUMN notice.lease IS 'Fencing token of the claim; a sleeper that wakes after its lease finds another one here.';
CREATE INDEX notice_next ON notice (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notice_failed ON notice (settled_at) WHERE state IN ('failed', 'unknown');

CREATE TABLE suppression (
    contact_hash bytea PRIMARY KEY,
    reason text NOT NULL,
    since timestamptz NOT NULL
);
COMMENT ON TABLE suppression IS 'Keyed hashes of mailboxes that do not exist: nothing is sent there any more.';
