-- name: acked
-- The next offset after the last one the broker acknowledged to each service.
SELECT 'intake' AS service, topic, partition, acked FROM intake.relay_partition
UNION ALL SELECT 'router', topic, partition, acked FROM router.relay_partition
UNION ALL SELECT 'sla', topic, partition, acked FROM sla.relay_partition
UNION ALL SELECT 'notifier', topic, partition, acked FROM notifier.relay_partition

-- name: running
-- Services that publish at this moment.
SELECT 'intake' AS service FROM intake.relay_copy WHERE until > clock_timestamp()
UNION SELECT 'router' FROM router.relay_copy WHERE until > clock_timestamp()
UNION SELECT 'sla' FROM sla.relay_copy WHERE until > clock_timestamp()
UNION SELECT 'notifier' FROM notifier.relay_copy WHERE until > clock_timestamp()

-- name: enter_schema
-- Lets unqualified names mean the tables of one service until the transaction ends.
SELECT set_config('search_path', $1, true)

-- name: known
-- Which of these events the service has said, as far as its outbox and its voided events tell.
SELECT event_id FROM outbox WHERE event_id = ANY ($1::uuid[])
UNION SELECT event_id FROM void_event WHERE event_id = ANY ($1::uuid[])

-- name: publish_again
-- Asks the relay to publish what went to a partition once more; it looks every few seconds.
INSERT INTO relay_partition AS p (topic, partition, acked, truncations, again_from, noticed_at)
VALUES ($1, $2, $3, 1, 0, clock.now())
ON CONFLICT (topic, partition) DO UPDATE
SET acked = $3, truncations = p.truncations + 1, again_from = 0, noticed_at = clock.now()

-- name: place_again
-- Whoever publishes the shards of a partition next begins at the first row that is kept.
INSERT INTO relay_position (topic, shard, low, high)
SELECT $1, s, 0, 0 FROM generate_series(0, 15) AS s WHERE s % $3 = $2
ON CONFLICT (topic, shard) DO UPDATE SET low = 0, high = 0, open = '{}'

-- name: acknowledge
-- Everything up to these offsets is accounted for.
INSERT INTO relay_partition AS p (topic, partition, acked)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
ON CONFLICT (topic, partition) DO UPDATE SET acked = greatest(p.acked, excluded.acked)

-- name: advance_references
-- Numbers up to this one were given; answers the block that is the last one drawn from now on.
SELECT setval('reference_block', greatest((SELECT last_value FROM reference_block), $1::bigint / 1000 + 1))

-- name: last_block
-- The block of references drawn last.
SELECT last_value FROM intake.reference_block

-- name: filed
-- Which of these complaints intake has.
SELECT complaint_id FROM complaint WHERE complaint_id = ANY ($1::uuid[])

-- name: refile
-- A complaint from its event. The digest is empty: whoever sends the request again gets the stored answer.
WITH c AS (
    INSERT INTO complaint (
        complaint_id, reference, client_id, pack, channel, language, received_at, accepted_at, person_id, title, body,
        category, store_id, order_id, customer_name, email, phone, email_hash, phone_hash, details
    )
    SELECT $1, $2, client_id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20
    FROM client WHERE name = $3
    ON CONFLICT DO NOTHING RETURNING client_id
)
INSERT INTO idempotency (client_id, key, digest, complaint_id, answer, answered_at)
SELECT client_id, $21::uuid, ''::bytea, $1, $22, $8 FROM c WHERE $21::uuid IS NOT NULL
ON CONFLICT DO NOTHING

-- name: count_version
-- A later event of the complaint's own.
UPDATE complaint SET version = greatest(version, $2) WHERE complaint_id = $1

-- name: add_again
-- What was added to a complaint, or why it was withdrawn.
INSERT INTO addition (complaint_id, version, kind, body, actor, added_at)
SELECT $1, $2, $3, $4, $5, $6 WHERE EXISTS (SELECT FROM complaint WHERE complaint_id = $1)
ON CONFLICT DO NOTHING

-- name: withdraw_again
-- The customer took it back.
INSERT INTO standing AS s (complaint_id, state, seen_version)
SELECT $1, 'withdrawn', 0 WHERE EXISTS (SELECT FROM complaint WHERE complaint_id = $1)
ON CONFLICT (complaint_id) DO UPDATE SET state = 'withdrawn' WHERE s.state IN ('submitted', 'assigned')

-- name: void
-- These events no longer count.
INSERT INTO void_event (event_id, topic, type, complaint_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) ON CONFLICT DO NOTHING

-- name: pass_over
-- The service behaves as if it had applied these events.
INSERT INTO inbox (consumer, event_id) SELECT $1, e FROM unnest($2::uuid[]) AS e ON CONFLICT DO NOTHING

-- name: mark_sent
-- Messages that have left: their causes make none again.
INSERT INTO notice (complaint_id, notice_id, kind, channel, cause_id, recipient_ref, epoch, variant, state, attempts,
                    message_id, created_at, due_since, settled_at)
VALUES ($1, $2, $3, 'email', $4, $5, 1, '', 'sent', $6, $7, $8, $8, $8)
ON CONFLICT DO NOTHING

-- name: person_of
-- Whose complaint it is.
SELECT person_id FROM intake.complaint WHERE complaint_id = $1
