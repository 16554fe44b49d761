"""Rows 1, 2 and 12 of the fault matrix: intake is killed, or told to stop, in the middle of its work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.integration.intake.conftest import BODY, add_clients, settings_for
from tests.integration.intake.process import IntakeProcess
from tests.support.probe import read_count
from tests.support.stack import Database, DatabaseFactory

pytestmark = pytest.mark.fault
KEY = "k" * 40


@pytest.fixture
async def database(fresh_database: DatabaseFactory) -> Database:
    made = fresh_database("intake")
    await add_clients(made, tester={"key": KEY})
    return made


@pytest.fixture
def process(database: Database, tmp_path: Path) -> Iterator[IntakeProcess]:
    settings_for(database, tmp_path)  # writes the key files
    made = IntakeProcess(database, tmp_path)
    yield made
    made.stop(9)


async def post(http: httpx.AsyncClient, process: IntakeProcess, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}
    return await http.post(f"{process.url}/v1/complaints", json=BODY, headers=headers)


def count(database: Database) -> int:
    return database.fetch("SELECT count(*) AS n FROM intake.complaint")[0]["n"]


@pytest.mark.parametrize(
    ("point", "stored"), [("CP.intake.before_commit", 0), ("CP.intake.committed_before_answer", 1)]
)
async def test_a_kill_around_the_commit_costs_nothing_and_doubles_nothing(
    process: IntakeProcess, database: Database, point: str, stored: int
):
    process.start(crash_at=point)
    key = str(uuid4())
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.TransportError):
            await post(http, process, key)
        assert await process.wait() == -9
        assert count(database) == stored
        process.start()
        again = await post(http, process, key)
        assert again.status_code == 201
        assert (await post(http, process, key)).content == again.content
    assert count(database) == 1
    assert database.fetch("SELECT count(*) AS n FROM intake.outbox")[0]["n"] == 1
    kept = database.fetch("SELECT answer FROM intake.idempotency")[0]["answer"]
    assert again.json()["reference"] in kept
    assert again.json()["progress_url"] not in kept, "the link is kept sealed"


async def stop_under_load(process: IntakeProcess) -> set[str]:
    """Sixteen clients post until SIGTERM ends the process; the keys that were answered with 201."""
    answered: set[str] = set()

    async def keep_posting(http: httpx.AsyncClient) -> None:
        while True:
            key = str(uuid4())
            try:
                answer = await post(http, process, key)
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                answered.add(key)
            elif answer.status_code == 503:
                return

    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=16)) as http:
        clients = [asyncio.create_task(keep_posting(http)) for _ in range(16)]
        async with asyncio.timeout(20):
            while len(answered) < 200:  # noqa: ASYNC110  # the condition is what the clients have seen
                await asyncio.sleep(0.01)
        code = await asyncio.to_thread(process.stop)
        await asyncio.gather(*clients)
    assert code == 0
    return answered


async def test_sigterm_under_load_loses_no_answer_and_no_row(process: IntakeProcess, database: Database):
    process.start()
    answered = await stop_under_load(process)
    stored = {str(row["key"]) for row in database.fetch("SELECT key FROM intake.idempotency")}
    assert answered <= stored
    assert len(stored - answered) <= 16  # at most what was in flight
    assert count(database) == len(stored)


async def test_what_was_answered_before_an_orderly_stop_has_left(database: Database, tmp_path: Path, fresh_topics: str):
    settings_for(database, tmp_path)
    process = IntakeProcess(database, tmp_path, kafka=fresh_topics)
    process.start()
    await stop_under_load(process)
    assert database.fetch("SELECT count(*) AS n FROM intake.outbox_unpublished")[0]["n"] == 0
    assert len(await read_count(fresh_topics, "complaints.intake", count(database))) == count(database)
