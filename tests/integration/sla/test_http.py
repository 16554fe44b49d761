"""The board, the page that explains a date, and both as JSON."""

from __future__ import annotations

import re

import pytest

from shared.runtime.web.sessions import Staff
from tests.integration.sla.conftest import MONDAY, Running, after, told
from tests.unit.sla.test_clocks import VISIT

LEAD = Staff(user="lead.billing", name="Lead", role="lead", department="billing")
BANK = Staff(user="bank.lead", name="Bank", role="lead", department="cards")
OPS = Staff(user="ops", name="Ops", role="operator", department="complaints-office")
PAGE = {"accept": "text/html"}


async def test_clocks_as_json_sum_and_name_what_fires_next(running: Running) -> None:
    story = told()
    story.assigned(after(minutes=1))
    story.asked(after(hours=1))
    story.told(after(hours=1))
    story.answered(after(hours=2))
    await running.feed(*story.events)
    running.travel(after(hours=3))
    async with running.client(LEAD) as client:
        answer = (await client.get(f"/v1/cases/{story.reference}/clocks")).json()
    assert answer["next"]["level"] == "warn_50"
    assert answer["policy"]["id"] == "standard"
    journey = next(clock for clock in answer["clocks"] if clock["kind"] == "journey")
    assert journey["used_seconds"] == 2 * 3600
    assert len(journey["pauses"]) == 1
    assert [level["level"] for level in journey["levels"]][:3] == ["warn_50", "warn_80", "rung_1"]
    assert answer["ledger"]["journey_seconds"] == 3 * 3600
    assert [line["party"] for line in answer["ledger"]["lines"]] == ["ourselves", "owner", "customer", "owner"]
    for line in answer["ledger"]["lines"]:
        assert line["open_seconds"] + line["closed_seconds"] == line["seconds"]


async def test_the_reference_may_be_typed_as_people_type(running: Running) -> None:
    story = told()
    await running.feed(story.assigned())
    async with running.client(LEAD) as client:
        typed = story.reference.lower().replace("-", "")
        assert (await client.get(f"/v1/cases/{typed}/clocks")).json()["reference"] == story.reference


async def test_unknown_and_foreign_complaints_look_the_same(running: Running) -> None:
    story, unknown = told(), told()
    await running.feed(story.assigned())
    async with running.client(BANK) as client:
        answers = [
            await client.get(f"/v1/cases/{reference}/clocks")
            for reference in (story.reference, unknown.reference, "nonsense")
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers)


async def test_nobody_reads_without_signing_in(running: Running) -> None:
    async with running.client() as client:
        assert (await client.get("/v1/board")).status_code == 401
        page = await client.get("/board?department=billing", headers=PAGE)
    assert page.status_code == 303
    assert "/sign-in?next=" in page.headers["location"]


async def test_the_board_lists_what_is_late_or_at_risk_and_filters_by_department(running: Running) -> None:
    late, soon, fresh = told(owner="billing"), told(owner="delivery"), told(owner="billing")
    await running.feed(late.assigned(), soon.assigned())
    await running.feed(late.progress(after(hours=1)))
    running.travel(after(hours=5))  # four fifths of delivery's first response are over
    fresh.received_at = after(hours=5)
    await running.feed(fresh.assigned(after(hours=5)))
    async with running.client(LEAD) as client:
        board = (await client.get("/v1/board")).json()
        assert [(case["reference"], case["late"]) for case in board["cases"]] == [(soon.reference, False)]
        running.travel(after(days=2))
        board = (await client.get("/v1/board")).json()
        of_billing = (await client.get("/v1/board?department=billing")).json()
        assert {case["reference"] for case in board["cases"]} == {late.reference, soon.reference, fresh.reference}
        assert {case["department"] for case in of_billing["cases"]} == {"billing"}
        assert (await client.get("/v1/board?department=cards")).status_code == 404
        assert (await client.get("/v1/board?department=nowhere")).status_code == 404
    counts = {count["department"]: count for count in board["counts"]}
    assert counts["delivery"]["late"] == 1
    assert counts["marketing"] == {"department": "marketing", "at_risk": 0, "late": 0}


async def test_the_board_page_speaks_both_languages_and_links_case_clocks_and_trace(running: Running) -> None:
    story = told()
    await running.feed(story.assigned())
    running.travel(after(days=2))
    running.database.execute("UPDATE sla.journey SET trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'")
    for language, words in (("zh", "时限看板"), ("en", "Already late")):
        async with running.client(LEAD, **PAGE) as client:
            page = await client.get(f"/board?lang={language}&department=billing")
        assert page.status_code == 200
        assert words in page.text
        assert f"/desk/cases/{story.reference}" in page.text
        assert f"/cases/{story.reference}/clocks" in page.text
        assert "/zipkin/traces/0af7651916cd43dd8448eb211c80319c" in page.text
        assert 'value="billing" selected' in page.text


async def test_an_empty_board_says_what_would_appear_here(running: Running) -> None:
    async with running.client(LEAD, **PAGE) as client:
        page = await client.get("/board?lang=en")
    assert "Nothing is late or due soon" in page.text


async def test_an_open_board_gets_the_list_alone(running: Running) -> None:
    async with running.client(LEAD, **PAGE, **{"hx-request": "true"}) as client:
        page = await client.get("/board")
    assert "<html" not in page.text
    assert 'id="board"' in page.text


async def test_the_board_comes_as_csv_with_the_same_filter(running: Running) -> None:
    story = told()
    await running.feed(story.assigned())
    running.travel(after(days=2))
    async with running.client(LEAD) as client:
        sheet = (await client.get("/board.csv?department=billing")).content.decode("utf-8-sig").splitlines()
    assert sheet[0].startswith('"reference","department"')
    assert story.reference in sheet[1]


async def test_the_page_explains_a_date_day_by_day(running: Running) -> None:
    story = told(received_at=after(days=4))  # a Friday
    story.assigned(after(days=4, minutes=1))
    story.promised(after(days=4, hours=1), after(days=8), VISIT)
    await running.feed(*story.events)
    running.travel(after(days=7, hours=2))
    await running.tick()
    async with running.client(OPS, **PAGE) as client:
        english = (await client.get(f"/cases/{story.reference}/clocks?lang=en")).text
        chinese = (await client.get(f"/cases/{story.reference}/clocks?lang=zh")).text
    assert "No working day" in english
    assert "09:00–12:00" in english
    assert "Who had it how long" in english
    assert "休息日" in chinese
    assert "逐日计算" in chinese
    for page in (english, chinese):
        assert story.reference in page
        assert "{" not in page.split("<main", 1)[1].split("</main>", 1)[0]


async def test_a_complaint_without_an_owner_has_a_page_that_says_so(running: Running) -> None:
    story = told()
    await running.feed(story.heard(MONDAY))
    async with running.client(LEAD, **PAGE) as client:
        page = await client.get(f"/cases/{story.reference}/clocks?lang=en")
    assert "No owner yet" in page.text


async def test_pages_of_every_phase_render(running: Running) -> None:
    story = told()
    story.assigned()
    story.asked(after(hours=1))
    story.told(after(hours=1, minutes=1))
    story.answered(after(hours=3))
    story.resolved(after(hours=4))
    story.told(after(hours=4, minutes=2))
    story.closed(after(days=8))
    story.reopened(after(days=9), to="complaints-office")
    async with running.client(LEAD, **PAGE) as client:
        for event in story.events:
            await running.feed(event)
            page = await client.get(f"/cases/{story.reference}/clocks?lang=en")
            assert page.status_code == 200
            assert (await client.get(f"/v1/cases/{story.reference}/clocks")).status_code == 200


async def test_every_page_of_the_board_is_reached_and_its_export_is_whole(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sla.http.views.FIRST", 2)
    stories = [told(owner=owner) for owner in ("billing", "delivery", "billing", "delivery", "billing")]
    await running.feed(*(story.assigned() for story in stories))
    running.travel(after(days=2))
    expected = sorted(story.reference for story in stories)
    async with running.client(LEAD) as client:
        seen: list[str] = []
        after_page: str | None = ""
        while after_page is not None:
            board = (await client.get("/v1/board", params={"after": after_page})).json()
            seen += [case["reference"] for case in board["cases"]]
            assert sum(count["late"] + count["at_risk"] for count in board["counts"]) == 5
            after_page = board["after"]
        assert sorted(seen) == expected and len(seen) == 5
        sheet = (await client.get("/board.csv")).content.decode("utf-8-sig").splitlines()
        assert sorted(line.split(",")[0].strip('"') for line in sheet[1:]) == expected
    async with running.client(LEAD, **PAGE) as client:
        address: str | None = "/board?lang=en"
        shown: list[str] = []
        while address:
            page = (await client.get(address)).text
            shown += re.findall(r'class="id" href="[^"]*/desk/cases/(R-[^"]+)"', page)
            following = re.search(r'rel="next" href="([^"]+)"', page)
            address = following.group(1).replace("&amp;", "&") + "&lang=en" if following else None
        assert sorted(set(shown)) == expected
