-- name: lock_cases
-- The cases of a batch with their clocks, locked in key order so that two transactions never cross; and the complaints
-- for which events wait.
WITH locked AS (
    SELECT complaint_id, clock_version, clocks::text AS clocks
    FROM cases WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE
)
SELECT complaint_id, clock_version, clocks, false AS early FROM locked
UNION ALL
SELECT complaint_id, NULL, NULL, true FROM early_event WHERE complaint_id = ANY ($1::uuid[]);

-- name: load_cases
-- Cases with all that the rules look at, locked in key order. The resolution, and who proposed it, stand in the history alone:
-- null for whoever waited for the lock while it was being proposed, as a sub-select sees what was there before the wait.
SELECT complaint_id, reference, person_id, pack, channel, language, received_at, department, state, since, version, epoch,
       stage, transfers, offers, owners, declined, contested, about, final, offer, question_id, promise_id,
       promise_due_at, closed_how, confirmed, attention, escalated_to, priority, category, rule, policy_version, why_zh,
       why_en,
       CASE WHEN state = 'resolution_proposed' THEN
           (SELECT ARRAY[e.who, e.event_id::text] FROM case_event AS e WHERE e.complaint_id = c.complaint_id
              AND e.epoch = c.epoch AND e.what = 'resolution_proposed' ORDER BY e.at DESC, e.event_id DESC LIMIT 1)
           END AS proposal,
       CASE WHEN stage > 1 THEN
           (SELECT e.who FROM case_event AS e WHERE e.complaint_id = c.complaint_id AND e.epoch < c.epoch
              AND e.what = 'resolution_proposed' ORDER BY e.at DESC, e.event_id DESC LIMIT 1)
           END AS contested_by
FROM cases AS c WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE;

-- name: is_erased
-- Whether the person of a case was erased.
SELECT erased FROM case_text WHERE complaint_id = $1;

-- name: find_complaint
-- The complaint a reference names, and its person.
SELECT complaint_id, person_id FROM cases WHERE reference = $1;

-- name: insert_cases
-- New cases of a batch as they begin, the words and contacts of their customers, and the first lines of their history;
-- what has a beginning that is always the same is the table's default. Besides, what sla said of the clocks of others:
-- a round trip costs as much as five cases.
WITH new AS MATERIALIZED (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[],
        $10::timestamptz[], $11::int[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[],
        $26::text[], $27::text[], $28::text[], $29::text[], $30::bool[], $31::text[], $32::text[], $33::text[],
        $34::bool[], $35::bool[], $36::text[])
    AS t (complaint_id, reference, person_id, pack, channel, language, received_at, department, state, since, version,
          about, priority, category, rule, policy_version, why_zh, why_en, title, body, name, email, phone, call_back,
          order_id, store_id, wanted, repeat_of, client, about_staff, on_behalf_of, reasons, trace_id, erased, consent,
          search)
), told AS (
    INSERT INTO case_text (complaint_id, title, body, name, email, phone, call_back, order_id, store_id, wanted, repeat_of,
                           client, about_staff, on_behalf_of, reasons, trace_id, erased, consent, search)
    SELECT complaint_id, title, body, name, email, phone, call_back::json, order_id, store_id, wanted, repeat_of, client,
           about_staff, on_behalf_of, reasons::json, trace_id, erased, consent, search::tsvector
    FROM new
), history AS (
    INSERT INTO case_event (complaint_id, event_id, at, what, who, department, epoch, body, detail)
    SELECT complaint_id, event_id, at, what, who, department, epoch, body, detail::json
    FROM unnest($37::uuid[], $38::uuid[], $39::timestamptz[], $40::text[], $41::text[], $42::text[], $43::int[],
                $44::text[], $45::text[])
         AS t (complaint_id, event_id, at, what, who, department, epoch, body, detail)
    ON CONFLICT DO NOTHING
), turned AS (
    UPDATE cases AS c
    SET clock_version = t.clock_version, clocks = t.clocks::json, due_at = t.due_at, due_kind = t.due_kind
    FROM unnest($46::uuid[], $47::int[], $48::text[], $49::timestamptz[], $50::text[])
         AS t (complaint_id, clock_version, clocks, due_at, due_kind)
    WHERE c.complaint_id = t.complaint_id
)
INSERT INTO cases (complaint_id, reference, person_id, pack, channel, language, received_at, department, state, since,
                   version, owners, about, priority, category, rule, policy_version, why_zh, why_en)
SELECT complaint_id, reference, person_id, pack, channel, language, received_at, department, state, since, version,
       ARRAY[department], about, priority, category, rule, policy_version, why_zh, why_en
FROM new;

-- name: update_cases
-- What changes in the life of cases; the rest of a row never does.
UPDATE cases AS c
SET department = t.department, state = t.state, since = t.since, version = t.version, epoch = t.epoch, stage = t.stage,
    transfers = t.transfers, offers = t.offers, owners = string_to_array(t.owners, ','),
    declined = string_to_array(t.declined, ','), contested = string_to_array(t.contested, ','), final = t.final,
    offered_to = t.offered_to, offer = t.offer, question_id = t.question_id, promise_id = t.promise_id,
    promise_due_at = t.promise_due_at, closed_how = t.closed_how, confirmed = t.confirmed, attention = t.attention,
    escalated_to = t.escalated_to, priority = t.priority, category = t.category, rule = t.rule,
    policy_version = t.policy_version, why_zh = t.why_zh, why_en = t.why_en
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[],
            $10::text[], $11::text[], $12::text[], $13::bool[], $14::text[], $15::jsonb[], $16::uuid[], $17::uuid[],
            $18::timestamptz[], $19::text[], $20::bool[], $21::bool[], $22::text[], $23::text[], $24::text[], $25::text[],
            $26::text[], $27::text[], $28::text[])
     AS t (complaint_id, department, state, since, version, epoch, stage, transfers, offers, owners, declined, contested,
           final, offered_to, offer, question_id, promise_id, promise_due_at, closed_how, confirmed, attention,
           escalated_to, priority, category, rule, policy_version, why_zh, why_en)
WHERE c.complaint_id = t.complaint_id;

-- name: update_clocks
-- What sla said of the clocks of cases.
UPDATE cases AS c SET clock_version = t.clock_version, clocks = t.clocks::json, due_at = t.due_at, due_kind = t.due_kind
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::text[])
     AS t (complaint_id, clock_version, clocks, due_at, due_kind)
WHERE c.complaint_id = t.complaint_id;

-- name: find_earlier
-- Whose complaints these references are.
SELECT reference, person_id, pack FROM cases WHERE reference = ANY ($1::text[]);

-- name: mark_undelivered
-- A notice did not reach the customer; null takes the mark away.
UPDATE cases AS c SET undelivered = t.notice
FROM unnest($1::uuid[], $2::text[]) AS t (complaint_id, notice) WHERE c.complaint_id = t.complaint_id;

-- name: clear_noted
-- A note takes the mark away, but from a question or resolution that waits for the customer's word.
UPDATE cases SET undelivered = NULL
WHERE complaint_id = $1 AND undelivered IS NOT NULL AND NOT (undelivered = ANY ($2::text[]) AND state = ANY ($3::text[]));

-- name: amend_texts
-- What customers added to what they told; the row is indexed again.
UPDATE case_text AS c SET body = coalesce(c.body || E'\n\n', '') || t.more, search = NULL
FROM (SELECT complaint_id, string_agg(more, E'\n\n' ORDER BY n) AS more
      FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS u (complaint_id, more, n) GROUP BY complaint_id) AS t
WHERE c.complaint_id = t.complaint_id AND NOT c.erased;

-- name: append_lines
-- Lines of the history; a line that is there already stays as it is.
INSERT INTO case_event (complaint_id, event_id, at, what, who, department, epoch, body, detail)
SELECT complaint_id, event_id, at, what, who, department, epoch, body, detail::json
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[],
            $9::text[])
     AS t (complaint_id, event_id, at, what, who, department, epoch, body, detail)
ON CONFLICT DO NOTHING;

-- name: hold_early
-- Keep events that overtook the submission of their complaint.
INSERT INTO early_event (event_id, complaint_id, type, payload)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING;

-- name: early_of
-- The events that waited for these complaints, locked; UUIDv7 ids bring them in the order they were made.
SELECT event_id, complaint_id, type, payload FROM early_event WHERE complaint_id = ANY ($1::uuid[])
ORDER BY event_id FOR UPDATE;

-- name: overtaken
-- Complaints that are there by now although events of theirs are held: another copy of the router was storing them.
SELECT DISTINCT e.complaint_id FROM early_event e JOIN cases c USING (complaint_id) LIMIT 1000;

-- name: forget_early
-- Held events that are applied.
DELETE FROM early_event WHERE event_id = ANY ($1::uuid[]);

-- name: complaints_of_persons
-- All cases of persons, for erasure.
SELECT complaint_id FROM cases WHERE person_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE;

-- name: erase_texts
-- Blank what these complaints hold in clear.
UPDATE case_text SET title = NULL, body = NULL, name = NULL, email = NULL, phone = NULL, call_back = NULL, order_id = NULL,
                     store_id = NULL, on_behalf_of = NULL, reasons = '{}', search = '', erased = true
WHERE complaint_id = ANY ($1::uuid[]);

-- name: erase_lines
-- Blank the words in their history.
UPDATE case_event SET body = NULL WHERE complaint_id = ANY ($1::uuid[]) AND body IS NOT NULL;

-- name: erase_offers
-- Blank the reason of an open transfer; a giver may have quoted the customer.
UPDATE cases SET offer = offer || '{"reason": ""}' WHERE complaint_id = ANY ($1::uuid[]) AND offer IS NOT NULL;

-- name: unindexed
-- Rows whose words have changed, oldest first; a phone number is found without its country code too.
SELECT complaint_id, coalesce(title, '') AS title,
       concat_ws(E'\n', (SELECT reference FROM cases AS c WHERE c.complaint_id = case_text.complaint_id), body, name, order_id,
                 email, phone, right(phone, 11), right(phone, 10), store_id) AS body
FROM case_text WHERE search IS NULL ORDER BY complaint_id LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: unindexable
-- Which rows those are, without a look at their words.
SELECT complaint_id FROM case_text WHERE search IS NULL ORDER BY complaint_id LIMIT $1;

-- name: unindexed_one
-- One of them.
SELECT complaint_id, coalesce(title, '') AS title,
       concat_ws(E'\n', (SELECT reference FROM cases AS c WHERE c.complaint_id = case_text.complaint_id), body, name, order_id,
                 email, phone, right(phone, 11), right(phone, 10), store_id) AS body
FROM case_text WHERE search IS NULL AND complaint_id = $1 FOR UPDATE SKIP LOCKED;

-- name: give_up_indexing
-- A row whose words cannot be made searchable; the next addition tries anew.
UPDATE case_text SET search = '' WHERE complaint_id = $1 AND search IS NULL;

-- name: index_words
-- Make rows searchable.
UPDATE case_text AS c SET search = t.search::tsvector
FROM unnest($1::uuid[], $2::text[]) AS t (complaint_id, search) WHERE c.complaint_id = t.complaint_id;

-- name: open_of_department
-- The queue of a department by nearest date. $2 state or null; $3, $4 the place after which to go on.
SELECT complaint_id, due_at,
       (SELECT count(*) FROM (SELECT 1 FROM cases WHERE state <> 'closed' AND department = $1
                              AND ($2::text IS NULL OR state = $2) LIMIT 10000) AS counted) AS total
FROM cases
WHERE state <> 'closed' AND department = $1 AND ($2::text IS NULL OR state = $2)
  AND (coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id) > ($3::timestamptz, $4::uuid)
ORDER BY coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id LIMIT $5;

-- name: open_of_pack
-- Every open case of a pack by nearest date.
SELECT complaint_id, due_at,
       (SELECT count(*) FROM (SELECT 1 FROM cases WHERE state <> 'closed' AND pack = $1
                              AND ($2::text IS NULL OR state = $2) LIMIT 10000) AS counted) AS total
FROM cases
WHERE state <> 'closed' AND pack = $1 AND ($2::text IS NULL OR state = $2)
  AND (coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id) > ($3::timestamptz, $4::uuid)
ORDER BY coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id LIMIT $5;

-- name: offered_to_department
-- Transfers that wait for a department's answer.
SELECT complaint_id, due_at,
       (SELECT count(*) FROM cases WHERE offered_to = $1 AND ($2::text IS NULL OR state = $2)) AS total
FROM cases
WHERE offered_to = $1 AND ($2::text IS NULL OR state = $2)
  AND (coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id) > ($3::timestamptz, $4::uuid)
ORDER BY coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id LIMIT $5;

-- name: escalated_of_pack
-- Open cases on the escalation ladder; $6 of one department, or null.
SELECT complaint_id, due_at,
       (SELECT count(*) FROM cases WHERE escalated_to IS NOT NULL AND state <> 'closed' AND pack = $1
          AND ($2::text IS NULL OR state = $2) AND ($6::text IS NULL OR department = $6)) AS total
FROM cases
WHERE escalated_to IS NOT NULL AND state <> 'closed' AND pack = $1 AND ($2::text IS NULL OR state = $2)
  AND ($6::text IS NULL OR department = $6)
  AND (coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id) > ($3::timestamptz, $4::uuid)
ORDER BY coalesce(due_at, timestamptz '9999-01-01Z'), complaint_id LIMIT $5;

-- name: closed_of_department
-- Closed cases of a department, newest first; ids are UUIDv7, so they stand in order of arrival.
SELECT complaint_id, NULL::timestamptz AS due_at,
       (SELECT count(*) FROM (SELECT 1 FROM cases WHERE state = 'closed' AND department = $1 LIMIT 10000) AS counted) AS total
FROM cases
WHERE state = 'closed' AND department = $1 AND ($2::uuid IS NULL OR complaint_id < $2)
ORDER BY complaint_id DESC LIMIT $3;

-- name: closed_of_pack
-- Closed cases of a pack, newest first.
SELECT complaint_id, NULL::timestamptz AS due_at,
       (SELECT count(*) FROM (SELECT 1 FROM cases WHERE state = 'closed' AND pack = $1 LIMIT 10000) AS counted)
       AS total
FROM cases
WHERE state = 'closed' AND pack = $1 AND ($2::uuid IS NULL OR complaint_id < $2)
ORDER BY complaint_id DESC LIMIT $3;

-- name: search_cases
-- Hits, the newest 500 by how well they fit, then the others, newest first. $2 packs, $3 a department or null: what the
-- one who asks may read; $6 the view that is searched; $7, $8 the place after which to go on.
WITH hits AS MATERIALIZED (
    SELECT x.complaint_id, c.due_at
    FROM case_text x JOIN cases c USING (complaint_id)
    WHERE x.search @@ $1::text::tsquery AND c.pack = ANY ($2::text[])
      AND ($3::text IS NULL OR c.department = $3 OR c.offered_to = $3)
      AND ($4::text IS NULL OR c.state = $4)
      AND ($6::text <> 'escalated' OR (c.escalated_to IS NOT NULL AND c.state <> 'closed'))
      AND ($6::text <> 'offered' OR c.offered_to = $3)
      AND ($6::text <> 'closed' OR c.state = 'closed')
      AND ($9::text IS NULL OR c.about IS DISTINCT FROM $9 OR c.department = $9)
    ORDER BY x.complaint_id DESC LIMIT 10000
), best AS (
    SELECT complaint_id, ts_rank(x.search, $1::text::tsquery) AS fit
    FROM (SELECT complaint_id FROM hits ORDER BY complaint_id DESC LIMIT 500) AS newest JOIN case_text x USING (complaint_id)
), ranked AS (
    SELECT complaint_id, due_at, coalesce(fit, -1)::real AS fit FROM hits LEFT JOIN best USING (complaint_id)
)
SELECT complaint_id, due_at, fit, (SELECT count(*) FROM hits) AS total
FROM ranked WHERE $7::real IS NULL OR (fit, complaint_id) < ($7::real, $8::uuid)
ORDER BY fit DESC, complaint_id DESC LIMIT $5;

-- name: case_rows
-- What lists and pages show of cases, without locking them.
SELECT c.complaint_id, c.reference, c.person_id, c.pack, c.channel, c.language, c.received_at, c.department, c.state,
       c.since, c.version, c.epoch, c.stage, c.transfers, c.offers, c.owners, c.declined, c.contested, c.about, c.final,
       c.offered_to, c.offer, c.question_id, c.promise_id, c.promise_due_at, c.closed_how, c.confirmed, c.attention,
       c.escalated_to, c.priority, c.category, c.rule, c.policy_version, c.why_zh, c.why_en, c.clock_version, c.clocks, c.undelivered,
       c.due_at, c.due_kind, x.title, left(x.body, $2) AS body, x.name, x.email, x.phone, x.call_back, x.order_id,
       x.store_id, x.wanted, x.repeat_of, x.client, x.about_staff, x.on_behalf_of, x.reasons, x.trace_id, x.erased,
       x.consent, clock.now() AS now,
       CASE WHEN c.state = 'resolution_proposed' THEN
           (SELECT ARRAY[e.who, e.event_id::text] FROM case_event AS e WHERE e.complaint_id = c.complaint_id
              AND e.epoch = c.epoch AND e.what = 'resolution_proposed' ORDER BY e.at DESC, e.event_id DESC LIMIT 1)
           END AS proposal,
       CASE WHEN c.stage > 1 THEN
           (SELECT e.who FROM case_event AS e WHERE e.complaint_id = c.complaint_id AND e.epoch < c.epoch
              AND e.what = 'resolution_proposed' ORDER BY e.at DESC, e.event_id DESC LIMIT 1)
           END AS contested_by
FROM cases c JOIN case_text x USING (complaint_id) WHERE c.complaint_id = ANY ($1::uuid[]);

-- name: history
-- The story of a case, oldest first.
SELECT event_id, at, what, who, department, epoch, body, detail FROM case_event
WHERE complaint_id = $1 ORDER BY at, event_id;

-- name: counts
-- What stands beside the filters of a desk: my queue, offered to me, escalated in these packs.
SELECT (SELECT count(*) FROM cases WHERE state <> 'closed' AND department = $1) AS mine,
       (SELECT count(*) FROM cases WHERE offered_to = $1) AS offered,
       (SELECT count(*) FROM cases WHERE escalated_to IS NOT NULL AND state <> 'closed' AND pack = ANY ($2::text[]))
       AS escalated,
       clock.now() AS now;

-- name: credentials
-- What a user's password is checked against.
SELECT password_hash, active FROM directory.credentials($1);

-- name: members
-- Everybody, former members too.
SELECT user_name, name, role, department, departments, pack, active, session_epoch, changed_at FROM directory.members();

-- name: save_staff
-- Add members, or give existing ones a new role, department and password.
SELECT directory.save($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]);

-- name: disable_staff
-- Nobody signs in as this user any more, and their sessions have ended.
SELECT directory.disable($1);

-- name: set_password
-- Another password; the sessions under the old one have ended.
SELECT directory.set_password($1, $2);

-- name: end_session
-- One session has ended.
SELECT directory.end_session($1, $2);

-- name: end_sessions
-- All sessions of a user have ended.
SELECT directory.end_sessions($1);

-- name: open_packs
-- Which packs have open cases; one step of the index per pack.
WITH RECURSIVE found AS (
    (SELECT pack FROM cases WHERE state <> 'closed' ORDER BY pack LIMIT 1)
    UNION ALL
    SELECT (SELECT c.pack FROM cases c WHERE c.state <> 'closed' AND c.pack > found.pack ORDER BY c.pack LIMIT 1)
    FROM found WHERE found.pack IS NOT NULL
)
SELECT pack FROM found WHERE pack IS NOT NULL;

-- name: open_in_packs
-- How many open cases these packs have.
SELECT count(*)::int FROM cases WHERE state <> 'closed' AND pack = ANY ($1::text[]);

-- name: security_log
-- A page of the security log, the newest first; each null asks for everything.
SELECT id, at, kind, actor, role, pack, reference, address, detail FROM security.read($1, $2, $3, $4, $5, $6);

-- name: count_try
-- Counts a try before its password is looked at, one at a time per subject: after $3 tries each has to wait twice as long
-- as the one before, at most $4 seconds. Who has to wait is not counted. Answers whether this one was, whether a right
-- password came from there within 30 days, and the seconds to wait.
INSERT INTO sign_in_failure AS f (subject, failures, last_at, counted_by) VALUES ($1, 1, clock.now(), $2)
ON CONFLICT (subject) DO UPDATE SET
    counted_by = CASE WHEN f.failures >= $3
        AND f.last_at + make_interval(secs => least($4, power(2, least(f.failures - $3 + 1, 20)))) > clock.now()
        THEN f.counted_by ELSE excluded.counted_by END,
    failures = CASE WHEN f.last_at < clock.now() - interval '1 hour' THEN 1 WHEN f.failures >= $3
        AND f.last_at + make_interval(secs => least($4, power(2, least(f.failures - $3 + 1, 20)))) > clock.now()
        THEN f.failures ELSE f.failures + 1 END,
    last_at = CASE WHEN f.failures >= $3
        AND f.last_at + make_interval(secs => least($4, power(2, least(f.failures - $3 + 1, 20)))) > clock.now()
        THEN f.last_at ELSE clock.now() END
RETURNING counted_by IS NOT DISTINCT FROM $2 AS counted, coalesce(good_at > clock.now() - interval '30 days', false) AS known,
    greatest(1, ceil(extract(epoch FROM last_at - clock.now()) + least($4, power(2, least(greatest(failures - $3 + 1, 0), 20)))))::int
    AS wait;

-- name: forget_tries
-- A right password came from there: it makes up for the wrong ones.
UPDATE sign_in_failure SET failures = 0, good_at = clock.now() WHERE subject = $1;

-- name: take_back_try
-- A try that was counted had the right password.
UPDATE sign_in_failure SET failures = greatest(failures - 1, 0) WHERE subject = $1;

-- name: by_reference
-- The case of a reference, if the one who asks may read it.
SELECT complaint_id, due_at, 0::real AS fit, 1::bigint AS total FROM cases
WHERE reference = $1 AND pack = ANY ($2::text[]) AND ($3::text IS NULL OR department = $3 OR offered_to = $3);
