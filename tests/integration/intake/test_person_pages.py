"""The office's page about a person: dry run, a second person, holds, a copy (D4)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.handlers.person_file import _parts
from shared.runtime.web.sessions import Staff
from tests.integration.intake.conftest import BODY, Running
from tests.support.staff import signed_in

PAGE = {"accept": "text/html", "accept-language": "en"}


class Office:
    """Somebody of the complaints office at a browser."""

    def __init__(self, intake: Running, user: str, department: str = "complaints-office", role: Any = "office") -> None:
        self._intake = intake
        who = Staff(user, user, role, department)
        self._token = signed_in(intake.database, intake.service.sessions, who)

    async def get(self, path: str) -> httpx.Response:
        return await self._intake.http.get(path, headers={**PAGE, "authorization": f"Bearer {self._token}"})

    async def post(self, path: str, **form: str) -> httpx.Response:
        headers = {**PAGE, "authorization": f"Bearer {self._token}"}
        return await self._intake.http.post(path, data={"from": "a browser", **form}, headers=headers)


async def filed(intake: Running, **more: Any) -> str:
    customer = {"name": "MARKNAME", "phone": "13812345678", "email": "li@example.com"}
    return (await intake.post({**BODY, "customer": customer, **more})).json()["reference"]


def persons(intake: Running) -> int:
    return intake.rows("SELECT count(*) AS n FROM vault.person")[0]["n"]


async def test_one_asks_and_another_approves(intake: Running):
    reference, second = await filed(intake), await filed(intake)
    li, wang = Office(intake, "li"), Office(intake, "wang")
    for who in (reference, "138 1234 5678", "LI@example.com"):
        found = await li.post("/persons", who=who)
        if found.status_code == 422:
            pytest.fail(found.text)
        assert found.status_code == 303 and re.search(r"/persons/R-", found.headers["location"]), who
    page = await li.get(f"/persons/{reference}")
    assert page.status_code == 200
    for words in (
        reference,
        second,
        "Complaints of this customer: 2",
        "Still open: 2",
        "Ask for erasure",
        "another person approves",
    ):
        assert words in page.text, words
    assert "MARKNAME" not in page.text and "li@example.com" not in page.text
    refused = [
        await li.post(f"/persons/{reference}/erase", **form)
        for form in ({}, {"why": "asked"}, {"why": "x" * 501, "sure": "yes"})
    ]
    assert [one.status_code for one in refused] == [422] * 3
    assert "asked</textarea>" in refused[1].text, "what was typed is kept"
    asked = await li.post(f"/persons/{reference}/erase", why="asked by letter", sure="yes")
    assert asked.status_code == 303 and asked.headers["location"].endswith("?done=asked")
    assert persons(intake) == 1 and "nothing was erased" not in (await li.get(asked.headers["location"])).text
    assert "You asked for it" in (await li.get(f"/persons/{reference}")).text
    own = await li.post(f"/persons/{second}/approve")
    assert own.status_code == 409 and "cannot approve" in own.text and persons(intake) == 1
    assert "asked by letter" in (await wang.get("/persons")).text
    again = await wang.post(f"/persons/{second}/erase", why="twice", sure="yes")
    assert again.headers["location"].endswith("?done=late")
    done = await wang.post(f"/persons/{second}/approve")
    assert done.status_code == 303 and persons(intake) == 0
    page = await wang.get(done.headers["location"])
    assert "The personal data were erased" in page.text and "Erased" in page.text
    assert intake.rows("SELECT count(*) AS n FROM intake.complaint WHERE body IS NOT NULL")[0]["n"] == 0
    assert (await wang.post(f"/persons/{second}/copy")).status_code == 410


async def test_what_was_asked_can_be_taken_back_and_a_hold_refuses(intake: Running):
    reference = await filed(intake)
    li, wang = Office(intake, "li"), Office(intake, "wang")
    await li.post(f"/persons/{reference}/erase", why="asked", sure="yes")
    taken = await li.post(f"/persons/{reference}/decline")
    assert taken.headers["location"].endswith("done=declined")
    assert "Ask for erasure" in (await li.get(f"/persons/{reference}")).text
    assert (await li.post(f"/persons/{reference}/hold")).status_code == 422
    await li.post(f"/persons/{reference}/erase", why="asked", sure="yes")
    assert (await wang.post(f"/persons/{reference}/hold", hold_why="court file 7")).status_code == 303
    refused = await wang.post(f"/persons/{reference}/approve")
    assert refused.status_code == 409 and "There is a hold" in refused.text and persons(intake) == 1
    page = await li.get(f"/persons/{reference}")
    assert "court file 7" in page.text and "Ask for erasure" not in page.text
    held = await li.post(f"/persons/{reference}/erase", why="asked", sure="yes")
    assert held.status_code == 409
    assert (await li.post(f"/persons/{reference}/lift")).headers["location"].endswith("done=lifted")
    assert "Ask for erasure" in (await li.get(f"/persons/{reference}")).text


async def test_a_copy_is_handed_out_as_json_and_pdf(intake: Running):
    reference = await filed(intake)
    shop = await intake.post({**BODY, "store_id": "SH-021", "customer": {"email": "wu@example.com"}})
    li = Office(intake, "li")
    copied = await li.post(f"/persons/{shop.json()['reference']}/copy", **{"as": "json"})
    (one,) = json.loads(copied.content)["complaints"]
    assert (one["store_id"], one["store"]) == ("SH-021", {"zh": "上海徐家汇店", "en": "Shanghai Xujiahui"})
    assert ("门店 store", "SH-021 · 上海徐家汇店 · Shanghai Xujiahui") in next(_parts(one)).facts
    told = await li.post(f"/persons/{reference}/copy", **{"as": "json"})
    assert told.status_code == 200 and "attachment" in told.headers["content-disposition"]
    (one,) = json.loads(told.content)["complaints"]
    assert (one["name"], one["text"], one["email"]) == ("MARKNAME", BODY["text"], "li@example.com")
    paper = await li.post(f"/persons/{reference}/copy", **{"as": "pdf"})
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF-")


async def test_a_pack_is_a_wall_and_the_page_is_the_offices(start):
    async with start(clients={"bank": {"pack": "bank"}}) as intake:
        ours, theirs = [
            (await intake.post({**BODY, "customer": {"email": "li@example.com"}}, channel=client)).json()["reference"]
            for client in ("web", "bank")
        ]
        li, bank = Office(intake, "li"), Office(intake, "bank", "bank-complaints-office")
        assert (await bank.get(f"/persons/{ours}")).status_code == 404
        found = await bank.post("/persons", who="li@example.com")
        assert found.headers["location"] == f"/persons/{theirs}", "its own, and no other"
        page = await li.get(f"/persons/{ours}")
        assert "operations has to erase them" in page.text and theirs not in page.text, "one person of both companies"
        refused = await li.post(f"/persons/{ours}/erase", why="asked", sure="yes")
        assert refused.status_code == 409 and persons(intake) == 1
        for role, department in (
            ("handler", "delivery"),
            ("lead", "delivery"),
            ("agent", "customer-service"),
            ("operator", "complaints-office"),
        ):
            other = Office(intake, role, department, role)
            assert (await other.get(f"/persons/{ours}")).status_code == 403, role


async def test_without_a_second_person_it_is_done_at_once(start, tmp_path: Path):
    import shutil

    policies = tmp_path / "policies"
    shutil.copytree(Path(__file__).parents[3] / "deploy" / "policies", policies)
    file = policies / "retail" / "departments.yaml"
    file.write_text(
        file.read_text("utf-8").replace("\ndepartments:", "\nsecond_person_erases: false\ndepartments:", 1), "utf-8"
    )
    async with start(policies_dir=policies) as intake:
        reference = await filed(intake)
        done = await Office(intake, "li").post(f"/persons/{reference}/erase", why="asked", sure="yes")
        assert done.headers["location"].endswith("done=erased") and persons(intake) == 0
