-- name: told
-- What the customer told, complaint by complaint.
SELECT k.complaint_id, k.reference, k.pack, k.channel, k.language, k.received_at, k.accepted_at, k.title, k.body AS text,
       k.category, k.store_id, k.order_id, k.customer_name AS name, k.email, k.phone, k.details, k.erased_at,
       coalesce(c.state, s.state, 'submitted') AS state, coalesce(c.department, s.department) AS department, j.rating,
       clock.now() AS now
FROM intake.complaint k
LEFT JOIN intake.standing s USING (complaint_id) LEFT JOIN router.cases c USING (complaint_id)
LEFT JOIN notifier.journey j USING (complaint_id)
WHERE k.complaint_id = ANY ($1::uuid[]) ORDER BY k.complaint_id

-- name: additions
-- What was added.
SELECT complaint_id, added_at AS at, kind, body AS text FROM intake.addition
WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id, version

-- name: history
-- What happened and who said what, notes of staff among it; staff by their department.
SELECT complaint_id, at, what, CASE WHEN who LIKE 'staff:%' THEN 'staff' ELSE who END AS by, department, body AS text
FROM router.case_event WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id, at, event_id

-- name: feedback
-- Comments on the handling, sealed.
SELECT complaint_id, at, text, field FROM notifier.entry
WHERE complaint_id = ANY ($1::uuid[]) AND what = 'rated' AND text IS NOT NULL ORDER BY complaint_id, at

-- name: messages
-- What was sent or was to be.
SELECT complaint_id, coalesce(settled_at, created_at) AS at, kind, channel, state FROM notifier.notice
WHERE complaint_id = ANY ($1::uuid[]) ORDER BY complaint_id, created_at, notice_id
