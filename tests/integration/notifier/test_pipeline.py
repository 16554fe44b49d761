"""From an event to the customer's mailbox: once, in the customer's language, with the newest state, or with a reason."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.notifier.domain.journey import FIELDS
from shared.events import notices
from tests.integration.notifier.rig import Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.integration.notifier.waiting import until
from tests.support.stack import DatabaseFactory
from tests.unit.notifier.story import day


@pytest.fixture
async def rig(fresh_database: DatabaseFactory, keys: Path, smtp: ScriptedSmtp) -> AsyncIterator[Rig]:
    async with rigged(fresh_database("notifier"), keys, smtp) as made:
        made.start()
        yield made


async def test_the_acknowledgement_names_owner_and_date_and_is_told(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story()
    await rig.apply(story.filed())
    await rig.apply(story.assigned())
    assert await rig.states() == [("acknowledgement", "pending")]
    await rig.apply(story.clocks(journey=day(7)))
    await smtp.until(1)
    mail = smtp.taken[0]
    assert mail.recipient == "wang.fang@example.com" and mail.sender == "complaints@retail.example"
    assert (
        "王芳，您好" in mail.text and "物流配送" in mail.text and f"https://help.example/c/{story.token}" in mail.text
    )
    assert mail.parsed["Content-Language"] == "zh-CN"
    assert await rig.settled(1) == [("acknowledgement", "sent")]
    [sent] = await rig.said()
    assert isinstance(sent, notices.NoticeSent)
    assert (sent.notice, sent.message_id, sent.version, sent.attempts) == ("acknowledgement", mail.message_id, 1, 1)
    [row] = await rig.notices()
    assert (row["message_id"], row["attempts"], row["lease"]) == (mail.message_id, 1, None)


async def test_without_an_owner_in_time_it_leaves_bare_and_the_owner_is_told_later(
    rig: Rig, smtp: ScriptedSmtp
) -> None:
    story = await rig.story(language="en")
    await rig.apply(story.filed())
    await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp()")
    await smtp.until(1)
    assert "choosing the department" in smtp.taken[0].text
    await rig.settled(1)
    await rig.apply(story.assigned())
    await rig.apply(story.clocks(journey=day(7)))
    await smtp.until(2)
    assert "Delivery is responsible for it now" in smtp.taken[1].text
    assert [kind for kind, _ in await rig.settled(2)] == ["acknowledgement", "assignment"]


async def test_an_owner_that_came_while_the_bare_acknowledgement_was_on_its_way_is_told(
    rig: Rig, smtp: ScriptedSmtp
) -> None:
    story = await rig.story(language="en")
    smtp.script.append(Step("data", "hang"))
    await rig.apply(story.filed())
    await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp()")
    await until(lambda: smtp.hanging)
    await rig.apply(story.assigned(), story.clocks(journey=day(7)))
    smtp.release()
    await smtp.until(2)
    assert [kind for kind, _ in await rig.settled(2)] == ["acknowledgement", "assignment"]


async def test_events_of_other_topics_may_come_first(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story()
    filed, assigned, progress = story.filed(), story.assigned(), story.progress(story.seal("text", "包裹找到了"))
    clocks = story.clocks(journey=day(7))
    await rig.apply(clocks)
    await rig.apply(assigned, progress)
    await rig.apply(filed)
    await smtp.until(2)
    assert sorted(await rig.settled(2)) == [("acknowledgement", "sent"), ("progress", "sent")]
    assert any("包裹找到了" in taken.text for taken in smtp.taken)


async def test_the_whole_life_is_told_in_the_right_words(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story(language="en")
    await rig.apply(*story.begun(day(7)))
    await rig.settled(1)
    steps = [
        [story.moved("after-sales"), story.clocks(owner=day(3))],
        [story.progress(story.seal("text", "The parcel is found."))],
        [story.asked(story.seal("question", "What is your floor?")), story.clocks(answer=day(4))],
        [story.warned("answer")],
        [story.answered(), story.clocks(journey=day(8))],
        [story.promised(day(2), story.seal("text", "A visit by Mr Li"))],
        [story.renewed(day(3), day(2), story.seal("text", "Mr Li is ill"))],
        [story.warned("journey", new_due_at=day(10), deadline=day(8))],
        [story.proposed(story.seal("text", "We replaced it."), "refund"), story.clocks(confirmation=day(14))],
        [story.warned("confirmation")],
        [story.reopened(), story.moved("complaints-office", "reopen"), story.clocks(journey=day(11))],
        [story.proposed(story.seal("text", "We refunded it.")), story.clocks(confirmation=day(20))],
        [story.closed()],
    ]
    for number, events in enumerate(steps, 2):
        await rig.apply(*events)
        await rig.settled(number)
    kinds = [kind for kind, _ in await rig.settled(14)]
    assert kinds == [
        "acknowledgement",
        "transfer",
        "progress",
        "question",
        "reminder_answer",
        "answer_received",
        "promise",
        "delay",
        "delay",
        "resolution",
        "reminder_confirmation",
        "reopened",
        "resolution",
        "closure",
    ]
    said = dict(zip(kinds, (taken.text for taken in smtp.taken), strict=True))
    assert "Delivery has handed it over to After-sales" in said["transfer"]
    assert "> The parcel is found." in said["progress"]
    assert "> What is your floor?" in said["question"] and "> What is your floor?" in said["reminder_answer"]
    assert "> A visit by Mr Li" in said["promise"]
    assert "> We replaced it." in said["reminder_confirmation"]
    assert "Complaints office" in said["reopened"]
    versions = [event.version for event in await rig.said()]
    assert versions == sorted(set(versions))


async def test_a_customer_without_an_address_is_not_written_to_and_that_is_told(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story()
    await rig.apply(story.filed(email=None, channel="phone"), story.assigned(), story.progress())
    assert await rig.states() == [("acknowledgement", "suppressed"), ("progress", "suppressed")]
    said = await rig.said()
    assert [(type(event), event.reason, event.version) for event in said] == [  # type: ignore[attr-defined]
        (notices.NoticeSuppressed, "no_contact", 1),
        (notices.NoticeSuppressed, "no_contact", 2),
    ]
    assert smtp.taken == []


async def test_a_customer_who_did_not_agree_is_not_written_to_and_that_is_told(rig: Rig, smtp: ScriptedSmtp) -> None:
    alone, early, later = [await rig.story(f"c{number}@example.com") for number in range(3)]
    await rig.apply(alone.filed(consent=False))
    # What was planned before the submission came, and what was released by it, is held back as well.
    await rig.apply(early.assigned(), early.progress(early.seal("text", "…")))
    await rig.apply(early.filed(consent=False))
    await rig.apply(early.clocks(journey=day(7)))
    await rig.apply(later.filed(consent=False), later.assigned(), later.clocks(journey=day(7)))
    await rig.apply(later.moved("after-sales"), later.proposed(later.seal("text", "…")))
    assert {state for _, state in await rig.settled(6)} == {"suppressed"}
    said = await rig.said()
    assert {(type(event), event.reason) for event in said} == {  # type: ignore[attr-defined]
        (notices.NoticeSuppressed, "no_consent")
    }
    assert {row["reason"] for row in await rig.notices()} == {"no_consent"} and len(said) == len(await rig.notices())
    contacts = await rig.fetch("SELECT email, token FROM notifier.contact")
    assert len(contacts) == 3 and all(row["email"] is None and row["token"] is not None for row in contacts)
    assert smtp.taken == []


async def test_an_erased_person_is_not_written_to(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story()
    await rig.apply(story.filed())
    await rig.shred(story.person_id)
    await rig.apply(story.erased())
    assert await rig.states() == [("acknowledgement", "suppressed")]
    [event] = await rig.said()
    assert isinstance(event, notices.NoticeSuppressed) and event.reason == "erased"
    await rig.apply(story.assigned(), story.clocks(journey=day(7)), story.progress())
    assert {state for _, state in await rig.states()} == {"suppressed"}
    for table in ("contact", "entry", "journey", "notice"):
        assert "s1." not in str(await rig.fetch(f"SELECT * FROM notifier.{table}"))
    assert smtp.taken == []


async def test_a_key_that_went_before_the_event_came_suppresses_too(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story()
    await rig.shred(story.person_id)
    await rig.apply(*story.begun(day(7)))
    assert await rig.settled(1) == [("acknowledgement", "suppressed")]
    assert smtp.taken == []


async def test_old_news_is_not_sent(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story()
    await rig.apply(*story.begun(day(7)))
    await rig.settled(1)
    await rig.apply(story.asked(story.seal("question", "?")))
    await rig.apply(story.answered(), story.clocks(journey=day(8)))
    await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp() WHERE next_at IS NOT NULL")
    await rig.settled(3)
    states = dict(await rig.states())
    assert (states["question"], states["answer_received"]) == ("suppressed", "sent")


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "452 4.2.2 full", "421 4.3.2 closing"])
async def test_a_transient_refusal_is_tried_again_until_it_goes_through(
    rig: Rig, smtp: ScriptedSmtp, reply: str
) -> None:
    smtp.script.append(Step("rcpt", reply))
    story = await rig.story()
    await rig.apply(*story.begun(day(7)))

    async def waits() -> bool:
        [row] = await rig.notices()
        return row["reason"] is not None

    await until(waits)
    [row] = await rig.notices()
    assert (row["state"], row["reason"], row["attempts"]) == ("pending", f"smtp_{reply[:3]}", 1)
    assert timedelta(seconds=14) < row["next_at"] - row["due_since"] < timedelta(seconds=21)
    assert await rig.said() == []
    await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp()")
    await smtp.until(1)
    await rig.settled(1)
    [sent] = await rig.said()
    assert isinstance(sent, notices.NoticeSent) and sent.attempts == 2


async def test_after_a_day_of_refusals_it_has_failed(rig: Rig, smtp: ScriptedSmtp) -> None:
    smtp.always = Step("rcpt", "451 later")
    story = await rig.story()
    await rig.apply(*story.begun(day(7)))
    await until(lambda: smtp.commands["MAIL"])
    await rig.execute(
        "UPDATE notifier.notice SET due_since = due_since - interval '25 hours', next_at = clock_timestamp()"
    )
    assert await rig.settled(1) == [("acknowledgement", "failed")]
    [event] = await rig.said()
    assert isinstance(event, notices.NoticeFailed) and event.reason == "smtp_451"


async def test_a_permanent_refusal_is_not_tried_again_and_an_unknown_mailbox_is_left_alone_from_then_on(
    rig: Rig, smtp: ScriptedSmtp
) -> None:
    smtp.by_recipient["gone@example.com"] = Step("rcpt", "550 5.1.1 no such user")
    story = await rig.story("gone@example.com")
    await rig.apply(*story.begun(day(7)))
    assert await rig.settled(1) == [("acknowledgement", "failed")]
    await rig.apply(story.progress(story.seal("text", "…")))
    assert await rig.settled(2) == [("acknowledgement", "failed"), ("progress", "suppressed")]
    assert [(event.notice, event.reason) for event in await rig.said()] == [  # type: ignore[attr-defined]
        ("acknowledgement", "smtp_550"),
        ("progress", "bad_mailbox"),
    ]
    assert smtp.commands["RCPT"] == 0 and smtp.commands["MAIL"] == 1
    assert b"gone@" not in str(await rig.fetch("SELECT * FROM notifier.suppression")).encode()


async def test_a_suppressed_mailbox_is_tried_again_when_its_time_is_over(rig: Rig, smtp: ScriptedSmtp) -> None:
    """C5: one refusal silenced an address for ever, on later complaints too."""
    smtp.by_recipient["back@example.com"] = Step("rcpt", "550 5.1.1 no such user")
    story = await rig.story("back@example.com")
    await rig.apply(*story.begun(day(7)))
    assert await rig.settled(1) == [("acknowledgement", "failed")]
    over = "UPDATE notifier.suppression SET since = since - interval '31 days', until = until - interval '31 days'"
    await rig.execute(over)
    await rig.apply(story.progress(story.seal("text", "…")))
    assert (await rig.settled(2))[1] == ("progress", "failed")
    [row] = await rig.fetch("SELECT since, until FROM notifier.suppression")
    assert row["until"] - row["since"] == timedelta(days=30)
    await rig.execute(over)
    del smtp.by_recipient["back@example.com"]
    await rig.apply(story.progress(story.seal("text", "……")))
    assert (await rig.settled(3))[2] == ("progress", "sent")


async def test_an_address_that_is_none_fails_with_its_reason(rig: Rig, smtp: ScriptedSmtp) -> None:
    story = await rig.story("a@b.example,evil@x.example")
    await rig.apply(*story.begun(day(7)))
    assert await rig.settled(1) == [("acknowledgement", "failed")]
    [event] = await rig.said()
    assert event.reason == "bad_address"  # type: ignore[attr-defined]


@pytest.mark.parametrize("do", ["cut", "accept_then_cut"])
async def test_a_lost_answer_is_sent_once_more_with_the_same_id_and_counted(
    rig: Rig, smtp: ScriptedSmtp, do: str
) -> None:
    smtp.script.append(Step("dot", do))
    story = await rig.story()
    await rig.apply(*story.begun(day(7)))
    await smtp.until(2 if do == "accept_then_cut" else 1)
    assert await rig.settled(1) == [("acknowledgement", "sent")]
    assert len(smtp.by_message_id()) == 1
    unknown, sent = await rig.said()
    assert isinstance(unknown, notices.NoticeUnknown) and isinstance(sent, notices.NoticeSent)
    assert unknown.message_id == sent.message_id == smtp.taken[0].message_id
    assert (unknown.version, sent.version) == (1, 2)


async def test_an_outcome_that_stays_unknown_is_sent_twice_at_most(rig: Rig, smtp: ScriptedSmtp) -> None:
    smtp.always = Step("dot", "accept_then_cut")
    story = await rig.story()
    await rig.apply(*story.begun(day(7)))
    assert await rig.settled(1) == [("acknowledgement", "unknown")]
    assert list(smtp.by_message_id().values()) == [2]
    await asyncio.sleep(0)
    assert [type(event) for event in await rig.said()] == [notices.NoticeUnknown, notices.NoticeUnknown]


async def test_a_slow_recipient_holds_up_only_one_connection(rig: Rig, smtp: ScriptedSmtp) -> None:
    smtp.by_recipient["slow@example.com"] = Step("rcpt", "hang")
    slow, quick = await rig.story("slow@example.com"), [await rig.story(f"q{n}@example.com") for n in range(20)]
    await rig.apply(*slow.begun(day(7)), *(event for story in quick for event in story.begun(day(7))))
    await smtp.until(20)
    assert {taken.recipient for taken in smtp.taken} == {story.email for story in quick}
    states = await rig.states(slow.complaint_id)
    assert states[0][1] in ("sending", "pending")


async def test_while_the_relay_is_away_notices_wait_and_events_are_still_taken(
    fresh_database: DatabaseFactory, keys: Path
) -> None:
    smtp = ScriptedSmtp()
    await smtp.start()
    await smtp.stop()
    async with rigged(fresh_database("notifier"), keys, smtp) as rig:
        rig.start()
        stories = [await rig.story(f"c{n}@example.com") for n in range(5)]
        for story in stories:
            await rig.apply(*story.begun(day(7)))

        async def put_back() -> bool:
            return all(row["reason"] == "lost_at_connect" for row in await rig.notices())

        await until(put_back)
        assert {row["attempts"] for row in await rig.notices()} == {0}
        await smtp.start()
        await smtp.until(5)
        await rig.settled(5)
        assert set(smtp.by_message_id().values()) == {1}
        await rig.stop()
        await smtp.stop()


async def test_a_notice_kind_that_is_switched_off_is_not_sent(
    fresh_database: DatabaseFactory, keys: Path, smtp: ScriptedSmtp, tmp_path: Path
) -> None:
    import shutil

    from tests.integration.notifier.rig import POLICIES

    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    file = folder / "retail" / "notices.yaml"
    file.write_text(file.read_text() + "  progress: {on: false}\n")
    async with rigged(fresh_database("notifier"), keys, smtp, policies_dir=folder) as rig:
        story = await rig.story()
        await rig.apply(story.filed(), story.progress(story.seal("text", "…")))
        assert ("progress", "suppressed") in await rig.states()


async def test_an_outcome_that_cannot_be_recorded_does_not_hold_up_its_neighbours(rig: Rig, smtp: ScriptedSmtp) -> None:
    await rig.execute(
        "CREATE FUNCTION notifier.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;"
        " CREATE TRIGGER refuse BEFORE UPDATE ON notifier.notice FOR EACH ROW"
        " WHEN (NEW.state = 'sent' AND NEW.kind = 'promise') EXECUTE FUNCTION notifier.refuse()"
    )
    stories = [await rig.story(f"c{number}@example.com") for number in range(6)]
    await rig.apply(*(event for story in stories for event in story.begun(day(7))))
    await rig.apply(stories[2].promised(day(2), stories[2].seal("text", "…")))
    assert sorted(await rig.settled(6))[:6] == [("acknowledgement", "sent")] * 6


@pytest.mark.parametrize(
    "evil", ["\r\nBcc: evil@x.example\r\n", "\n.\nMAIL FROM:<evil@x.example>\n", "=?utf-8?q?=0ABcc:?="]
)
async def test_what_people_write_cannot_add_a_header_a_recipient_or_a_mail(
    rig: Rig, smtp: ScriptedSmtp, evil: str
) -> None:
    story = await rig.story(name=f"王芳{evil}")
    await rig.apply(*story.begun(day(7)), story.progress(story.seal("text", f"进展{evil}完")))
    await rig.settled(2)
    assert len(smtp.taken) == 2 == smtp.commands["MAIL"]
    for taken in smtp.taken:
        names = [name.lower() for name in taken.parsed]
        assert len(names) == len(set(names)) and "bcc" not in names
        assert taken.recipient == story.email and taken.parsed.defects == []


async def test_the_columns_of_a_journey_stand_in_the_order_of_its_fields(rig: Rig) -> None:
    rows = await rig.fetch(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'notifier' AND table_name = 'journey' ORDER BY ordinal_position"
    )
    assert tuple(row["column_name"] for row in rows)[: len(FIELDS)] == FIELDS
