-- name: list_letters
-- Dead letters of all services, newest first. $1 service, $2 reason, $3 topic, $4 only those not replayed, $5 at most.
SELECT *, count(*) OVER () AS total FROM (
    SELECT 'intake' AS service, id, consumer, topic, partition, record_offset, event_type, reason, detail, traceparent,
           attempts, failed_at, replayed_at, replayed_by FROM intake.dead_letter
    UNION ALL
    SELECT 'router', id, consumer, topic, partition, record_offset, event_type, reason, detail, traceparent,
           attempts, failed_at, replayed_at, replayed_by FROM router.dead_letter
    UNION ALL
    SELECT 'sla', id, consumer, topic, partition, record_offset, event_type, reason, detail, traceparent,
           attempts, failed_at, replayed_at, replayed_by FROM sla.dead_letter
    UNION ALL
    SELECT 'notifier', id, consumer, topic, partition, record_offset, event_type, reason, detail, traceparent,
           attempts, failed_at, replayed_at, replayed_by FROM notifier.dead_letter
) AS letters
WHERE ($1::text IS NULL OR service = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR topic = $3)
  AND (NOT $4::boolean OR replayed_at IS NULL)
ORDER BY failed_at DESC, service, id DESC
LIMIT $5

-- name: enter_schema
-- Lets unqualified names mean the tables of one service until the transaction ends.
SELECT set_config('search_path', $1, true)

-- name: letter
-- One dead letter with its bytes.
SELECT id, consumer, topic, partition, record_offset, record_at, key, value, headers, event_id, event_type, reason,
       detail, traceparent, attempts, failed_at, replayed_at, replayed_by
FROM dead_letter WHERE id = $1

-- name: hold_letter
-- One dead letter, locked, so that two operators do not send it at once.
SELECT id, consumer, topic, partition, record_offset, record_at, key, value, headers, event_id, event_type, reason,
       detail, traceparent, attempts, failed_at, replayed_at, replayed_by
FROM dead_letter WHERE id = $1 FOR UPDATE

-- name: mark_replayed
-- Who sent it again, and when.
UPDATE dead_letter SET replayed_at = clock.now(), replayed_by = $2 WHERE id = $1

-- name: is_past
-- Whether a reader has read a record, or buried it.
SELECT EXISTS (SELECT FROM reader_position
               WHERE consumer = $1 AND topic = $2 AND partition = $3 AND next_offset > $4)
    OR EXISTS (SELECT FROM dead_letter WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4)

-- name: ask_skip
-- Lets a reader pass a record; asking again replaces who and why.
INSERT INTO reader_skip (consumer, topic, partition, record_offset, why, asked_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (consumer, topic, partition, record_offset)
DO UPDATE SET why = EXCLUDED.why, asked_by = EXCLUDED.asked_by, asked_at = clock.now(), done_at = NULL

-- name: skip_done
-- The dead letter of a record that was passed, once it was.
SELECT (SELECT max(id) FROM dead_letter AS d
        WHERE (d.consumer, d.topic, d.partition) = (s.consumer, s.topic, s.partition)
          AND d.record_offset <= s.record_offset) AS letter
FROM reader_skip AS s
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4 AND done_at IS NOT NULL

-- name: forget_skip
-- The reader got past it without.
DELETE FROM reader_skip WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4 AND done_at IS NULL
