"""Complaints are written with one short statement when only the submission is known: the rows are the same as ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.notifier.handlers import _Work
from shared.runtime.consumer import Batch
from shared.runtime.errors import Transient, is_refused_by_database, is_transient
from tests.integration.notifier.rig import Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp
from tests.integration.notifier.waiting import until
from tests.support.stack import DatabaseFactory

TABLES = {"journey": "complaint_id", "contact": "complaint_id", "entry": "event_id", "notice": "cause_id"}
OWN = {"notice_id", "created_at", "due_since", "next_at", "settled_at"}


@pytest.fixture
async def rig(fresh_database: DatabaseFactory, keys: Path) -> AsyncIterator[Rig]:
    async with ScriptedSmtp() as smtp, rigged(fresh_database("notifier"), keys, smtp) as made:
        yield made


async def rows(rig: Rig) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table, key in TABLES.items():
        records = await rig.fetch(f"SELECT * FROM notifier.{table} ORDER BY {key}")
        found[table] = [{name: value for name, value in record.items() if name not in OWN} for record in records]
    return found


async def test_the_short_form_writes_the_same_rows(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    filed = [
        (await rig.story(f"c{number}@example.com", language=language))
        for number, language in enumerate(("zh", "en", "zh"))
    ]
    shops: list[dict[str, Any]] = [{"store_id": "SH-021"}, {"name": None}, {"store": filed[2].seal("store", "SH-003")}]
    events = [story.filed(**shop) for story, shop in zip(filed, shops, strict=True)]
    # Beside them, what never takes the short form: nobody who may be written to, and more than the submission in one batch.
    silent, unasked = await rig.story("silent@example.com"), await rig.story("unasked@example.com")
    more = await rig.story("more@example.com")
    events += [silent.filed(email=None), unasked.filed(consent=False), more.filed(), more.assigned(), more.amended()]
    await rig.apply(*events)
    short = await rows(rig)
    assert [len(short[table]) for table in TABLES] == [6, 6, 8, 6]
    assert {row["state"] for row in short["notice"]} == {"pending", "suppressed"}
    waits = await rig.fetch(
        "SELECT extract(epoch FROM next_at - created_at)::int AS s FROM notifier.notice WHERE state = 'pending'"
    )
    assert [row["s"] for row in waits] == [30] * 4
    for table in TABLES:
        await rig.execute(f"TRUNCATE notifier.{table}")
    monkeypatch.setattr(_Work, "_beginnings", lambda self, plain: plain.clear() or [])
    await rig.apply(*events)
    assert await rows(rig) == short


async def test_what_another_copy_begins_at_the_same_moment_is_tried_again(rig: Rig) -> None:
    story = await rig.story()
    submitted, assigned = story.filed(), story.assigned()
    consumer = rig.service.consumer
    assert consumer is not None
    async with rig.service.transaction() as other:
        await consumer._handle(Batch((submitted,)), other)
        late = asyncio.create_task(rig.apply(submitted))
        await until(lambda: rig.fetch("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"))
    with pytest.raises(Transient):
        await late
    await rig.apply(submitted, assigned)  # as the consumer does then
    assert [len(found) for found in (await rows(rig)).values()] == [1, 1, 2, 1]


async def test_two_complaints_with_one_private_link_are_bad_data_and_nothing_to_wait_for(rig: Rig) -> None:
    one, two = await rig.story("one@example.com"), await rig.story("two@example.com")
    await rig.apply(one.filed())
    token_hash = one.filed().progress_token_hash
    with pytest.raises(Exception) as refused:
        await rig.apply(two.filed(progress_token_hash=token_hash))
    assert is_refused_by_database(refused.value) and not is_transient(refused.value)
