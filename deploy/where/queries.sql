-- name: find
-- One complaint by its id or by its reference; the case may not be there yet.
SELECT k.complaint_id, k.reference, k.language, k.pack, k.channel, k.received_at, coalesce(n.state, 'submitted') AS told_state,
       c.state, c.department, c.why_zh, c.why_en, c.rule, c.priority, c.stage, c.since, c.offered_to, t.trace_id,
       j.trace AS clock_trace, j.set_aside_since, j.set_aside_why, j.next_at, clock.now() AS now,
       k.version AS intake_version, c.version AS router_version, c.clock_version, j.version AS sla_version,
       j.complaint_id IS NOT NULL AS has_clocks, coalesce(y.told, false) AS notifier_told,
       coalesce(y.router_version, 0) AS notifier_router, coalesce(y.sla_version, 0) AS notifier_sla
FROM intake.complaint k
LEFT JOIN intake.standing n USING (complaint_id)
LEFT JOIN router.cases c USING (complaint_id)
LEFT JOIN router.case_text t USING (complaint_id)
LEFT JOIN sla.journey j USING (complaint_id)
LEFT JOIN notifier.journey y USING (complaint_id)
WHERE k.complaint_id = $1 OR k.reference = $2

-- name: clocks
-- Its clocks, the nearest date first.
SELECT kind, epoch, state, due_at, outcome FROM sla.clock WHERE complaint_id = $1
ORDER BY (state = 'stopped'), due_at NULLS LAST, kind, epoch

-- name: notices
-- What was or is to be sent about it, oldest first.
SELECT kind, channel, state, coalesce(settled_at, created_at) AS at, reason, next_at, attempts, created_at FROM notifier.notice WHERE complaint_id = $1
ORDER BY created_at, notice_id

-- name: by_part
-- The complaints in whose reference some characters stand one after the other; a few are enough to say that it is not one.
SELECT reference FROM intake.complaint WHERE strpos(replace(reference, '-', ''), $1) > 0 ORDER BY complaint_id DESC LIMIT 6

-- name: outbox
-- Its events that the broker has not acknowledged, oldest first.
SELECT * FROM (
    SELECT 'intake' AS service, topic, occurred_at, id FROM intake.outbox_unpublished WHERE key = $1
    UNION ALL SELECT 'router', topic, occurred_at, id FROM router.outbox_unpublished WHERE key = $1
    UNION ALL SELECT 'sla', topic, occurred_at, id FROM sla.outbox_unpublished WHERE key = $1
    UNION ALL SELECT 'notifier', topic, occurred_at, id FROM notifier.outbox_unpublished WHERE key = $1
) AS o ORDER BY occurred_at, id

-- name: letters
-- Its dead letters that nobody has replayed.
SELECT service || '/' || id AS address, service, event_type, reason, failed_at FROM (
    SELECT 'intake' AS service, id, key, event_type, reason, failed_at, replayed_at FROM intake.dead_letter
    UNION ALL SELECT 'router', id, key, event_type, reason, failed_at, replayed_at FROM router.dead_letter
    UNION ALL SELECT 'sla', id, key, event_type, reason, failed_at, replayed_at FROM sla.dead_letter
    UNION ALL SELECT 'notifier', id, key, event_type, reason, failed_at, replayed_at FROM notifier.dead_letter
) AS d WHERE key = $1 AND replayed_at IS NULL ORDER BY failed_at, address

-- name: positions
-- How far each reader is, as its own database says: that decides, not the offset in Kafka.
SELECT consumer, topic, partition, next_offset FROM intake.reader_position
UNION ALL SELECT consumer, topic, partition, next_offset FROM router.reader_position
UNION ALL SELECT consumer, topic, partition, next_offset FROM sla.reader_position
UNION ALL SELECT consumer, topic, partition, next_offset FROM notifier.reader_position
