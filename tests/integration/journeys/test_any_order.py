"""Any order of customers' words, staff's commands, deliveries, timers and outages: no word is ignored, no case is closed
unheard, no promise is broken that was kept or moved, no mail tells a date that has passed (trial C1 to C4; the proof of
issue 8).

The same twelve orders are played each time; `make journeys EXAMPLES=300 SEED=7` (or `REDRESS_EXAMPLES`, `--hypothesis-seed`)
plays more and others.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.envelope import Event
from tests.integration.journeys.world import MAIL, Told, World, a_world, said
from tests.support.stack import Database, Servers

STAFF: dict[str, dict[str, Any]] = {
    "accept": {},
    "ask": {"question": "单号是多少？"},
    "resolve": {"text": "已退款"},
    "progress": {"text": "在查", "keeps_promise": True},
    "record/told": {"text": "打过电话，本人接听"},
    "record/answer": {"answer": "SF123"},
}
SERVICES = ("router", "sla", "notifier")
EXAMPLES = int(os.environ.get("REDRESS_EXAMPLES", "12"))
steps = st.one_of(
    st.tuples(st.just("staff"), st.sampled_from(sorted(STAFF))),
    st.tuples(st.just("promise"), st.sampled_from((1, 3, 20))),
    st.tuples(st.just("customer"), st.sampled_from(("confirm", "dispute", "reply", "add", "confirm", "reply"))),
    st.tuples(st.just("mail"), st.sampled_from(sorted(MAIL))),
    st.tuples(st.sampled_from(("away", "back", "back")), st.sampled_from(SERVICES)),
    st.tuples(st.just("time"), st.sampled_from((1, 30, 24 * 3, 24 * 6, 24 * 9))),
    st.tuples(st.just("settle"), st.none()),
    st.tuples(st.just("fire"), st.none()),
    st.tuples(st.just("read"), st.sampled_from(SERVICES)),
)
Play = list[tuple[str, Any]]
BEGUN: Play = [("settle", None), ("staff", "accept"), ("settle", None)]


async def play(world: World, acts: Sequence[tuple[str, Any]]) -> list[Event]:
    """Play it, let everybody come back and everything run out, and check what was promised."""
    told = await world.filed()
    for act, what in acts:
        await world.pass_time(timedelta(minutes=1))
        if act == "staff":
            await world.staff(told, what, **STAFF[what])
        elif act == "promise":
            due = (world.now + timedelta(days=what)).isoformat()
            await world.staff(told, "promise", due_at=due, text="到时候告诉您")
        elif act == "customer":
            await world.customer(told, what)
        elif act == "mail":
            world.smtp.always = MAIL[what]
        elif act == "away":
            world.away.add(what)
        elif act == "back":
            world.away.discard(what)
        elif act == "time":
            await world.pass_time(timedelta(hours=what))
        elif act == "settle":
            await world.settle()
        elif act == "fire":
            await world.fire()
        elif act == "read":
            for topic in ("complaints.intake", "complaints.routing", "complaints.sla", "complaints.notices"):
                if topic in world.services[what].consumer.reads:  # type: ignore[union-attr]
                    await world.read(what, topic, 2)
    world.away.clear()
    world.smtp.always = None
    for _ in range(5):
        await world.settle()
        await world.pass_time(timedelta(days=8))
    await world.settle()
    await check(world, told)
    return world.of(told.complaint_id)


async def check(world: World, told: Told) -> None:
    _check_dates(world, told)
    events, lines = world.of(told.complaint_id), await world.lines(told)
    words = [e for kind in WORDS for e in said(events, kind)]
    assert {e.event_id for e in words} <= lines.keys(), "a word was ignored"
    telling = {e.about: e.sent_at for e in reversed(said(events, "notice.sent"))}
    telling |= {str(e.tells_event_id): e.occurred_at for e in said(events, "progress.reported") if e.tells_event_id}
    for fired in said(events, "deadline.breached"):
        assert fired.due_at <= fired.fired_at
        if fired.clock in ("answer", "confirmation"):
            about = fired.subject_event_id
            assert str(about) in telling, f"{fired.clock} ran out unheard"
            assert telling[str(about)] + timedelta(days=2) < fired.fired_at
            heard = [e for e in words if about in (_about(e),) and e.occurred_at < fired.due_at]
            assert not heard, f"{fired.clock} ran out although the customer had spoken"
        elif fired.clock == "promise":
            _check_promise(events, fired)
    resolutions = said(events, "resolution.proposed")
    for closed in said(events, "complaint.closed"):
        if closed.how == "no_answer":
            last = [e for e in resolutions if e.occurred_at <= closed.occurred_at][-1]
            assert str(last.event_id) in telling, "closed unheard"
            before = [e for e in words if _about(e) == last.event_id and e.occurred_at < closed.occurred_at]
            assert not before, "closed as silent although the customer had spoken"
    for confirmed in said(events, "complaint.confirmed"):
        assert said(events, "complaint.closed"), confirmed


def _check_dates(world: World, told: Told) -> None:
    """What a mail gives as a date to come is still to come when the mail is taken."""
    world.note_letters()
    letters = [(at, text) for at, recipient, text in world.letters if recipient == told.email]
    dates = [(at, _instant(*map(int, found.groups()))) for at, text in letters for found in DATE.finditer(text)]
    assert dates or not letters, "no date was looked at"
    for at, due in dates:
        assert due > at, f"{due} was told at {at} as a date to come"


def _instant(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    """A day ends at 24:00."""
    return datetime(year, month, day, tzinfo=ZONE) + timedelta(hours=hour, minutes=minute)


def _check_promise(events: list[Event], fired: Any) -> None:
    """It was not kept, moved or needless before its date. Dates that delay notices gave are sla's own."""
    promises = [e for e in events if e.kind in ("promise.made.v1", "promise.renewed.v1")]
    broken = [e for e in promises if e.due_at == fired.deadline_at]  # type: ignore[attr-defined]
    if not broken:
        return
    one: Any = broken[-1]
    later = [
        e
        for e in events
        if e.occurred_at < fired.due_at
        and e.occurred_at > one.occurred_at
        and (
            (
                e.kind in ("promise.renewed.v1", "progress.reported.v1")
                and getattr(e, "promise_id", None) == one.promise_id
            )
            or e.kind in ("resolution.proposed.v1", "complaint.closed.v1")
        )
    ]
    assert not later, f"broken although {[e.kind for e in later]}"


#: As mails give dates to come: the answer, the customer's own word, a promise.
DATE = re.compile(r"(?:答复期限|请您回复的期限|承诺期限): (\d+)年(\d+)月(\d+)日 周. (\d+):(\d+)（UTC\+8）")
ZONE = ZoneInfo("Asia/Shanghai")
_END = ("complaint.closed", "customer.answered")
WORDS = ("complaint.confirmed", "complaint.disputed", "customer.replied", "customer.added")


def _about(word: Any) -> Any:
    return getattr(word, "resolution_event_id", None) or getattr(word, "question_event_id", None)


@pytest.fixture(scope="module")
def database(servers: Servers) -> Any:
    made = servers.create_database("router", "sla", "notifier")
    yield made
    servers.drop_database(made)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "master.key").write_bytes(b"m" * 32)
    (folder / "session.key").write_bytes(b"s" * 32)
    return folder


@pytest.fixture(scope="module")
def plays(database: Database, keys: Path, web_assets: Path) -> Any:
    """Plays on one world; it is built once."""
    with asyncio.Runner() as runner:
        stack = a_world(database, keys, web_assets)
        world = runner.run(stack.__aenter__())
        yield lambda acts: runner.run(play(world, acts))
        runner.run(stack.__aexit__(None, None, None))


RESOLVED: Play = [*BEGUN, ("staff", "resolve")]
ASKED: Play = [*BEGUN, ("staff", "ask")]
STORIES: dict[str, Play] = {
    "confirmed in time while the router is away": [
        *RESOLVED, ("settle", None), ("time", 72), ("away", "router"), ("customer", "confirm"), ("time", 24 * 9), ("settle", None),
    ],
    "replied in time while the router is away": [
        *ASKED, ("settle", None), ("time", 72), ("away", "router"), ("customer", "reply"), ("time", 24 * 9), ("settle", None),
    ],
    "a resolution that reached nobody": [
        *BEGUN, ("mail", "no such mailbox"), ("staff", "resolve"), ("settle", None), ("time", 24 * 9), ("settle", None),
    ],
    "a question that reached nobody, then a call": [
        *BEGUN, ("mail", "no such mailbox"), ("staff", "ask"), ("settle", None), ("time", 30), ("staff", "record/told"),
        ("settle", None), ("time", 24 * 9), ("settle", None),
    ],
    "answered and asked again while sla is away": [
        *ASKED, ("settle", None), ("time", 72), ("away", "sla"), ("customer", "reply"), ("settle", None), ("time", 24 * 6),
        ("staff", "ask"), ("settle", None), ("back", "sla"), ("fire", None), ("settle", None),
    ],
}  # fmt: skip


ENDS: dict[str, list[Any]] = {
    "confirmed in time while the router is away": ["confirmed"],
    "replied in time while the router is away": [True],
    "a resolution that reached nobody": [],
    "a question that reached nobody, then a call": [False],
    "answered and asked again while sla is away": [True, False],
}


@pytest.mark.parametrize("story", sorted(STORIES))
def test_a_story(plays: Any, story: str) -> None:
    events = plays(STORIES[story])
    ends = [getattr(e, "how", getattr(e, "answered", None)) for e in events if e.kind.startswith(_END)]
    assert ends == ENDS[story]


@pytest.mark.timeout(120 + 8 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    derandomize="REDRESS_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=st.lists(steps, max_size=14))
def test_any_order(plays: Any, acts: Play) -> None:
    plays([*BEGUN, *acts])
