"""A complaint's messages go one at a time and in order; what a later one takes the place of is not sent (C14)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.notifier.rig import Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.integration.notifier.waiting import until
from tests.support.stack import DatabaseFactory
from tests.unit.notifier.story import day


@pytest.fixture
async def rig(fresh_database: DatabaseFactory, keys: Path, smtp: ScriptedSmtp) -> AsyncIterator[Rig]:
    async with rigged(fresh_database("notifier"), keys, smtp, notifier_lease_seconds=5) as made:
        yield made


async def test_messages_of_one_complaint_arrive_in_the_order_in_which_they_were_written(
    rig: Rig, smtp: ScriptedSmtp
) -> None:
    story = await rig.story()
    said = [f"progress number {number}" for number in range(4)]
    await rig.apply(*story.begun(day(7)), *(story.progress(story.seal("text", text)) for text in said))
    rig.start()
    assert [state for _, state in await rig.settled(5)] == ["sent"] * 5
    assert len(smtp.taken) == 5
    for text, taken in zip(said, smtp.taken[1:], strict=True):
        assert text in taken.text


async def test_while_one_hangs_the_next_waits_and_other_complaints_do_not(rig: Rig, smtp: ScriptedSmtp) -> None:
    slow, quick = await rig.story("slow@example.com"), await rig.story("quick@example.com")
    smtp.by_recipient["slow@example.com"] = Step("rcpt", "450 4.2.1 busy")
    await rig.apply(*slow.begun(day(7)), slow.progress(slow.seal("text", "first")))
    await rig.apply(*quick.begun(day(7)), quick.progress(quick.seal("text", "second")))
    rig.start()

    async def quick_is_done() -> bool:
        return [state for _, state in await rig.states(quick.complaint_id)] == ["sent", "sent"]

    await until(quick_is_done)
    waiting = await rig.notices(slow.complaint_id)
    assert waiting[0]["attempts"] >= 1 and waiting[1]["attempts"] == 0, "nothing overtakes what is tried again"
    smtp.by_recipient.clear()
    await rig.execute(
        "UPDATE notifier.notice SET next_at = clock.now() WHERE next_at IS NOT NULL AND state = 'pending'"
    )
    await rig.settled(4)
    assert ["first" in taken.text for taken in smtp.taken if taken.recipient == "slow@example.com"] == [False, True]


async def test_a_promise_that_was_moved_before_it_was_told_is_told_once_with_its_last_date(
    rig: Rig, smtp: ScriptedSmtp
) -> None:
    story = await rig.story()
    await rig.apply(*story.begun(day(7)), story.promised(day(2), story.seal("text", "we ring you on Tuesday")))
    await rig.apply(story.renewed(day(3), day(2), story.seal("text", "Wednesday")))
    await rig.apply(story.renewed(day(4), day(3), story.seal("text", "Thursday it is")))
    rig.start()
    assert await rig.settled(4) == [
        ("acknowledgement", "sent"),
        ("promise", "suppressed"),
        ("delay", "suppressed"),
        ("delay", "sent"),
    ]
    assert {row["reason"] for row in await rig.notices() if row["state"] == "suppressed"} == {"superseded"}
    assert "Thursday it is" in smtp.taken[-1].text and len(smtp.taken) == 2


async def test_words_of_the_former_owner_go_out_under_its_name(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story(language="en")
    await rig.apply(*story.begun(day(7)), story.progress(story.seal("text", "The depot has it.")))
    await rig.apply(story.moved("after-sales"), story.clocks(owner=day(3)))
    rig.start()
    await rig.settled(2)
    (progress,) = (taken for taken in smtp.taken if "The depot has it." in taken.text)
    assert "This is what Delivery can tell you today" in progress.text
