"""What the notifier tells of itself is so: waiting, failed, suppressed; and one bad notice holds up only itself (A8, H5)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.notifier.domain.retry import GIVE_UP_AFTER, next_look
from services.notifier.pipeline import loop
from shared.events import notices
from shared.events.ids import new_id
from tests.integration.notifier.rig import Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.integration.notifier.waiting import until
from tests.support.stack import DatabaseFactory
from tests.unit.notifier.story import day


@pytest.fixture
async def rig(
    fresh_database: DatabaseFactory, keys: Path, smtp: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    monkeypatch.setattr(loop, "_LOOK_FOR_LOST", 0.25)
    monkeypatch.setattr(loop, "_MEASURE", 0.25)
    async with rigged(
        fresh_database("notifier"), keys, smtp, notifier_command_seconds=5, notifier_lease_seconds=60
    ) as made:
        yield made


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def begun(rig: Rig, count: int) -> list[Any]:
    stories = [await rig.story(f"c{number}@example.com") for number in range(count)]
    await rig.apply(*(event for story in stories for event in story.begun(day(7))))
    return stories


async def test_notices_that_wait_for_a_retry_are_counted_as_waiting(rig: Rig, smtp: ScriptedSmtp) -> None:
    """60 mails refused with 450 were "0 waiting"."""
    smtp.always = Step("rcpt", "450 4.2.0 greylisted")
    rig.start()
    await begun(rig, 60)
    await until(lambda: smtp.commands["RCPT"] >= 0 and value("redress_notifications_waiting") == 60)
    await rig.execute("UPDATE notifier.notice SET due_since = due_since - interval '10 minutes'")
    await until(lambda: 600 <= value("redress_notifications_oldest_seconds") < 700)
    smtp.always = None
    await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp() WHERE state = 'pending'")
    await rig.settled(60)
    await until(lambda: value("redress_notifications_waiting") == value("redress_notifications_oldest_seconds") == 0)


async def test_notices_that_hang_in_a_conversation_are_counted_as_waiting(rig: Rig, smtp: ScriptedSmtp) -> None:
    smtp.always = Step("rcpt", "hang")
    rig.start()
    await begun(rig, 8)
    await until(lambda: smtp.hanging == 8)
    await until(lambda: value("redress_notifications_waiting") == 8)
    smtp.release()
    await rig.settled(8)


async def test_a_notice_that_only_waits_for_its_owner_is_not_late(rig: Rig, smtp: ScriptedSmtp) -> None:
    rig.start()
    await rig.apply((await rig.story()).filed())
    await begun(rig, 1)
    await rig.settled(1)
    await until(lambda: value("redress_notifications_waiting") == 0)
    assert [state for _, state in await rig.states()].count("pending") == 1


async def test_what_is_given_up_and_what_is_not_sent_is_counted_with_its_reason(rig: Rig, smtp: ScriptedSmtp) -> None:
    failed = value("redress_notification_failed_total", reason="smtp_550")
    quiet = value("redress_suppressed_total", reason="no_consent")
    mailbox = value("redress_suppressed_total", reason="bad_mailbox")
    smtp.by_recipient["c0@example.com"] = Step("rcpt", "550 5.1.1 no such user")
    rig.start()
    [story] = await begun(rig, 1)
    await rig.settled(1)
    await until(lambda: value("redress_notification_failed_total", reason="smtp_550") == failed + 1)
    await rig.apply(story.progress(story.seal("text", "包裹找到了")))
    await until(lambda: value("redress_suppressed_total", reason="bad_mailbox") == mailbox + 1)
    await rig.apply((await rig.story()).filed(consent=False))
    assert value("redress_suppressed_total", reason="no_consent") == quiet + 1


async def test_what_is_refused_for_a_reason_of_ours_is_counted_and_tried_again(rig: Rig, smtp: ScriptedSmtp) -> None:
    """C6: one try and "failed for good" blamed the customer's mailbox for our daily limit."""
    before = value("redress_mail_sender_refused_total", reason="smtp_550")
    smtp.script.append(Step("dot", "550 5.4.5 daily sending limit"))
    rig.start()
    await begun(rig, 1)
    await until(lambda: value("redress_mail_sender_refused_total", reason="smtp_550") == before + 1)

    async def put_back() -> bool:
        return bool(await rig.fetch("SELECT FROM notifier.notice WHERE reason = 'smtp_550' AND state = 'pending'"))

    await until(put_back)
    await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp() WHERE reason = 'smtp_550'")
    assert ("acknowledgement", "sent") in await rig.settled(1)


@pytest.mark.parametrize(
    "damage",
    ["journey SET language = 'xx'", "notice SET kind = 'novel'"],
)
async def test_a_notice_that_cannot_be_written_waits_longer_each_time_and_fails_visibly_in_the_end(
    rig: Rig, smtp: ScriptedSmtp, damage: str
) -> None:
    bad, *_ = await begun(rig, 5)
    await rig.execute(f"UPDATE notifier.{damage} WHERE complaint_id = $1", bad.complaint_id)
    rig.start()
    await rig.settled(4)
    assert len(smtp.taken) == 4
    [row] = await rig.notices(bad.complaint_id)
    assert (row["state"], row["reason"], row["attempts"]) == ("pending", "not_written", 0)
    first = await pause(rig, bad)
    await look_again(rig, bad, timedelta(minutes=10))
    later = await pause(rig, bad)
    assert timedelta(seconds=10) < first < timedelta(seconds=25) and timedelta(minutes=9) < later
    before = value("redress_notification_failed_total", reason="not_written")
    await look_again(rig, bad, timedelta(hours=24))
    await rig.settled(5)
    assert value("redress_notification_failed_total", reason="not_written") == before + 1
    [told] = [event for event in await rig.said() if isinstance(event, notices.NoticeFailed)]
    assert (told.complaint_id, told.reason) == (bad.complaint_id, "not_written")


async def pause(rig: Rig, story: Any) -> timedelta:
    [row] = await rig.fetch(
        "SELECT next_at - clock_timestamp() AS pause FROM notifier.notice WHERE complaint_id = $1", story.complaint_id
    )
    found: timedelta = row["pause"]
    return found


async def look_again(rig: Rig, story: Any, waited: timedelta) -> None:
    await rig.execute(
        "UPDATE notifier.notice SET next_at = clock_timestamp(), due_since = clock_timestamp() - $2::interval"
        " WHERE complaint_id = $1",
        story.complaint_id,
        waited,
    )

    async def looked() -> bool:
        [row] = await rig.fetch(
            "SELECT state <> 'leased' AND (next_at IS NULL OR next_at > clock_timestamp() + interval '5 seconds') AS yes"
            " FROM notifier.notice WHERE complaint_id = $1",
            story.complaint_id,
        )
        return bool(row["yes"])

    await until(looked)


async def test_one_lost_notice_that_cannot_be_taken_over_does_not_keep_the_others(rig: Rig, smtp: ScriptedSmtp) -> None:
    """A notice of a dead sender whose complaint refuses the event: the others are sent once more."""
    bad, *_ = await begun(rig, 4)
    await rig.execute(
        "UPDATE notifier.notice SET state = 'sending', lease = gen_random_uuid(), message_id = '<a@b>', attempts = 1,"
        " next_at = clock_timestamp() - interval '1 second'"
    )
    await rig.execute(
        "CREATE FUNCTION notifier.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$"
    )
    await rig.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON notifier.journey FOR EACH ROW"
        f" WHEN (NEW.complaint_id = '{bad.complaint_id}') EXECUTE FUNCTION notifier.refuse()"
    )
    rig.start()
    await rig.settled(3)
    [row] = await rig.notices(bad.complaint_id)
    assert row["state"] == "sending" and row["next_at"] is not None
    assert len(smtp.taken) == 3


async def test_one_damaged_key_holds_back_one_notice_and_not_the_200_claimed_with_it(
    rig: Rig, smtp: ScriptedSmtp
) -> None:
    bad, *_ = await begun(rig, 20)
    await rig.execute("UPDATE vault.person SET wrapped_key = '\\x00' WHERE person_id = $1", bad.key.person_id)
    rig.start()
    await rig.settled(19)
    assert len(smtp.taken) == 19
    [row] = await rig.notices(bad.complaint_id)
    assert (row["state"], row["reason"]) == ("pending", "key_closed")
    await look_again(rig, bad, timedelta(hours=24))
    await rig.settled(20)
    [told] = [event for event in await rig.said() if isinstance(event, notices.NoticeFailed)]
    assert (told.complaint_id, told.reason) == (bad.complaint_id, "key_closed")


def test_pauses_double_until_the_day_is_over() -> None:
    due = datetime.fromisoformat("2026-11-09T09:00:00+00:00")
    now, looks = due, []
    notice_id = new_id()
    while (at := next_look(now=now, due_since=due, notice_id=notice_id)) is not None:
        looks.append(at - now)
        now = at
    assert looks == sorted(looks) and 40 < len(looks) < 70
    assert now - due > GIVE_UP_AFTER - timedelta(minutes=40)
