-- The cases the router leads, their history, and the staff who work them.

CREATE TABLE cases (
    complaint_id uuid PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    person_id uuid NOT NULL,
    pack text NOT NULL,
    channel text NOT NULL,
    language text NOT NULL,
    received_at timestamptz NOT NULL,
    department text NOT NULL,
    state text NOT NULL,
    since timestamptz NOT NULL,
    version integer NOT NULL,
    epoch integer NOT NULL DEFAULT 1,
    stage integer NOT NULL DEFAULT 1,
    transfers integer NOT NULL DEFAULT 0,
    offers integer NOT NULL DEFAULT 0,
    owners text[] NOT NULL,
    declined text[] NOT NULL DEFAULT '{}',
    contested text[] NOT NULL DEFAULT '{}',
    about text,
    final boolean NOT NULL DEFAULT false,
    offered_to text,
    offer jsonb,
    question_id uuid,
    promise_id uuid,
    promise_due_at timestamptz,
    closed_how text,
    confirmed boolean NOT NULL DEFAULT false,
    attention boolean NOT NULL DEFAULT false,
    escalated_to text,
    priority text NOT NULL,
    category text,
    rule text NOT NULL,
    policy_version text NOT NULL,
    why_zh text NOT NULL,
    why_en text NOT NULL,
    clock_version integer NOT NULL DEFAULT 0,
    clocks jsonb NOT NULL DEFAULT '{}',
    due_at timestamptz,
    due_kind text,
    undelivered text,
    CHECK ((state = 'closed') = (closed_how IS NOT NULL)),
    CHECK ((offered_to IS NULL) = (offer IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE cases IS 'One row per complaint: exactly one owning department. Only codes, ids and times; the words are in case_text.';
COMMENT ON COLUMN cases.epoch IS 'Counts assignments.';
COMMENT ON COLUMN cases.clocks IS 'What sla said last of each clock; due_at and due_kind are the nearest running one.';
COMMENT ON COLUMN cases.undelivered IS 'The notice that last could not be delivered: somebody has to ring the customer.';
CREATE INDEX cases_queue ON cases (department, coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id) WHERE state <> 'closed';
CREATE INDEX cases_open ON cases (pack, coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id) WHERE state <> 'closed';
CREATE INDEX cases_offered ON cases (offered_to) WHERE offered_to IS NOT NULL;
CREATE INDEX cases_escalated ON cases (pack) WHERE escalated_to IS NOT NULL AND state <> 'closed';
CREATE INDEX cases_closed ON cases (department, complaint_id) WHERE state = 'closed';
CREATE INDEX cases_closed_of_pack ON cases (pack, complaint_id) WHERE state = 'closed';
CREATE INDEX cases_person ON cases (person_id);

CREATE TABLE case_text (
    complaint_id uuid PRIMARY KEY,
    title text,
    body text,
    name text,
    email text,
    phone text,
    call_back jsonb,
    order_id text,
    store_id text,
    wanted text,
    repeat_of text,
    client text NOT NULL,
    about_staff boolean NOT NULL,
    on_behalf_of text,
    reasons jsonb NOT NULL,
    trace_id text,
    erased boolean NOT NULL DEFAULT false,
    search tsvector
);
COMMENT ON TABLE case_text IS 'The customer''s words and contact in clear, for the desk. Blanked when the person is erased.';
COMMENT ON COLUMN case_text.search IS 'Null until the indexer has seen the row: pairs of Chinese characters, words, positions.';
CREATE INDEX case_text_search ON case_text USING gin (search) WITH (fastupdate = on, gin_pending_list_limit = 512);
CREATE INDEX case_text_unindexed ON case_text (complaint_id) WHERE search IS NULL;

CREATE TABLE case_event (
    complaint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    who text NOT NULL,
    department text NOT NULL,
    epoch integer NOT NULL,
    body text,
    detail jsonb,
    PRIMARY KEY (complaint_id, event_id)
);
COMMENT ON TABLE case_event IS 'The history of a case as the desk shows it, notes included. `body` is clear and blanked on erasure.';

CREATE TABLE early_event (
    event_id uuid PRIMARY KEY,
    complaint_id uuid NOT NULL,
    type text NOT NULL,
    payload text NOT NULL
);
COMMENT ON TABLE early_event IS 'Events that overtook complaint.submitted on another topic; applied right behind it. Sealed as they came.';
CREATE INDEX early_event_complaint ON early_event (complaint_id);

CREATE TABLE staff (
    user_name text PRIMARY KEY CHECK (user_name ~ '^[a-z0-9][a-z0-9._-]{1,47}$'),
    name text NOT NULL,
    role text NOT NULL,
    department text NOT NULL,
    password_hash text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT clock.now()
);
COMMENT ON TABLE staff IS 'Who may sign in. Password hashes are argon2id.';

CREATE TABLE sign_in_failure (
    subject text PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL
);
COMMENT ON TABLE sign_in_failure IS 'Failed sign-ins per user name (`user:NAME`) and per address (`from:ADDRESS`), for the throttle.';
