"""What a customer sees and does behind the private link, and that nobody else gets in."""

import html
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest

from shared.events import notices, sla
from tests.integration.notifier.rig import Rig, Told, rigged
from tests.integration.notifier.scripted_smtp import ScriptedSmtp
from tests.support.stack import DatabaseFactory
from tests.unit.notifier.story import BY_STAFF, day

FORM = {"content-type": "application/x-www-form-urlencoded"}
BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-language": "zh"}


@pytest.fixture
async def rig(fresh_database: DatabaseFactory, keys: Path) -> AsyncIterator[Rig]:
    async with ScriptedSmtp() as smtp, rigged(fresh_database("notifier"), keys, smtp) as made:
        yield made


@pytest.fixture
async def http(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=rig.service.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://help.example") as client:
        yield client


async def begun(rig: Rig, **more: Any) -> Told:
    story = await rig.story(**more)
    await rig.apply(*story.begun(day(7)))
    return story


async def said(rig: Rig) -> list[Any]:
    return [event for event in await rig.said() if not isinstance(event, notices.NoticeEvent)]


async def test_shows_who_has_it_until_when_and_what_happened_in_the_complaints_language(
    rig: Rig, http: httpx.AsyncClient
) -> None:
    story = await begun(rig)
    await rig.apply(story.accepted(), story.progress(story.seal("text", "包裹找到了 <b>")))
    page = await http.get(f"/c/{story.token}", headers={"accept": "text/html", "accept-language": "en"})
    assert page.status_code == 200 and 'lang="zh-Hans"' in page.text
    for words in ("物流配送", "R-4K7M-2XA9", "正在处理您的投诉", "包裹找到了 &lt;b&gt;", "快递还没到", "aria-current"):
        assert words in page.text
    english = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
    assert "Your complaint is being worked on" in english.text and "Delivery" in english.text
    assert 'lang="en"' in english.text


async def test_who_did_not_agree_to_be_written_to_still_has_the_page_and_is_promised_no_messages(
    rig: Rig, http: httpx.AsyncClient
) -> None:
    story = await rig.story(language="en")
    await rig.apply(story.filed(consent=False), story.assigned(), story.clocks(journey=day(7)))
    await rig.apply(story.asked(story.seal("question", "Which floor?")), story.clocks(answer=day(4)))
    page = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
    assert page.status_code == 200 and "Delivery" in page.text and "Which floor?" in page.text
    assert "We do not write to you, since you did not agree to it" in page.text and "Not certain" not in page.text
    page = await http.get(f"/c/{story.token}?lang=zh", headers=BROWSER)
    assert "您没有同意我们联系您" in page.text
    done = await http.post(f"/c/{story.token}/reply", data={"answer": "The third"}, headers=BROWSER)
    assert done.status_code == 303 and [type(event) for event in await said(rig)] == [notices.CustomerReplied]


@pytest.mark.parametrize("alone", [True, False], ids=["by itself", "with its owner in one batch"])
async def test_the_shop_has_its_name_in_the_readers_language_and_an_unknown_one_the_words_as_given(
    rig: Rig, http: httpx.AsyncClient, alone: bool
) -> None:
    """Sealed where it was told, in clear where an operator bound the client to it (D8); gone with the person."""
    told = [
        ({"store": "SH-021"}, ("上海徐家汇店 · SH-021", "Shanghai Xujiahui · SH-021"), {"zh": "上海徐家汇店", "en": "Shanghai Xujiahui"}),
        ({"store": "S-9/by-the-lake"}, ("S-9/by-the-lake", "S-9/by-the-lake"), None),
        ({"store_id": "CD-005"}, ("成都科华店 · CD-005", "Chengdu Kehua · CD-005"), {"zh": "成都科华店", "en": "Chengdu Kehua"}),
        ({}, ("", ""), None),
    ]  # fmt: skip
    for number, (given, said, name) in enumerate(told):
        story = await rig.story(f"shop{number}@example.com")
        sealed = {key: story.seal(key, word) if key == "store" else word for key, word in given.items()}
        rest = (story.assigned(), story.clocks(journey=day(7)))
        await rig.apply(story.filed(**sealed), *(() if alone else rest))
        await rig.apply(*(rest if alone else ()))
        for place, (language, label) in enumerate((("zh", "门店"), ("en", "Shop"))):
            page = html.unescape((await http.get(f"/c/{story.token}?lang={language}", headers=BROWSER)).text)
            assert (f'<dt>{label}</dt><dd dir="auto">{said[place]}</dd>' in page) == bool(given), (given, language)
        shown = (await http.get(f"/c/{story.token}")).json()["store"]
        assert shown == ({"id": next(iter(given.values())), "name": name} if given else None)
    kept = await rig.fetch("SELECT store, store_id FROM notifier.contact")
    assert not [row for row in kept if row["store"] and not row["store"].startswith("s1.")], "sealed as it came"


async def test_an_erased_persons_shop_is_gone(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await rig.story()
    await rig.apply(story.filed(store=story.seal("store", "SH-021"), store_id="SH-021"), story.erased())
    (row,) = await rig.fetch("SELECT store, store_id FROM notifier.contact")
    assert (row["store"], row["store_id"]) == (None, None)


async def test_a_date_beyond_the_known_holidays_says_so_and_no_other_does(rig: Rig, http: httpx.AsyncClient) -> None:
    said, far = "Our calendar does not have the public holidays of that time yet", datetime(2041, 3, 1, tzinfo=UTC)

    async def times(story: Told) -> int:
        page = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
        assert page.status_code == 200
        return page.text.count(said)

    story = await begun(rig)
    assert await times(story) == 0
    await rig.apply(story.accepted(), story.asked(story.seal("question", "哪一层？")), story.clocks(answer=far))
    assert await times(story) == 1
    other = await rig.story()
    await rig.apply(*other.begun(far))
    assert await times(other) == 1


async def test_a_line_that_a_newer_copy_wrote_is_shown_as_news(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await rig.story()
    await rig.apply(story.filed(), story.assigned())
    line = "INSERT INTO notifier.entry (complaint_id, event_id, at, what)"
    await rig.execute(f"{line} VALUES ('{story.complaint_id}', gen_random_uuid(), now(), 'from_the_future')")
    page = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
    assert page.status_code == 200
    assert "There is news" in page.text


async def test_the_answer_is_never_kept_passed_on_or_indexed(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    answers = [
        await http.get(f"/c/{story.token}", headers=BROWSER),
        await http.get(f"/c/{story.token}"),
        await http.get("/c/wrong", headers=BROWSER),
        await http.post(f"/c/{story.token}/add", data={"add_text": "x"}, headers=BROWSER),
        await http.post(f"/c/{story.token}/add", data={}, headers=BROWSER),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_wrong_erased_and_unknown_links_are_the_same_404(rig: Rig, http: httpx.AsyncClient) -> None:
    story, erased = await begun(rig), await begun(rig, email="other@example.com")
    await rig.shred(erased.person_id)
    gone_key = await http.get(f"/c/{erased.token}", headers=BROWSER)
    await rig.apply(erased.erased())
    tokens = [
        "x" * 22,
        story.token[:-1] + "~",
        str(story.complaint_id),
        "ab" * 32,
        "%E4%BD%A0",
        "a" * 500,
        erased.token,
    ]
    pages = [gone_key, *[await http.get(f"/c/{token}", headers=BROWSER) for token in tokens]]
    shown = {re.sub(r"/c/[^?\"]*", "/c/…", page.text) for page in pages}
    assert {page.status_code for page in pages} == {404} and len(shown) == 1
    assert "一分钟后再试" in shown.pop()
    for token in tokens:
        for action in ("reply", "add", "confirm", "dispute", "rate"):
            body = {"answer": "a", "text": "b", "rating": 3}
            answer = await http.post(f"/c/{token}/{action}", json=body)
            assert answer.status_code == 404 and answer.json()["type"] == "urn:redress:problem:no-such-link"
    assert await said(rig) == []


async def test_how_long_a_404_takes_says_nothing(rig: Rig, http: httpx.AsyncClient) -> None:
    erased = await begun(rig)
    await rig.shred(erased.person_id)
    await rig.apply(erased.erased())
    times: dict[str, list[float]] = {"erased": [], "wrong": []}
    for _ in range(60):
        for name, token in (("erased", erased.token), ("wrong", "y" * len(erased.token))):
            began = time.perf_counter()
            await http.get(f"/c/{token}")
            times[name].append(time.perf_counter() - began)
    fast, slow = sorted(median(taken) for taken in times.values())
    assert slow < 2 * fast + 0.002


async def test_a_question_is_answered_once_and_only_when_asked(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    early = await http.post(f"/c/{story.token}/reply", json={"answer": "5 楼"})
    assert early.status_code == 409
    asked = story.asked(story.seal("question", "您住几楼？"))
    await rig.apply(asked, story.clocks(sla.ClockPaused, "paused", journey=None), story.clocks(answer=day(5)))
    page = await http.get(f"/c/{story.token}", headers=BROWSER)
    assert "您住几楼？" in page.text and "我们在等您的回答" in page.text and "等您回复后继续计时" in page.text
    for _ in range(2):
        answer = await http.post(f"/c/{story.token}/reply", data={"answer": " 5 楼 "}, headers=BROWSER)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/c/{story.token}?done=reply"
    [event] = await said(rig)
    assert isinstance(event, notices.CustomerReplied)
    assert event.question_event_id == asked.event_id and event.person_id == story.person_id
    assert story.key.open(story.complaint_id, "text", event.text) == "5 楼"
    assert event.cause.actor == "customer"
    page = await http.get(f"/c/{story.token}?done=reply", headers=BROWSER)
    assert "谢谢，已收到您的回答" in page.text and "处理继续" in page.text and "5 楼" in page.text
    assert 'name="answer"' not in page.text


@pytest.mark.parametrize(
    ("language", "answered", "reopened", "closed"),
    [
        ("zh", "您在电话里回答了我们", "您在电话里告诉我们没有解决，重新处理", "您在电话里告诉我们已经解决，结案"),
        (
            "en",
            "You told us by phone",
            "You told us by phone that it is not settled: opened again",
            "You told us by phone that it is settled: closed",
        ),
    ],
)
async def test_what_was_said_by_phone_is_told_as_that_and_not_asked_for_again(
    rig: Rig, http: httpx.AsyncClient, language: str, answered: str, reopened: str, closed: str
) -> None:
    story = await begun(rig, language=language)
    at = f"/c/{story.token}?lang={language}"
    await rig.apply(story.asked(story.seal("question", "几楼？")), story.clocks(answer=day(4)))
    assert 'name="answer"' in (await http.get(at, headers=BROWSER)).text
    await rig.apply(story.answered(answer=story.seal("answer", "三楼 <i>"), cause=BY_STAFF))
    page = (await http.get(at, headers=BROWSER)).text
    assert answered in page and "三楼 &lt;i&gt;" in page and 'name="answer"' not in page
    late = await http.post(f"/c/{story.token}/reply", data={"answer": "四楼"}, headers=BROWSER)
    assert late.status_code == 409 and await said(rig) == []
    assert "四楼" in late.text and 'name="add_text"' in late.text, "what was typed can still be told"
    await rig.apply(story.proposed(story.seal("text", "送到了")))
    await rig.apply(story.reopened(story.seal("reason", "还是没到"), cause=BY_STAFF))
    page = (await http.get(at, headers=BROWSER)).text
    assert reopened in page and "还是没到" in page and 'name="dispute_text"' not in page
    await rig.apply(story.proposed(story.seal("text", "真的送到了")), story.closed(cause=BY_STAFF))
    page = (await http.get(at, headers=BROWSER)).text
    assert closed in page and f"/c/{story.token}/confirm" not in page and f"/c/{story.token}/rate" in page
    again = await http.post(f"/c/{story.token}/confirm", headers=BROWSER)
    assert again.status_code == 303 and await said(rig) == [], "said already"
    document = (await http.get(f"/c/{story.token}", headers={"accept": "application/json"})).json()
    told = [(line["what"], line["text"]) for line in document["story"] if line["what"].endswith("_by_phone")]
    assert told == [("answered_by_phone", "三楼 <i>"), ("reopened_by_phone", "还是没到"), ("closed_by_phone", None)]


def about_in(page: str) -> list[str]:
    return re.findall(r'name="about" value="([^"]+)"', page)


async def test_an_old_page_answers_no_newer_question_and_keeps_what_was_typed(
    rig: Rig, http: httpx.AsyncClient
) -> None:
    """G2: an old tab answered the question that was open by then."""
    story = await begun(rig)
    first = story.asked(story.seal("question", "几楼？"))
    await rig.apply(first, story.clocks(answer=day(4)))
    old = about_in((await http.get(f"/c/{story.token}", headers=BROWSER)).text)
    assert old == [str(first.event_id)]
    unanswered = story.answered(answered=False)
    second = story.asked(story.seal("question", "退到哪张卡？"))
    await rig.apply(unanswered, second, story.clocks(answer=day(5)))
    sent = {"answer": "三楼", "about": old[0]}
    page = await http.post(f"/c/{story.token}/reply", data=sent, headers=BROWSER)
    assert page.status_code == 409 and await said(rig) == []
    assert "退到哪张卡？" in page.text and "三楼" in page.text and "还没有发出" in page.text
    assert about_in(page.text) == [str(second.event_id)]
    told = await http.post(f"/c/{story.token}/reply", json=sent)
    assert (told.status_code, told.json()["type"]) == (409, "urn:redress:problem:stale")
    known = (await http.get(f"/c/{story.token}", headers={"accept": "application/json"})).json()["about"]
    assert known == {"reply": str(second.event_id)}
    assert (await http.post(f"/c/{story.token}/reply", json={**sent, "about": known["reply"]})).status_code == 200
    assert [event.question_event_id for event in await said(rig)] == [second.event_id]


async def test_words_that_come_after_closing_are_kept_where_they_can_be_said(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    await rig.apply(story.asked(story.seal("question", "几楼？")))
    unanswered = story.answered(answered=False)
    await rig.apply(unanswered, story.proposed(story.seal("text", "补寄")), story.closed("no_answer"))
    late = await http.post(f"/c/{story.token}/reply", data={"answer": "三楼"}, headers=BROWSER)
    assert late.status_code == 409 and await said(rig) == []
    form = re.search(r'<textarea[^>]*name="dispute_text".*?</textarea>', late.text, re.DOTALL)
    assert form and "三楼" in form[0]


async def test_an_old_page_confirms_no_resolution_that_it_never_showed(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    first = story.proposed(story.seal("text", "补寄"))
    await rig.apply(first)
    [old, *_] = about_in((await http.get(f"/c/{story.token}", headers=BROWSER)).text)
    assert old == str(first.event_id)
    reopened = story.reopened(cause=BY_STAFF)
    second = story.proposed(story.seal("text", "退款"))
    await rig.apply(reopened, second)
    answer = await http.post(f"/c/{story.token}/confirm", data={"about": old}, headers=BROWSER)
    assert answer.status_code == 303 and "done=late" in answer.headers["location"]
    unsettled = await http.post(
        f"/c/{story.token}/dispute", data={"dispute_text": "还没到", "about": old}, headers=BROWSER
    )
    assert unsettled.status_code == 409 and "还没到" in unsettled.text and await said(rig) == []
    assert (await http.post(f"/c/{story.token}/confirm", json={"about": str(second.event_id)})).status_code == 200
    [event] = await said(rig)
    assert event.resolution_event_id == second.event_id


async def test_confirming_twice_confirms_once(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    assert (await http.post(f"/c/{story.token}/confirm", json={})).status_code == 409
    await rig.apply(story.proposed(story.seal("text", "We replaced it."), "refund"), story.clocks(confirmation=day(14)))
    page = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
    assert "We replaced it." in page.text and "a refund" in page.text and "Yes, it is settled" in page.text
    first = await http.post(f"/c/{story.token}/confirm")
    second = await http.post(f"/c/{story.token}/confirm")
    assert (first.json(), second.json()) == ({"status": "done"}, {"status": "already"})
    assert [type(event) for event in await said(rig)] == [notices.ComplaintConfirmed]
    assert (await http.post(f"/c/{story.token}/dispute", json={"text": "no"})).status_code == 409
    await rig.apply(story.closed())
    assert (await http.post(f"/c/{story.token}/confirm")).json() == {"status": "already"}
    rated = await http.post(f"/c/{story.token}/rate", json={"rating": 4, "comment": "Good"})
    again = await http.post(f"/c/{story.token}/rate", json={"rating": 1})
    assert (rated.json(), again.json()) == ({"status": "done"}, {"status": "already"})
    feedback = (await said(rig))[-1]
    assert feedback.rating == 4 and story.key.open(story.complaint_id, "comment", feedback.comment) == "Good"
    page = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
    assert "Settled and closed" in page.text and "You gave us 4 points" in page.text


@pytest.mark.parametrize("closed", [False, True])
async def test_not_settled_is_said_with_a_reason_also_after_closing(
    rig: Rig, http: httpx.AsyncClient, closed: bool
) -> None:
    story = await begun(rig)
    await rig.apply(story.proposed(story.seal("text", "…")), *([story.closed("no_answer")] if closed else []))
    empty = await http.post(f"/c/{story.token}/dispute", data={"dispute_text": "  "}, headers=BROWSER)
    assert empty.status_code == 422 and "请告诉我们哪里没有解决" in empty.text and 'href="#dispute_text"' in empty.text
    for _ in range(2):
        answer = await http.post(f"/c/{story.token}/dispute", data={"dispute_text": "还是坏的"}, headers=BROWSER)
        assert answer.status_code == 303
    [event] = await said(rig)
    assert isinstance(event, notices.ComplaintDisputed)
    assert story.key.open(story.complaint_id, "text", str(event.text)) == "还是坏的"
    await rig.apply(story.reopened(), story.moved("complaints-office", "reopen"))
    page = await http.get(f"/c/{story.token}", headers=BROWSER)
    assert "投诉管理部" in page.text and "还是坏的" in page.text and "重新处理" in page.text


async def test_a_fact_that_is_sent_twice_is_one_fact(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    for text in ("The box was open", "The box was open", "And wet"):
        answer = await http.post(f"/c/{story.token}/add", data={"add_text": text}, headers=BROWSER)
        assert answer.status_code == 303 and answer.headers["location"].endswith("done=add")
    assert [type(event) for event in await said(rig)] == [notices.CustomerAdded] * 2
    assert [event.version for event in await rig.said()] == [1, 2]


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("add", {}, 422),
        ("add", {"text": "x" * 4001}, 422),
        ("add", {"text": "\u202e\x00 "}, 422),
        ("add", {"text": "\u200b\u3164"}, 422),
        ("add", {"text": 5}, 422),
        ("rate", {"rating": 6}, 422),
        ("rate", {"rating": "many"}, 422),
        ("add", [1], 422),
    ],
)
async def test_wrong_input_is_refused_field_by_field(
    rig: Rig, http: httpx.AsyncClient, action: str, body: Any, status: int
) -> None:
    story = await begun(rig)
    answer = await http.post(f"/c/{story.token}/{action}", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert await said(rig) == []


async def test_what_is_too_large_or_no_form_is_refused(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    large = await http.post(f"/c/{story.token}/add", content=b"text=" + b"x" * 270_000, headers=FORM)
    broken = await http.post(f"/c/{story.token}/add", content=b"{", headers={"content-type": "application/json"})
    binary = await http.post(f"/c/{story.token}/add", content=b"\xff\xfe", headers=BROWSER | FORM)
    typeless = await http.post(f"/c/{story.token}/add", content=b"text=x", headers=BROWSER)
    assert [one.status_code for one in (large, broken, binary, typeless)] == [413, 422, 422, 415]
    assert broken.json()["errors"][0]["code"] == "not_json"


async def test_one_link_cannot_be_used_without_end(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    codes = [(await http.post(f"/c/{story.token}/add", json={"text": str(n)})).status_code for n in range(25)]
    assert codes[:20] == [200] * 20 and codes[-1] == 429
    assert (await http.get(f"/c/{story.token}")).status_code == 200


async def test_a_form_that_was_refused_keeps_what_was_typed(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    await rig.apply(story.proposed(story.seal("text", "…")), story.closed("no_answer"))
    answer = await http.post(f"/c/{story.token}/rate", data={"comment": "fast <enough>"}, headers=BROWSER)
    assert answer.status_code == 422 and "fast &lt;enough&gt;" in answer.text and "请选择 1 到 5 分" in answer.text


async def test_programs_get_the_same_as_json(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    document = (await http.get(f"/c/{story.token}")).json()
    assert document["state"] == "assigned" and document["owner"]["name"]["en"] == "Delivery"
    assert document["can"] == ["add"] and document["due_at"].startswith(f"{day(7):%Y-%m-%d}")
    assert [line["what"] for line in document["story"]] == ["received", "assigned"]
    assert document["story"][0]["text"] == "快递还没到"


async def test_messages_are_shown_with_what_became_of_them(fresh_database: DatabaseFactory, keys: Path) -> None:
    async with ScriptedSmtp() as smtp, rigged(fresh_database("notifier"), keys, smtp) as rig:
        rig.start()
        story = await begun(rig)
        await rig.settled(1)
        transport = httpx.ASGITransport(app=rig.service.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://help.example") as http:
            page = await http.get(f"/c/{story.token}", headers=BROWSER)
            assert "收到确认" in page.text and "已送出" in page.text


async def test_every_page_says_everything_in_both_languages(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await rig.story(language="en")
    steps = [
        [story.filed()],
        [story.assigned(), story.clocks(journey=day(7))],
        [story.accepted(), story.promised(day(2), story.seal("text", "x")), story.renewed(day(3), day(2))],
        [story.asked(story.seal("question", "?"))],
        [story.answered(answer=story.seal("answer", "y")), story.moved("after-sales")],
        [story.asked(story.seal("question", "?"))],
        [story.answered(answered=False), story.warned("journey", new_due_at=day(10), deadline=day(7))],
        [story.proposed(story.seal("text", "z"), "repair"), story.clocks(confirmation=day(14))],
        [story.closed("no_answer")],
        [story.reopened(), story.moved("complaints-office", "reopen")],
        [story.proposed(story.seal("text", "z"))],
        [story.closed()],
        [story.amended()],
    ]
    for events in steps:
        await rig.apply(*events)
        for language in ("zh", "en"):
            page = await http.get(f"/c/{story.token}?lang={language}", headers=BROWSER)
            assert page.status_code == 200, page.text
            main = page.text.partition("<main")[2].partition("</main>")[0]
            if language == "en":
                assert not re.search(r"[\u3000-\u9fff]", main.replace("快递还没到", ""))
    for how in ("withdrawn", "merged"):
        await rig.apply(story.reopened(), story.closed(how))
        assert (await http.get(f"/c/{story.token}", headers=BROWSER)).status_code == 200


async def test_today_and_late_are_told_by_the_databases_clock(rig: Rig, http: httpx.AsyncClient) -> None:
    """C17: a host whose clock is wrong told customers that they were late, or not."""
    story = await begun(rig)
    in_time = (await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)).text
    await rig.execute(
        "CREATE OR REPLACE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
        " $$ SELECT timestamptz '2030-01-01 00:00Z' $$"
    )
    late = (await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)).text
    assert "was due" in late and "Late: we are sorry" in late
    assert in_time != late


async def test_what_is_too_long_for_a_form_stays_in_it_and_a_line_break_is_one_character(
    rig: Rig, http: httpx.AsyncClient
) -> None:
    story = await begun(rig)
    text = ("请再看一下。\r\n" * 1_300)[: 8 * 500].ljust(4_000 + 500, "好")
    assert len(text.replace("\r\n", "\n")) == 4_000
    for more in ("好", "好" * 20_000):
        kept = await http.post(f"/c/{story.token}/add", data={"add_text": text + more}, headers=BROWSER)
        assert kept.status_code == 422 and text.replace("\r\n", "\n") + more in kept.text
    done = await http.post(f"/c/{story.token}/add", data={"add_text": text}, headers=BROWSER)
    assert done.status_code == 303


async def test_a_link_ends_some_time_after_closing_and_says_what_to_do(rig: Rig, http: httpx.AsyncClient) -> None:
    story = await begun(rig)
    await rig.apply(story.closed())
    shown = await http.get(f"/c/{story.token}?lang=en", headers=BROWSER)
    assert shown.status_code == 200 and "this page is kept until" in shown.text
    closed = f"UPDATE notifier.journey SET closed_at = now() - interval '{{}} days' WHERE complaint_id = '{story.complaint_id}'"
    await rig.execute(closed.format(179))
    assert (await http.get(f"/c/{story.token}", headers=BROWSER)).status_code == 200
    await rig.execute(closed.format(180))
    for language, words in (
        ("zh", ("已经到期", "重新提交")),
        ("en", ("This link has ended", "file a new complaint at")),
    ):
        page = await http.get(f"/c/{story.token}?lang={language}", headers={**BROWSER, "cookie": f"lang={language}"})
        assert page.status_code == 410 and page.headers["cache-control"] == "no-store"
        for word in (*words, "R-4K7M-2XA9", "/file"):
            assert word in page.text, (word, page.text)
        assert "快递还没到" not in page.text
    answers = [await http.get(f"/c/{story.token}"), await http.post(f"/c/{story.token}/dispute", json={"text": "b"})]
    assert [(a.status_code, a.json()["type"]) for a in answers] == [(410, "urn:redress:problem:link-ended")] * 2
    assert await said(rig) == []


async def test_a_lost_or_wrong_link_is_no_dead_end_but_names_the_company_and_its_number(
    rig: Rig, http: httpx.AsyncClient
) -> None:
    for language, words in (("zh", "零售与服务"), ("en", "Retail and services")):
        lost = await http.get(f"/c/nothing-is-here?lang={language}", headers=BROWSER)
        assert lost.status_code == 404 and words in lost.text and "400-000-0123" in lost.text
    story = await begun(rig)
    page = await http.get(f"/c/{story.token}?lang=zh", headers=BROWSER)
    assert "400-000-0123（每天 8:00–22:00）" in page.text.replace('">', ">").replace("</a>", "")
