-- name: listed
-- Suppressed mailboxes, the newest first, with the complaints of those who gave them; addresses are nowhere in clear.
SELECT encode(s.contact_hash, 'hex') AS mailbox, s.reason, s.since, s.until,
       count(k.complaint_id) AS complaints,
       (array_agg(k.reference ORDER BY k.received_at DESC) FILTER (WHERE k.complaint_id IS NOT NULL))[:5] AS newest
FROM notifier.suppression s LEFT JOIN intake.complaint k ON k.email_hash = s.contact_hash
WHERE s.until > clock.now()
GROUP BY s.contact_hash ORDER BY s.since DESC

-- name: lift
-- Write to a mailbox again; answers what was known of it.
DELETE FROM notifier.suppression WHERE contact_hash = $1 RETURNING reason, since, until
