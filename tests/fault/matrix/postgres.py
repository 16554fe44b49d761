"""Rows 24 to 29, 38 and 39: what the database does to those that hang on it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.proxy import CommitCutter
from tests.fault.matrix.row import row
from tests.support.world import World, wait_for


@row("24", "Postgres restarted, fast and by SIGKILL, while intake answers", seconds=25)
def postgres_restarts(world: World) -> str:
    server = world.servers.server
    with load(world) as seen:
        time.sleep(2)
        server.stop()
        time.sleep(1)
        server.start()
        time.sleep(3)
        os.kill(server.pid, signal.SIGQUIT)  # immediate: no shutdown, recovery from the log
        server.stop()
        server.start()
        time.sleep(2)
    all_told(world, seen, 90)
    return f"{len(seen.accepted)} filed; the longest wait was {seen.waited:.1f} s; no service restarted"


@row("25", "sessions of every service cut in the middle of transactions", seconds=20)
def sessions_cut(world: World) -> str:
    cut = 0
    with load(world, rate=40) as seen:
        for _ in range(20):
            time.sleep(0.4)
            found = world.database.fetch(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'redress-%'"
            )
            cut += int(found[0][0])
    all_told(world, seen, 90)
    assert cut > 50, f"only {cut} sessions were cut"
    return f"{cut} sessions cut, {len(seen.accepted)} filed"


@row("26", "the answer to COMMIT is lost, router", seconds=25)
def commit_answer_lost(world: World) -> str:
    spec = world.spec("router")
    parts = urlsplit(spec.env["DATABASE_URL"])
    with CommitCutter(parts.hostname or "127.0.0.1", parts.port or 5432, every=7) as proxy:
        through = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}"))
        world.kill("router")
        world.adopt("router", replace(spec, env={**spec.env, "DATABASE_URL": through}).spawn())
        world.wait_ready("router")
        with load(world) as seen:
            time.sleep(8)
        all_told(world, seen, 90)
        cuts = proxy.cuts
        world.kill("router")
    world.launch("router")
    world.wait_ready("router")
    assert cuts >= 3, f"only {cuts} answers were lost"
    return f"{cuts} answers to COMMIT lost; {len(seen.accepted)} filed, each assigned once"


@row("24b", "SIGSTOP 20 s, Postgres", seconds=30)
def postgres_frozen(world: World) -> str:
    server = world.servers.server
    with load(world, rate=10) as seen:
        time.sleep(1)
        tree = [server.pid, *_children(server.pid)]
        for pid in tree:
            _signal(pid, signal.SIGSTOP)
        time.sleep(20)
        live = world.http.get(f"{world.url('intake')}/livez", timeout=5).status_code
        for pid in reversed(tree):
            _signal(pid, signal.SIGCONT)
    assert live == 200, "intake itself stood still"
    all_told(world, seen, 120)
    return f"{len(seen.accepted)} filed; /livez answered meanwhile"


@row("28", "no connection of the pool comes free, intake", seconds=10)
def pool_exhausted(world: World) -> str:
    """A lock on the table that every filing writes holds all connections."""
    import asyncio

    import asyncpg

    from tests.support.stack import run

    async def hold() -> tuple[int, float]:
        connection = await asyncpg.connect(world.database.url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE intake.complaint IN ACCESS EXCLUSIVE MODE")
                began = time.monotonic()
                answer = await asyncio.to_thread(world.file, "Nobody answers the phone of the shop.")
                took = time.monotonic() - began
                live = await asyncio.to_thread(world.http.get, f"{world.url('intake')}/livez")
                assert live.status_code == 200
                return answer.status_code, took
        finally:
            await connection.close()

    status, took = run(hold())
    assert status == 503, f"answered {status}"
    assert took < 10, f"took {took:.1f} s"
    with load(world, rate=10) as seen:
        time.sleep(1)
    all_told(world, seen, 60)
    return f"503 after {took:.1f} s; /livez answers; serves again at once"


@row("38", "a handler that always fails for one event, router", seconds=8)
def handler_bug(world: World) -> str:
    marked = "R-POISON"
    world.database.execute(
        "CREATE OR REPLACE FUNCTION router.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.category = 'other' AND NEW.language = 'zh' THEN RAISE EXCEPTION 'a bug' USING ERRCODE = 'P0001';"
        " END IF; RETURN NEW; END $$"
    )
    world.database.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON router.cases FOR EACH ROW EXECUTE FUNCTION router.refuse()"
    )
    try:
        bad = world.file("这件事很特别。", language="zh", category="other", title=marked).json()
        with load(world, rate=10) as seen:
            wait_for(
                lambda: world.database.fetch("SELECT 1 FROM router.dead_letter WHERE replayed_at IS NULL"),
                "the event reaches the dead letters",
                40,
            )
            wait_for(lambda: len(seen.accepted) >= 20, "others are filed meanwhile and later")
        all_told(world, seen, 60)
    finally:
        world.database.execute("DROP TRIGGER refuse ON router.cases")
    assert not world.case(bad["reference"])
    world.operator("dead-letters", "replay", "--all")
    world.case_when(bad["reference"], lambda c: c["department"], "has an owner after the replay")
    return f"one dead letter, {len(seen.accepted)} others passed; after the mend the replay gave it an owner"


@row("39", "a dependency that refuses for 15 s, router", seconds=20)
def dependency_away(world: World) -> str:
    world.database.execute(
        "CREATE OR REPLACE FUNCTION router.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend' USING ERRCODE = '53100'; END $$"
    )
    world.database.execute(
        "CREATE TRIGGER full_ BEFORE INSERT ON router.cases FOR EACH ROW EXECUTE FUNCTION router.full()"
    )
    before = world.database.fetch("SELECT count(*) FROM router.dead_letter")[0][0]
    with load(world, rate=10) as seen:
        time.sleep(15)
        world.database.execute("DROP TRIGGER full_ ON router.cases")
    all_told(world, seen, 90)
    after = world.database.fetch("SELECT count(*) FROM router.dead_letter")[0][0]
    assert after == before, f"{after - before} good events were buried"
    return f"{len(seen.accepted)} filed; nothing was buried, all went on after the mend"


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
