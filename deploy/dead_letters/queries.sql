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
