-- name: load
-- The complaints of a batch, locked in key order.
SELECT complaint_id, reference, pack, rules_pack, rules_version, language, person_id, closed_seen_at, facts, clocks, fired,
       version, trace
FROM journey WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id FOR UPDATE

-- name: no_news
-- Which notices were sent less than a time after receipt, by their place in the arrays.
SELECT n.place FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS n (complaint_id, sent_at, place)
JOIN journey AS j USING (complaint_id) WHERE n.sent_at < j.received_at + $3::interval

-- name: claim
-- Complaints that are due, locked; those another ticker or handler holds are left for the next look.
SELECT complaint_id, reference, pack, rules_pack, rules_version, language, person_id, closed_seen_at, facts, clocks, fired,
       version, trace
FROM journey WHERE next_at <= $1 ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED

-- name: claim_one
-- One of them, when they are worked off one by one.
SELECT complaint_id, reference, pack, rules_pack, rules_version, language, person_id, closed_seen_at, facts, clocks, fired,
       version, trace
FROM journey WHERE complaint_id = $2 AND next_at <= $1 FOR UPDATE SKIP LOCKED

-- name: due
-- Which complaints are due, without a look at what they hold.
SELECT complaint_id, reference FROM journey WHERE next_at <= coalesce($1, clock.now()) ORDER BY next_at LIMIT $2

-- name: next_moment
-- When the next complaint is due, and what time it is.
SELECT clock.now() AS now, (SELECT next_at FROM journey WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1) AS next_at

-- name: overdue
-- How many complaints were due before a moment and still wait; counts to ten thousand.
SELECT count(*) FROM (SELECT FROM journey WHERE next_at < $1 LIMIT 10000) AS waiting

-- name: set_aside_count
-- How many complaints wait because their clocks cannot be worked out; counts to ten thousand.
SELECT count(*) FROM (SELECT FROM journey WHERE set_aside_since IS NOT NULL LIMIT 10000) AS waiting

-- name: insert_new
-- Complaints seen for the first time; answers those that had no row.
INSERT INTO journey (complaint_id, reference, pack, rules_pack, rules_version, language, person_id, department, epoch, stage,
                     category, priority, channel, received_at, phase, closed_at, closed_seen_at, facts, clocks, fired,
                     version, next_at, next_clock, next_epoch, next_level, due_at, due_clock, soon_at, trace)
SELECT complaint_id, reference, pack, rules_pack, rules_version, language, person_id, department, epoch, stage,
       category, priority, channel, received_at, phase, closed_at, closed_seen_at, facts::json, clocks::json,
       fired::json, version, next_at, next_clock, next_epoch, next_level, due_at, due_clock, soon_at, trace
FROM unnest($1::journey_row[]) AS r
ON CONFLICT DO NOTHING RETURNING complaint_id

-- name: update_known
-- Complaints that `load` or `claim` locked.
UPDATE journey AS j
SET pack = r.pack, rules_pack = r.rules_pack, rules_version = r.rules_version, language = r.language, person_id = r.person_id,
    department = r.department, epoch = r.epoch, stage = r.stage, category = r.category, priority = r.priority,
    channel = r.channel, received_at = r.received_at, phase = r.phase, closed_at = r.closed_at,
    closed_seen_at = r.closed_seen_at, facts = r.facts::json, clocks = r.clocks::json, fired = r.fired::json,
    version = r.version,
    next_at = r.next_at, next_clock = r.next_clock, next_epoch = r.next_epoch, next_level = r.next_level,
    due_at = r.due_at, due_clock = r.due_clock, soon_at = r.soon_at, trace = r.trace,
    set_aside_since = NULL, set_aside_why = NULL
FROM unnest($1::journey_row[]) AS r
WHERE j.complaint_id = r.complaint_id

-- name: record_fired
-- What fires now; answers the events of what had not fired before.
INSERT INTO fired (complaint_id, clock, epoch, level, due_at, fired_at, late, event_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                     $7::boolean[], $8::uuid[])
ON CONFLICT DO NOTHING RETURNING event_id

-- name: set_aside
-- Complaints whose clocks cannot be worked out now: looked at again after as long as they have waited, 15 s to 1 h.
UPDATE journey AS j
SET next_at = $1::timestamptz
        + least(greatest($1 - coalesce(j.set_aside_since, $1), interval '15 seconds'), interval '1 hour'),
    set_aside_since = coalesce(j.set_aside_since, $1), set_aside_why = t.why
FROM unnest($2::uuid[], $3::text[]) AS t (complaint_id, why)
WHERE j.complaint_id = t.complaint_id

-- name: clear_ledger
-- The lines of complaints that are about to be written anew.
DELETE FROM ledger WHERE complaint_id = ANY ($1::uuid[])

-- name: write_ledger
-- The lines of complaints that have just been closed.
INSERT INTO ledger (complaint_id, line, party, department, epoch, since, until, open)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[],
                     $7::timestamptz[], $8::interval[])

-- name: keep_rules
-- The rules that complaints are about to be promised; answers nothing when they were kept before.
INSERT INTO rules (pack, version, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING version

-- name: fetch_rules
-- Rules that complaints were promised.
SELECT pack, version, body FROM rules WHERE (pack, version) IN (SELECT * FROM unnest($1::text[], $2::text[]))

-- name: find_case
-- One complaint for reading.
SELECT complaint_id, reference, pack, rules_pack, rules_version, language, person_id, closed_seen_at, facts, clocks, fired,
       version, trace, department, stage, category, priority, channel, received_at, phase, closed_at, clock.now() AS now
FROM journey WHERE reference = $1

-- name: fired_of
-- What fired of one complaint, oldest first.
SELECT clock, epoch, level, due_at, fired_at, late, event_id FROM fired WHERE complaint_id = $1 ORDER BY fired_at, due_at

-- name: board
-- What is late or at risk in some departments, the nearest date first; $4, $5 the place after which to go on.
SELECT j.reference, j.department, j.priority, j.category, j.received_at, j.due_at, j.due_clock, j.stage, j.trace
FROM unnest($1::text[]) AS d (department)
CROSS JOIN LATERAL (
    SELECT * FROM journey AS one WHERE one.department = d.department AND one.soon_at <= $2
      AND ($4::timestamptz IS NULL OR (one.due_at, one.reference) > ($4, $5::text))
    ORDER BY one.due_at, one.reference LIMIT $3
) AS j
ORDER BY j.due_at, j.reference LIMIT $3

-- name: board_counts
-- How much is at risk and how much of it is late, per department.
SELECT d.department, count(j.due_at) AS at_risk, count(j.due_at) FILTER (WHERE j.due_at <= $2) AS late
FROM unnest($1::text[]) AS d (department)
LEFT JOIN journey AS j ON j.department = d.department AND j.soon_at <= $2
GROUP BY d.department

-- name: now
-- The database's clock.
SELECT clock.now()
