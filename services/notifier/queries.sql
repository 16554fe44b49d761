-- name: load_journeys
-- The journeys of a batch, locked in key order so that two transactions never cross.
SELECT * FROM journey WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE;

-- name: insert_journeys
-- Journeys that begin in this batch; one that another copy of the service has begun meanwhile is missing from the answer.
INSERT INTO journey (complaint_id, reference, pack, language, person_id, channel, received_at, told, reachable, erased,
                     acknowledged, phase, department, epoch, clock_epoch, stage, journey_due_at, extended_due_at,
                     question_id, answer_due_at, answer_since, replied, resolution_id, remedy, confirmation_due_at,
                     confirmation_since, decision, closed_how, closed_at, rating, held, intake_version, router_version,
                     sla_version, own_version, consent)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::timestamptz[], $8::bool[],
                     $9::bool[], $10::bool[], $11::text[], $12::text[], $13::text[], $14::int[], $15::int[], $16::int[],
                     $17::timestamptz[], $18::timestamptz[], $19::uuid[], $20::timestamptz[], $21::timestamptz[],
                     $22::bool[], $23::uuid[], $24::text[], $25::timestamptz[], $26::timestamptz[], $27::text[],
                     $28::text[], $29::timestamptz[], $30::int[], $31::bool[], $32::int[], $33::int[], $34::int[],
                     $35::int[], $36::bool[])
ON CONFLICT DO NOTHING RETURNING 1;

-- name: begin_complaints
-- Complaints that begin with their submission and nothing else, as most do: journey, contact, first line and notice.
-- Without ON CONFLICT, whose speculative insertion costs as much again; the keys refuse what another copy has begun.
WITH begun AS MATERIALIZED (
    SELECT *, email IS NOT NULL AS reachable, $20::timestamptz + patience AS next_at
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::timestamptz[], $8::int[],
                $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::text[], $16::text[],
                $17::uuid[], $18::text[], $19::interval[])
         AS t (complaint_id, reference, pack, language, person_id, channel, received_at, intake_version, event_id, text,
               name, email, token, token_hash, store, store_id, notice_id, traceparent, patience)
), contacts AS (
    INSERT INTO contact (complaint_id, person_id, name, email, token, token_hash, store, store_id)
    SELECT complaint_id, person_id, name, email, token, token_hash, store, store_id FROM begun
), entries AS (
    INSERT INTO entry (complaint_id, event_id, at, what, text, field)
    SELECT complaint_id, event_id, received_at, 'received', text, 'text' FROM begun
), notices AS (
    INSERT INTO notice (complaint_id, notice_id, kind, cause_id, recipient_ref, epoch, variant, state, next_at,
                        traceparent, created_at, due_since)
    SELECT complaint_id, notice_id, 'acknowledgement', event_id, person_id, 0, '', 'pending', next_at, traceparent, $20,
           next_at
    FROM begun
)
INSERT INTO journey (complaint_id, reference, pack, language, person_id, channel, received_at, told, reachable, erased,
                     acknowledged, phase, epoch, clock_epoch, stage, replied, held, intake_version, router_version,
                     sla_version, own_version, consent)
SELECT complaint_id, reference, pack, language, person_id, channel, received_at, true, reachable, false, 'pending',
       'received', 0, 0, 1, false, true, intake_version, 0, 0, 0, true
FROM begun;

-- name: update_journeys
-- What changed in journeys; the reference never does.
UPDATE journey AS j
SET pack = t.pack, language = t.language, person_id = t.person_id, channel = t.channel, received_at = t.received_at,
    told = t.told, reachable = t.reachable, erased = t.erased, acknowledged = t.acknowledged, phase = t.phase,
    department = t.department, epoch = t.epoch, clock_epoch = t.clock_epoch, stage = t.stage,
    journey_due_at = t.journey_due_at, extended_due_at = t.extended_due_at, question_id = t.question_id,
    answer_due_at = t.answer_due_at, answer_since = t.answer_since, replied = t.replied,
    resolution_id = t.resolution_id, remedy = t.remedy, confirmation_due_at = t.confirmation_due_at,
    confirmation_since = t.confirmation_since, decision = t.decision, closed_how = t.closed_how,
    closed_at = t.closed_at, rating = t.rating, held = t.held, intake_version = t.intake_version,
    router_version = t.router_version, sla_version = t.sla_version, own_version = t.own_version,
    consent = t.consent
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::timestamptz[], $8::bool[],
            $9::bool[], $10::bool[], $11::text[], $12::text[], $13::text[], $14::int[], $15::int[], $16::int[],
            $17::timestamptz[], $18::timestamptz[], $19::uuid[], $20::timestamptz[], $21::timestamptz[], $22::bool[],
            $23::uuid[], $24::text[], $25::timestamptz[], $26::timestamptz[], $27::text[], $28::text[],
            $29::timestamptz[], $30::int[], $31::bool[], $32::int[], $33::int[], $34::int[], $35::int[],
            $36::bool[])
     AS t (complaint_id, reference, pack, language, person_id, channel, received_at, told, reachable, erased,
           acknowledged, phase, department, epoch, clock_epoch, stage, journey_due_at, extended_due_at, question_id,
           answer_due_at, answer_since, replied, resolution_id, remedy, confirmation_due_at, confirmation_since,
           decision, closed_how, closed_at, rating, held, intake_version, router_version, sla_version, own_version, consent)
WHERE j.complaint_id = t.complaint_id;

-- name: advance_journeys
-- What most events change, and the lines they add to stories.
WITH lines AS (
    INSERT INTO entry (complaint_id, event_id, at, what, department, text, field, due_at)
    SELECT * FROM unnest($13::uuid[], $14::uuid[], $15::timestamptz[], $16::text[], $17::text[], $18::text[],
                         $19::text[], $20::timestamptz[])
    ON CONFLICT DO NOTHING
)
UPDATE journey AS j
SET acknowledged = t.acknowledged, phase = t.phase, department = t.department, epoch = t.epoch,
    clock_epoch = t.clock_epoch, stage = t.stage, journey_due_at = t.journey_due_at, held = t.held,
    router_version = t.router_version, sla_version = t.sla_version, own_version = t.own_version
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[], $8::timestamptz[],
            $9::bool[], $10::int[], $11::int[], $12::int[])
     AS t (complaint_id, acknowledged, phase, department, epoch, clock_epoch, stage, journey_due_at, held,
           router_version, sla_version, own_version)
WHERE j.complaint_id = t.complaint_id;

-- name: note_owner_told
-- A notice names the owner of these complaints, and may wait for the date.
UPDATE journey SET held = true, acknowledged = 'full' WHERE complaint_id = ANY ($1::uuid[]);

-- name: insert_contacts
-- How to reach the customers of new complaints, sealed.
INSERT INTO contact (complaint_id, person_id, name, email, token, token_hash, store, store_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[])
ON CONFLICT DO NOTHING;

-- name: insert_entries
-- Lines of the story; a line that is there already stays as it is.
INSERT INTO entry (complaint_id, event_id, at, what, department, text, field, due_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[])
ON CONFLICT DO NOTHING;

-- name: insert_notices
-- New lines of the ledger; a second one for the same cause, recipient and channel is dropped.
INSERT INTO notice (complaint_id, notice_id, kind, cause_id, recipient_ref, subject_id, epoch, previous_department,
                    due_at, former_due_at, variant, state, next_at, reason, traceparent, created_at, due_since,
                    settled_at)
SELECT complaint_id, notice_id, kind, cause_id, recipient_ref, subject_id, epoch, previous_department, due_at,
       former_due_at, variant, CASE WHEN reason IS NULL THEN 'pending' ELSE 'suppressed' END, next_at, reason,
       traceparent, $15, coalesce(next_at, $15), CASE WHEN reason IS NOT NULL THEN $15 END
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::int[], $8::text[],
            $9::timestamptz[], $10::timestamptz[], $11::text[], $12::timestamptz[], $13::text[], $14::text[])
     AS t (complaint_id, notice_id, kind, cause_id, recipient_ref, subject_id, epoch, previous_department, due_at,
           former_due_at, variant, next_at, reason, traceparent)
ON CONFLICT DO NOTHING;

-- name: release_notices
-- Notices that waited for a date, or for the submission, go now.
UPDATE notice SET next_at = $2, due_since = $2
WHERE complaint_id = ANY ($1::uuid[]) AND state = 'pending' AND attempts = 0 AND next_at > $2;

-- name: lease_released
-- The same; of each complaint the oldest is leased at once by the pipeline of this process, with what it needs to write
-- it beside the journey. The others are due when that one has ended: messages arrive in order.
UPDATE notice AS n
SET (state, lease, next_at) = (
        SELECT CASE WHEN waits THEN n.state ELSE 'leased' END, CASE WHEN waits THEN n.lease ELSE $3::uuid END,
               CASE WHEN waits THEN $2::timestamptz ELSE (SELECT clock.now()) + $4::interval END
        FROM (SELECT EXISTS (SELECT FROM notice AS o WHERE o.complaint_id = n.complaint_id
                                AND o.notice_id < n.notice_id AND o.next_at IS NOT NULL) AS waits) AS before
    ),
    due_since = $2
FROM contact AS c
WHERE n.complaint_id = ANY ($1::uuid[]) AND n.state = 'pending' AND n.attempts = 0 AND n.next_at > $2
  AND c.complaint_id = n.complaint_id
RETURNING n.complaint_id, n.notice_id, n.kind, n.cause_id, n.recipient_ref, n.subject_id, n.epoch AS notice_epoch,
          n.previous_department, n.due_at, n.former_due_at, n.variant, n.attempts, n.resends, n.due_since, n.traceparent,
          c.name, c.email, c.token,
          (SELECT e.text FROM entry AS e WHERE e.complaint_id = n.complaint_id AND e.event_id = n.subject_id) AS said,
          (SELECT e.field FROM entry AS e WHERE e.complaint_id = n.complaint_id AND e.event_id = n.subject_id)
              AS said_field,
          (SELECT e.department FROM entry AS e WHERE e.complaint_id = n.complaint_id AND e.event_id = n.subject_id)
              AS said_by,
          CASE WHEN n.kind IN ('promise', 'delay') THEN EXISTS (
              SELECT FROM notice AS o WHERE o.complaint_id = n.complaint_id AND o.kind = 'delay'
                 AND o.notice_id > n.notice_id AND o.former_due_at = n.due_at) ELSE false END AS overtaken,
          n.state = 'leased' AS is_first,
          (SELECT clock.now()) AS now;

-- name: find_complaints_of
-- The complaints of persons who are being erased.
SELECT complaint_id FROM contact WHERE person_id = ANY ($1::uuid[]) ORDER BY complaint_id;

-- name: erase_contacts
-- Nothing of a contact stays; the private link leads nowhere from now on.
UPDATE contact
SET name = NULL, email = NULL, token = NULL, token_hash = NULL, store = NULL, store_id = NULL
WHERE complaint_id = ANY ($1::uuid[]);

-- name: erase_entries
-- The words go, the lines stay.
UPDATE entry SET text = NULL, field = NULL WHERE complaint_id = ANY ($1::uuid[]) AND text IS NOT NULL;

-- name: erase_commands
-- What the customer sent: its digest tells whoever guesses the words whether they guessed right.
DELETE FROM command_key WHERE who = ANY (SELECT 'customer:' || c FROM unnest($1::uuid[]) AS c);

-- name: erase_notices
-- What was still to be sent to an erased person is not sent. Rows that a sender is settling at this moment are left to
-- the next claim, which sees the erased journey: waiting for them could cross with that sender's wait for the journey.
WITH gone AS (
    SELECT complaint_id, notice_id FROM notice
    WHERE complaint_id = ANY ($1::uuid[]) AND state IN ('pending', 'leased', 'unknown') AND next_at IS NOT NULL
    FOR UPDATE SKIP LOCKED
)
UPDATE notice AS n SET state = 'suppressed', reason = 'erased', next_at = NULL, lease = NULL, settled_at = $2
FROM gone WHERE n.complaint_id = gone.complaint_id AND n.notice_id = gone.notice_id
RETURNING n.complaint_id, n.notice_id, n.kind, n.cause_id, n.traceparent;

-- name: claim_notices
-- Leases what is due: pending, to be sent once more, or leased by somebody who is gone (leased only: never sent).
-- By ctid, which is safe here: the rows are locked by the same statement. A complaint's messages go one at a time and in
-- order: one that follows another which has not ended waits for that one's next try, or a second while it is on its way.
-- `overtaken`: a later message tells the date that takes the place of this one's.
WITH due AS MATERIALIZED (
    SELECT ctid AS place, complaint_id, notice_id, subject_id FROM notice
    WHERE next_at <= (SELECT clock.now()) AND state <> 'sending'
    ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED
), placed AS MATERIALIZED (
    SELECT due.*, before.until FROM due LEFT JOIN LATERAL (
        SELECT CASE WHEN o.state = 'pending' AND o.next_at > (SELECT clock.now()) THEN o.next_at
                    ELSE (SELECT clock.now()) + interval '1 second' END AS until
        FROM notice AS o
        WHERE o.complaint_id = due.complaint_id AND o.notice_id < due.notice_id AND o.next_at IS NOT NULL
        ORDER BY o.notice_id LIMIT 1
    ) AS before ON true
)
UPDATE notice AS n
SET state = CASE WHEN due.until IS NULL THEN 'leased' ELSE n.state END,
    lease = CASE WHEN due.until IS NULL THEN $2 ELSE n.lease END,
    next_at = coalesce(due.until, (SELECT clock.now()) + $3::interval)
FROM placed AS due
JOIN journey AS j USING (complaint_id)
LEFT JOIN contact AS c USING (complaint_id)
LEFT JOIN entry AS e ON e.complaint_id = due.complaint_id AND e.event_id = due.subject_id
WHERE n.ctid = due.place
RETURNING j.*, n.notice_id, n.kind, n.cause_id, n.recipient_ref, n.subject_id, n.epoch AS notice_epoch,
          n.previous_department, n.due_at, n.former_due_at, n.variant, n.attempts, n.resends, n.due_since, n.traceparent,
          c.name, c.email, c.token, e.text AS said, e.field AS said_field, e.department AS said_by,
          due.until IS NULL AS is_first,
          CASE WHEN n.kind IN ('promise', 'delay') THEN EXISTS (
              SELECT FROM notice AS o WHERE o.complaint_id = n.complaint_id AND o.kind = 'delay'
                 AND o.notice_id > n.notice_id AND o.former_due_at = n.due_at) ELSE false END AS overtaken,
          (SELECT clock.now()) AS now;

-- name: mark_sending
-- The last step before a mail leaves: only rows this claim still holds, and nobody who must not be written to (I10).
UPDATE notice AS n
SET state = 'sending', message_id = t.message_id, attempts = n.attempts + 1
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[])
     AS t (complaint_id, notice_id, lease, message_id, contact_hash)
WHERE n.complaint_id = t.complaint_id AND n.notice_id = t.notice_id AND n.lease = t.lease AND n.state = 'leased'
  AND NOT EXISTS (SELECT FROM suppression AS s WHERE s.contact_hash = t.contact_hash AND s.until > clock.now())
RETURNING n.notice_id;

-- name: find_suppressed
-- Which of these mailboxes are not to be written to.
SELECT contact_hash FROM suppression WHERE contact_hash = ANY ($1::bytea[]) AND until > clock.now();

-- name: count_own_events
-- Draws versions for events of our own, and notes what became of acknowledgements.
UPDATE journey AS j
SET own_version = j.own_version + t.count, acknowledged = coalesce(t.acknowledged, j.acknowledged)
FROM unnest($1::uuid[], $2::int[], $3::text[]) AS t (complaint_id, count, acknowledged)
WHERE j.complaint_id = t.complaint_id
RETURNING j.complaint_id, j.own_version, j.department;

-- name: settle_notices
-- The outcome of attempts; rows whose lease has passed to somebody else stay as they are.
UPDATE notice AS n
SET state = t.state, next_at = t.next_at, reason = t.reason, resends = t.resends, lease = NULL,
    settled_at = CASE WHEN t.next_at IS NULL THEN $8::timestamptz END
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::int[])
     AS t (complaint_id, notice_id, lease, state, next_at, reason, resends)
WHERE n.complaint_id = t.complaint_id AND n.notice_id = t.notice_id AND n.lease = t.lease
  AND n.state IN ('leased', 'sending')
RETURNING n.notice_id, t.lease;

-- name: settle_sent
-- The same for the usual outcome, which needs no more than to be told of which rows.
UPDATE notice AS n
SET state = 'sent', next_at = NULL, reason = NULL, lease = NULL, settled_at = $4
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS t (complaint_id, notice_id, lease)
WHERE n.complaint_id = t.complaint_id AND n.notice_id = t.notice_id AND n.lease = t.lease
  AND n.state IN ('leased', 'sending')
RETURNING n.notice_id, t.lease;

-- name: insert_suppressions
-- Mailboxes that do not exist; one that was tried again in vain is left alone for as long as before.
INSERT INTO suppression AS s (contact_hash, reason, since, until)
SELECT h, $2, $3::timestamptz, $3::timestamptz + $4::interval FROM unnest($1::bytea[]) AS h
ON CONFLICT (contact_hash) DO UPDATE SET reason = excluded.reason, since = excluded.since, until = excluded.until
WHERE s.until <= excluded.since;

-- name: newest_assignments
-- The event that made each complaint's present owner.
SELECT DISTINCT ON (complaint_id) complaint_id, event_id FROM entry
WHERE complaint_id = ANY ($1::uuid[]) AND what IN ('assigned', 'transferred') ORDER BY complaint_id, event_id DESC;

-- name: find_lost
-- Notices whose sender died between sending and recording: nobody knows whether the mail left.
SELECT n.complaint_id, n.notice_id, n.kind, n.cause_id, n.lease, n.attempts, n.resends, n.message_id, n.traceparent,
       j.reference
FROM notice AS n JOIN journey AS j USING (complaint_id)
WHERE n.next_at <= (SELECT clock.now()) AND n.state = 'sending'
  AND ($2::uuid IS NULL OR n.notice_id = $2)
ORDER BY n.next_at LIMIT $1 FOR UPDATE OF n SKIP LOCKED;

-- name: due_lost
-- Which notices those are, without a look at anything else.
SELECT notice_id FROM notice WHERE next_at <= (SELECT clock.now()) AND state = 'sending' ORDER BY next_at LIMIT $1;

-- name: postpone_lost
-- One of them whose end cannot be written down: looked at again after as long as it has waited, at most half an hour.
UPDATE notice SET next_at = clock.now() + least(greatest(clock.now() - due_since, interval '15 seconds'), interval '30 minutes')
WHERE notice_id = $1 AND state = 'sending';

-- name: measure_ledger
-- How much is due and not sent, and for how long, in seconds: what waits for a retry or hangs in a conversation as well.
-- Counts to a hundred thousand.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM (SELECT clock.now()) - min(due_since)), 0)::float8 AS oldest
FROM (
    SELECT due_since FROM notice WHERE next_at IS NOT NULL AND due_since <= (SELECT clock.now()) LIMIT 100000
) AS w;

-- name: find_by_token
-- The complaint behind a private link.
SELECT complaint_id, person_id FROM contact WHERE token_hash = $1;

-- name: find_by_reference
-- The complaint a reference names.
SELECT * FROM journey WHERE reference = $1 LIMIT 1;

-- name: read_journey
-- One journey, how its customer is addressed, the shop they told of, and what time it is, without locking.
SELECT j.*, c.name, c.store, c.store_id, clock.now() AS now
FROM journey AS j LEFT JOIN contact AS c USING (complaint_id) WHERE j.complaint_id = $1;

-- name: read_entries
-- The story of one complaint, oldest first; of a very long one its latest 500 lines.
SELECT * FROM (SELECT event_id, at, what, department, text, field, due_at FROM entry
               WHERE complaint_id = $1 ORDER BY at DESC, event_id DESC LIMIT 500) AS latest
ORDER BY at, event_id;

-- name: recently_added
-- What the customer added of late, sealed; the newest first.
SELECT text FROM entry WHERE complaint_id = $1 AND what = 'added' AND at >= $2 AND text IS NOT NULL
ORDER BY event_id DESC LIMIT 10;

-- name: read_notices
-- The ledger of one complaint, oldest first; of a very long one its latest 500 lines.
SELECT * FROM (SELECT notice_id, kind, channel, state, reason, attempts, resends, message_id, cause_id, created_at,
                      settled_at, next_at, traceparent
               FROM notice WHERE complaint_id = $1 ORDER BY created_at DESC, notice_id DESC LIMIT 500) AS latest
ORDER BY created_at, notice_id;

-- name: read_troubles
-- The latest notices that did not reach their customer for certain, newest first, as far as a reader may see them.
SELECT n.notice_id, n.kind, n.channel, n.state, n.reason, n.attempts, n.resends, n.message_id, n.cause_id, n.created_at,
       n.settled_at, n.next_at, n.traceparent, j.reference, coalesce(e.department, j.department) AS department
FROM notice AS n JOIN journey AS j USING (complaint_id)
LEFT JOIN entry AS e ON e.complaint_id = n.complaint_id AND e.event_id = n.subject_id
WHERE n.trouble_at IS NOT NULL AND ($4::text IS NULL OR n.state = $4)
  AND ($1::text IS NULL OR j.pack = $1) AND ($2::text[] IS NULL OR j.department = ANY ($2))
  AND ($5::timestamptz IS NULL OR (n.trouble_at, n.notice_id) < ($5, $6::uuid))
ORDER BY n.trouble_at DESC, n.notice_id DESC LIMIT $3;

-- name: count_troubles
-- How many there are, up to 10,000.
SELECT count(*) FROM (
    SELECT FROM notice AS n JOIN journey AS j USING (complaint_id)
    WHERE n.trouble_at IS NOT NULL AND ($3::text IS NULL OR n.state = $3)
      AND ($1::text IS NULL OR j.pack = $1) AND ($2::text[] IS NULL OR j.department = ANY ($2)) LIMIT 10000) AS counted;

-- name: read_waiting
-- Notices that are not settled, the most urgent first, as far as a reader may see them.
SELECT n.notice_id, n.kind, n.channel, n.state, n.reason, n.attempts, n.resends, n.message_id, n.cause_id, n.created_at,
       n.settled_at, n.next_at, n.traceparent, j.reference, coalesce(e.department, j.department) AS department
FROM notice AS n JOIN journey AS j USING (complaint_id)
LEFT JOIN entry AS e ON e.complaint_id = n.complaint_id AND e.event_id = n.subject_id
WHERE n.next_at IS NOT NULL AND ($1::text IS NULL OR j.pack = $1) AND ($2::text[] IS NULL OR j.department = ANY ($2))
  AND ($4::timestamptz IS NULL OR (n.next_at, n.notice_id) > ($4, $5::uuid))
ORDER BY n.next_at, n.notice_id LIMIT $3;

-- name: count_waiting
-- How many there are, up to 10,000.
SELECT count(*) FROM (
    SELECT FROM notice AS n JOIN journey AS j USING (complaint_id)
    WHERE n.next_at IS NOT NULL AND ($1::text IS NULL OR j.pack = $1)
      AND ($2::text[] IS NULL OR j.department = ANY ($2)) LIMIT 10000) AS counted;
