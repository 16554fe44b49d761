-- name: masters
-- The master keys that are known, and how many keys of persons each wraps; without an id: wrapped before there were ids.
SELECT m.key_id, m.known_since, m.lost_at, coalesce(p.persons, 0) AS persons,
       EXISTS (SELECT FROM vault.secret s WHERE s.key_id = m.key_id) AS secrets
FROM vault.master_key m
FULL JOIN (SELECT key_id, count(*) AS persons FROM vault.person GROUP BY key_id) p USING (key_id)
ORDER BY m.known_since NULLS FIRST

-- name: to_wrap
-- Some keys that are not wrapped by the current master key, behind a person, locked against another rotation.
SELECT person_id, key_id, wrapped_key FROM vault.person
WHERE key_id IS DISTINCT FROM $1 AND person_id > $2 ORDER BY person_id LIMIT $3 FOR UPDATE

-- name: wrapped
-- Their new wrapping.
UPDATE vault.person AS p SET key_id = $1, wrapped_key = t.wrapped
FROM unnest($2::uuid[], $3::bytea[]) AS t (person_id, wrapped) WHERE p.person_id = t.person_id

-- name: left
-- How many are still wrapped by another master key.
SELECT count(*) FROM vault.person WHERE key_id IS DISTINCT FROM $1

-- name: secrets
-- Secrets that are not wrapped by the current master key.
SELECT name, key_id, wrapped FROM vault.secret WHERE key_id <> $1 FOR UPDATE

-- name: wrap_secret
-- The new wrapping of one.
UPDATE vault.secret SET key_id = $2, wrapped = $3 WHERE name = $1

-- name: forget_unused
-- Master keys that wrap nothing any more, but the current one; answers their ids.
DELETE FROM vault.master_key m
WHERE m.key_id <> $1 AND NOT EXISTS (SELECT FROM vault.person p WHERE p.key_id = m.key_id)
  AND NOT EXISTS (SELECT FROM vault.secret s WHERE s.key_id = m.key_id)
RETURNING m.key_id

-- name: give_up
-- A master key that is lost for good, with the secrets it wraps: services make new ones. Answers it when there is one.
WITH secrets AS (DELETE FROM vault.secret WHERE key_id = $1)
UPDATE vault.master_key SET lost_at = coalesce(lost_at, clock_timestamp()) WHERE key_id = $1 RETURNING key_id

-- name: signatures_are_required
-- Whether a service believes no new event without a signature.
SELECT EXISTS (SELECT FROM signed_from)

-- name: sign_from
-- From these offsets on every event must be signed.
INSERT INTO signed_from (topic, partition, from_offset)
SELECT topic, partition, from_offset FROM unnest($1::text[], $2::int[], $3::bigint[]) AS t (topic, partition, from_offset)

-- name: forget_signed_from
-- To note it anew.
DELETE FROM signed_from

-- name: signed_from
-- From where on events must be signed; all services have it alike.
SELECT topic, partition, from_offset, since FROM router.signed_from
