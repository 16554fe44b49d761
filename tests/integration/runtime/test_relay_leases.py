"""Copies of a relay share the shards by leases; one that dies loses them soon, one that goes gives them at once (A10)."""

import asyncio
import socket
import time
from uuid import UUID

import pytest

from shared.runtime import health as runtime_health
from shared.runtime.health import Health
from shared.runtime.outbox import SHARDS, rows_of, shard_of
from shared.runtime.pg import Database
from shared.runtime.relay import Relay, leases, rows
from shared.runtime.transaction import write_rows
from shared.runtime.watchdog import Watchdog
from tests.support.probe import read_count, submitted, until


@pytest.fixture
def database(fresh_database):
    return fresh_database("router")


class Copies:
    """Copies of one relay, each with a database pool of its own."""

    def __init__(self, database, bootstrap):
        self.database, self.bootstrap, self.alive = database, bootstrap, []

    def start(self):
        own, stop = Database(self.database.url_of("router"), name="test"), asyncio.Event()
        relay = Relay(own, "router", self.bootstrap)
        self.alive.append((relay, own, stop, asyncio.create_task(relay.run(stop))))
        return relay

    async def end(self, relay):
        (one,) = [o for o in self.alive if o[0] is relay]
        self.alive.remove(one)
        _, own, stop, task = one
        stop.set()
        relay.wake()
        await task
        await own.close()

    async def die(self, relay):
        """As a host that loses its network: it renews nothing and says no goodbye; its session stays."""
        (one,) = [o for o in self.alive if o[0] is relay]
        self.alive.remove(one)
        one[3].cancel()
        await asyncio.gather(one[3], return_exceptions=True)

    def shared(self, *wanted):
        rows = self.database.fetch("SELECT copy, count(*) AS n FROM router.relay_lease GROUP BY copy")
        return sorted(r["n"] for r in rows if r["copy"] is not None) == sorted(wanted)


@pytest.fixture
async def copies(database, fresh_topics):
    made = Copies(database, fresh_topics)
    yield made
    for relay, *_ in list(made.alive):
        await made.end(relay)


async def _say(database, count):
    own = Database(database.url_of("router"), name="writer")
    async with own.connection() as connection, connection.transaction():
        await write_rows(connection, rows_of([submitted(n) for n in range(count)], "complaints.routing", None))
    await own.close()


def _all_out(database):
    return database.fetch("SELECT count(*) = 0 AS out FROM router.outbox_unpublished")[0]["out"]


# Ten seconds are less than the twelve of a lease: whoever gets shards within them was given them.


async def test_a_copy_that_joins_gets_its_share_and_one_that_leaves_gives_it_back_at_once(
    copies, database, fresh_topics
):
    first = copies.start()
    await until(lambda: copies.shared(16))
    second = copies.start()
    await until(lambda: copies.shared(8, 8), 10)
    third = copies.start()
    await until(lambda: copies.shared(5, 5, 6), 10)
    await _say(database, 50)
    await until(lambda: _all_out(database))
    await copies.end(first)
    await until(lambda: copies.shared(8, 8), 10)
    await copies.end(second)
    await until(lambda: copies.shared(16), 10)
    await _say(database, 50)
    third.wake()
    await until(lambda: _all_out(database))
    assert len({dict(r.headers)["ce_id"] for r in await read_count(fresh_topics, "complaints.routing", 100)}) == 100


async def test_shards_of_a_copy_that_dies_are_published_by_another_when_its_lease_runs_out(
    copies, database, fresh_topics, monkeypatch
):
    monkeypatch.setattr(leases, "SECONDS", 3.0)
    first, second = copies.start(), copies.start()
    await until(lambda: copies.shared(8, 8))
    await copies.die(first)
    await _say(database, 50)
    second.wake()
    await until(lambda: _all_out(database), 30)
    assert len(await read_count(fresh_topics, "complaints.routing", 50)) == 50


async def test_a_connection_lost_while_the_lease_goes_on_leaves_no_shard_unpublished(copies, database, fresh_topics):
    relay = copies.start()
    await until(lambda: copies.shared(16))
    for _ in range(3):
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND application_name LIKE '%test%'"
        )
        await until(lambda: not relay.connected)
        await until(lambda: relay.connected)
        await _say(database, 5)
        relay.wake()
        await until(lambda: _all_out(database), 8)


async def test_events_that_nobody_publishes_are_noticed(copies, database, fresh_topics, monkeypatch):
    relay = copies.start()
    await until(lambda: copies.shared(16))
    monkeypatch.setattr(rows, "following", _nothing)
    await _say(database, 5)
    await until(lambda: _overlooked(relay, lambda seconds: seconds > 1))
    health = Health("router", relay._database, relay, frozenset({"database"}))
    monkeypatch.setattr(runtime_health, "_OVERLOOKED", 1.0)
    status, body = await health.ready()
    assert (status, body["status"], body["checks"]["relay"]) == (200, "degraded", False)
    assert "not published" in body["reasons"]["relay"]
    assert Watchdog(fresh_topics, relay, None, 1.0, print).stuck(time.monotonic()) == "outbox"
    monkeypatch.undo()
    await until(lambda: _all_out(database))
    await until(lambda: _overlooked(relay, lambda seconds: seconds == 0))


async def _nothing(*_):
    return []


async def _overlooked(relay, wanted):
    await relay.measure()
    return wanted(relay.overlooked)


async def test_a_relay_of_before_leases_keeps_its_shards_to_itself(copies, database, fresh_topics):
    old = Database(database.url_of("router"), name="old")
    connection = await old.connect()
    theirs = list(range(0, SHARDS, 2))
    for shard in theirs:
        await connection.execute("SELECT pg_advisory_lock(hashtext('redress.relay.router'), $1)", shard)
    relay = copies.start()
    await _say(database, 60)
    ours = database.fetch("SELECT count(*) AS n FROM router.outbox WHERE shard % 2 = 1")[0]["n"]
    found = await read_count(fresh_topics, "complaints.routing", ours)
    assert {shard_of(UUID(r.key.decode())) % 2 for r in found} <= {1}
    await until(lambda: _overlooked(relay, lambda seconds: seconds == 0))
    await asyncio.sleep(0.1)  # what is left to the old relay waits, and is not overlooked however long
    assert await _overlooked(relay, lambda seconds: seconds == 0)
    await connection.close()
    await until(lambda: _all_out(database))
    assert len(await read_count(fresh_topics, "complaints.routing", 60)) == 60
    taken = await old.fetchval("SELECT pg_try_advisory_lock(hashtext('redress.relay.router'), 3)")
    assert not taken, "a relay of before leases must find them held"
    await old.close()


async def test_both_sides_notice_soon_that_the_other_ones_host_is_gone(database):
    """A session of a host that lost its network must not live, and hold its locks, for hours."""
    own = Database(database.url_of("router"), name="test")
    connection = await own.connect()
    assert await connection.fetchval("SELECT setting FROM pg_settings WHERE name = 'tcp_user_timeout'") == "20000"
    assert await connection.fetchval("SELECT setting FROM pg_settings WHERE name = 'tcp_keepalives_idle'") == "10"
    sock = connection._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    await connection.close()
    await own.close()
