"""Filing once: by meaning, for as long as a complaint may be late, with no private link in clear (trial B3, B4, F3)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import TypeAdapter

from services.intake.domain.complaint import Complaint
from services.intake.domain.receipt import CLOCK_SKEW, OLDEST
from services.intake.handlers.sealing import seal_links
from shared.runtime.kept import TABLES, kept_by
from shared.runtime.pruning import Pruner
from tests.integration.intake.conftest import BODY, Running
from tests.integration.intake.test_batch import entry, send


def moments() -> tuple[str, str]:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    return at.astimezone(timezone(timedelta(hours=8))).isoformat(), at.isoformat().replace("+00:00", "Z")


async def test_the_same_moment_told_with_another_offset_is_the_same_complaint(intake: Running):
    here, there = moments()
    key = str(uuid4())
    first = await intake.post(BODY | {"received_at": here}, key=key)
    again = await intake.post(BODY | {"received_at": there}, key=key)
    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.content == first.content and again.headers["idempotent-replayed"] == "true"
    assert intake.count("complaint") == 1


async def test_a_row_of_an_earlier_release_still_answers_its_request_and_loses_its_link(intake: Running):
    """Such a row has the digest with the offset in it, and the answer with the link in clear."""
    here, _ = moments()
    body, key = BODY | {"received_at": here}, str(uuid4())
    first = await intake.post(body, key=key)
    adapter = TypeAdapter(Complaint)
    told = adapter.serializer.to_json(adapter.validate_json(json.dumps(body)), exclude_defaults=True)
    intake.database.execute(
        "UPDATE intake.idempotency SET digest = $1, answer = $2", hashlib.sha256(told).digest(), first.text
    )
    assert (await intake.post(body, key=key)).content == first.content
    stop = asyncio.Event()
    sealing = asyncio.create_task(seal_links(intake.service.database, intake.service.vault)(stop))
    async with asyncio.timeout(10):
        while "sealed_token" not in intake.rows("SELECT answer FROM intake.idempotency")[0]["answer"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stop.set()
    await sealing
    assert (await intake.post(body, key=key)).content == first.content
    assert (await intake.post(BODY | {"received_at": "2026-01-01T00:00:00Z"}, key=key)).status_code == 422
    assert intake.count("complaint") == 1


async def test_no_private_link_lies_beside_the_keys(intake: Running):
    key = str(uuid4())
    first = (await intake.post(key=key)).json()
    token = first["progress_url"].rpartition("/")[2]
    (kept,) = intake.rows("SELECT answer FROM intake.idempotency")
    assert token not in kept["answer"] and "progress_url" not in kept["answer"]
    assert (await intake.post(key=key)).json() == first


async def test_the_link_of_an_erased_customer_comes_back_no_more(intake: Running):
    key = str(uuid4())
    first = (await intake.post(key=key)).json()
    intake.database.execute("DELETE FROM vault.person")
    again = await intake.post(key=key)
    assert again.status_code == 201 and again.json()["reference"] == first["reference"]
    assert again.json()["progress_url"].endswith("/c/erased")
    assert intake.count("complaint") == 1


async def test_a_key_is_known_until_its_complaint_is_too_old_to_be_filed(intake: Running):
    (kept,) = (kept for kept in TABLES if kept.table == "idempotency")
    assert kept.days is not None and timedelta(days=kept.least) >= OLDEST + CLOCK_SKEW
    pruner = Pruner(intake.service.database, "intake", kept_by("intake", {}))
    body, key = BODY | {"received_at": (datetime.now(UTC) - timedelta(days=399)).isoformat()}, str(uuid4())
    first = await intake.post(body, key=key)
    intake.database.execute("UPDATE intake.idempotency SET answered_at = clock.now() - interval '400 days'")
    await pruner.prune()
    assert (await intake.post(body, key=key)).content == first.content
    intake.database.execute("UPDATE intake.idempotency SET answered_at = clock.now() - interval '402 days'")
    await pruner.prune()
    assert intake.count("idempotency") == 0 and intake.count("complaint") == 1


async def test_the_nil_uuid_is_no_key(intake: Running):
    nil = str(UUID(int=0))
    assert (await intake.post(key=nil)).status_code == 400
    (result,) = (await send(intake, [entry(idempotency_key=nil)])).json()["results"]
    assert (result["status"], result["idempotency_key"]) == (400, None)


async def test_a_filing_says_where_it_is(intake: Running):
    key = str(uuid4())
    for _ in range(2):
        answer = await intake.post(key=key)
        assert answer.headers["location"] == f"/v1/complaints/{answer.json()['complaint_id']}"
        assert (await intake.call("GET", answer.headers["location"])).status_code == 200


async def test_a_batch_echoes_keys_as_they_were_sent_and_marks_what_was_filed_before(intake: Running):
    one, two = entry(), entry()
    one["idempotency_key"] = one["idempotency_key"].upper()
    (first,) = (await send(intake, [one])).json()["results"]
    assert first["idempotency_key"] == one["idempotency_key"] and "replayed" not in first
    bad = entry(idempotency_key=str(uuid4()).upper(), text="")
    again, fresh, wrong = (await send(intake, [one, two, bad])).json()["results"]
    assert (again["idempotency_key"], again["replayed"]) == (one["idempotency_key"], True)
    assert again["complaint"] == first["complaint"]
    assert "replayed" not in fresh and wrong["idempotency_key"] == bad["idempotency_key"]


@pytest.mark.parametrize("moment", ["1795953966", 1795953966, "2026-03-01", "0001-01-01T00:00:00+14:00"])
async def test_what_is_no_date_and_time_is_said_to_be_none(intake: Running, moment: Any):
    answer = await intake.post(BODY | {"received_at": moment})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == [
        {"field": "received_at", "pointer": "/received_at", "code": "not_a_moment"}
        | {"detail": answer.json()["errors"][0]["detail"]}
    ]
