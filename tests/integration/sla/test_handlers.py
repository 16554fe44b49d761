"""Events in, clocks out: whatever comes twice, late or in another order (I3, I5, I6)."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from shared.events.envelope import Event
from shared.events.ids import new_id
from shared.events.topics import TOPIC_OF
from tests.integration.sla.conftest import MONDAY, Running, after, told
from tests.unit.sla.story import Story
from tests.unit.sla.test_clocks import STEPS, VISIT

STATE = """
SELECT facts, phase, department, epoch, stage, received_at, closed_at, rules_version, due_at, due_clock,
       next_clock, next_epoch, next_level, next_at,
       (SELECT jsonb_agg(c ORDER BY c->>'kind', c->>'epoch') FROM json_array_elements(clocks) AS c) AS clocks,
       (SELECT jsonb_agg(to_jsonb(l) - 'complaint_id' ORDER BY line) FROM ledger l WHERE l.complaint_id = j.complaint_id) AS ledger
FROM journey j WHERE complaint_id = $1
"""


async def state(running: Running, story: Story) -> dict[str, Any]:
    return (await running.rows(STATE, story.complaint_id))[0]


async def test_an_assignment_starts_the_clocks_of_the_packs_policy(running: Running) -> None:
    story = told()
    story.assigned(after(minutes=1))
    await running.feed(*story.events)
    (started,) = await running.sent()
    assert started.kind == "clock.started.v1"
    assert {c.kind: c.due_at for c in started.clocks} == {
        "journey": after(days=9, hours=9),  # the seventh working day, a Wednesday, at 18:00
        "owner": after(days=7, hours=9),
        "first_response": after(hours=5, minutes=30),  # four working hours, over lunch
        "silence": after(days=1, hours=9),
    }
    assert (await running.clocks(story))["owner"]["state"] == "running"
    (timer,) = await running.rows("SELECT * FROM timer")
    assert (timer["kind"], timer["level"], timer["due_at"]) == ("first_response", "warn_50", after(hours=2))


async def test_the_rules_a_complaint_was_promised_are_kept_and_used_again(running: Running) -> None:
    story = told()
    story.assigned()
    await running.feed(*story.events)
    (kept,) = await running.rows("SELECT pack, version FROM rules")
    assert await running.rows("SELECT 1 FROM journey WHERE rules_version = $1", kept["version"])
    assert await running.tick(after(hours=2)) == 1  # by a ticker that has to fetch them


async def test_a_pack_that_is_not_loaded_here_still_gives_dates(running: Running) -> None:
    story = told(pack="from-the-future")
    story.assigned(to="delivery")
    await running.feed(*story.events)
    assert (await running.clocks(story))["journey"]["due_at"] is not None
    assert (await running.rows("SELECT pack, rules_pack FROM journey"))[0] == {
        "pack": "from-the-future",
        "rules_pack": "retail",
    }


async def test_a_notice_before_the_assignment_waits_for_it(running: Running) -> None:
    story = told()
    story.heard(after(hours=1))
    story.assigned(after(hours=2))
    await running.feed(story.events[0])
    assert await running.sent() == []
    await running.feed(story.events[1])
    assert (await running.clocks(story))["silence"]["started_at"] == after(hours=1)


async def test_every_order_and_repetition_ends_in_one_state(running: Running) -> None:
    """I5, I6: differential: straight through in one batch, against shuffled, repeated and cut into batches."""
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    for _ in range(25):
        story = told()
        story.assigned(after(minutes=1))
        for number in range(chance.randrange(8)):
            STEPS[chance.choice(sorted(STEPS))](story, after(hours=3 * (number + 1)))
        await running.feed(*story.events)
        expected = await state(running, story)
        again = _twin(story)
        deliveries = [event for event in again for _ in range(chance.choice((1, 1, 2, 3)))]
        chance.shuffle(deliveries)
        while deliveries:
            size = chance.randrange(1, 5)
            await running.feed(*deliveries[:size])
            del deliveries[:size]
        (other,) = await running.rows(STATE, again[0].complaint_id)
        for one in (other, expected):
            one["facts"] = [_without_its_event(fact) for fact in one["facts"]]
        assert {key: (other[key], expected[key]) for key in expected if other[key] != expected[key]} == {}, seed


_ABOUT = ("question_event_id", "resolution_event_id", "tells_event_id")


def _without_its_event(fact: dict[str, Any]) -> dict[str, Any]:
    """Questions, resolutions and what is about them name their event, which is another one in the twin."""
    named = fact["kind"] in ("asked", "resolved", "heard", "contact")
    return {name: value for name, value in fact.items() if not named or name not in ("subject", "tells")}


async def test_what_is_told_in_order_is_legal_step_by_step(running: Running) -> None:
    story = told()
    story.assigned(after(minutes=1))
    story.progress(after(hours=1))
    story.promised(after(hours=2), after(days=2), VISIT)
    story.asked(after(hours=3))
    story.told(after(hours=3, minutes=1))
    story.answered(after(hours=5))
    story.resolved(after(hours=6))
    story.closed(after(days=1))
    for event in story.events:
        await running.feed(event)
    sent = await running.sent()
    assert [event.version for event in sent] == list(range(1, len(sent) + 1))
    assert [event.cause.kind for event in sent] == ["event"] * len(sent)
    rows = await running.rows("SELECT kind, state, outcome FROM clock")
    assert {row["state"] for row in rows} == {"stopped"}
    assert {row["outcome"] for row in rows} == {"met"}


async def test_closing_writes_a_ledger_that_sums_to_the_journey_and_reopening_takes_it_back(running: Running) -> None:
    story = told()
    story.assigned(after(minutes=1))
    story.resolved(after(days=2))
    story.told(after(days=2))
    story.closed(after(days=3))
    await running.feed(*story.events)
    (total,) = await running.rows("SELECT sum(until - since) AS whole, min(since) AS since FROM ledger")
    assert (total["since"], total["since"] + total["whole"]) == (MONDAY, after(days=3))
    count = len(story.events)
    story.reopened(after(days=4), to="complaints-office")
    await running.feed(*story.events[count:])
    assert await running.rows("SELECT 1 FROM ledger") == []
    assert (await running.rows("SELECT closed_seen_at FROM journey"))[0]["closed_seen_at"] is None
    count = len(story.events)
    story.closed(after(days=5))
    await running.feed(*story.events[count:])
    parties = [row["party"] for row in await running.rows("SELECT party FROM ledger ORDER BY line")]
    assert parties == ["ourselves", "owner", "confirmation", "settled", "owner"]


async def test_a_thousand_complaints_in_one_batch_are_one_row_each(running: Running) -> None:
    stories = [told() for _ in range(1_000)]
    events = [story.assigned(after(minutes=1)) for story in stories]
    await running.feed(*events)
    (count,) = await running.rows("SELECT count(*) AS n, sum(json_array_length(clocks)) AS clocks FROM journey")
    assert (count["n"], count["clocks"]) == (1_000, 4_000)


async def test_two_processes_that_meet_a_complaint_at_the_same_moment_agree(running: Running) -> None:
    stories = [told() for _ in range(60)]
    heard = [story.heard(after(hours=1)) for story in stories]
    assigned = [story.assigned(after(minutes=1)) for story in stories]
    await asyncio.gather(running.feed(*heard), running.feed(*assigned))
    rows = await running.rows("SELECT started_at, epoch FROM clock WHERE kind = 'silence'")
    assert len(rows) == len(stories)
    assert {(row["started_at"], row["epoch"]) for row in rows} == {(after(hours=1), 2)}


async def test_an_assignment_told_twice_is_folded_into_what_is_there(running: Running) -> None:
    """A complaint that begins is inserted without a look; one that has a row after all loses nothing by it."""
    known, new = told(), told()
    known.assigned(after(minutes=1))
    known.progress(after(hours=1))
    await running.feed(*known.events)
    before, said = await state(running, known), await running.sent()
    again = known.events[0].model_copy(update={"event_id": new_id()})
    await running.feed(new.assigned(after(minutes=2)), again, known.promised(after(hours=2), after(days=2), VISIT))
    after_it = await state(running, known)
    assert len(after_it["facts"]) == 3
    assert after_it["clocks"] != before["clocks"]
    kinds = [event.kind for event in (await running.sent())[len(said) :]]
    assert kinds == ["clock.started.v1", "clock.started.v1"]  # the new complaint's, and the promise's
    assert [event.version for event in await running.sent(known.complaint_id)] == [1, 2, 3]


async def test_a_reference_given_twice_by_mistake_keeps_neither_complaint_from_its_clocks(running: Running) -> None:
    first = told()
    second = told(reference=first.reference)
    await running.feed(first.assigned(), second.assigned())
    assert len(await running.rows("SELECT 1 FROM clock WHERE kind = 'journey'")) == 2


async def test_the_acknowledgement_right_after_receipt_writes_nothing(running: Running) -> None:
    story = told()
    await running.feed(story.assigned(after(seconds=1)))
    before = await running.rows("SELECT xmin::text, xmax::text FROM journey")
    await running.feed(story.heard(after(seconds=3)))
    assert await running.rows("SELECT xmin::text, xmax::text FROM journey") == before
    assert len(await running.sent()) == 1


def _twin(story: Story) -> list[Event]:
    """The same events about another complaint; only the order across topics may be kept or not."""
    other = told()
    same = {"complaint_id": other.complaint_id, "reference": other.reference}
    ids = {event.event_id: new_id() for event in story.events}
    twins = []
    for event in story.events:
        about = {name: ids.get(getattr(event, name, None)) for name in _ABOUT if getattr(event, name, None) in ids}
        if (notice := getattr(event, "about", None)) is not None:
            about["about"] = next((str(new) for old, new in ids.items() if str(old) == notice), notice)
        twins.append(event.model_copy(update={**same, **about, "event_id": ids[event.event_id]}))
    assert {TOPIC_OF[type(event)].name for event in twins} <= {"complaints.routing", "complaints.notices"}
    return twins
