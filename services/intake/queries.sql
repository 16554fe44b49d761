-- name: clock
-- The database's clock, the only one that counts.
SELECT clock.now()

-- name: reference_block
-- The next block of 1,000 numbers for references.
SELECT nextval('reference_block')

-- name: file_complaints
-- Files a group: idempotency, complaint and outbox rows in one statement, which is one transaction. Of rows with the
-- same key the first wins (ORDINALITY); the others, and those filed before, are not in `won`.
WITH r AS (
    SELECT * FROM unnest($1::filing[]) WITH ORDINALITY AS t (
        client_id, key, digest, answer, complaint_id, reference, pack, channel, language,
        received_at, person_id, title, body, category, store_id, order_id, customer_name,
        email, phone, email_hash, phone_hash, details, shard, event_id, traceparent,
        payload, n
    )
), i AS (
    INSERT INTO idempotency (client_id, key, digest, complaint_id, answer, answered_at)
    SELECT client_id, key, digest, complaint_id, answer, $2 FROM r ORDER BY client_id, key, n
    ON CONFLICT DO NOTHING
    RETURNING complaint_id
), c AS (
    INSERT INTO complaint (
        complaint_id, reference, client_id, pack, channel, language, received_at, accepted_at, person_id, title, body,
        category, store_id, order_id, customer_name, email, phone, email_hash, phone_hash, details
    )
    SELECT
        complaint_id, reference, client_id, pack, channel, language, received_at, $2, person_id, title, body,
        category, store_id, order_id, customer_name, email, phone, email_hash, phone_hash, details::jsonb
    FROM r JOIN i USING (complaint_id)
), o AS (
    INSERT INTO outbox (shard, topic, key, event_id, type, occurred_at, traceparent, payload)
    SELECT shard, $3, convert_to(complaint_id::text, 'UTF8'), event_id, $4, $2, traceparent, payload
    FROM r JOIN i USING (complaint_id) ORDER BY n
)
SELECT clock.now() AS now, ARRAY(SELECT complaint_id FROM i) AS won

-- name: file_with_persons
-- As file_complaints, and makes their persons. Of a person whose contact was known (`person_id` is not the proposed
-- one) nothing is filed: the key that belongs to the contact is answered instead. Persons come first, in the order of
-- their contacts, then the keys of requests in theirs: two processes never wait for each other in a circle.
WITH k AS MATERIALIZED (
    SELECT ord, person_id, wrapped_key FROM vault.keys_for($5, $6, $7)
), r AS (
    SELECT t.* FROM unnest($1::filing[]) WITH ORDINALITY AS t (
        client_id, key, digest, answer, complaint_id, reference, pack, channel, language,
        received_at, person_id, title, body, category, store_id, order_id, customer_name,
        email, phone, email_hash, phone_hash, details, shard, event_id, traceparent,
        payload, n
    ) JOIN k USING (person_id)
), i AS (
    INSERT INTO idempotency (client_id, key, digest, complaint_id, answer, answered_at)
    SELECT client_id, key, digest, complaint_id, answer, $2 FROM r ORDER BY client_id, key, n
    ON CONFLICT DO NOTHING
    RETURNING complaint_id
), c AS (
    INSERT INTO complaint (
        complaint_id, reference, client_id, pack, channel, language, received_at, accepted_at, person_id, title, body,
        category, store_id, order_id, customer_name, email, phone, email_hash, phone_hash, details
    )
    SELECT
        complaint_id, reference, client_id, pack, channel, language, received_at, $2, person_id, title, body,
        category, store_id, order_id, customer_name, email, phone, email_hash, phone_hash, details::jsonb
    FROM r JOIN i USING (complaint_id)
), o AS (
    INSERT INTO outbox (shard, topic, key, event_id, type, occurred_at, traceparent, payload)
    SELECT shard, $3, convert_to(complaint_id::text, 'UTF8'), event_id, $4, $2, traceparent, payload
    FROM r JOIN i USING (complaint_id) ORDER BY n
)
SELECT clock.now() AS now, ARRAY(SELECT complaint_id FROM i) AS won, places, person_ids, wrapped
FROM (
    SELECT array_agg(ord) AS places, array_agg(person_id) AS person_ids, array_agg(wrapped_key) AS wrapped
    FROM k WHERE person_id <> ALL ($6)
) AS known

-- name: stored_answers
-- What was answered under keys that were used before.
SELECT r.n, d.digest, d.answer, d.complaint_id, c.person_id
FROM unnest($1::int[], $2::uuid[]) WITH ORDINALITY AS r (client_id, key, n)
JOIN idempotency d USING (client_id, key) LEFT JOIN complaint c USING (complaint_id)

-- name: store_answer
-- Stores the answer of an operation under its key; no row when the key was used before.
INSERT INTO idempotency (client_id, key, digest, complaint_id, answer, answered_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING RETURNING key

-- name: live_keys
-- Every key that opens the door, with its client.
SELECT k.key_hash, c.client_id, c.name, c.channel, c.pack, c.store_id, c.rate
FROM client_key k JOIN client c USING (client_id) WHERE k.revoked_at IS NULL

-- name: built_in_clients
-- The clients our own pages act as.
SELECT client_id, name, channel, pack, store_id, rate FROM client WHERE built_in

-- name: hold_complaint
-- One complaint, locked, if this client filed it; null: whoever filed it.
SELECT complaint_id, reference, person_id, version
FROM complaint WHERE complaint_id = $1 AND ($2::int IS NULL OR client_id = $2)
FOR UPDATE

-- name: hold_standing
-- Where a complaint stands, locked: its row is made if nobody said anything of it yet.
INSERT INTO standing AS s (complaint_id, state, seen_version) VALUES ($1, 'submitted', 0)
ON CONFLICT (complaint_id) DO UPDATE SET state = s.state
RETURNING state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for, waits_version

-- name: complaint_status
-- One complaint as its own client may see it; null: as staff may see it.
SELECT complaint_id, reference, channel, language, received_at, coalesce(s.state, 'submitted') AS state, s.department,
       s.journey_due_at, s.extended_due_at, s.waits_for, coalesce(s.seen_version, 0) AS seen_version,
       coalesce(s.clock_version, 0) AS clock_version
FROM complaint LEFT JOIN standing s USING (complaint_id)
WHERE complaint_id = $1 AND ($2::int IS NULL OR client_id = $2)

-- name: person_of
-- Whose complaint it is, if this client filed it; null: whoever filed it.
SELECT person_id FROM complaint WHERE complaint_id = $1 AND ($2::int IS NULL OR client_id = $2)

-- name: add
-- Keeps what was added, raises the version, and sets the state after it.
WITH a AS (
    INSERT INTO addition (complaint_id, version, kind, body, actor, added_at) VALUES ($1, $2, $3, $4, $5, $6)
), s AS (
    UPDATE standing SET state = $7 WHERE complaint_id = $1
)
UPDATE complaint SET version = $2 WHERE complaint_id = $1

-- name: first_news
-- Where complaints stand of which nothing was said before; answers which those are. A complaint that is not ours was
-- filed in another database, and gets no row.
INSERT INTO standing (
    complaint_id, state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for,
    waits_version
)
SELECT complaint_id, state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for,
       waits_version
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::int[],
    $9::text[], $10::int[]
) AS t (complaint_id, state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for,
        waits_version)
WHERE EXISTS (SELECT FROM complaint c WHERE c.complaint_id = t.complaint_id)
ORDER BY complaint_id
ON CONFLICT DO NOTHING
RETURNING complaint_id

-- name: standings
-- What is known of the cases a batch speaks about, locked in key order.
SELECT complaint_id, state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for,
       waits_version
FROM standing
WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE

-- name: save_standings
-- Writes what was heard of cases.
UPDATE standing s SET
    state = t.state, department = t.department, epoch = t.epoch, seen_version = t.seen_version,
    journey_due_at = t.journey_due_at, extended_due_at = t.extended_due_at, clock_version = t.clock_version,
    waits_for = t.waits_for, waits_version = t.waits_version
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::timestamptz[], $7::timestamptz[], $8::int[],
    $9::text[], $10::int[]
) AS t (complaint_id, state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for,
        waits_version)
WHERE s.complaint_id = t.complaint_id

-- name: open_cases
-- Open complaints of whoever is reached by one of these contacts, newest first, and how many there are.
SELECT complaint_id, reference, channel, language, received_at, title, body, category,
       coalesce(s.state, 'submitted') AS state, s.department, s.journey_due_at, s.extended_due_at, customer_name,
       count(*) OVER () AS total
FROM complaint LEFT JOIN standing s USING (complaint_id)
WHERE (email_hash = ANY ($1::bytea[]) OR phone_hash = ANY ($1::bytea[]))
  AND coalesce(s.state, 'submitted') IN ('submitted', 'assigned')
ORDER BY received_at DESC LIMIT $2

-- name: complaint_by_reference
-- One complaint by the reference a person reads out, for the call desk.
SELECT complaint_id, reference, channel, language, received_at, title, body, category,
       coalesce(s.state, 'submitted') AS state, s.department, s.journey_due_at, s.extended_due_at, customer_name
FROM complaint LEFT JOIN standing s USING (complaint_id) WHERE reference = $1

-- name: client_by_name
-- One client.
SELECT client_id, name, channel, pack, store_id, rate, built_in FROM client WHERE name = $1

-- name: add_client
-- A new client; no row when the name is taken.
INSERT INTO client (name, channel, pack, store_id, rate) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO NOTHING RETURNING client_id

-- name: add_key
-- One more key of a client; the same key again changes nothing.
INSERT INTO client_key (key_hash, client_id) VALUES ($1, $2) ON CONFLICT (key_hash) DO NOTHING

-- name: owner_of_key
-- Which client a key opens for.
SELECT client_id, revoked_at FROM client_key WHERE key_hash = $1

-- name: revoke_keys
-- Revokes all live keys of a client; answers how many there were.
WITH gone AS (
    UPDATE client_key k SET revoked_at = clock.now() FROM client c
    WHERE c.client_id = k.client_id AND c.name = $1 AND k.revoked_at IS NULL AND ($2::bytea IS NULL OR k.key_hash = $2)
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: list_clients
-- All clients with their live keys, by the first eight hex digits of their hash.
SELECT c.name, c.channel, c.pack, c.store_id, c.rate, c.built_in, c.created_at,
       array_remove(array_agg(encode(substr(k.key_hash, 1, 4), 'hex') ORDER BY k.created_at), NULL) AS live_keys
FROM client c LEFT JOIN client_key k ON k.client_id = c.client_id AND k.revoked_at IS NULL
GROUP BY c.client_id ORDER BY c.name

-- name: clear_answers
-- Answers that an earlier release kept with the private link in clear, and whose it is.
SELECT d.client_id, d.key, d.answer, c.person_id FROM idempotency d JOIN complaint c USING (complaint_id)
WHERE d.answer LIKE '%"progress_url"%' LIMIT $1

-- name: replace_answers
-- The same answers with the link sealed.
UPDATE idempotency d SET answer = t.answer FROM unnest($1::int[], $2::uuid[], $3::text[]) AS t (client_id, key, answer)
WHERE d.client_id = t.client_id AND d.key = t.key
