"""Somebody can write to Kafka: nothing they write moves a case, and everything they wrote is kept to be looked at (D5)."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events.envelope import Cause, Event
from shared.events.ids import new_id
from shared.events.intake import PersonErased
from shared.events.notices import ComplaintConfirmed
from shared.events.topics import INTAKE, NOTICES, Topic
from shared.runtime.event_keys import EventKey, signed
from shared.runtime.kafka import cloud_event_headers, make_producer, stop_producer
from tests.support.audited import violations
from tests.support.world import World, wait_for

pytestmark = pytest.mark.timeout(240)


async def _write(world: World, topic: Topic, event: Event, key: EventKey | None) -> None:
    record_key, value = str(event.complaint_id).encode(), event.model_dump_json().encode()
    headers = cloud_event_headers(f"/{topic.writer}", event.event_id, event.kind, record_key, event.occurred_at, None)
    if key is not None:
        headers = signed(key, topic.name, record_key, headers, value)
    producer = make_producer(world.broker.bootstrap, "intruder")
    await producer.start()
    try:
        await producer.send_and_wait(topic.name, key=record_key, value=value, headers=headers)
    finally:
        await stop_producer(producer)


def _letters(world: World, event: Event) -> list[tuple[str, str]]:
    listed = json.loads(world.operator("dead-letters", "list", "--json"))
    shown = [json.loads(world.operator("dead-letters", "show", one["address"], "--json")) for one in listed]
    return sorted((one["consumer"], one["reason"]) for one in shown if str(event.event_id) in str(one["headers"]))


def _common(case: Any, told: Any) -> dict[str, Any]:
    return {
        "event_id": new_id(),
        "complaint_id": told["complaint_id"],
        "reference": told["reference"],
        "occurred_at": datetime.now(UTC),
        "version": 50,
        "cause": Cause(kind="request", id=str(uuid.uuid4()), actor="customer"),
    }


def test_keys_are_rotated_while_complaints_are_filed(redress: World) -> None:
    references = []
    for writer in ("intake", "router", "sla", "notifier"):
        references.append(redress.file("The parcel is late, nobody answers.", category="delivery").json()["reference"])
        assert f"{writer} signs by event key" in redress.operator("keys", "rotate-events", writer)
        references.append(redress.file("The parcel is late, nobody answers.", category="delivery").json()["reference"])
    for reference in references:
        redress.case_when(reference, lambda c: c["clocks"], "has an owner and clocks")
    listed = json.loads(redress.operator("keys", "list", "--json"))
    assert listed["signatures_required"] is True
    assert sorted(k["writer"] for k in listed["event_keys"] if k["state"] == "signs") == [
        "intake", "notifier", "router", "sla",
    ]  # fmt: skip
    assert len(listed["event_keys"]) == 8
    assert not violations(redress)


def test_forged_events_close_no_case_and_delete_nothing(redress: World) -> None:
    to = f"{uuid.uuid4().hex[:8]}@example.com"
    told = redress.file(
        "The parcel never came and the courier does not answer.", category="delivery",
        customer={"name": "Jane Roe", "email": to},
    ).json()  # fmt: skip
    reference = told["reference"]
    redress.case_when(reference, lambda c: c["department"] == "delivery", "has an owner")
    redress.act("delivery-handler", reference, "accept").raise_for_status()
    redress.act("delivery-handler", reference, "resolve", text="It is delivered today.").raise_for_status()
    case = redress.case_when(reference, lambda c: c["state"] == "resolution_proposed", "proposed")
    person = redress.database.fetch(
        f"SELECT person_id FROM router.cases WHERE complaint_id = '{told['complaint_id']}'"
    )[0][0]
    stranger = EventKey.of("notifier", b"x" * 32, signs=True)
    confirmed = ComplaintConfirmed(**_common(case, told))
    unsigned = ComplaintConfirmed(**_common(case, told))
    erased = PersonErased(**_common(case, told), person_id=person)
    from deploy.keys.event_keys import read_all

    keys = read_all(redress.home / "keys" / "events")
    assert keys is not None
    asyncio.run(_write(redress, NOTICES, confirmed, stranger))
    asyncio.run(_write(redress, NOTICES, unsigned, None))
    asyncio.run(_write(redress, INTAKE, erased, keys.own("notifier")))
    wait_for(
        lambda: _letters(redress, confirmed) == [("router", "forged"), ("sla", "forged")], "the forged word is refused"
    )
    wait_for(
        lambda: _letters(redress, unsigned) == [("router", "unsigned"), ("sla", "unsigned")],
        "the unsigned word is refused",
    )
    wait_for(lambda: _letters(redress, erased) == [("notifier", "forged"), ("router", "forged")], "nobody is erased")
    now = redress.case(reference, "delivery-handler")
    assert now["state"] == "resolution_proposed"
    assert "courier" in json.dumps(now), "the text can still be read"
    redress.mail_when(to, lambda m: "delivered today" in m["text"], "the answer reaches the customer all the same")
    assert not violations(redress)
    audit = json.loads(redress.operator("audit", "--json", "--wait", "30"))
    assert any("records on complaints.notices are forged" in note for note in audit["notes"]), audit["notes"]
    assert any("records on complaints.notices are unsigned" in note for note in audit["notes"])


def test_an_operator_can_let_an_unsigned_event_through_only_by_answering_for_it(redress: World) -> None:
    told = redress.file("The parcel is late again, nobody answers.", category="delivery").json()
    reference = told["reference"]
    redress.case_when(reference, lambda c: c["department"] == "delivery", "has an owner")
    redress.act("delivery-handler", reference, "accept").raise_for_status()
    redress.act("delivery-handler", reference, "resolve", text="Delivered.").raise_for_status()
    case = redress.case_when(reference, lambda c: c["state"] == "resolution_proposed", "proposed")
    word = ComplaintConfirmed(**_common(case, told))
    asyncio.run(_write(redress, NOTICES, word, None))
    wait_for(lambda: _letters(redress, word) == [("router", "unsigned"), ("sla", "unsigned")], "it is refused")
    refused = redress.operator("dead-letters", "replay", "--reason", "unsigned")
    assert "--sign signs it for its writer" in refused and "0 of" in refused
    assert redress.case(reference)["state"] == "resolution_proposed"
    listed = json.loads(redress.operator("dead-letters", "list", "--json", "--reason", "unsigned"))
    address = listed[0]["address"]
    assert "1 of 1 sent" in redress.operator("dead-letters", "replay", address, "--sign")
    redress.case_when(reference, lambda c: c["state"] == "closed", "closed by the word that was let through")
