"""Lists that agree with their counts, and exports that are whole (trial G7)."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from tests.integration.router.conftest import Running
from tests.integration.router.stories import Told

MANY = 60


@pytest.fixture
async def many(running: Running) -> list[Told]:
    found = [Told(await running.person(), f"快递晚了三周还没到，第{n}次") for n in range(MANY)]
    await running.feed(*(told.submitted for told in found))
    await running.index()
    return found


async def all_pages(running: Running, user: str, **query: Any) -> tuple[list[str], set[int], int]:
    """References over all pages, the totals that were told, and how many pages there were."""
    references: list[str] = []
    totals: set[int] = set()
    pages, after = 0, None
    async with await running.as_user(user) as client:
        while True:
            asked = query | {"limit": 25} | ({"after": after} if after else {})
            answer = (await client.get("/v1/cases", params=asked)).json()
            references += [case["reference"] for case in answer["cases"]]
            totals.add(answer["total"])
            pages, after = pages + 1, answer["after"]
            if after is None:
                return references, totals, pages


async def escalate(running: Running, told: list[Told]) -> None:
    for one in told:
        running.database.execute(
            "UPDATE router.cases SET escalated_to = 'lead' WHERE complaint_id = $1", one.complaint_id
        )


@pytest.mark.parametrize(
    "query", [{"q": "快递"}, {"view": "all"}, {"view": "escalated"}, {"view": "offered"}, {}], ids=str
)
async def test_every_page_of_a_list_is_reached_and_the_count_is_theirs(
    running: Running, many: list[Told], query: dict[str, str]
) -> None:
    await escalate(running, many)
    offer = json.dumps({"to": "complaints-office", "reason": "x", "arbitration": False})
    running.database.execute("UPDATE router.cases SET offered_to = 'complaints-office', offer = $1", offer)
    asked = query or {"department": "delivery"}
    references, totals, pages = await all_pages(running, "chen.office", **asked)
    assert sorted(references) == sorted(told.reference for told in many)
    assert totals == {MANY} and pages == 3


async def test_a_search_within_the_escalated_finds_those_alone(running: Running, many: list[Told]) -> None:
    await escalate(running, many[:3])
    references, totals, _ = await all_pages(running, "chen.office", view="escalated", q="快递")
    assert sorted(references) == sorted(told.reference for told in many[:3]) and totals == {3}
    async with await running.as_user("chen.office", accept="text/html") as client:
        page = (await client.get("/desk", params={"view": "escalated", "q": "快递", "lang": "en"})).text
    assert len(set(re.findall(r'class="id" href="/desk/cases/(R-[^"]+)"', page))) == 3 and "3 cases" in page


async def test_the_escalated_of_others_are_nobody_elses(running: Running, many: list[Told]) -> None:
    """The view went by the pack alone: a handler read the summaries of all its departments."""
    await escalate(running, many)
    assert await all_pages(running, "zhao.marketing", view="escalated") == ([], {0}, 1)
    references, totals, _ = await all_pages(running, "chen.office", view="escalated", department="marketing")
    assert (references, totals) == ([], {0})


async def test_the_desk_leads_to_the_next_page_of_a_search(running: Running, many: list[Told]) -> None:
    seen: list[str] = []
    async with await running.as_user("li.delivery", accept="text/html") as client:
        address: str | None = "/desk?q=快递&lang=en"
        while address:
            page = (await client.get(address)).text
            assert f"{MANY} cases" in page
            seen += re.findall(r'class="id" href="/desk/cases/(R-[^"]+)"', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            address = following.group(1).replace("&amp;", "&") if following else None
            address = address + "&lang=en" if address else None
    assert sorted(seen) == sorted(told.reference for told in many)


async def test_what_a_search_finds_among_closed_cases_is_said_to_be_closed(running: Running, many: list[Told]) -> None:
    async with await running.as_user("li.delivery", accept="text/html") as client:
        before = (await client.get("/desk", params={"view": "all", "lang": "en"})).text
        running.database.execute(
            "UPDATE router.cases SET state = 'closed', closed_how = 'withdrawn', clocks = '{}', due_kind = NULL"
        )
        page = (await client.get("/desk", params={"q": "快递", "lang": "en"})).text
    assert "Every open one" in before and "Every open one" not in page
    assert "All, closed ones too" in page and "Withdrawn" in page
    assert "No date yet" not in page


@pytest.mark.parametrize("address", ["/desk.csv", "/desk.csv?q=快递", "/desk.csv?view=closed"])
async def test_an_export_is_whole(
    running: Running, many: list[Told], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.router.http.desk.EXPORTED", 7)  # so that it takes several queries
    if "closed" in address:
        running.database.execute("UPDATE router.cases SET state = 'closed', closed_how = 'confirmed'")
    async with await running.as_user("li.delivery") as client:
        answer = await client.get(address)
    assert answer.status_code == 200 and answer.content.count(b"\xef\xbb\xbf") == 1
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert sorted(row["reference"] for row in rows) == sorted(told.reference for told in many)
