-- name: enter
-- Lets unqualified names mean intake's tables on this connection.
SET search_path = intake

-- name: counts
-- What the services hold of these complaints.
SELECT
    (SELECT count(*) FROM intake.complaint WHERE complaint_id = ANY ($1) AND erased_at IS NULL) AS texts,
    (SELECT count(*) FROM intake.addition WHERE complaint_id = ANY ($1) AND body IS NOT NULL) AS additions,
    (SELECT count(*) FROM router.case_text WHERE complaint_id = ANY ($1) AND NOT erased) AS cases,
    (SELECT count(*) FROM router.case_event WHERE complaint_id = ANY ($1) AND body IS NOT NULL) AS lines,
    (SELECT count(*) FROM notifier.entry WHERE complaint_id = ANY ($1) AND text IS NOT NULL) AS entries,
    (SELECT count(*) FROM notifier.contact WHERE complaint_id = ANY ($1) AND token_hash IS NOT NULL) AS links,
    (SELECT count(*) FROM notifier.notice WHERE complaint_id = ANY ($1) AND state IN ('pending', 'leased', 'sending'))
        AS waiting,
    (SELECT count(*) FROM notifier.notice WHERE complaint_id = ANY ($1) AND state = 'sent') AS sent

-- name: same_person
-- All complaints of persons; reads the whole table.
SELECT complaint_id FROM intake.complaint WHERE person_id = ANY ($1) ORDER BY complaint_id
