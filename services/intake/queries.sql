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
    SELECT ord, person_id, wrapped_key, key_id FROM vault.keys_for($5, $6, $7, $8)
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
SELECT clock.now() AS now, ARRAY(SELECT complaint_id FROM i) AS won, places, person_ids, wrapped, key_ids
FROM (
    SELECT array_agg(ord) AS places, array_agg(person_id) AS person_ids, array_agg(wrapped_key) AS wrapped,
           array_agg(key_id) AS key_ids
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
-- One complaint, locked, if this client filed it ($2 null: whoever filed it) and it is of this pack ($3 null: of any).
SELECT complaint_id, reference, person_id, version, erased_at IS NOT NULL AS erased
FROM complaint WHERE complaint_id = $1 AND ($2::int IS NULL OR client_id = $2) AND ($3::text IS NULL OR pack = $3)
FOR UPDATE

-- name: hold_standing
-- Where a complaint stands, locked: its row is made if nobody said anything of it yet.
INSERT INTO standing AS s (complaint_id, state, seen_version) VALUES ($1, 'submitted', 0)
ON CONFLICT (complaint_id) DO UPDATE SET state = s.state
RETURNING state, department, epoch, seen_version, journey_due_at, extended_due_at, clock_version, waits_for, waits_version

-- name: complaint_status
-- One complaint as its own client may see it, or staff of its pack.
SELECT complaint_id, reference, channel, language, received_at, coalesce(s.state, 'submitted') AS state, s.department,
       s.journey_due_at, s.extended_due_at, s.waits_for, coalesce(s.seen_version, 0) AS seen_version,
       coalesce(s.clock_version, 0) AS clock_version
FROM complaint LEFT JOIN standing s USING (complaint_id)
WHERE complaint_id = $1 AND ($2::int IS NULL OR client_id = $2) AND ($3::text IS NULL OR pack = $3)

-- name: person_of
-- Whose complaint it is, within the same reach.
SELECT person_id FROM complaint
WHERE complaint_id = $1 AND ($2::int IS NULL OR client_id = $2) AND ($3::text IS NULL OR pack = $3)

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
-- Open complaints in a pack of whoever is reached by one of these contacts, newest first, and how many there are.
SELECT complaint_id, reference, channel, language, received_at, title, body, category, details->>'about_department' AS about,
       coalesce(s.state, 'submitted') AS state, s.department, s.journey_due_at, s.extended_due_at, customer_name,
       count(*) OVER () AS total
FROM complaint LEFT JOIN standing s USING (complaint_id)
WHERE (email_hash = ANY ($1::bytea[]) OR phone_hash = ANY ($1::bytea[]))
  AND pack = $3 AND coalesce(s.state, 'submitted') IN ('submitted', 'assigned')
ORDER BY received_at DESC LIMIT $2

-- name: complaint_by_reference
-- One complaint by the reference a person reads out, for the call desk.
SELECT complaint_id, reference, channel, language, received_at, title, body, category,
       coalesce(s.state, 'submitted') AS state, s.department, s.journey_due_at, s.extended_due_at, customer_name,
       email IS NOT NULL AS has_address, coalesce(phone, details #>> '{call_back,number}') IS NOT NULL AS has_number,
       coalesce((details ->> 'consent')::boolean, true) AS consent
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
-- Revokes all live keys of a client, or those whose hash begins with $3; answers how many there were.
WITH gone AS (
    UPDATE client_key k SET revoked_at = clock.now() FROM client c
    WHERE c.client_id = k.client_id AND c.name = $1 AND k.revoked_at IS NULL AND ($2::bytea IS NULL OR k.key_hash = $2)
      AND ($3::text IS NULL OR starts_with(encode(k.key_hash, 'hex'), $3))
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

-- name: persons_reached
-- The complaints of whoever is reached at one of these contacts, and whose they are.
SELECT complaint_id, reference, person_id, pack FROM complaint
WHERE email_hash = ANY ($1::bytea[]) OR phone_hash = ANY ($1::bytea[]) ORDER BY complaint_id

-- name: person_with
-- The complaint of a reference, and whose it is.
SELECT complaint_id, person_id, erased_at FROM complaint WHERE reference = $1

-- name: complaints_of_person
-- All complaints of a person, found from one of them: the others have the same contact, the one a person is known by.
SELECT c.complaint_id, c.reference, c.pack, c.received_at, c.email, coalesce(s.state, 'submitted') AS state, c.erased_at,
       h.why AS held, h.set_by AS held_by, h.since AS held_since
FROM complaint c LEFT JOIN standing s USING (complaint_id) LEFT JOIN legal_hold h USING (complaint_id)
WHERE c.person_id = $1 AND (
    c.complaint_id = $2
    OR c.phone_hash = (SELECT coalesce(f.phone_hash, f.email_hash) FROM complaint f WHERE f.complaint_id = $2)
    OR c.email_hash = (SELECT coalesce(f.phone_hash, f.email_hash) FROM complaint f WHERE f.complaint_id = $2)
)
ORDER BY c.complaint_id

-- name: ask_erasure
-- Writes down that a person is to be erased; nothing when that is being asked or carried out already.
INSERT INTO erasure (erasure_id, person_id, complaint_id, state, why, asked_by, asked_at, decided_by, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, clock.now(), CASE $4 WHEN 'approved' THEN $6 END, CASE $4 WHEN 'approved' THEN clock.now() END)
ON CONFLICT DO NOTHING RETURNING erasure_id

-- name: erasure
-- One by its id, or what is asked for or being carried out of a person.
SELECT erasure_id, person_id, complaint_id, state, why, asked_by, asked_at, decided_by, decided_at, told, done_at
FROM erasure WHERE erasure_id = $1 OR (person_id = $1 AND state IN ('asked', 'approved', 'blanked'))

-- name: erasures_due
-- What is decided and not finished, the oldest first.
SELECT erasure_id FROM erasure WHERE state IN ('approved', 'blanked') ORDER BY decided_at LIMIT 20

-- name: decide_erasure
-- Lets what was asked be carried out, or not.
UPDATE erasure SET state = $2, decided_by = $3, decided_at = clock.now()
WHERE erasure_id = $1 AND state = 'asked' RETURNING erasure_id

-- name: take_erasure
-- One that is to be carried out, locked; nothing when somebody else is at it.
SELECT person_id, complaint_id, asked_by FROM erasure
WHERE erasure_id = $1 AND state = 'approved' FOR UPDATE SKIP LOCKED

-- name: lock_complaints
-- Whoever amends one of these waits, and finds it erased.
SELECT complaint_id FROM complaint WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE

-- name: end_open
-- Those that are open are withdrawn: answers which those are.
INSERT INTO standing AS s (complaint_id, state, seen_version)
SELECT i, 'withdrawn', 0 FROM unnest($1::uuid[]) AS i ORDER BY i
ON CONFLICT (complaint_id) DO UPDATE SET state = 'withdrawn' WHERE s.state IN ('submitted', 'assigned')
RETURNING complaint_id

-- name: end_story
-- The line that says so.
INSERT INTO addition (complaint_id, version, kind, actor, added_at)
SELECT complaint_id, version + 1, 'withdrawal', $2, $3 FROM complaint WHERE complaint_id = ANY ($1::uuid[])

-- name: blank_answers
-- What was answered under keys: the key stays, so that the request sent again files nothing. Answers bear the moment of
-- what they answer, by which their block is found without an index on the complaint.
WITH moments AS (
    SELECT accepted_at AS at FROM complaint WHERE complaint_id = ANY ($1::uuid[])
    UNION SELECT added_at FROM addition WHERE complaint_id = ANY ($1::uuid[])
)
UPDATE idempotency SET digest = '\x00', answer = '{}'
WHERE answered_at = ANY (ARRAY(SELECT at FROM moments)) AND complaint_id = ANY ($1::uuid[])

-- name: blank_additions
-- What was added.
UPDATE addition SET body = NULL WHERE complaint_id = ANY ($1::uuid[]) AND body IS NOT NULL

-- name: blank_complaints
-- What was told, with the codes of whoever told it: a store and a category may be anybody's words. The reference and times
-- stay, and in the router the category that the pack knows. Answers what is to be said of each; $4: it is said, and counts.
UPDATE complaint SET
    title = NULL, body = NULL, category = NULL, store_id = NULL, order_id = NULL, customer_name = NULL, email = NULL,
    phone = NULL, email_hash = NULL, phone_hash = NULL, details = NULL, erased_at = $3,
    version = version + CASE WHEN NOT $4 THEN 0 WHEN complaint_id = ANY ($2::uuid[]) THEN 2 ELSE 1 END
WHERE complaint_id = ANY ($1::uuid[]) RETURNING complaint_id, reference, person_id, version

-- name: shred
-- The persons' keys, where the vault is in the same database.
SELECT vault.shred($1::uuid[])

-- name: blanked
-- Our tables are blank.
UPDATE erasure SET state = 'blanked', told = $2, blanked_at = $3 WHERE erasure_id = $1

-- name: held_back
-- It cannot be carried out.
UPDATE erasure SET state = 'declined', done_at = clock.now() WHERE erasure_id = $1

-- name: finished
-- Key and sent copies are gone.
UPDATE erasure SET state = 'done', done_at = clock.now() WHERE erasure_id = $1 AND state = 'blanked'

-- name: filed_meanwhile
-- Complaints that were being filed under a key while it was deleted: they are looked for among the newest.
SELECT c.complaint_id, c.person_id FROM complaint c
WHERE c.complaint_id > first_id_at($1::timestamptz - interval '1 minute') AND c.erased_at IS NULL AND EXISTS (
    SELECT FROM erasure e WHERE e.person_id = c.person_id AND e.state IN ('blanked', 'done')
)
ORDER BY c.complaint_id LIMIT 500

-- name: last_erased
-- When a person was last erased, if that is less than ten minutes ago.
SELECT max(blanked_at) FROM erasure WHERE blanked_at > clock.now() - interval '10 minutes'

-- name: erased_persons
-- Everybody who was erased: ids that tell nothing of them, to be erased again after a restore.
SELECT DISTINCT person_id FROM erasure WHERE state IN ('blanked', 'done') ORDER BY person_id

-- name: unblanked_of
-- Complaints of these persons that are not blank; reads the whole table.
SELECT complaint_id, person_id FROM complaint
WHERE person_id = ANY ($1::uuid[]) AND erased_at IS NULL ORDER BY complaint_id

-- name: hold
-- Keeps a complaint's person from being erased; nothing where the complaint is blank already. Waits for an erasure that is
-- under way. A second hold renews the reason.
WITH c AS (
    SELECT complaint_id FROM complaint WHERE reference = $1 AND erased_at IS NULL FOR UPDATE
)
INSERT INTO legal_hold (complaint_id, why, set_by, since) SELECT complaint_id, $2, $3, clock.now() FROM c
ON CONFLICT (complaint_id) DO UPDATE SET why = excluded.why, set_by = excluded.set_by
RETURNING complaint_id

-- name: lift_hold
-- Lets a person be erased again, as far as this complaint goes.
DELETE FROM legal_hold h USING complaint c WHERE c.complaint_id = h.complaint_id AND c.reference = $1
RETURNING h.why, h.set_by, h.since

-- name: holds
-- All that are in force.
SELECT c.reference, c.pack, h.why, h.set_by, h.since FROM legal_hold h JOIN complaint c USING (complaint_id) ORDER BY h.since

-- name: note_erased
-- That these persons were erased, where a restored database does not know it.
INSERT INTO erasure (erasure_id, person_id, complaint_id, state, why, asked_by, asked_at, decided_by, decided_at, blanked_at, done_at)
SELECT i, p, '00000000-0000-0000-0000-000000000000', 'done', $3, $4, clock.now(), $4, clock.now(), clock.now(), clock.now()
FROM unnest($1::uuid[], $2::uuid[]) AS t (i, p)
WHERE NOT EXISTS (SELECT FROM erasure e WHERE e.person_id = p AND e.state IN ('blanked', 'done'))

-- name: erasures_asked
-- What waits for a second person, of one pack, the oldest first.
SELECT c.reference, e.erasure_id, e.person_id, e.complaint_id, e.state, e.why, e.asked_by, e.asked_at, e.decided_by,
       e.decided_at, e.told, e.done_at
FROM erasure e JOIN complaint c USING (complaint_id) WHERE e.state = 'asked' AND c.pack = $1 ORDER BY e.asked_at LIMIT 200

-- name: told_by
-- What was told, complaint by complaint.
SELECT complaint_id, reference, pack, channel, language, received_at, accepted_at, coalesce(s.state, 'submitted') AS state,
       s.department, title, body AS text, category, store_id, order_id, customer_name AS name, email, phone, details
FROM complaint LEFT JOIN standing s USING (complaint_id) WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id

-- name: added_to
-- What was added.
SELECT complaint_id, added_at AS at, kind, body AS text FROM addition
WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id, version
