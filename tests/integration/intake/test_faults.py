"""Backpressure, bad rows, a database that is away: what intake answers, and that nothing is half stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake import keys
from shared.runtime.bootstrap import bootstrap
from tests.integration.intake.conftest import BODY, Running, add_clients, running, settings_for, waiting
from tests.support.stack import ROLES, Database, Servers, run


async def test_one_row_the_database_refuses_does_not_take_its_neighbours_along(intake: Running):
    intake.database.execute("ALTER TABLE intake.complaint ADD CHECK (body NOT LIKE '%POISON%')")
    bodies = [BODY | {"text": f"第{n}件" + ("POISON" if n in (7, 60, 61) else "")} for n in range(120)]
    answers = await asyncio.gather(*(intake.post(body) for body in bodies))
    assert [n for n, a in enumerate(answers) if a.status_code == 422] == [7, 60, 61]
    assert {a.status_code for a in answers} == {201, 422}
    assert answers[7].json()["errors"][0]["code"] == "not_acceptable"
    assert intake.count("complaint") == intake.count("outbox") == intake.count("idempotency") == 117


async def test_a_complaint_that_makes_no_event_is_500_for_itself_alone(start: Any):
    """A row in `client` that our own commands would have refused stands for any mistake of ours."""
    async with start() as intake:
        intake.keys["odd"] = "k" * 40
        intake.database.execute(
            "WITH c AS (INSERT INTO intake.client (name, channel, pack) VALUES ('odd', 'web', 'Not A Code') RETURNING *)"
            " INSERT INTO intake.client_key (key_hash, client_id) SELECT $1, client_id FROM c",
            keys.hash_of("k" * 40),
        )
        answers = await asyncio.gather(*(intake.post(channel="odd" if n == 3 else "web") for n in range(10)))
        assert [a.status_code for a in answers] == [201] * 3 + [500] + [201] * 6
        assert answers[3].json()["type"] == "urn:redress:problem:unexpected"
        assert intake.count("complaint") == intake.count("outbox") == 9


async def test_too_many_waiting_requests_are_503_and_exactly_the_accepted_ones_are_stored(start: Any):
    async with start(intake_queue_max=20, intake_group_max=10) as intake:
        answers = await asyncio.gather(*(intake.post() for _ in range(200)))
        codes = [a.status_code for a in answers]
        assert set(codes) == {201, 503}
        refused = next(a for a in answers if a.status_code == 503)
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["type"] == "urn:redress:problem:unavailable"
        assert intake.count("complaint") == codes.count(201) >= 20
        assert (await intake.post()).status_code == 201


async def test_a_commit_that_takes_too_long_is_503_and_a_retry_gets_the_answer(start: Any):
    async with start(intake_commit_seconds=0.3) as intake:
        key = str(uuid4())
        blocker = await intake.service.database.connect()
        try:
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE complaint")
                answer = await intake.post(key=key)
                assert answer.status_code == 503 and "retry-after" in answer.headers
                assert (await intake.http.get("/livez")).status_code == 200
        finally:
            await blocker.close()
        assert (await intake.post(key=key)).status_code == 201
        assert intake.count("complaint") == 1


async def test_two_processes_with_one_key_file_one_complaint(start: Any, key_folder: Path):
    async with start() as one, running(settings_for(one.database, key_folder), one.database) as two:
        two.keys = one.keys
        ids = [str(UUID(int=n)) for n in range(1, 41)]
        answers = await asyncio.gather(*(side.post(key=key) for key in ids for side in (one, two, one, two)))
        assert {a.status_code for a in answers} == {201}
        assert len({a.content for a in answers}) == 40
        assert one.count("complaint") == one.count("outbox") == 40
        assert len({a.json()["reference"] for a in answers}) == 40


async def test_what_waits_at_shutdown_is_still_filed_and_later_requests_are_503(start: Any):
    async with start() as intake:
        posts = [asyncio.create_task(intake.post()) for _ in range(50)]
        await waiting(intake, 1)
        await intake.service.app.state.intake._writer.close()
        late = await intake.post()
        answers = await asyncio.gather(*posts)
        assert late.status_code == 503
        assert intake.count("complaint") == sum(a.status_code == 201 for a in answers) >= 1


@pytest.fixture
def own_postgres(servers: Servers) -> Iterator[tuple[Any, Database]]:
    """A Postgres that the test may stop."""
    server = servers.new_postgres()
    server.start()
    passwords = dict.fromkeys(ROLES, "secret")
    run(bootstrap(server.url(), passwords))
    database = Database(name="postgres", url=server.url(), passwords=passwords)
    database.migrate("intake")
    yield server, database
    server.stop()


async def test_with_the_database_down_every_request_is_503_with_retry_after_and_it_heals(
    own_postgres: tuple[Any, Database], key_folder: Path
):
    server, database = own_postgres
    made = await add_clients(database)
    async with running(settings_for(database, key_folder), database) as intake:
        intake.keys = made
        key = str(uuid4())
        filed = (await intake.post(key=key)).json()
        await asyncio.to_thread(server.stop)
        answers = await asyncio.gather(*(intake.post() for _ in range(20)))
        answers += [
            await intake.call("GET", f"/v1/complaints/{filed['complaint_id']}"),
            await intake.call("POST", f"/v1/complaints/{filed['complaint_id']}/amend", key=key, json={"text": "x"}),
            await intake.post(headers={"Authorization": "Bearer rk_unknown"}),
        ]
        assert {a.status_code for a in answers} == {503}
        assert all(int(a.headers["retry-after"]) >= 1 for a in answers)
        batch = await intake.call(
            "POST", "/v1/complaints:batch", json={"complaints": [BODY | {"idempotency_key": str(uuid4())}]}
        )
        assert [r["status"] for r in batch.json()["results"]] == [503]
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(30):
            while (again := await intake.post(key=key)).status_code == 503:
                pass
        assert again.json() == filed
        assert (await intake.post()).status_code == 201
        assert intake.count("complaint") == intake.count("outbox") == 2
