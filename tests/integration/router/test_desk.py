"""The desk in the browser: works by plain forms, keeps what was written, says what it did, in both languages."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.router.http.export import csv_of, safe_cell
from services.router.http.office import WITHOUT_PACK
from shared.events.intake import CALL_FORM
from shared.runtime.security_log import WRITE
from tests.integration.router.conftest import PASSWORD, Running
from tests.integration.router.stories import Told
from tests.integration.router.test_api import do, filed, see

SOON = datetime.now(UTC) + timedelta(days=30)
BROWSER = {"accept": "text/html,application/xhtml+xml", "origin": "http://127.0.0.1:8102"}


@asynccontextmanager
async def browser(running: Running, user: str, language: str = "zh") -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in browser."""
    async with running.client(**BROWSER, **{"accept-language": language}) as client:
        answer = await client.post("/sign-in", data={"user": user, "password": PASSWORD, "next": "/desk"})
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/desk"
        yield client


def marks(page: str) -> dict[str, str]:
    return {"mark": re.findall(r'name="mark" value="([^"]+)"', page)[0], "zone_of": "delivery"}


async def test_a_browser_without_a_session_is_led_to_sign_in_and_back(running: Running) -> None:
    async with running.client(**BROWSER) as client:
        answer = await client.get("/desk?state=assigned")
        assert answer.status_code == 303
        assert "/sign-in?next=http%3A%2F%2F127.0.0.1%3A8102%2Fdesk%3Fstate%3Dassigned" in answer.headers["location"]
        wrong = await client.post("/sign-in", data={"user": "li.delivery", "password": "x"})
        assert wrong.status_code == 401
        assert "用户名或密码不对" in wrong.text
        foreign = await client.post(
            "/sign-in", data={"user": "li.delivery", "password": PASSWORD}, headers={"origin": "https://evil.example"}
        )
        assert foreign.status_code == 403
        away = await client.post(
            "/sign-in", data={"user": "li.delivery", "password": PASSWORD, "next": "https://evil.example/x"}
        )
        assert away.headers["location"] == "/desk"


async def test_the_queue_shows_what_to_do_next_with_its_date(running: Running) -> None:
    told = await filed(running)
    await running.feed(told.started(hours=-1))
    async with browser(running, "li.delivery") as client:
        page = await client.get("/desk")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        for words in (told.reference, "快递延误", "已超时", "接单", "共 1 件", "物流配送"):
            assert words in page.text
        english = await client.get("/desk?lang=en")
        for words in ("Late", "Accept it", "1 case", "Delivery"):
            assert words in english.text
        assert "等我们接收" not in english.text
        empty = await client.get("/desk?lang=zh&state=waiting_for_customer")
        assert "没有符合条件的投诉" in empty.text


async def test_an_open_desk_gets_nothing_when_nothing_changed(running: Running) -> None:
    told = await filed(running)
    async with browser(running, "li.delivery") as client:
        page = (await client.get("/desk")).text
        address = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
        assert (await client.get(address)).status_code in {200, 204}  # the minute may have turned
        await do(running, "li.delivery", told, "accept")
        changed = await client.get(address)
        assert changed.status_code == 200
        assert changed.text.lstrip().startswith("<section")
        assert "已接单" in changed.text


async def test_a_case_is_worked_by_forms(running: Running) -> None:
    told = await filed(running)
    at = f"/desk/cases/{told.reference}"
    async with browser(running, "li.delivery") as client:
        page = (await client.get(at)).text
        assert "快递晚了三周还没到" in page
        accepted = await client.post(f"{at}/accept", data=marks(page))
        assert accepted.status_code == 303
        page = (await client.get(accepted.headers["location"])).text
        assert "已接单，由你们处理" in page
        await client.post(f"{at}/progress", data={**marks(page), "progress_text": "已联系仓库"})
        page = (await client.get(at)).text
        assert "已联系仓库" in page
        promised = {**marks(page), "promise_due_at": f"{SOON:%Y-%m-%d}T10:30", "promise_text": "送到"}
        assert (await client.post(f"{at}/promise", data=promised)).status_code == 303
        row = (await running.rows("SELECT promise_due_at FROM cases"))[0]
        assert row["promise_due_at"].isoformat() == f"{SOON:%Y-%m-%d}T02:30:00+00:00", "the department's own zone"
        given = await client.post(
            f"{at}/transfer", data={**marks(page), "transfer_to": "billing", "transfer_reason": "运费"}
        )
        assert given.status_code == 303
    async with browser(running, "wang.billing") as client:
        page = (await client.get(at)).text
        assert "运费" in page
        assert "决定是否接收" in page
        assert (await client.post(f"{at}/transfer/accept", data=marks(page))).status_code == 303


async def test_a_line_that_a_newer_copy_wrote_is_shown_as_news(running: Running) -> None:
    told = await filed(running)
    line = "INSERT INTO router.case_event (complaint_id, event_id, at, what, who, department, epoch)"
    values = f"VALUES ('{told.complaint_id}', gen_random_uuid(), now(), 'from_the_future', 'policy', 'delivery', 1)"
    running.database.execute(f"{line} {values}")
    async with browser(running, "li.delivery", "en") as client:
        page = await client.get(f"/desk/cases/{told.reference}")
    assert page.status_code == 200
    assert "Something was recorded" in page.text


async def test_an_open_case_that_has_moved_says_so_and_tells_nothing_more(running: Running) -> None:
    told = await filed(running)
    at = f"/desk/cases/{told.reference}"
    async with browser(running, "li.delivery") as client:
        page = (await client.get(at)).text
        address = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
        await do(running, "lead.delivery", told, "transfer", to="billing", reason="运费")
        await do(running, "wang.billing", told, "transfer/accept")
        assert (await client.get(at)).status_code == 403
        moved = await client.get(address)
        assert moved.status_code == 200
        assert "现在由别的部门负责" in moved.text
        assert "hx-get" not in moved.text, "it asks no more"
        assert "账务" not in moved.text
        assert (await client.get(f"{at}?seen=x&said=gone")).status_code == 204, "said already"
        assert "快递" not in moved.text
        assert (await client.get("/desk/cases/R-0000-0000?seen=x")).status_code == 404


async def test_an_open_case_goes_on_asking_until_the_worst_is_said(running: Running) -> None:
    """The weaker hint stands until a stronger one takes its place: changed, moved, gone."""
    told = await filed(running)
    at = f"/desk/cases/{told.reference}"

    async def ask(client: httpx.AsyncClient, page: str) -> tuple[httpx.Response, str]:
        address = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
        return await client.get(address), address

    async with browser(running, "li.delivery") as handler, browser(running, "lead.delivery", "en") as lead:
        opened = {one: (await one.get(at)).text for one in (handler, lead)}
        await do(running, "li.delivery", told, "transfer", to="billing", reason="运费")
        hints = {}
        for one, words in ((handler, "刚刚有变化"), (lead, "has just changed")):
            hint, _ = await ask(one, opened[one])
            assert words in hint.text
            assert (await ask(one, hint.text))[0].status_code == 204, "nothing to add"
            hints[one] = hint.text
        await do(running, "li.delivery", told, "note", text="x")
        assert (await ask(handler, hints[handler]))[0].status_code == 204
        await do(running, "wang.billing", told, "transfer/accept")
        gone, _ = await ask(handler, hints[handler])
        assert "现在由别的部门负责" in gone.text
        assert "hx-get" not in gone.text, "there is nothing more to say"
        moved, _ = await ask(lead, hints[lead])
        assert "Another department has this case now" in moved.text
        assert f'href="{at}"' in moved.text, "a lead may still read it"
        assert (await ask(lead, moved.text))[0].status_code == 204
        for odd in ("", "x.y", "9999999.z", "0.assigned", "²"):
            assert (await lead.get(at, params={"seen": odd, "said": odd})).status_code == 200


async def test_nobody_claims_to_have_written_to_a_customer_without_an_address(running: Running) -> None:
    wish = {"hours": None, "number": None, "language": "en"}
    told = await filed(running, email=None, call_back=wish)
    at = f"/desk/cases/{told.reference}"
    async with browser(running, "li.delivery") as client:
        page = (await client.get(at)).text
        assert "没有邮箱" in page
        assert "请打 +8613800138000" in page
        assert "用英文" in page
        await client.post(f"{at}/accept", data=marks(page))
        page = (await client.get(at)).text
        asked = await client.post(f"{at}/ask", data={**marks(page), "ask_question": "订单号是多少？"})
        page = (await client.get(asked.headers["location"])).text
        assert "请打电话问客户" in page
        assert "问题已发给客户" not in page
    reachable = await filed(running)
    async with browser(running, "li.delivery") as client:
        assert "没有邮箱" not in (await client.get(f"/desk/cases/{reachable.reference}")).text


async def test_what_a_customer_says_on_the_phone_is_recorded_by_forms(running: Running) -> None:
    told = await filed(running, email=None)
    at = f"/desk/cases/{told.reference}"
    await do(running, "li.delivery", told, "accept")
    await do(running, "li.delivery", told, "ask", question="几楼？")
    async with browser(running, "li.delivery") as client:
        assert "打电话问客户，登记回答" in (await client.get("/desk")).text
        page = (await client.get(at)).text
        assert "打电话问客户，登记回答" in page
        assert "登记在下面" in page
        assert page.index('id="form-record_answer"') < page.index("<details"), "it stands open on top"
        empty = await client.post(f"{at}/record/answer", data=marks(page))
        assert empty.status_code == 422
        assert 'href="#record_answer_answer"' in empty.text
        answered = await client.post(f"{at}/record/answer", data={**marks(page), "record_answer_answer": "三楼"})
        page = (await client.get(answered.headers["location"])).text
        assert "回答已登记" in page
        assert "客户在电话里回答" in page
        assert "三楼" in page
        stale = {**marks(page), "resolve_text": "送到了"}
        page = (await client.get((await client.post(f"{at}/resolve", data=stale)).headers["location"])).text
        assert "登记客户怎么说" in page
        assert "form-record_confirmation" not in page
        assert "处理结果是你提出的" in page
        forced = await client.post(
            f"{at}/record/confirmation", data={**marks(page), "record_confirmation_note": "好了"}
        )
        assert forced.status_code == 403
        assert "不能由你登记客户确认" in forced.text
    async with browser(running, "lead.delivery", "en") as client:
        page = (await client.get(at)).text
        assert page.index('id="form-record_confirmation"') < page.index("<details")
        assert "You proposed the resolution" not in page
        closed = await client.post(
            f"{at}/record/confirmation", data={**marks(page), "record_confirmation_note": "call-back, himself"}
        )
        page = (await client.get(closed.headers["location"])).text
        assert "The confirmation is recorded and the case is closed" in page
        assert "call-back, himself" in page
        page = (await client.get(f"{at}?lang=en")).text
        again = await client.post(f"{at}/record/dispute", data={**marks(page), "record_dispute_text": "gone again"})
        assert "open again, at the next stage" in (await client.get(again.headers["location"])).text


async def test_customers_with_an_address_ring_too_and_the_form_waits_folded(running: Running) -> None:
    told = await filed(running)
    at = f"/desk/cases/{told.reference}"
    await do(running, "li.delivery", told, "accept")
    await do(running, "li.delivery", told, "ask", question="几楼？")
    async with browser(running, "li.delivery") as client:
        page = (await client.get(at)).text
        assert "等客户回答" in page
        assert "登记客户电话里的回答" in page
        assert page.index("<details") < page.index('id="form-record_answer"')


async def test_an_answer_is_not_recorded_to_another_question_than_the_one_that_was_shown(running: Running) -> None:
    told = await filed(running, email=None)
    at = f"/desk/cases/{told.reference}"
    await do(running, "li.delivery", told, "accept")
    first = await do(running, "li.delivery", told, "ask", question="几楼？")
    async with browser(running, "li.delivery") as client:
        stale = marks((await client.get(at)).text)
        await running.feed(told.replied(UUID(first["question_id"]), "三楼"))
        late = await client.post(f"{at}/record/answer", data={**stale, "record_answer_answer": "三楼"})
        assert late.status_code == 409
        assert "客户已经回答" in late.text
        await do(running, "li.delivery", told, "ask", question="有电梯吗？")
        other = await client.post(f"{at}/record/answer", data={**stale, "record_answer_answer": "三楼"})
        assert other.status_code == 409
        assert "在你填写时，这件投诉已经变化" in other.text


@pytest.mark.parametrize(
    ("left", "zh", "en"),
    [
        ({"consent": False}, ("不同意收消息", "请打 +8613800138000"), ("Agreed to no messages", "ring +8613800138000")),
        (
            {"consent": False, "phone": None},
            ("不同意收消息", "也没有电话；这里写的内容，客户只能在私人进展页上看到"),
            ("Agreed to no messages", "There is no number either"),
        ),
        (
            {"email": None, "phone": None},
            ("没有邮箱", "也没有电话；这里写的内容，客户只能在私人进展页上看到"),
            ("No e-mail", "There is no number either"),
        ),
    ],
    ids=["no consent", "no consent, no phone", "no e-mail, no phone"],
)
async def test_the_desk_says_how_a_customer_can_be_told_and_claims_no_more(
    running: Running, left: dict[str, Any], zh: tuple[str, str], en: tuple[str, str]
) -> None:
    told = await filed(running, **left)
    at = f"/desk/cases/{told.reference}"
    await do(running, "li.delivery", told, "accept")
    async with browser(running, "li.delivery") as client:
        page = (await client.get(at)).text
        assert all(words in page for words in zh)
        assert "mailto:" not in page
        assert "记录下来" in page
        assert "发给客户</button>" not in page
        english = (await client.get(f"{at}?lang=en")).text
        assert all(words in english for words in en)
        asked = await client.post(f"{at}/ask", data={**marks(english), "ask_question": "几楼？"})
        page = (await client.get(asked.headers["location"] + "&lang=zh")).text
        assert "问题已发给客户" not in page
        assert ("请打电话问客户" if "phone" not in left else "也没有电话") in page
        assert ("打电话问客户，登记回答" if "phone" not in left else "等客户回答") in page
    async with await running.as_user("li.delivery") as client:
        shown = (await client.get(f"/v1/cases/{told.reference}")).json()["customer"]
        assert shown["consent"] is left.get("consent", True)


async def test_what_was_written_is_kept_when_the_case_changed_meanwhile(running: Running) -> None:
    told = await filed(running)
    at = f"/desk/cases/{told.reference}"
    await do(running, "li.delivery", told, "accept")
    async with browser(running, "li.delivery") as client:
        stale = marks((await client.get(at)).text)
        await do(running, "lead.delivery", told, "resolve", text="已送达")
        answer = await client.post(f"{at}/ask", data={**stale, "ask_question": "放<b>门口</b>可以吗？"})
        assert answer.status_code == 409
        assert "正在等待客户确认" in answer.text
        assert "你写的内容还在下面" in answer.text
        assert "放&lt;b&gt;门口&lt;/b&gt;可以吗？" in answer.text
        noted = await client.post(f"{at}/note", data={**stale, "note_text": "还在找"})
        assert noted.status_code == 409
        assert "在你填写时，这件投诉已经变化" in noted.text


async def test_missing_words_are_said_at_their_field(running: Running) -> None:
    told = await filed(running)
    await do(running, "li.delivery", told, "accept")
    at = f"/desk/cases/{told.reference}"
    async with browser(running, "li.delivery", "en") as client:
        mark = marks((await client.get(at)).text)
        answer = await client.post(f"{at}/promise", data={**mark, "promise_due_at": "soon", "promise_text": ""})
        assert answer.status_code == 422
        assert 'href="#promise_due_at"' in answer.text
        assert 'href="#promise_text"' in answer.text
        assert (await client.post(f"{at}/nonsense", data=mark)).status_code == 404


async def test_a_date_too_far_away_is_refused_with_the_latest_one_and_nothing_typed_is_lost(running: Running) -> None:
    told = await filed(running)
    await do(running, "li.delivery", told, "accept")
    at = f"/desk/cases/{told.reference}"
    async with browser(running, "li.delivery", "en") as client:
        mark = marks((await client.get(at)).text)
        far = {**mark, "promise_due_at": "9999-12-31T10:30", "promise_text": "We bring it ourselves"}
        answer = await client.post(f"{at}/promise", data=far)
        assert answer.status_code == 422
        assert "The latest that can be promised is" in answer.text
        assert "We bring it ourselves" in answer.text
        assert "9999-12-31T10:30" in answer.text


async def test_a_foreign_case_is_a_page_that_says_so(running: Running) -> None:
    told = await filed(running)
    at = f"/desk/cases/{told.reference}"
    async with browser(running, "wang.billing") as client:
        for answer in (await client.get(at), await client.post(f"{at}/accept", data={"mark": ""})):
            assert answer.status_code == 403
            assert "这不是你部门可以处理的投诉" in answer.text
            assert "回到部门工作台" in answer.text and "/desk" in answer.text
        lost = await client.get("/desk/cases/R-2222-2222?lang=en")
        assert lost.status_code == 404 and "Go to the desk" in lost.text and "start page" not in lost.text
    async with browser(running, "li.delivery") as client:
        crossed = await client.post(f"{at}/accept", data={}, headers={"origin": "https://evil.example"})
        assert crossed.status_code == 403


async def test_words_of_customers_are_never_markup(running: Running) -> None:
    told = await filed(running, "<img src=x onerror=alert(1)>{{31337*3}} 快递没到")
    async with browser(running, "li.delivery") as client:
        for path in ("/desk", f"/desk/cases/{told.reference}"):
            page = (await client.get(path)).text
            assert "<img" not in page
            assert "94011" not in page


async def test_pages_speak_one_language_and_every_state_renders(running: Running) -> None:
    """Every state, as seen by everybody who may, in both languages: no text missing, none of the other language."""
    stories: list[Told] = [await filed(running, "嗯", title=None)]
    for steps in (
        [], ["accept"], ["accept", "progress"], ["accept", "ask"], ["accept", "promise", "resolve"], ["transfer"],
    ):  # fmt: skip
        told = await filed(running)
        stories.append(told)
        await running.feed(told.started(), told.paused(), told.warned("owner"), told.escalated("owner"), told.failed())
        for step in steps:
            await do(running, "li.delivery", told, step, **FORMS[step])
    await running.feed(stories[4].added("一直没人"), stories[5].disputed(), stories[2].withdrawn(), stories[3].rated())
    for left in ({"email": None}, {"consent": False}, {"email": None, "phone": None}):
        for steps in (["ask"], ["ask", "record/answer", "resolve"], ["resolve", "record/dispute"]):
            told = await filed(running, **left)
            stories.append(told)
            for step in ("accept", *steps):
                await do(running, "li.delivery", told, step, **FORMS[step])
    await do(running, "chen.office", stories[-2], "record/confirmation", note="x")
    for language, foreign in (("zh", None), ("en", re.compile(r"[\u4e00-\u9fff]"))):
        for user in ("li.delivery", "chen.office", "sun.triage", "ops", "wang.billing"):
            async with browser(running, user, language) as client:
                for view in ("queue", "offered", "all", "escalated", "closed"):
                    page = await client.get(f"/desk?view={view}")
                    assert page.status_code == 200, page.text
                for told in stories:
                    page = await client.get(f"/desk/cases/{told.reference}")
                    assert page.status_code in {200, 403}
                    if foreign:
                        bare = re.sub(r'<[^>]+lang="zh-Hans"[^>]*>.*?</', "", page.text, flags=re.S)
                        bare = re.sub(r"中文|王小明|快递|没有收到|一直没人|words found: [^<]*", "", bare)
                        assert not foreign.search(bare), foreign.search(bare)


FORMS: dict[str, dict[str, Any]] = {
    "accept": {},
    "progress": {"text": "x"},
    "ask": {"question": "x"},
    "promise": {"due_at": f"{SOON:%Y-%m-%d}T00:00:00Z", "text": "x"},
    "resolve": {"text": "x"},
    "transfer": {"to": "billing", "reason": "x"},
    "record/answer": {"answer": "x"},
    "record/dispute": {"text": "x"},
}


async def test_the_list_comes_as_a_file_that_no_spreadsheet_runs(running: Running) -> None:
    person = await running.person()
    told = Told(person)
    told.submitted = told.submitted.model_copy(
        update={"title": told.seal("title", "=HYPERLINK(1)"), "name": told.seal("name", "@x")}
    )
    await running.feed(told.submitted)
    async with browser(running, "li.delivery") as client:
        answer = await client.get("/desk.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="cases.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["reference"], row["title"], row["customer_name"]) for row in rows] == [
        (told.reference, "'=HYPERLINK(1)", "'@x")
    ]


async def test_a_shop_has_its_name_in_the_readers_language_and_an_unknown_one_the_words_as_given(
    running: Running,
) -> None:
    """On the desk, the case page, in the file and for programs; events of before, with the store in clear, too (D8)."""
    told = {
        "SH-021": ("上海徐家汇店 · SH-021", "Shanghai Xujiahui · SH-021"),
        "S-9/by the lake": ("S-9/by the lake", "S-9/by the lake"),
        "CD-005": ("成都科华店 · CD-005", "Chengdu Kehua · CD-005"),
    }
    cases: dict[str, Told] = {}
    for store in told:
        cases[store] = one = Told(await running.person())
        sealed = {"store_id": store} if store == "CD-005" else {"store": one.seal("store", store)}
        await running.feed(one.submitted.model_copy(update=sealed))
    for place, language in enumerate(("zh", "en")):
        async with browser(running, "li.delivery", language) as client:
            desk = html.unescape((await client.get("/desk")).text)
            lines = csv.DictReader(io.StringIO((await client.get("/desk.csv")).content.decode("utf-8-sig")))
            by_reference = {row["reference"]: row["store"] for row in lines}
            for store, said in told.items():
                page = html.unescape((await client.get(f"/desk/cases/{cases[store].reference}")).text)
                assert f'<dd dir="auto">{said[place]}</dd>' in page
                assert f">{said[place]}</bdi>" in desk
                assert by_reference[cases[store].reference] == said[place]
    async with await running.as_user("li.delivery") as client:
        shown = {
            store: (await client.get(f"/v1/cases/{cases[store].reference}")).json()
            for store in ("SH-021", "S-9/by the lake")
        }
    assert shown["SH-021"]["store"] == {"zh": "上海徐家汇店", "en": "Shanghai Xujiahui"}
    assert shown["SH-021"]["store_id"] == "SH-021"
    assert (shown["S-9/by the lake"]["store"], shown["S-9/by the lake"]["store_id"]) == (None, "S-9/by the lake")
    async with await running.as_user("ops") as client:
        seen = (await client.get(f"/v1/cases/{cases['S-9/by the lake'].reference}")).json()
    assert seen["withheld"] and (seen["store"], seen["store_id"]) == (None, None), "they are the customer's words"


@pytest.mark.parametrize("trigger", list("=+-@\t\r\n＝＋－＠"))
def test_no_cell_begins_as_a_formula(trigger: str) -> None:
    assert safe_cell(f"{trigger}1") == f"'{trigger}1"
    assert safe_cell(f"\0{trigger}1") == f"'{trigger}1"
    parsed = list(csv.reader(io.StringIO(csv_of([{"a": f'{trigger}"x",\ny'}], ["a"]).decode("utf-8-sig"), newline="")))
    assert parsed[1][0].startswith("'")


async def test_four_thousand_characters_with_line_breaks_are_four_thousand(running: Running) -> None:
    """As a browser sends them: two characters for each line end (trial, E6)."""
    told = await filed(running)
    text = "\r\n".join(["今天已经联系仓库" * 49 + "。"] * 10)[:-1].ljust(4_000 + 9, "好")
    async with browser(running, "li.delivery") as client:
        await do(running, "li.delivery", told, "accept")
        address = f"/desk/cases/{told.reference}/progress"
        too_long = await client.post(address, data={"progress_text": text + "好"})
        assert too_long.status_code == 422 and text.replace("\r\n", "\n") + "好" in too_long.text
        assert "太长，最多 4000 个字符" in too_long.text
        done = await client.post(address, data={"progress_text": text})
        assert done.status_code == 303, done.text


async def test_what_was_sent_without_a_session_comes_back_behind_sign_in(running: Running) -> None:
    """The text of a handler whose session ended is on the page again, and nothing was done (trial, E5)."""
    told = await filed(running)
    await do(running, "li.delivery", told, "accept")
    address = f"/desk/cases/{told.reference}"
    async with browser(running, "li.delivery") as client:
        page = (await client.get(f"{address}?done=accept")).text
        typed = {"progress_text": "包裹找到了。\n明天送到。", "writer": "li.delivery", **marks(page)}
        client.cookies.clear()
        asked = await client.post(
            f"{address}/progress?lang=zh",
            data=typed,
            headers={"referer": f"http://127.0.0.1:8102{address}?done=accept"},
        )
        assert asked.status_code == 401 and "没有提交，也没有丢" in asked.text
        wrong = await client.post("/sign-in", data=hidden(asked.text) | {"user": "li.delivery", "password": "x"})
        assert wrong.status_code == 401 and "用户名或密码不对" in wrong.text
        signed = await client.post("/sign-in", data=hidden(wrong.text) | {"user": "li.delivery", "password": PASSWORD})
        assert signed.status_code == 200
        to = re.findall(r'action="([^"]+)" data-onward', signed.text)[0]
        assert to == f"http://127.0.0.1:8102{address}/progress?lang=zh"
        again = await client.post(to, data=hidden(signed.text))
        assert again.status_code == 200 and "包裹找到了。\n明天送到。" in again.text
        assert "这些内容还没有提交" in again.text and "已接单，由你们" not in again.text
        assert [line["what"] for line in (await see(running, "li.delivery", told))["history"]][-1] == "accepted"
        done = await client.post(to, data={**typed, **marks(again.text)})
        assert done.status_code == 303


async def test_somebody_else_who_signs_in_does_not_get_the_words(running: Running) -> None:
    told = await filed(running)
    typed = {"note_text": "包裹找到了", "writer": "li.delivery"}
    async with running.client(**BROWSER) as client:
        asked = await client.post(f"/desk/cases/{told.reference}/note", data=typed)
        other = hidden(asked.text) | {"user": "lead.delivery", "password": PASSWORD}
        signed = await client.post("/sign-in", data=other)
        assert signed.status_code == 303 and "包裹" not in signed.text


async def test_words_for_a_case_that_another_department_has_now_are_shown_to_be_copied(running: Running) -> None:
    told = await filed(running)
    await do(running, "li.delivery", told, "transfer", to="billing", reason="退运费")
    async with browser(running, "li.delivery") as client:
        page = (await client.get(f"/desk/cases/{told.reference}")).text
        await do(running, "wang.billing", told, "transfer/accept")
        lost = await client.post(f"/desk/cases/{told.reference}/note", data={"note_text": "客户住三楼", **marks(page)})
        assert lost.status_code == 403 and "客户住三楼" in lost.text and "可以复制" in lost.text


async def test_the_giver_takes_an_offer_back_at_the_desk(running: Running) -> None:
    told = await filed(running)
    await do(running, "li.delivery", told, "transfer", to="billing", reason="退运费")
    async with browser(running, "li.delivery") as client:
        page = (await client.get(f"/desk/cases/{told.reference}")).text
        assert "收回转办" in page
        done = await client.post(f"/desk/cases/{told.reference}/transfer/withdraw", data=marks(page))
        assert done.status_code == 303 and done.headers["location"].endswith("?done=transfer_withdraw")
        assert "物流配送收回转办" in (await client.get(done.headers["location"])).text
    await do(running, "wang.billing", told, "transfer/accept", expect=403)


def hidden(page: str) -> dict[str, str]:
    """What a page's form carries out of sight."""
    carried = re.findall(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', page, re.S)
    inputs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in (*inputs, *carried)}


async def test_nobody_claims_a_private_page_for_callers_who_were_given_no_link(running: Running) -> None:
    """What an agent took down in our own call form (trial, E1)."""
    told = await filed(running, client=CALL_FORM, channel="phone", email=None, phone=None)
    linked = await filed(running, client="web", email=None, phone=None)
    for one, words, never in ((told, "没有私人链接", "只能在私人进展页"), (linked, "只能在私人进展页", "没有私人链接")):
        await do(running, "li.delivery", one, "accept")
        async with browser(running, "li.delivery") as client:
            page = (await client.get(f"/desk/cases/{one.reference}?done=progress")).text
            assert words in page and never not in page
            assert "进展已记录；不能给客户写信，也没有电话；" in page
            page = (await client.get(f"/desk/cases/{one.reference}?done=accept&lang=en")).text
            assert "can see" not in page


async def test_a_promise_for_a_time_that_has_passed_is_refused_with_the_words_kept(running: Running) -> None:
    """In the form as in the API (trial, E4)."""
    told = await filed(running)
    await do(running, "li.delivery", told, "accept")
    refused = await do(running, "li.delivery", told, "promise", due_at="2026-01-02T10:00:00Z", text="回电", expect=422)
    assert refused["type"] == "urn:redress:problem:due-in-past" and "已经过去了" in refused["detail"]
    async with browser(running, "li.delivery") as client:
        page = (await client.get(f"/desk/cases/{told.reference}")).text
        typed = {"promise_due_at": "2026-01-02T18:00", "promise_text": "下午回电", **marks(page)}
        answer = await client.post(f"/desk/cases/{told.reference}/promise", data=typed)
    assert answer.status_code == 422 and "这个时间已经过去了" in answer.text
    assert "下午回电" in answer.text and 'value="2026-01-02T18:00"' in answer.text


async def test_cases_of_a_pack_that_is_not_loaded_are_seen_by_operators_who_are_told_what_to_do(
    running: Running,
) -> None:
    told = await filed(running, pack="ghost")
    stop, office = asyncio.Event(), running.service._tasks["packs"].__self__  # type: ignore[attr-defined]
    looking = asyncio.create_task(office.look_for_unloaded(stop))
    async with asyncio.timeout(10):
        while not office.unloaded:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stop.set()
    await looking
    assert WITHOUT_PACK._value.get() == 1
    async with browser(running, "ops", "en") as client:
        page = await client.get("/desk?view=all")
    assert told.reference in page.text and "not loaded: ghost" in page.text
    async with browser(running, "li.delivery", "en") as client:
        assert (await client.get(f"/desk/cases/{told.reference}")).status_code == 403
        assert "not loaded" not in (await client.get("/desk")).text


@pytest.mark.parametrize(
    ("outcome", "said"), [("met", "按时完成"), ("late", "超时完成"), (None, "已改期")], ids=["met", "late", "moved"]
)
async def test_a_date_that_is_over_says_how_and_not_that_the_complaint_is_settled(
    running: Running, outcome: str | None, said: str
) -> None:
    told = await filed(running)
    await running.feed(told.started("owner"), told.stopped("owner", outcome))
    async with browser(running, "li.delivery") as client:
        page = (await client.get(f"/desk/cases/{told.reference}")).text
    clocks = page.split('<ul class="clocks">')[1].split("</ul>")[0]
    assert said in clocks
    assert "已解决" not in clocks


async def test_a_hold_stands_in_the_security_log_in_words(running: Running) -> None:
    kinds = ("held", "hold_lifted", "erasure_asked", "erasure_declined", "viewed", "of_a_newer_copy")
    lines = [
        {"at": datetime.now(UTC).isoformat(), "kind": kind, "actor": "chen.office", "role": "office", "pack": "retail",
         "reference": None, "address": None, "detail": {"what": "clocks", "new_name": "x"}}
        for kind in kinds
    ]  # fmt: skip
    await running.service.database.execute(WRITE, lines)
    async with browser(running, "chen.office") as client:
        page = await client.get("/security-log")
    assert page.status_code == 200
    for words in ("暂缓删除", "取消暂缓", "申请删除个人信息", "没有批准删除", "其他", "内容：时限", "new_name: x"):
        assert words in page.text
