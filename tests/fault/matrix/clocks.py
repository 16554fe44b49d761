"""Rows 27, 40 and 41: clocks that jump, and a service away while they run."""

from __future__ import annotations

import importlib.util
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.row import NotRun, row
from tests.support.world import World, wait_for

_FIRES = "SELECT count(*) AS n, count(DISTINCT (clock, level, epoch)) AS d FROM sla.fired WHERE complaint_id = $1"

_NEXT = "SELECT next_at FROM sla.journey WHERE complaint_id = $1"
_NEXT_IN_HALF_AN_HOUR = "UPDATE sla.journey SET next_at = clock.now() + interval '30 minutes' WHERE complaint_id = $1"


def _shifted(world: World, name: str, shift: str) -> None:
    """Start a service whose host's clock is off."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or not found.submodule_search_locations:
        raise NotRun("the package libfaketime is not installed")
    library = Path(found.submodule_search_locations[0]) / "vendor/libfaketime/src/libfaketime.so.1"
    if not library.exists():
        raise NotRun("libfaketime has no library for this platform")
    spec = world.spec(name)
    shifted = {**spec.env, "LD_PRELOAD": str(library), "FAKETIME": shift, "DONT_FAKE_MONOTONIC": "1"}
    world.kill(name)
    world.adopt(name, replace(spec, env=shifted).spawn())
    world.wait_ready(name)


def _not_early(world: World) -> None:
    early = world.database.fetch("SELECT count(*) FROM sla.fired WHERE fired_at < due_at")
    assert early[0][0] == 0, f"{early[0][0]} clocks fired before they were due"


@row("40", "clock of sla's host 1 h ahead, then 1 h behind", seconds=45)
def sla_host_clock(world: World) -> str:
    fired = 0
    try:
        for shift in ("+3600", "-3600"):
            _shifted(world, "sla", shift)
            soon, overdue = (_file_old(world, days) for days in (0, 60))
            wait_for(lambda c=soon: world.database.fetch(_NEXT, c), "sla has the complaint", 60)
            world.database.execute(_NEXT_IN_HALF_AN_HOUR, soon)
            with load(world, rate=10) as seen:
                wait_for(lambda c=overdue: world.database.fetch(_FIRES, c)[0]["n"] >= 3, "what is overdue fires", 60)
                time.sleep(3)  # some ticks, in which what is due in half an hour could fire
            assert world.database.fetch(_FIRES, soon)[0]["n"] == 0, f"with {shift} s a clock fired before it was due"
            times = world.database.fetch(_FIRES, overdue)[0]
            assert times["n"] == times["d"], f"{times['n']} fired, {times['d']} different"
            fired += times["n"]
            all_told(world, seen, 60)
    finally:
        world.kill("sla")
        world.launch("sla")
        world.wait_ready("sla")
    _not_early(world)
    return f"{fired} overdue levels fired, each once, and none due in half an hour: the database's clock decides"


def _file_old(world: World, days: int) -> uuid.UUID:
    """A complaint that was received so many days ago."""
    received = (datetime.now(UTC) - timedelta(days=days, seconds=1)).isoformat()
    told = world.file("It is still broken.", channel="store", category="delivery", received_at=received)
    assert told.status_code == 201, told.text
    return uuid.UUID(told.json()["complaint_id"])


@row("40b", "clock of every host 30 h ahead (Kafka refuses such times)", seconds=35)
def hosts_far_ahead(world: World) -> str:
    names = ("intake", "router", "sla", "notifier")
    try:
        for name in names:
            _shifted(world, name, "+108000")
        with load(world, rate=10) as seen:
            time.sleep(4)
        all_told(world, seen, 90)
    finally:
        for name in names:
            world.kill(name)
            world.launch(name)
        world.wait_ready()
    _not_early(world)
    return f"{len(seen.accepted)} filed and told with all clocks wrong"


@row("41", "clock of the database 1 h back, then right again", seconds=10)
def database_clock_back(world: World) -> str:
    try:
        world.database.execute(
            "CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            " $$ SELECT clock_timestamp() - interval '1 hour' $$"
        )
        complaint = _file_old(world, 60)
        with load(world, rate=10) as seen:
            time.sleep(4)
    finally:
        world.database.execute(
            "CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
            " 'SELECT clock_timestamp()'"
        )
    all_told(world, seen, 60)
    wait_for(lambda: world.database.fetch(_FIRES, complaint)[0]["n"], "what was due fires", 60)
    times = world.database.fetch(_FIRES, complaint)[0]
    assert times["n"] == times["d"], f"{times['n']} fired, {times['d']} different"
    return f"{times['n']} levels fired, each once"


@row("27", "sla away while clocks fall due", seconds=20)
def sla_away(world: World) -> str:
    world.kill("sla")
    told = [_file_old(world, 60) for _ in range(5)]
    time.sleep(3)
    world.launch("sla")
    world.wait_ready("sla")
    began = time.monotonic()
    for complaint in told:
        wait_for(lambda c=complaint: world.database.fetch(_FIRES, c)[0]["n"], "overdue clocks fire", 60)
        times = world.database.fetch(_FIRES, complaint)[0]
        assert times["n"] == times["d"]
    return f"all fired once, {time.monotonic() - began:.1f} s after its return"
