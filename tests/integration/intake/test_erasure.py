"""Erasing a person: what intake holds, what it says, and what a request sent again hears (D4, I16)."""

import json
from uuid import uuid4

import pytest

from tests.integration.intake.conftest import BODY, Running
from tests.integration.intake.erasing import erase, erasing_of
from tests.support.traces_left import in_tables


def everything_in(intake: Running) -> str:
    """All rows of all tables, as text."""
    return b"\n".join(content for _, content in in_tables(intake.database)).decode("utf-8", "replace")


MARKED = {
    **BODY,
    "title": "MARKTITLE",
    "text": "MARKTEXT went wrong",
    "order_id": "MARKORDER",
    "customer": {"name": "MARKNAME", "email": "markmail@example.com", "phone": "13812345678"},
    "on_behalf_of": {"name": "MARKOTHER", "relation": "MARKRELATION"},
    "call_back": {"number": "13912345679", "hours": "MARKHOURS"},
}
MARKERS = (
    "MARKTITLE", "MARKTEXT", "MARKORDER", "MARKNAME", "markmail", "13812345678", "MARKOTHER", "MARKRELATION", "13912345679",
    "MARKHOURS", "MARKADDED",
)  # fmt: skip


async def test_an_erased_person_is_in_no_table_and_every_complaint_of_theirs_is_told(intake: Running):
    first, second = [(await intake.post(MARKED)).json() for _ in range(2)]
    stranger = (await intake.post({**BODY, "customer": {"name": "Someone", "phone": "13800001111"}})).json()
    path = f"/v1/complaints/{first['complaint_id']}"
    added = await intake.call("POST", f"{path}/amend", key=str(uuid4()), json={"text": "MARKADDED"})
    assert added.status_code in {200, 201}, added.text
    before = everything_in(intake)
    assert all(marker in before for marker in MARKERS if marker != "MARKHOURS") and intake.count("outbox") == 4

    assert await erase(intake, second["reference"]) is None
    after = everything_in(intake)
    assert [marker for marker in MARKERS if marker in after] == []
    assert "Someone" in after, "a stranger stays"
    assert intake.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 1
    said = intake.rows("SELECT convert_from(payload, 'UTF8') AS said, type FROM intake.outbox ORDER BY id OFFSET 4")
    told = [(json.loads(row["said"])["reference"], row["type"]) for row in said]
    assert told == [
        (one["reference"], kind) for one in (first, second) for kind in ("complaint.withdrawn.v1", "person.erased.v1")
    ], "open complaints end; every complaint is told of, behind its own events"
    versions = [json.loads(row["said"])["version"] for row in said]
    assert versions == [3, 4, 2, 3], "as intake goes on counting"
    assert [row["version"] for row in intake.rows("SELECT version FROM intake.complaint ORDER BY complaint_id")] == [
        4,
        3,
        1,
    ]
    shown = await intake.call("GET", path)
    assert (shown.status_code, shown.json()["state"]) == (200, "withdrawn")
    assert (await intake.call("GET", f"/v1/complaints/{stranger['complaint_id']}")).json()["state"] == "submitted"


async def test_a_request_sent_again_after_erasure_is_told_so_and_files_nothing(intake: Running):
    key, other = str(uuid4()), str(uuid4())
    told = (await intake.post(MARKED, key=key)).json()
    path = f"/v1/complaints/{told['complaint_id']}/amend"
    await intake.call("POST", path, key=other, json={"text": "MARKADDED"})
    await erase(intake, told["reference"])
    answers = [
        await intake.post(MARKED, key=key),
        await intake.post({**MARKED, "text": "something else"}, key=key),
        await intake.call("POST", path, key=other, json={"text": "MARKADDED"}),
        await intake.call("POST", path, key=str(uuid4()), json={"text": "more"}),
    ]
    assert [a.status_code for a in answers] == [410] * 4
    assert {a.json()["type"] for a in answers} == {"urn:redress:problem:erased"}
    assert intake.count("complaint") == 1 and "more" not in everything_in(intake)
    again = await intake.post({**MARKED, "text": "A new matter"})
    assert again.status_code == 201, "they may come again, as somebody nobody knows"
    assert len(intake.rows("SELECT DISTINCT person_id FROM intake.complaint")) == 2


async def test_what_is_filed_under_a_key_that_is_being_deleted_is_blanked_too(intake: Running):
    told = (await intake.post(MARKED)).json()
    await erase(intake, told["reference"])
    late = (await intake.post({**MARKED, "text": "MARKLATE", "customer": {"name": "MARKNAME"}})).json()
    # As if its key had been read before and it was committed behind the erasure.
    intake.rows(
        "UPDATE intake.complaint SET person_id = (SELECT person_id FROM intake.erasure) WHERE reference = $1"
        " RETURNING 1", late["reference"],
    )  # fmt: skip
    assert await erasing_of(intake).sweep() == 1
    found = everything_in(intake)
    assert "MARKLATE" not in found and "MARKNAME" not in found
    assert await erasing_of(intake).sweep() == 0


@pytest.mark.parametrize("times", [2])
async def test_carrying_out_twice_says_nothing_twice(intake: Running, times: int):
    told = (await intake.post(MARKED)).json()
    await erase(intake, told["reference"])
    events = intake.count("outbox")
    for row in intake.rows("SELECT erasure_id, state FROM intake.erasure"):
        assert row["state"] == "done"
        for _ in range(times):
            assert await erasing_of(intake).carry_out(row["erasure_id"]) is None
    assert intake.count("outbox") == events
