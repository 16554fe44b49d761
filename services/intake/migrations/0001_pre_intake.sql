-- What intake owns: channel clients and their keys, complaints as told, what was added, idempotency.

CREATE TABLE client (
    client_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    channel text CHECK (channel IN ('web', 'phone', 'store')),
    pack text NOT NULL,
    store_id text,
    rate real CHECK (rate > 0),
    built_in boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock.now()
);
COMMENT ON TABLE client IS 'Who files complaints by machine: an integration, a till, one of our own pages. Idempotency keys are scoped to it.';
COMMENT ON COLUMN client.channel IS 'The only channel it files for; null: all (the call desk takes calls and counters).';
COMMENT ON COLUMN client.store_id IS 'The only store it files for; null: no bond.';
COMMENT ON COLUMN client.rate IS 'Requests per second it may send on average; null: no limit.';

CREATE TABLE client_key (
    key_hash bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    client_id integer NOT NULL REFERENCES client,
    created_at timestamptz NOT NULL DEFAULT clock.now(),
    revoked_at timestamptz
);
COMMENT ON TABLE client_key IS 'SHA-256 of channel keys. A client may hold several, so that keys change without a pause.';

CREATE SEQUENCE reference_block;
COMMENT ON SEQUENCE reference_block IS 'Numbers of complaint references are drawn in blocks of 1,000 per process.';

CREATE TABLE complaint (
    complaint_id uuid PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    client_id integer NOT NULL REFERENCES client,
    pack text NOT NULL,
    channel text NOT NULL,
    language text NOT NULL,
    received_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL,
    person_id uuid NOT NULL,
    title text,
    body text,
    category text,
    store_id text,
    order_id text,
    customer_name text,
    email text,
    phone text,
    email_hash bytea,
    phone_hash bytea,
    details jsonb,
    version integer NOT NULL DEFAULT 1,
    state text NOT NULL DEFAULT 'submitted' CHECK (state IN ('submitted', 'assigned', 'withdrawn', 'closed')),
    department text,
    seen_version integer NOT NULL DEFAULT 0,
    CHECK (char_length(body) BETWEEN 1 AND 10000)
) WITH (fillfactor = 80);
COMMENT ON TABLE complaint IS 'The complaint as told, in clear, because intake can blank it. state and department follow the router''s events.';
COMMENT ON COLUMN complaint.version IS 'Version of the last event intake wrote about the complaint.';
COMMENT ON COLUMN complaint.seen_version IS 'Version of the newest event of the router that was applied.';
COMMENT ON COLUMN complaint.details IS 'What few complaints have: wanted, on_behalf_of, call_back, consent, about_staff, about_department, repeat_of.';
CREATE INDEX complaint_email ON complaint (email_hash) WHERE email_hash IS NOT NULL;
CREATE INDEX complaint_phone ON complaint (phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX complaint_person ON complaint (person_id);

CREATE TABLE addition (
    complaint_id uuid NOT NULL REFERENCES complaint,
    version integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('amendment', 'withdrawal')),
    body text,
    actor text NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (complaint_id, version)
);
COMMENT ON TABLE addition IS 'What was added to a complaint after it was told, or why it was withdrawn.';

CREATE TABLE idempotency (
    client_id integer NOT NULL,
    key uuid NOT NULL,
    digest bytea NOT NULL,
    complaint_id uuid NOT NULL,
    answer text NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, key)
);
COMMENT ON TABLE idempotency IS 'The answer given under a key. Kept for INTAKE_IDEMPOTENCY_DAYS: a till may be offline that long.';
CREATE INDEX idempotency_age ON idempotency USING brin (answered_at);

INSERT INTO client (name, channel, pack, built_in)
VALUES ('web-form', 'web', 'retail', true), ('agent-desk', NULL, 'retail', true);
