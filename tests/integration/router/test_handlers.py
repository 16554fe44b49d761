"""Events in: every complaint gets one owner, whatever comes twice or in whatever order (I2, I5, I6)."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from shared.events.envelope import Event
from shared.events.ids import new_id
from shared.events.topics import TOPIC_OF
from tests.integration.router.conftest import Running
from tests.integration.router.stories import Told
from tests.integration.router.test_api import do, see

STATE = """
SELECT department, state, epoch, stage, closed_how, attention, escalated_to, undelivered, clocks, due_kind, clock_version,
       (SELECT body FROM case_text x WHERE x.complaint_id = c.complaint_id) AS body,
       (SELECT count(*) FROM case_event e WHERE e.complaint_id = c.complaint_id AND e.what NOT IN ('assigned', 'closed'))
       AS lines,
       (SELECT count(*) FROM early_event) AS held
FROM cases c WHERE complaint_id = $1
"""


async def state(running: Running, told: Told) -> dict[str, Any]:
    return (await running.rows(STATE, told.complaint_id))[0]


def kinds(events: list[Event]) -> list[str]:
    return [event.kind.removesuffix(".v1") for event in events]


async def test_a_complaint_gets_one_owner_with_the_reason(running: Running) -> None:
    told = Told(await running.person())
    await running.feed(told.submitted)
    (assigned,) = await running.sent()
    assert assigned.kind == "complaint.assigned.v1"
    assert assigned.department == "delivery"
    assert assigned.epoch == assigned.version == 1
    assert assigned.cause.id == str(told.submitted.event_id)
    assert assigned.why.zh
    assert "+" in assigned.policy_version
    row = (await running.rows("SELECT * FROM cases JOIN case_text USING (complaint_id)"))[0]
    assert (row["department"], row["state"], row["name"]) == ("delivery", "assigned", "王小明")
    assert row["reference"] == told.reference


async def test_an_unclear_one_goes_to_the_triage_desk(running: Running) -> None:
    told = Told(await running.person(), "嗯")
    await running.feed(told.submitted.model_copy(update={"title": None}))
    (assigned,) = await running.sent()
    assert (assigned.department, assigned.rule) == ("triage", "no-rule")
    assert (await state(running, told))["state"] == "triage"


async def test_a_pack_that_is_not_loaded_here_still_gets_an_owner(running: Running) -> None:
    told = Told(await running.person(), pack="from-the-future")
    await running.feed(told.submitted)
    assert (await running.sent())[0].department == "delivery"


async def test_five_hundred_in_a_batch_with_copies_all_get_one_owner(running: Running) -> None:
    person = await running.person()
    stories = [Told(person, f"退款没有到账，第 {n} 次催了") for n in range(500)]
    batch = [told.submitted for told in stories] * 2
    random.Random(7).shuffle(batch)
    await running.feed(*batch)
    await running.feed(*batch[:100])
    assigned = await running.sent()
    assert len(assigned) == 500
    assert {event.complaint_id for event in assigned} == {told.complaint_id for told in stories}
    assert (await running.rows("SELECT count(*) AS n, count(DISTINCT reference) AS r FROM cases")) == [
        {"n": 500, "r": 500}
    ]


async def test_customer_words_and_clocks_reach_the_case(running: Running) -> None:
    told = Told(await running.person())
    await running.feed(told.submitted, told.started(), told.amended("更正：是两个包裹"), told.added("门口没人"))
    await running.feed(told.warned("owner"), told.escalated("owner"), told.failed(), told.rated(2))
    found = await state(running, told)
    assert found["attention"]
    assert found["escalated_to"] == "lead"
    assert found["undelivered"] == "assignment"
    assert found["body"].endswith("更正：是两个包裹")
    assert set(found["clocks"]) == {"journey", "owner", "first_response", "silence"}
    assert found["clocks"]["owner"]["warned"]
    lines = await running.rows("SELECT what, body FROM case_event WHERE complaint_id = $1", told.complaint_id)
    assert {line["what"] for line in lines} == {
        "assigned", "amended", "customer_added", "warned", "escalated", "notice_failed", "feedback",
    }  # fmt: skip


async def test_only_the_same_persons_complaint_of_the_same_pack_is_told_before(running: Running) -> None:
    """G3: a stranger's reference, another pack's, or one that does not exist gave 30 points."""
    person, stranger = await running.person(), await running.person()
    first, theirs, bank = Told(person), Told(stranger), Told(person, pack="bank")
    await running.feed(first.submitted, theirs.submitted, bank.submitted)
    await running.feed(first.withdrawn())
    named = {"mine": first, "theirs": theirs, "of the bank": bank}
    again = {name: Told(person, repeat_of=one.reference) for name, one in named.items()}
    again["nobody's"] = Told(person, repeat_of="R-2222-2222")
    again["at once"] = Told(person, repeat_of=again["mine"].reference)
    await running.feed(*(told.submitted for told in again.values()))
    rows = await running.rows("SELECT complaint_id, reasons -> 'priority' AS why FROM case_text")
    why = {row["complaint_id"]: [reason["code"] for reason in row["why"]] for row in rows}
    counted = {name for name, told in again.items() if "told-before" in why[told.complaint_id]}
    assert counted == {"mine", "at once"}


async def test_an_undelivered_message_stays_in_sight_until_somebody_spoke_with_the_customer(running: Running) -> None:
    """C5: any command of staff took the mark away, and a suppressed mailbox never set it."""
    told = Told(await running.person())
    await running.feed(told.submitted, told.suppressed("superseded"), told.suppressed("no_consent"))
    assert (await state(running, told))["undelivered"] is None
    await running.feed(told.suppressed("bad_mailbox"))
    assert (await state(running, told))["undelivered"] == "progress"
    await do(running, "li.delivery", told, "accept")
    await do(running, "li.delivery", told, "progress", text="已联系仓库")
    assert (await state(running, told))["undelivered"] == "progress"
    await do(running, "li.delivery", told, "note", text="打过电话，客户知道了")
    assert (await state(running, told))["undelivered"] is None
    await running.feed(told.failed())
    assert (await state(running, told))["undelivered"] == "assignment"
    await running.feed(told.added("我换了邮箱"))
    assert (await state(running, told))["undelivered"] is None


async def test_a_question_or_resolution_nobody_was_told_stays_to_be_rung_until_it_is_recorded(running: Running) -> None:
    """C4: the desk's mark went with the closing that a silence nobody heard had caused."""
    told = Told(await running.person())
    await running.feed(told.submitted)
    await do(running, "li.delivery", told, "accept")
    asked = await do(running, "li.delivery", told, "ask", question="单号是多少？")
    question = asked["question_id"]
    await running.feed(told.suppressed("no_contact", "question", new_id()))
    assert (await state(running, told))["undelivered"] is None, "of an earlier question"
    for news in (
        told.suppressed("no_contact", "question", question),
        told.suppressed("no_consent", "question", question),
        told.suppressed("switched_off", "question", question),
        told.failed("question", question),
        told.unknown("question", question, again=False),
    ):
        await running.feed(news)
        assert (await state(running, told))["undelivered"] == "question"
        await do(running, "li.delivery", told, "note", text="打过电话，没有人接")
        assert (await state(running, told))["undelivered"] == "question"
        await do(running, "li.delivery", told, "record/told", text="11 月 28 日 14:05，客户本人")
        assert (await state(running, told))["undelivered"] is None
    await running.feed(told.unknown("question", question, again=True))
    assert (await state(running, told))["undelivered"] is None, "it is sent once more"
    await do(running, "li.delivery", told, "record/answer", answer="SF123")
    proposed = await do(running, "li.delivery", told, "resolve", text="已退款")
    await running.feed(told.failed("resolution", proposed["resolution_id"]))
    found = await see(running, "li.delivery", told)
    assert (found["undelivered"], found["state"]) == ("resolution", "resolution_proposed")
    assert "record/told" in found["actions"]


async def test_not_settled_after_a_withdrawal_opens_the_case_again(running: Running) -> None:
    """C7: the customer's page said that we look at it again, and nobody did."""
    told = Told(await running.person())
    await running.feed(told.submitted, told.withdrawn())
    assert (await state(running, told))["state"] == "closed"
    await running.feed(told.disputed("在撤回之前说的"))
    assert (await state(running, told))["state"] == "closed", "taken back after that"
    await running.feed(told.disputed("问题又出现了", datetime.now(UTC)))
    found = await state(running, told)
    assert (found["state"] != "closed", found["stage"], found["closed_how"]) == (True, 2, None)


async def test_clocks_of_new_and_old_cases_come_in_one_batch(running: Running) -> None:
    old, new = Told(await running.person()), Told(await running.person())
    await running.feed(old.submitted)
    await running.feed(new.submitted, old.started(), new.started())
    for told in (old, new):
        found = await state(running, told)
        assert (found["clock_version"], found["due_kind"]) == (1, "first_response")
        assert set(found["clocks"]) == {"journey", "owner", "first_response", "silence"}


async def test_a_withdrawn_complaint_closes(running: Running) -> None:
    told = Told(await running.person())
    await running.feed(told.submitted, told.withdrawn())
    assert kinds(await running.sent()) == ["complaint.assigned", "complaint.closed"]
    assert (await state(running, told))["closed_how"] == "withdrawn"


async def test_any_order_that_keeps_each_topic_in_order_ends_the_same(running: Running) -> None:
    """All that can come without a step of staff, in random order across topics, in random batches, with copies."""
    seen: set[str] = set()
    for seed in range(25):
        draw = random.Random(seed)
        told = Told(await running.person())
        events = [
            told.submitted, told.amended("补充"), told.started(), told.paused(), told.warned("silence"),
            told.breached("owner"), told.escalated("owner"), told.added(), told.failed(), told.confirmed(),
            told.disputed(), told.rated(),
        ]  # fmt: skip
        if seed % 2:
            events.append(told.withdrawn())
        for batch in batches(events, draw):
            await running.feed(*batch)
        found = await state(running, told)
        found["clocks"] = {k: {**clock, "started_at": "", "due_at": ""} for k, clock in sorted(found["clocks"].items())}
        seen.add(str(sorted(found.items())))
        assert await running.rows("SELECT 1 FROM early_event") == []
    assert len(seen) == 2, "\n".join(sorted(seen))


def batches(events: list[Event], draw: random.Random) -> list[list[Event]]:
    queues: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        queues[TOPIC_OF[type(event)].name].append(event)
    order: list[Event] = []
    while any(queues.values()):
        queue = queues[draw.choice([name for name, queue in queues.items() if queue])]
        order.append(queue.pop(0))
    cut = sorted(draw.sample(range(1, len(order)), draw.randint(0, 5)))
    made = [order[start:end] for start, end in zip([0, *cut], [*cut, len(order)], strict=True)]
    for batch in list(made):
        if draw.random() < 0.4:
            made.insert(made.index(batch) + 1, [draw.choice(batch)])
    return made


async def test_an_event_held_by_a_race_of_two_routers_is_applied_later(running: Running) -> None:
    told = Told(await running.person())
    await running.feed(told.started())
    assert len(await running.rows("SELECT 1 FROM early_event")) == 1
    # Another copy of the router stores the complaint without seeing the held event.
    held = await running.rows("DELETE FROM early_event RETURNING *")
    await running.feed(told.submitted)
    await running.service.database.execute(
        "INSERT INTO early_event SELECT * FROM jsonb_populate_record(NULL::early_event, $1)",
        {name: str(value) for name, value in held[0].items()},
    )
    from services.router.duties import Duties

    handler = running.service.consumer._handle.__self__  # type: ignore[union-attr]
    await Duties(running.service.database, running.service.transaction, handler).catch_up()
    assert (await state(running, told))["due_kind"] is not None
    assert await running.rows("SELECT 1 FROM early_event") == []


async def test_erasure_blanks_everything_clear_and_the_case_lives_on(running: Running) -> None:
    told = Told(await running.person(), "我叫王小明，快递没到")
    await running.feed(told.submitted, told.amended("王小明补充"))
    await running.index()
    running.database.execute("SELECT vault.shred($1)", [told.person.person_id])
    await running.feed(told.erased())
    dump = str(await running.rows("SELECT * FROM cases JOIN case_text USING (complaint_id)"))
    dump += str(await running.rows("SELECT * FROM case_event"))
    assert "王小明" not in dump
    assert "小明" not in dump
    assert "13800138000" not in dump
    await running.feed(told.added("王小明又说"), told.withdrawn())
    assert (await state(running, told))["closed_how"] == "withdrawn"
    assert "又说" not in str(await running.rows("SELECT * FROM case_event"))


async def test_a_complaint_of_an_erased_person_still_gets_an_owner(running: Running) -> None:
    told = Told(await running.person())
    running.database.execute("SELECT vault.shred($1)", [told.person.person_id])
    await running.feed(told.submitted)
    assert (await running.sent())[0].department == "triage"


async def test_nothing_of_the_customer_is_clear_in_what_is_sent_or_held(running: Running) -> None:
    told = Told(await running.person(), "我叫王小明，快递没到")
    await running.feed(told.added("王小明"), told.submitted, told.disputed("王小明不满意"))
    sent = str(await running.rows("SELECT convert_from(payload, 'UTF8') AS p FROM outbox"))
    held = str(await running.rows("SELECT * FROM early_event"))
    assert "小明" not in sent + held
