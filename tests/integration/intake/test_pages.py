"""Intake's pages as seen by programs: what is stored, what is refused, what is never shown."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.runtime.web.sessions import Role, Staff
from tests.integration.intake.conftest import POLICIES, Running
from tests.support.staff import signed_in

HTML = {"accept": "text/html"}
FORM = {"text": "快递延误三天，客服一直说在路上。", "email": "wang@example.com", "answer_in": "zh"}
CALL = {
    "text": "The pump failed.",
    "channel": "phone",
    "customer_language": "en",
    "next_step": "Rung back today",
    "consent": "yes",
}


async def key_of(http: httpx.AsyncClient, path: str = "/file") -> str:
    """Opens a form as a browser does and answers its hidden key."""
    page = await http.get(path, headers=HTML)
    assert page.status_code == 200
    found = re.search(r'name="key" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def send(http: httpx.AsyncClient, key: str, **typed: str) -> httpx.Response:
    return await http.post("/file", data={**FORM, **typed, "key": key, "action": "send"}, headers=HTML)


def reference_on(page: httpx.Response) -> str:
    return page.text.partition('class="reference">')[2].partition("<")[0]


def as_staff(intake: Running, role: Role = "agent") -> dict[str, str]:
    token = signed_in(intake.database, intake.service.sessions, Staff("li.na", "李娜", role, "customer-service"))
    return {"Cookie": f"redress_session={token}", "Origin": "http://127.0.0.1:8101", **HTML}


async def test_a_form_is_filed_and_its_receipt_shown(intake: Running) -> None:
    sent = await send(intake.http, await key_of(intake.http), wanted="refund", category="delivery")
    assert (sent.status_code, sent.headers["location"]) == (303, "/file/done")
    done = await intake.http.get("/file/done")
    (row,) = intake.rows("SELECT * FROM intake.complaint")
    assert reference_on(done) == row["reference"]
    assert (row["channel"], row["category"], row["email"]) == ("web", "delivery", "wang@example.com")
    assert done.headers["cache-control"] == "no-store"
    assert done.headers["referrer-policy"] == "no-referrer"
    assert intake.count("outbox") == 1


async def test_the_receipts_cookie_is_out_of_reach_of_scripts_and_other_paths(intake: Running) -> None:
    sent = await send(intake.http, await key_of(intake.http))
    cookie = sent.headers["set-cookie"]
    assert cookie.startswith("redress_receipt=")
    assert {"HttpOnly", "Path=/file", "SameSite=lax"} <= set(cookie.split("; "))


async def test_the_same_form_twice_is_one_complaint(intake: Running) -> None:
    key = await key_of(intake.http)
    await send(intake.http, key)
    first = reference_on(await intake.http.get("/file/done"))
    await send(intake.http, key)
    assert reference_on(await intake.http.get("/file/done")) == first
    assert intake.count("complaint") == 1


async def test_the_same_form_with_other_words_is_not_filed_and_says_so(intake: Running) -> None:
    key = await key_of(intake.http)
    await send(intake.http, key)
    other = await send(intake.http, key, text="Something else")
    assert other.status_code == 409
    assert "/c/" in other.text  # this browser's own link
    assert intake.count("complaint") == 1


async def test_somebody_elses_key_and_words_never_answer_their_link(intake: Running) -> None:
    key = await key_of(intake.http)
    await send(intake.http, key)
    own = reference_on(await intake.http.get("/file/done"))
    async with httpx.AsyncClient(transport=intake.http._transport, base_url="http://intake.test") as thief:
        await send(thief, key)  # no visitor cookie
        assert reference_on(await thief.get("/file/done")) != own
        await key_of(thief)  # a visitor cookie of their own
        await send(thief, key)
        assert reference_on(await thief.get("/file/done")) != own
    assert intake.count("complaint") == 3


async def test_a_forged_receipt_is_no_receipt(intake: Running) -> None:
    page = await intake.http.get("/file/done", headers={"Cookie": "redress_receipt=eyJ4Ijoxfq.aaa.bbb"})
    assert page.status_code == 200
    assert 'class="reference"' not in page.text


async def test_without_script_a_shop_is_chosen_kept_by_a_refusal_and_filed(intake: Running) -> None:
    typed = {**FORM, "store": "SH-021", "store_other": "二楼", "key": await key_of(intake.http), "action": "review"}
    chosen = '<option value="SH-021" selected>Shanghai Xujiahui · SH-021</option>'
    for change, status in (({"email": ""}, 422), ({"action": "edit"}, 200)):
        page = await intake.http.post("/file?lang=en", data=typed | change, headers=HTML)
        assert page.status_code == status
        assert chosen in page.text and 'value="二楼"' in page.text
    review = await intake.http.post("/file?lang=zh", data=typed, headers=HTML)
    assert "上海徐家汇店 · SH-021 · 二楼" in review.text
    assert (await send(intake.http, **typed | {"action": "send"})).status_code == 303
    (row,) = intake.rows("SELECT store_id, body FROM intake.complaint")
    assert (row["store_id"], row["body"]) == ("SH-021", f"{FORM['text']}\n\n门店：二楼")


async def test_the_call_form_keeps_the_shop_through_a_refusal(intake: Running) -> None:
    staff = as_staff(intake)
    typed = {**CALL, "channel": "store", "store": "SH-021", "text": "", "key": "k", "action": "review"}
    page = await intake.http.post("/agent?lang=en", data=typed, headers=staff)
    assert page.status_code == 422
    assert '<option value="SH-021" selected>Shanghai Xujiahui · SH-021</option>' in page.text
    page = await intake.http.post("/agent?lang=zh", data=typed | {"store": "", "text": "x"}, headers=staff)
    assert page.status_code == 422 and "柜台登记请填写门店" in page.text


async def test_a_pack_without_a_list_asks_for_the_shop_in_words(start: Callable[..., Any], tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    (tmp_path / "policies" / "retail" / "stores.yaml").unlink()
    async with start(policies_dir=tmp_path / "policies") as intake:
        for path, headers in (("/file", HTML), ("/agent", as_staff(intake))):
            page = await intake.http.get(path, headers=headers)
            assert '<input id="store" name="store" type="text"' in page.text
            assert "store_other" not in page.text and '<select id="store"' not in page.text
        typed = {**FORM, "store": "朝阳店", "key": await key_of(intake.http), "action": "edit"}
        assert 'value="朝阳店"' in (await intake.http.post("/file", data=typed, headers=HTML)).text


HOSTILE = ["{{7*7}}", "<img src=x onerror=alert(1)>", "'\"><script>alert(1)</script>", "${7*7}", "]]>", "&lt;b&gt;"]


@pytest.mark.parametrize("words", HOSTILE)
async def test_hostile_words_are_shown_as_words(intake: Running, words: str) -> None:
    typed = {**FORM, "text": words, "store": words, "key": await key_of(intake.http), "action": "review"}
    page = await intake.http.post("/file", data=typed, headers=HTML)
    assert page.status_code == 200
    assert html.escape(words, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page.text
    assert "<img src=x" not in page.text
    assert "<script>alert" not in page.text
    assert ">49<" not in page.text
    back = await intake.http.post("/file", data={**typed, "action": "edit"}, headers=HTML)
    assert "<script>alert" not in back.text


async def test_a_form_from_a_foreign_page_is_refused(intake: Running) -> None:
    key = await key_of(intake.http)
    foreign = {**HTML, "Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site"}
    for path, typed in (("/file", {**FORM, "key": key, "action": "send"}), ("/find", {"find": "x"})):
        assert (await intake.http.post(path, data=typed, headers=foreign)).status_code == 403
    assert intake.count("complaint") == 0


async def test_a_flood_of_forms_from_one_address_is_slowed(start: Callable[..., Any]) -> None:
    async with start(intake_form_rate=0.5, intake_form_burst=3) as intake:
        answers = [await intake.http.post("/file", data=FORM, headers=HTML) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"text=" + b"x" * 270_000, "application/x-www-form-urlencoded", 413),
        (b"text=%ff", "application/x-www-form-urlencoded", 422),
        (b"{}", "application/json", 415),
    ],
)
async def test_what_is_no_form_is_refused(intake: Running, body: bytes, kind: str, status: int) -> None:
    answer = await intake.http.post("/file", content=body, headers={**HTML, "content-type": kind})
    assert answer.status_code == status
    assert "<h1>" in answer.text


async def test_every_field_may_be_missing_or_unknown(intake: Running) -> None:
    for typed in ({}, {"action": "send"}, {"action": "explode"}, {"step": "9", "action": "edit"}, {"unknown": "x"}):
        answer = await intake.http.post("/file", data={"x": "y", **typed}, headers=HTML)
        assert answer.status_code in {200, 422}, typed
    assert intake.count("complaint") == 0


async def test_the_call_form_needs_a_role(intake: Running) -> None:
    assert (await intake.http.get("/agent", headers=HTML)).status_code == 303
    for role, status in (("agent", 200), ("lead", 200), ("office", 200), ("handler", 403), ("operator", 403)):
        assert (await intake.http.get("/agent", headers=as_staff(intake, role))).status_code == status, role
        posted = await intake.http.post("/agent", data=CALL, headers=as_staff(intake, role))
        assert posted.status_code == status, role


async def test_a_call_is_filed_in_the_agents_name(intake: Running) -> None:
    staff = as_staff(intake)
    key = re.search(r'name="key" value="([^"]+)"', (await intake.http.get("/agent", headers=staff)).text)
    assert key
    typed = {**CALL, "phone": "13812345678", "on_behalf": "王大爷", "key": key[1], "action": "send"}
    sent = await intake.http.post("/agent", data=typed, headers=staff)
    assert (sent.status_code, sent.headers["location"]) == (303, "/agent/done")
    (row,) = intake.rows("SELECT * FROM intake.complaint")
    assert (row["channel"], row["phone"], row["language"]) == ("phone", "+8613812345678", "en")
    (event,) = intake.rows("SELECT convert_from(payload, 'UTF8') AS said FROM intake.outbox")
    assert '"staff:li.na"' in event["said"]
    assert "王大爷" not in event["said"]


async def test_open_cases_are_shown_to_staff_alone(intake: Running) -> None:
    await send(intake.http, await key_of(intake.http), phone="138 1234 5678")
    (row,) = intake.rows("SELECT reference FROM intake.complaint")
    typed = {"phone": "+86 13812345678"}
    assert (await intake.http.post("/agent/known", data=typed, headers=HTML)).status_code == 401
    known = await intake.http.post("/agent/known", data=typed, headers=as_staff(intake))
    assert row["reference"] in known.text
    assert "<html" not in known.text
    other = await intake.http.post("/agent/known", data={"phone": "13800000000"}, headers=as_staff(intake))
    assert row["reference"] not in other.text
    partial = await intake.http.post("/agent/known", data={"phone": "1381"}, headers=as_staff(intake))
    assert partial.status_code == 200


async def test_a_call_from_a_foreign_page_is_refused(intake: Running) -> None:
    headers = as_staff(intake) | {"Origin": "http://evil.test"}
    assert (await intake.http.post("/agent", data=CALL, headers=headers)).status_code == 403


async def test_a_link_or_reference_is_found_without_telling_what_exists(intake: Running) -> None:
    await send(intake.http, await key_of(intake.http))
    (row,) = intake.rows("SELECT reference FROM intake.complaint")
    link = "http://127.0.0.1:8104/c/abcDEF_-123"
    to_link = await intake.http.post("/find", data={"find": link}, headers=HTML)
    assert (to_link.status_code, to_link.headers["location"]) == (303, link)
    known = await intake.http.post("/find", data={"find": row["reference"]}, headers=HTML)
    unknown = await intake.http.post("/find", data={"find": "R-4K7M-2XA"}, headers=HTML)
    assert known.status_code == 200
    assert "/c/" not in known.text.partition("<main")[2].replace(html.escape("“/c/”"), "")
    assert unknown.status_code == 422


async def test_a_call_sent_without_a_session_comes_back_behind_sign_in(intake: Running) -> None:
    """Sign-in is the router's; intake shows what came through it, and files nothing by itself (trial, E5)."""
    asked = await intake.http.post("/agent", data={**CALL, "action": "send", "writer": "li.na"}, headers=HTML)
    assert asked.status_code == 401
    assert "http://127.0.0.1:8102/sign-in" in asked.text and CALL["text"] in asked.text
    back = {**CALL, "action": "send", "writer": "li.na", "resumed": "yes"}
    page = await intake.http.post("/agent", data=back, headers=as_staff(intake))
    assert page.status_code == 200 and 'id="call"' in page.text and CALL["text"] in page.text
    assert "这些内容还没有提交" in page.text and intake.count("complaint") == 0


async def test_a_call_back_promised_for_a_time_that_has_passed_is_refused_with_the_words_kept(intake: Running) -> None:
    """By the database's clock and the wall of the office (trial, E4)."""
    call = {**CALL, "next_step": "After-sales rings back by 00:00 on 2026-01-02", "action": "send"}
    page = await intake.http.post("/agent?lang=en", data=call, headers=as_staff(intake))
    assert page.status_code == 422 and "00:00 on 2026-01-02” has passed" in page.text
    assert CALL["text"] in page.text and call["next_step"] in page.text and intake.count("complaint") == 0
    call["next_step"] = "After-sales rings back by 00:00 on 2999-01-02"
    assert (await intake.http.post("/agent", data=call, headers=as_staff(intake))).status_code == 303


async def test_a_usual_span_is_told_for_the_chosen_kind_alone_and_never_beside_the_date(intake: Running) -> None:
    """The receipt said "usually 7 working days" beside the date of a policy of ten (trial, C11)."""
    key = await key_of(intake.http)
    spans = intake.service.policies.packs["retail"].sla.choose(priority="normal", category="repair", channel="web")
    days = int(spans.clocks.journey.amount)
    chosen = {**FORM, "category": "repair", "key": key, "action": "review"}
    review = (await intake.http.post("/file?lang=zh", data=chosen, headers=HTML)).text
    assert "这类投诉通常首次答复" in review and f"全部办结：{days} 个工作日" in review
    open_ = (await intake.http.post("/file?lang=zh", data={**FORM, "key": key, "action": "review"}, headers=HTML)).text
    assert "通常" not in open_
    await intake.http.post("/file?lang=zh", data={**chosen, "action": "send"}, headers=HTML)
    done = (await intake.http.get("/file/done?lang=zh")).text
    assert "通常" not in done and "工作日" not in done and "今天" not in done, "a receipt is read on other days too"
