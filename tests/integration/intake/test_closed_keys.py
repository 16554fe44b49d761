"""Nobody is kept from filing by a key that is damaged, and no neighbour in the group notices (H3)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from tests.integration.intake.conftest import BODY, Running

CUSTOMER = {"email": "damaged@example.com"}


def damage(intake: Running) -> None:
    intake.database.execute("UPDATE vault.person SET wrapped_key = '\\x00'")


def body(**more: Any) -> dict[str, Any]:
    return BODY | more


async def test_who_has_a_damaged_key_files_as_a_new_person_and_neighbours_as_always(intake: Running) -> None:
    first = await intake.post(body(customer=CUSTOMER))
    assert first.status_code == 201
    damage(intake)
    answers = await asyncio.gather(
        intake.post(body(customer=CUSTOMER)),
        *(intake.post(body(customer={"email": f"n{n}@example.com"})) for n in range(9)),
    )
    assert {answer.status_code for answer in answers} == {201}
    rows = intake.rows(
        "SELECT person_id FROM intake.complaint WHERE email = 'damaged@example.com' ORDER BY accepted_at"
    )
    assert len({row["person_id"] for row in rows}) == 2


async def test_words_that_nobody_could_read_are_not_taken(intake: Running) -> None:
    told = (await intake.post(body(customer=CUSTOMER))).json()
    damage(intake)
    path = f"/v1/complaints/{told['complaint_id']}/amend"
    answer = await intake.call("POST", path, key=str(uuid4()), json={"text": "And the box was open."})
    assert answer.status_code == 503 and "Retry-After" in answer.headers
    assert intake.count("addition") == 0
