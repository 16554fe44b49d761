"""The relay's statements, on its own connection, with `synchronous_commit` off.

What a crash takes back of the positions is published once more, and the readers' inbox drops it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from shared.runtime.relay.lane import Lane, Place
from shared.runtime.relay.window import Window

_NEXT = """
SELECT id, shard, topic, key, event_id, type, occurred_at, traceparent, payload, headers
FROM outbox WHERE id > $1 AND shard = ANY ($2::smallint[]) ORDER BY id LIMIT $3
"""
_NEXT_OF_SOME = """
SELECT id, shard, topic, key, event_id, type, occurred_at, traceparent, ours,
       CASE WHEN ours THEN payload END AS payload, CASE WHEN ours THEN headers END AS headers
FROM (
    SELECT *, NOT EXISTS (
        SELECT FROM unnest($4::text[], $5::smallint[]) AS e (t, s) WHERE e.t = topic AND e.s = shard
    ) AS ours
    FROM outbox
    WHERE id > $1 AND id <= $7 AND shard = ANY ($2::smallint[]) AND ($3::text IS NULL OR topic = $3)
    ORDER BY id LIMIT $6
) AS o ORDER BY id
"""
_NO_BOUND = 2**63 - 1
# `next` is the transaction number that is assigned next, told by `age` without drawing one. The snapshot's xmax would
# not do: it is one past the latest that has *ended*, and transactions that run may have greater numbers.
_OPEN = """
SELECT x.ended, x.next, id, shard, topic, key, event_id, type, occurred_at, traceparent, ours,
       CASE WHEN ours THEN payload END AS payload, CASE WHEN ours THEN headers END AS headers
FROM (
    SELECT pg_snapshot_xmin(s)::text::bigint AS ended,
           m + ((age('3'::xid)::bigint + 3 - m) & 4294967295) AS next
    FROM pg_current_snapshot() AS s, LATERAL (SELECT pg_snapshot_xmax(s)::text::bigint AS m) AS done
) AS x LEFT JOIN (
    SELECT *, shard = ANY ($2::smallint[]) AND ($3::text IS NULL OR topic = $3) AND NOT EXISTS (
        SELECT FROM unnest($4::text[], $5::smallint[]) AS e (t, s) WHERE e.t = topic AND e.s = shard
    ) AS ours
    FROM outbox WHERE id = ANY ($1::bigint[])
) AS o ON true
ORDER BY id
"""

_POSITIONS = """
SELECT topic, shard, low, high, open FROM relay_position WHERE shard = ANY ($1::smallint[]) ORDER BY topic, shard
"""
_SAVE = """
INSERT INTO relay_position AS p (topic, shard, low, high, open)
SELECT t.topic, t.shard, t.low, t.high, t.open::bigint[]
FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::text[]) AS t (topic, shard, low, high, open)
JOIN relay_lease l ON l.shard = t.shard AND l.copy = $6
ON CONFLICT (topic, shard) DO UPDATE SET low = excluded.low, high = excluded.high, open = excluded.open
WHERE (p.high, p.open) IS DISTINCT FROM (excluded.high, excluded.open)
"""
_DROP = """
DELETE FROM relay_position p USING unnest($1::text[], $2::smallint[]) AS t (topic, shard)
WHERE p.topic = t.topic AND p.shard = t.shard
"""
_ACKED = "SELECT topic, partition, acked, truncations, again_from FROM relay_partition"
_SAVE_ACKED = """
INSERT INTO relay_partition AS p (topic, partition, acked)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
ON CONFLICT (topic, partition) DO UPDATE SET acked = greatest(p.acked, excluded.acked) WHERE p.acked < excluded.acked
"""
_MOST_OPEN = 200
"""Open ids kept with a position; with more of them it is kept as the one before the first of them."""

_LOCK = (
    """SELECT s FROM unnest($2::int[]) AS s WHERE pg_try_advisory_lock_shared(hashtext('redress.relay.' || $1), s)"""
)
_UNLOCK = """SELECT pg_advisory_unlock_shared(hashtext('redress.relay.' || $1), s) FROM unnest($2::int[]) AS s"""


@dataclass(frozen=True, slots=True)
class Acked:
    """What the broker acknowledged of a partition."""

    end: int
    truncations: int
    again_from: int | None


async def following(
    connection: Any, lane: Lane, most: int, apart: Sequence[tuple[str, int]], bound: int | None
) -> list[asyncpg.Record]:
    """The rows behind a lane's standpoint, in order; those of topics and shards that are read apart come without payload."""
    shards = sorted(lane.shards)
    if lane.topic is None and bound is None and not apart:
        return list(await connection.fetch(_NEXT, lane.window.high, shards, most))
    topics, numbers = [t for t, _ in apart], [s for _, s in apart]
    return list(
        await connection.fetch(
            _NEXT_OF_SOME,
            lane.window.high,
            shards,
            lane.topic,
            topics,
            numbers,
            most,
            _NO_BOUND if bound is None else bound,
        )
    )


async def look_for_open(connection: Any, lane: Lane, apart: Sequence[tuple[str, int]]) -> list[asyncpg.Record]:
    """Looks for a lane's open ids and settles what can be; answers the rows that are ours, in order."""
    window = lane.window
    topics, numbers = [t for t, _ in apart], [s for _, s in apart]
    found = await connection.fetch(_OPEN, list(window.open), sorted(lane.shards), lane.topic, topics, numbers)
    there = [row for row in found if row["id"] is not None]
    ours = [row for row in there if row["ours"]]
    window.sent(row["id"] for row in there if not row["ours"])
    window.settle({row["id"] for row in ours}, found[0]["ended"], found[0]["next"])
    return ours


async def lock_against_old_code(connection: Any, service: str, shards: Iterable[int]) -> set[int]:
    """Keep relays of before leases, which hold these locks exclusively, off these shards; answers where it worked."""
    return {row["s"] for row in await connection.fetch(_LOCK, service, sorted(shards))}


async def unlock(connection: Any, service: str, shards: Iterable[int]) -> None:
    """Let go of shards."""
    await connection.execute(_UNLOCK, service, sorted(shards))


async def positions(connection: Any, shards: Iterable[int]) -> list[tuple[str, int, Window]]:
    """Where shards stand: topic (empty: all that have none of their own; these come first), shard, window."""
    found = await connection.fetch(_POSITIONS, sorted(shards))
    return [(row["topic"], row["shard"], Window(row["high"], row["open"])) for row in found]


async def save_positions(connection: Any, lanes: Iterable[Lane], copy: Any) -> None:
    """Note where lanes stand, for those shards that are still ours; of two for one shard the later one counts."""
    rows: dict[tuple[str, int], tuple[str, int, int, int, str]] = {}
    for lane in lanes:
        window = lane.window
        few = len(window.open) <= _MOST_OPEN
        text = "{" + ",".join(map(str, sorted(window.open))) + "}" if few else "{}"
        low = window.low
        for shard in lane.shards:
            rows[lane.topic or "", shard] = (lane.topic or "", shard, low, window.high if few else low, text)
    if rows:
        await connection.execute(_SAVE, *map(list, zip(*rows.values(), strict=True)), copy)


async def drop_positions(connection: Any, pairs: Iterable[tuple[str, int]]) -> None:
    """These topics and shards stand with all others again."""
    gone = sorted(pairs)
    await connection.execute(_DROP, [topic for topic, _ in gone], [shard for _, shard in gone])


async def acked(connection: Any) -> dict[Place, Acked]:
    """What the broker acknowledged, by partition."""
    rows = await connection.fetch(_ACKED)
    return {
        (row["topic"], row["partition"]): Acked(row["acked"], row["truncations"], row["again_from"]) for row in rows
    }


async def save_acked(connection: Any, ends: dict[Place, int]) -> None:
    """Note what the broker acknowledged."""
    if ends:
        places = list(ends)
        await connection.execute(
            _SAVE_ACKED, [topic for topic, _ in places], [p for _, p in places], list(ends.values())
        )
