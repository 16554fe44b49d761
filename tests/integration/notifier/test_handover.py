"""The short way: what a batch releases is leased by its own transaction, and sent from memory only after its commit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.events import notices
from shared.runtime.consumer import Batch
from tests.integration.notifier.rig import Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp
from tests.integration.notifier.waiting import until
from tests.support.stack import DatabaseFactory
from tests.unit.notifier.story import day


@pytest.fixture
async def rig(fresh_database: DatabaseFactory, keys: Path, smtp: ScriptedSmtp) -> AsyncIterator[Rig]:
    async with rigged(fresh_database("notifier"), keys, smtp, notifier_lease_seconds=60) as made:
        yield made


async def waiting(rig: Rig) -> Any:
    """A complaint whose acknowledgement waits for its date."""
    story = await rig.story()
    await rig.apply(story.filed(), story.assigned())
    return story


class Held:
    """A transaction of the handler that is about to commit, or to roll back."""

    def __init__(self, rig: Rig, *events: Any, fails: bool = False) -> None:
        self.leased, self.go_on = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run(rig, events, fails))

    async def _run(self, rig: Rig, events: tuple[Any, ...], fails: bool) -> None:
        assert rig.service.consumer is not None
        async with rig.service.transaction() as tx:
            await rig.service.consumer._handle(Batch(events), tx)
            self.leased.set()
            await self.go_on.wait()
            if fails:
                raise ConnectionError("rolled back")


def desk(rig: Rig) -> Any:
    return rig.service._tasks["pipeline"].__self__.desk  # type: ignore[attr-defined]


async def test_nothing_leaves_before_its_own_commit_whoever_else_commits(rig: Rig, smtp: ScriptedSmtp) -> None:
    rig.start()
    story = await waiting(rig)
    held = Held(rig, story.clocks(journey=day(7)))
    await held.leased.wait()
    async with rig.service.transaction():
        pass
    await asyncio.sleep(0.1)
    assert not smtp.taken and await rig.states() == [("acknowledgement", "pending")]
    held.go_on.set()
    await held.task
    assert await rig.settled(1) == [("acknowledgement", "sent")]
    assert len(smtp.taken) == 1 and [type(event) for event in await rig.said()] == [notices.NoticeSent]


async def test_what_was_rolled_back_is_not_sent_and_the_second_try_sends_once(rig: Rig, smtp: ScriptedSmtp) -> None:
    rig.start()
    story = await waiting(rig)
    clocks = story.clocks(journey=day(7))
    held = Held(rig, clocks, fails=True)
    held.go_on.set()
    with pytest.raises(ConnectionError):
        await held.task
    await asyncio.sleep(0.1)
    assert not smtp.taken and await rig.states() == [("acknowledgement", "pending")]
    await rig.apply(clocks)
    assert await rig.settled(1) == [("acknowledgement", "sent")]
    assert len(smtp.taken) == 1


async def test_what_a_stopping_copy_has_leased_is_due_again_at_once(rig: Rig, smtp: ScriptedSmtp) -> None:
    rig.start()
    story = await waiting(rig)
    held = Held(rig, story.clocks(journey=day(7)))
    await held.leased.wait()
    stopping = asyncio.create_task(rig.stop())
    await until(lambda: desk(rig).lease(1) is None)
    held.go_on.set()
    await asyncio.gather(held.task, stopping)
    assert not smtp.taken and await rig.states() == [("acknowledgement", "pending")]
    rig.start()
    assert await rig.settled(1) == [("acknowledgement", "sent")]


async def test_a_copy_that_is_not_sending_leaves_what_is_due_to_the_others(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await waiting(rig)
    await rig.apply(story.clocks(journey=day(7)))
    assert await rig.states() == [("acknowledgement", "pending")]
    rig.start()
    assert await rig.settled(1) == [("acknowledgement", "sent")]


async def test_more_than_fits_in_hand_is_claimed_later(rig: Rig, smtp: ScriptedSmtp) -> None:
    stories = [await rig.story(f"c{number}@example.com") for number in range(1001)]
    await rig.apply(*(event for story in stories for event in (story.filed(), story.assigned())))
    rig.start()
    await rig.apply(*(story.clocks(journey=day(7)) for story in stories))
    assert {state for _, state in await rig.settled(1001)} == {"sent"}
    assert len(smtp.taken) == 1001 and set(smtp.by_message_id().values()) == {1}
