-- name: moment
-- When the tables are read by the server's own clock, and what the clock of deadlines says (tests move that one).
SELECT clock_timestamp() AS taken_at, clock.now() AS clock_now

-- name: every
-- Each so-manieth complaint: where one part of the audit ends and the next begins.
SELECT complaint_id FROM (SELECT complaint_id, row_number() OVER (ORDER BY complaint_id) AS n FROM intake.complaint) AS c
WHERE n % $1 = 0

-- name: signed_from
-- From where on events must be signed; all services have it alike.
SELECT topic, partition, from_offset FROM router.signed_from

-- name: contacts
-- What must not be carried on in clear, of all complaints.
SELECT email, phone FROM intake.complaint WHERE email IS NOT NULL OR phone IS NOT NULL

-- name: complaints
-- Complaints as told, with the words that must not be carried on in clear.
SELECT complaint_id, reference, version, coalesce(s.state, 'submitted') AS state, s.department, received_at, accepted_at,
       customer_name, body
FROM intake.complaint LEFT JOIN intake.standing s USING (complaint_id)
WHERE complaint_id BETWEEN $1 AND $2

-- name: some_complaints
-- The same of complaints by their ids.
SELECT complaint_id, reference, version, coalesce(s.state, 'submitted') AS state, s.department, received_at, accepted_at
FROM intake.complaint LEFT JOIN intake.standing s USING (complaint_id)
WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id

-- name: twice_referenced
-- Complaints that share their reference.
SELECT complaint_id FROM intake.complaint
WHERE reference IN (SELECT reference FROM intake.complaint GROUP BY reference HAVING count(*) > 1)

-- name: keys
-- Which key of which client was answered with which complaint, by complaint.
SELECT c.name AS client, i.key, i.complaint_id FROM intake.idempotency i JOIN intake.client c USING (client_id)
ORDER BY i.complaint_id

-- name: some_keys
-- The same of some keys.
SELECT c.name AS client, i.key, i.complaint_id FROM intake.client c JOIN intake.idempotency i USING (client_id)
WHERE i.key = ANY ($1::uuid[])

-- name: cases
-- Owners.
SELECT complaint_id, reference, department, state, version, epoch, stage FROM router.cases
WHERE complaint_id BETWEEN $1 AND $2

-- name: clocks
-- Clocks, paused and stopped ones too.
SELECT complaint_id, kind, epoch, state, started_at, due_at, paused_at, stopped_at FROM sla.clock
WHERE complaint_id BETWEEN $1 AND $2

-- name: timers
-- What fires next, per complaint.
SELECT complaint_id, kind, epoch, level, due_at FROM sla.timer WHERE complaint_id BETWEEN $1 AND $2

-- name: ledger
-- The time ledger of closed complaints, and the journey it has to sum to.
SELECT l.complaint_id, l.line, l.since, l.until, j.received_at, j.closed_at
FROM sla.ledger l JOIN sla.journey j USING (complaint_id)
WHERE j.closed_at IS NOT NULL AND j.phase = 'closed' AND l.complaint_id BETWEEN $1 AND $2
ORDER BY l.complaint_id, l.line

-- name: journeys
-- How many events sla and notifier have committed about each complaint.
SELECT 'complaints.sla' AS topic, complaint_id, version FROM sla.journey WHERE complaint_id BETWEEN $1 AND $2
UNION ALL
SELECT 'complaints.notices', complaint_id, own_version FROM notifier.journey WHERE complaint_id BETWEEN $1 AND $2

-- name: notices
-- The send ledger. When a message was sent is when its row was settled.
SELECT notice_id, complaint_id, cause_id, kind, channel, recipient_ref, state, message_id, created_at, settled_at
FROM notifier.notice WHERE complaint_id BETWEEN $1 AND $2

-- name: a_mailed_notice
-- A line of the ledger with one of our Message-IDs.
SELECT notice_id, complaint_id, cause_id, kind, channel, recipient_ref, state, message_id, created_at, settled_at
FROM notifier.notice WHERE message_id IS NOT NULL LIMIT 1

-- name: suppressions
-- Whom not to write to, as the recipients of the ledger: a suppressed mailbox is all persons who gave it.
SELECT DISTINCT k.person_id, s.since, s.until
FROM notifier.suppression s
JOIN intake.complaint k ON k.email_hash = s.contact_hash

-- name: tokens
-- Hashes of the private links.
SELECT complaint_id, encode(token_hash, 'hex') AS token_hash FROM notifier.contact
WHERE token_hash IS NOT NULL AND complaint_id BETWEEN $1 AND $2

-- name: floors
-- From which event on each consumer's inbox still knows what it has applied.
SELECT consumer, event_id FROM intake.inbox_floor
UNION ALL SELECT consumer, event_id FROM router.inbox_floor
UNION ALL SELECT consumer, event_id FROM sla.inbox_floor
UNION ALL SELECT consumer, event_id FROM notifier.inbox_floor

-- name: inbox
-- Which of some events each consumer has applied.
SELECT consumer, event_id FROM intake.inbox WHERE consumer = 'intake' AND event_id = ANY ($1::uuid[])
UNION ALL SELECT consumer, event_id FROM router.inbox WHERE consumer = 'router' AND event_id = ANY ($1::uuid[])
UNION ALL SELECT consumer, event_id FROM sla.inbox WHERE consumer = 'sla' AND event_id = ANY ($1::uuid[])
UNION ALL SELECT consumer, event_id FROM notifier.inbox WHERE consumer = 'notifier' AND event_id = ANY ($1::uuid[])

-- name: truncated
-- Topics that have lost records: their tails, or everything when they were deleted.
SELECT topic FROM intake.relay_partition WHERE truncations > 0
UNION SELECT topic FROM router.relay_partition WHERE truncations > 0
UNION SELECT topic FROM sla.relay_partition WHERE truncations > 0
UNION SELECT topic FROM notifier.relay_partition WHERE truncations > 0

-- name: oldest
-- When the first complaint was accepted.
SELECT min(accepted_at) FROM intake.complaint

-- name: outbox
-- Committed events that the broker has not acknowledged.
SELECT 'intake' AS service, topic, event_id, occurred_at, key, payload, headers FROM intake.outbox_unpublished
UNION ALL SELECT 'router', topic, event_id, occurred_at, key, payload, headers FROM router.outbox_unpublished
UNION ALL SELECT 'sla', topic, event_id, occurred_at, key, payload, headers FROM sla.outbox_unpublished
UNION ALL SELECT 'notifier', topic, event_id, occurred_at, key, payload, headers FROM notifier.outbox_unpublished

-- name: void
-- Events on the topics that no longer count, since a restored database did not know them (`redress recover`).
SELECT event_id FROM intake.void_event
UNION ALL SELECT event_id FROM router.void_event
UNION ALL SELECT event_id FROM sla.void_event
UNION ALL SELECT event_id FROM notifier.void_event

-- name: dead_letters
-- What could not be processed.
SELECT 'intake' AS service, id, consumer, topic, partition, record_offset, event_id, reason, detail, key, value, headers,
       failed_at, replayed_at FROM intake.dead_letter
UNION ALL SELECT 'router', id, consumer, topic, partition, record_offset, event_id, reason, detail, key, value, headers,
       failed_at, replayed_at FROM router.dead_letter
UNION ALL SELECT 'sla', id, consumer, topic, partition, record_offset, event_id, reason, detail, key, value, headers,
       failed_at, replayed_at FROM sla.dead_letter
UNION ALL SELECT 'notifier', id, consumer, topic, partition, record_offset, event_id, reason, detail, key, value, headers,
       failed_at, replayed_at FROM notifier.dead_letter

-- name: security_lines
-- How many lines the security log has; they are numbered without gaps.
SELECT last_id FROM security.head

-- name: broken_lines
-- Where its chain is broken.
SELECT id FROM security.broken() AS id LIMIT 100

-- name: erased
-- Complaints of persons who were erased, since when, and what still stands of them.
WITH gone AS (
    SELECT person_id, min(blanked_at) AS since FROM intake.erasure WHERE state IN ('blanked', 'done') GROUP BY person_id
)
SELECT c.complaint_id, c.person_id, greatest(g.since, c.accepted_at) AS since, array_remove(ARRAY[
    CASE WHEN c.erased_at IS NULL OR num_nonnulls(c.title, c.body, c.category, c.store_id, c.order_id, c.customer_name, c.email, c.phone,
                                                  c.email_hash, c.phone_hash, c.details) > 0
         THEN 'intake holds what they told' END,
    CASE WHEN EXISTS (SELECT FROM intake.addition a WHERE a.complaint_id = c.complaint_id AND a.body IS NOT NULL)
         THEN 'intake holds what they added' END,
    CASE WHEN EXISTS (SELECT FROM router.case_text t WHERE t.complaint_id = c.complaint_id AND (
             NOT t.erased OR t.search::text <> '' OR num_nonnulls(t.title, t.body, t.name, t.email, t.phone, t.call_back,
                                                                  t.order_id, t.store_id, t.on_behalf_of) > 0))
         THEN 'router holds what they told' END,
    CASE WHEN EXISTS (SELECT FROM router.case_event e WHERE e.complaint_id = c.complaint_id AND e.body IS NOT NULL)
         THEN 'router holds words in their history' END,
    CASE WHEN EXISTS (SELECT FROM notifier.entry e WHERE e.complaint_id = c.complaint_id AND e.text IS NOT NULL)
           OR EXISTS (SELECT FROM notifier.contact k WHERE k.complaint_id = c.complaint_id
                      AND num_nonnulls(k.name, k.email, k.token) > 0)
         THEN 'notifier holds sealed texts of theirs' END,
    CASE WHEN EXISTS (SELECT FROM notifier.contact k WHERE k.complaint_id = c.complaint_id AND k.token_hash IS NOT NULL)
         THEN 'their private link still leads somewhere' END
], NULL) AS "left"
FROM intake.complaint c JOIN gone g USING (person_id) WHERE c.complaint_id BETWEEN $1 AND $2

-- name: may_ask_vault
-- Whether the vault is here and tells us who has a key.
SELECT coalesce(has_function_privilege(to_regprocedure('vault.known(uuid[])'), 'EXECUTE'), false)

-- name: keys_left
-- Which of these persons have a key.
SELECT person_id FROM vault.known($1::uuid[]) AS person_id
