"""Several copies, dead copies, sleeping copies: one message per cause, and at most one more when nobody can know (I9)."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.notifier.pipeline import loop
from services.notifier.pipeline.claim import claim
from services.notifier.pipeline.ended import Ended, State
from shared.events import notices
from tests.integration.notifier.rig import POLICIES, QUICK, Rig, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp, Step
from tests.integration.notifier.waiting import until
from tests.support.stack import Database, DatabaseFactory
from tests.unit.notifier.story import day


@pytest.fixture
def database(fresh_database: DatabaseFactory) -> Database:
    return fresh_database("notifier")


async def doomed(
    point: str, database: Database, keys: Path, smtp: ScriptedSmtp, **more: Any
) -> "asyncio.subprocess.Process":
    """Start a pipeline that kills itself at a crash point."""
    values = _values(database, keys, smtp) | more
    root = Path(__file__).parents[3]
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        **{name.upper(): str(value) for name, value in values.items()},
    }
    script = Path(__file__).with_name("doomed.py")
    return await asyncio.create_subprocess_exec(sys.executable, str(script), point, env=environment, cwd=root)


def _values(database: Database, keys: Path, smtp: ScriptedSmtp) -> dict[str, Any]:
    return {
        "database_url": database.url_of("notifier"),
        "smtp_url": smtp.url,
        "master_key_file": keys / "master.key",
        "session_key_file": keys / "session.key",
        "policies_dir": POLICIES,
        "public_notifier_url": "https://help.example",
        **QUICK,
    }


async def file_many(rig: Rig, count: int) -> list[Any]:
    stories = [await rig.story(f"c{number}@example.com") for number in range(count)]
    await rig.apply(*(event for story in stories for event in story.begun(day(7))))
    return stories


async def test_two_copies_at_once_send_each_message_once(database: Database, keys: Path, smtp: ScriptedSmtp) -> None:
    async with rigged(database, keys, smtp) as one, rigged(database, keys, smtp) as two:
        await file_many(one, 300)
        one.start()
        two.start()
        await smtp.until(300)
        await one.settled(300)
        assert len(smtp.taken) == 300 and set(smtp.by_message_id().values()) == {1}
        said = await one.said()
        assert len(said) == 300 and {type(event) for event in said} == {notices.NoticeSent}


async def test_a_copy_killed_after_the_lease_leaves_the_message_to_the_next_one_once(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    async with rigged(database, keys, smtp) as rig:
        await file_many(rig, 3)
        process = await doomed("CP.notifier.leased_before_connect", database, keys, smtp)
        assert await process.wait() == -signal.SIGKILL
        assert {state for _, state in await rig.states()} == {"leased"}
        rig.start()
        assert [state for _, state in await rig.settled(3)] == ["sent"] * 3
        assert set(smtp.by_message_id().values()) == {1}
        assert {type(event) for event in await rig.said()} == {notices.NoticeSent}


async def test_a_copy_killed_after_the_server_took_it_makes_it_unknown_and_one_copy_more(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    async with rigged(database, keys, smtp) as rig:
        await file_many(rig, 1)
        process = await doomed("CP.notifier.accepted_before_sent", database, keys, smtp)
        assert await process.wait() == -signal.SIGKILL
        assert await rig.states() == [("acknowledgement", "sending")]
        assert len(smtp.taken) == 1
        rig.start()
        assert await rig.settled(1) == [("acknowledgement", "sent")]
        assert list(smtp.by_message_id().values()) == [2]
        assert [type(event) for event in await rig.said()] == [notices.NoticeUnknown, notices.NoticeSent]
        [row] = await rig.notices()
        assert (row["resends"], row["attempts"]) == (1, 2)


async def test_killed_again_after_the_resend_it_stays_unknown(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    async with rigged(database, keys, smtp) as rig:
        [story] = await file_many(rig, 1)
        for _ in range(2):
            process = await doomed("CP.notifier.accepted_before_sent", database, keys, smtp)
            assert await process.wait() == -signal.SIGKILL
        rig.start()
        assert await rig.settled(1) == [("acknowledgement", "unknown")]
        assert list(smtp.by_message_id().values()) == [2]
        # It is done with all the same: what comes after it is told.
        await rig.apply(story.moved("after-sales"), story.clocks(owner=day(3)))
        assert await rig.settled(2) == [("acknowledgement", "unknown"), ("transfer", "sent")]


async def test_one_that_sleeps_beyond_its_lease_records_nothing_when_it_wakes(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    sleepy = {"notifier_dot_seconds": 30, "notifier_lease_seconds": 40}
    async with rigged(database, keys, smtp, **sleepy) as sleeper, rigged(database, keys, smtp) as other:
        smtp.script.append(Step("dot", "hang"))
        await file_many(sleeper, 1)
        sleeper.start()
        await until(lambda: smtp.hanging)
        await sleeper.execute("UPDATE notifier.notice SET next_at = clock_timestamp() - interval '1 second'")
        other.start()
        assert await other.settled(1) == [("acknowledgement", "sent")]
        [before] = await other.notices()
        smtp.release()
        await smtp.until(2)
        await sleeper.stop()
        assert await other.notices() == [before]
        assert [type(event) for event in await other.said()] == [notices.NoticeUnknown, notices.NoticeSent]
        assert list(smtp.by_message_id().values()) == [2]


async def test_stopping_lets_mails_on_their_way_arrive_and_hands_the_rest_back(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    async with rigged(
        database, keys, smtp, notifier_connections=1, notifier_command_seconds=5, notifier_lease_seconds=60
    ) as rig:
        smtp.script.append(Step("data", "hang"))
        await file_many(rig, 5)
        rig.start()
        await until(lambda: smtp.hanging)
        stopping = asyncio.create_task(rig.stop())
        await until(lambda: rig.stopping)
        smtp.release()
        await stopping
        assert len(smtp.taken) == 1
        assert sorted(state for _, state in await rig.states()) == ["pending"] * 4 + ["sent"]
        rig.start()
        assert [state for _, state in await rig.settled(5)] == ["sent"] * 5
        assert set(smtp.by_message_id().values()) == {1}


async def test_a_database_that_is_away_while_recording_is_waited_for(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    async with rigged(database, keys, smtp) as rig:
        smtp.script.append(Step("dot", "hang"))
        await file_many(rig, 1)
        rig.start()
        await until(lambda: smtp.hanging)
        await rig.execute(
            "CREATE FUNCTION notifier.busy() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '57P03'; END $$;"
            " CREATE TRIGGER busy BEFORE UPDATE ON notifier.journey EXECUTE FUNCTION notifier.busy()"
        )
        smtp.release()
        await smtp.until(1)
        await rig.execute("DROP TRIGGER busy ON notifier.journey")
        assert await rig.settled(1) == [("acknowledgement", "sent")]
        assert len(smtp.taken) == 1


async def test_what_is_known_is_recorded_before_anything_is_taken_for_lost(
    database: Database, keys: Path, smtp: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LOOK_FOR_LOST", 0.05)
    async with rigged(database, keys, smtp) as rig:
        dead, alive = await rig.story("dead@example.com"), await rig.story("alive@example.com")
        await rig.apply(*dead.begun(day(7)))
        # As its sender left it: it died while sending, and nobody has looked yet.
        await rig.execute(
            "UPDATE notifier.notice SET state = 'sending', lease = gen_random_uuid(), message_id = '<x@y>',"
            " attempts = 1, next_at = clock_timestamp() + interval '1 hour'"
        )
        await rig.execute(
            "CREATE FUNCTION notifier.away() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P03'; END $$;"
            " CREATE TRIGGER away BEFORE UPDATE ON notifier.notice FOR EACH ROW"
            " WHEN (NEW.state = 'sent') EXECUTE FUNCTION notifier.away()"
        )
        rig.start()
        await rig.apply(*alive.begun(day(7)))
        pipeline: Any = rig.service._tasks["pipeline"].__self__  # type: ignore[attr-defined]
        await until(pipeline._unrecorded)
        # The outage outlasts both leases.
        await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp() - interval '1 second'")
        await smtp.until(2)
        assert [taken.recipient for taken in smtp.taken] == ["alive@example.com", "dead@example.com"]
        assert await rig.states(alive.complaint_id) == [("acknowledgement", "sending")]
        await rig.execute("DROP TRIGGER away ON notifier.notice")
        assert await rig.settled(2) == [("acknowledgement", "sent")] * 2
        assert set(smtp.by_message_id().values()) == {1}
        said = [(event.complaint_id, type(event)) for event in await rig.said()]
        assert sorted(said, key=str) == sorted(
            [
                (dead.complaint_id, notices.NoticeUnknown),
                (dead.complaint_id, notices.NoticeSent),
                (alive.complaint_id, notices.NoticeSent),
            ],
            key=str,
        )


async def test_a_stale_outcome_beside_a_fresh_one_of_the_same_notice_is_not_counted(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    async with rigged(database, keys, smtp) as rig:
        await file_many(rig, 1)
        length = timedelta(seconds=60)
        [stale], _ = await claim(rig.service.database, 10, length)
        await rig.execute("UPDATE notifier.notice SET next_at = clock_timestamp() - interval '1 second'")
        [fresh], _ = await claim(rig.service.database, 10, length)
        assert stale.notice_id == fresh.notice_id and stale.lease != fresh.lease
        pipeline: Any = rig.service._tasks["pipeline"].__self__  # type: ignore[attr-defined]
        await pipeline._recorder.record(
            [Ended(claimed=claimed, state=State.SENT, message_id="<x@y>") for claimed in (stale, fresh)]
        )
        assert await rig.states() == [("acknowledgement", "sent")]
        [sent] = await rig.said()
        assert isinstance(sent, notices.NoticeSent) and sent.version == 1


async def test_the_same_cause_is_written_down_once(database: Database, keys: Path, smtp: ScriptedSmtp) -> None:
    async with rigged(database, keys, smtp) as rig:
        story = await rig.story()
        events = [*story.begun(day(7)), story.progress(story.seal("text", "…"))]
        await rig.apply(*events)
        await rig.apply(*events)
        await rig.execute(
            "UPDATE notifier.journey SET router_version = 0, intake_version = 0, acknowledged = 'pending'"
        )
        await rig.apply(*events)
        rig.start()
        await rig.settled(2)
        assert len(smtp.taken) == 2 and set(smtp.by_message_id().values()) == {1}


async def test_stopping_waits_for_the_answer_to_a_mail_the_server_has(
    database: Database, keys: Path, smtp: ScriptedSmtp
) -> None:
    """B7: after ten seconds the wait was broken off, and the next process sent a second copy."""
    async with rigged(database, keys, smtp) as rig:
        await file_many(rig, 1)
    smtp.always = Step("dot", "hang")
    environment = {
        **os.environ,
        **{name.upper(): str(value) for name, value in _values(database, keys, smtp).items()},
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "HTTP_PORT": "0",
        "NOTIFIER_DOT_SECONDS": "60",
        "NOTIFIER_LEASE_SECONDS": "120",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.notifier", env=environment, cwd=Path(__file__).parents[3]
    )
    try:
        await until(lambda: smtp.hanging == 1)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), loop._STOP_SECONDS + 6)
        smtp.always = None
        smtp.release()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
    async with rigged(database, keys, smtp) as rig:
        assert await rig.states() == [("acknowledgement", "sent")]
        assert set(smtp.by_message_id().values()) == {1}


async def test_what_the_server_has_not_whole_is_broken_off_and_sent_by_the_next_copy_once(
    database: Database, keys: Path, smtp: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_STOP_SECONDS", 0.2)
    smtp.always = Step("rcpt", "hang")
    async with rigged(database, keys, smtp, notifier_command_seconds=60, notifier_lease_seconds=600) as rig:
        await file_many(rig, 1)
        rig.start()
        await until(lambda: smtp.hanging == 1)
        await rig.stop()
        assert await rig.states() == [("acknowledgement", "pending")]
        smtp.always = None
        rig.start()
        await smtp.until(1)
        await rig.settled(1)
        assert await rig.states() == [("acknowledgement", "sent")]
        assert [type(event) for event in await rig.said()] == [notices.NoticeSent], "nothing unknown"
