-- name: find
-- One complaint by its id or by its reference; the case may not be there yet.
SELECT k.complaint_id, k.reference, k.language, k.pack, k.channel, k.received_at, coalesce(n.state, 'submitted') AS told_state,
       c.state, c.department, c.why_zh, c.why_en, c.rule, c.priority, c.stage, c.since, c.offered_to, t.trace_id,
       j.trace AS clock_trace, j.set_aside_since, j.set_aside_why, j.next_at
FROM intake.complaint k
LEFT JOIN intake.standing n USING (complaint_id)
LEFT JOIN router.cases c USING (complaint_id)
LEFT JOIN router.case_text t USING (complaint_id)
LEFT JOIN sla.journey j USING (complaint_id)
WHERE k.complaint_id = $1 OR k.reference = $2

-- name: clocks
-- Its clocks, the nearest date first.
SELECT kind, epoch, state, due_at, outcome FROM sla.clock WHERE complaint_id = $1
ORDER BY (state = 'stopped'), due_at NULLS LAST, kind, epoch

-- name: notices
-- What was or is to be sent about it, oldest first.
SELECT kind, channel, state, coalesce(settled_at, created_at) AS at, reason, next_at FROM notifier.notice WHERE complaint_id = $1
ORDER BY created_at, notice_id
