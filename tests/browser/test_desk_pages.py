"""The desk in a browser: a handler with the keyboard, a lead on a phone, somebody without script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from deploy.stack.ports import free_ports
from services.router.app import build
from services.router.settings import Settings
from shared.events.envelope import Event
from shared.runtime.pg import Database
from shared.runtime.vault import Vault
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.browser.serving import served
from tests.integration.router.conftest import PASSWORD, ROOT, TABLES, hire, record_of
from tests.integration.router.stories import Told
from tests.support.stack import Database as OneDatabase
from tests.support.stack import Servers, run


@dataclass(frozen=True)
class Site:
    """The router as a browser reaches it; events go in by hand."""

    url: str
    settings: Settings
    database: OneDatabase

    def feed(self, *events: Event) -> None:
        """Process events in a service of its own: the served one lives in another loop."""

        async def process() -> None:
            service = build(self.settings)
            assert service.consumer is not None
            await service.consumer.process([record_of(event) for event in events])
            await service.database.close()

        run(process())

    def told(self, text: str = "快递晚了三周还没到，客服电话打不通，请尽快送货。", **more: Any) -> Told:
        async def person() -> Any:
            vault_database = Database(self.database.url_of("intake"), name="test-vault", size=1)
            keys = await Vault(vault_database, self.settings.master_keys).keys_for([None])
            await vault_database.close()
            return keys[0]

        told = Told(run(person()), text, **more)
        now = datetime.now(UTC)
        told.submitted = told.submitted.model_copy(
            update={"received_at": now - timedelta(hours=2), "store": told.seal("store", "SH-021")}
        )
        self.feed(told.submitted, told.started(hours=6, at=now - timedelta(hours=2)))
        return told

    def token(self, user: str) -> str:
        answer = httpx.post(f"{self.url}/v1/sign-in", json={"user": user, "password": PASSWORD})
        return str(answer.json()["token"])

    def do(self, user: str, told: Told, action: str, **body: Any) -> None:
        headers = {"authorization": f"Bearer {self.token(user)}"}
        httpx.post(f"{self.url}/v1/cases/{told.reference}/{action}", json=body, headers=headers).raise_for_status()


@pytest.fixture(scope="module")
def module_site(
    servers: Servers, web_assets: Path, browser_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    database = servers.create_database("router")
    run(hire(database))
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    key = tmp_path_factory.mktemp("keys") / "key"
    key.write_text("5" * 64)
    settings = Settings(
        database_url=database.url_of("router"),
        master_key_file=key,
        session_key_file=key,
        policies_dir=ROOT / "deploy" / "policies",
        web_assets_dir=web_assets,
        http_port=port,
        public_router_url=url,
        public_traces_url="http://127.0.0.1:8106",
        router_poll_seconds=1,
    )
    with served(build(settings), "security log"):
        yield Site(url, settings, database)
    servers.drop_database(database)


@pytest.fixture
def site(module_site: Site) -> Site:
    module_site.database.execute(f"SET search_path = router; TRUNCATE {TABLES}")
    return module_site


@pytest.fixture(scope="module")
def ordinary_day(module_site: Site) -> list[Told]:
    """Cases in every state on the desk of delivery; made once, the tests behind empty the tables."""
    site = module_site
    stories = [
        site.told(),
        site.told("冰箱半夜漏水，把地板泡坏了，孩子差点触电，今天必须来人！", title=None),
        site.told(
            "The parcel never came; the courier says it was delivered to somebody I have never heard of.", language="en"
        ),
        site.told(),
        site.told(),
        site.told(),
    ]
    for told in stories:
        headers = {"authorization": f"Bearer {site.token('chen.office')}"}
        case = httpx.get(f"{site.url}/v1/cases/{told.reference}", headers=headers).json()
        if case["department"] != "delivery":
            site.do("chen.office", told, "assign", department="delivery", reason="由配送处理")
        site.do("li.delivery", told, "accept")
    late = datetime.now(UTC) - timedelta(hours=9)
    site.feed(stories[0].started("owner", epoch=2, hours=4, at=late), stories[0].escalated("owner"), stories[0].added())
    site.do("li.delivery", stories[1], "progress", text="师傅已经出发，预计今天 15:00 前到。")
    site.do(
        "li.delivery",
        stories[1],
        "promise",
        due_at=f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}T07:00:00Z",
        text="今天上门",
    )
    site.do("li.delivery", stories[2], "ask", question="Which address is on your order?")
    site.feed(stories[2].paused("owner", epoch=2))
    site.do("li.delivery", stories[3], "resolve", text="已送达，补偿二十元。", remedy="compensation")
    site.do("li.delivery", stories[4], "transfer", to="billing", reason="客户要求退运费，不是配送问题。")
    site.feed(stories[4].failed())
    return stories


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_pages_of_the_desk_stand_the_checks(
    looker: Looker, module_site: Site, ordinary_day: list[Told], width: Width, language: Language, scheme: Scheme
) -> None:
    site, stories = module_site, ordinary_day
    name = f"{width}-{language}-{scheme}"
    looker.check(
        looker.open(f"{site.url}/sign-in", width=width, language=language, scheme=scheme), f"router-sign-in-{name}"
    )
    for user, path, said in [
        ("li.delivery", "/desk", "desk"),
        ("li.delivery", "/desk?view=closed", "desk-empty"),
        ("lead.delivery", "/desk?view=all", "desk-all"),
        *(("li.delivery", f"/desk/cases/{stories[n].reference}", f"case-{n}") for n in (0, 1, 2, 3)),
        ("wang.billing", f"/desk/cases/{stories[4].reference}", "case-offered"),
        ("chen.office", f"/desk/cases/{stories[5].reference}", "case-office"),
        ("ops", f"/desk/cases/{stories[5].reference}", "case-operator"),
    ]:
        session = site.token(user)
        page = looker.open(f"{site.url}{path}", width=width, language=language, scheme=scheme, session=session)
        looker.check(page, f"router-{said}-{name}")


def sign_in(looker: Looker, site: Site, user: str, **how: Any) -> Page:
    page = looker.open(f"{site.url}/desk", **how)
    expect(page.locator("h1")).to_have_text("员工登录")
    page.fill("#user", user)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter") if how.get("script", True) else page.locator("main button").click()
    expect(page.locator("h1")).to_have_text("物流配送")
    page.wait_for_load_state()
    return page


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_handler_works_a_case_to_its_resolution(looker: Looker, site: Site, script: bool) -> None:
    told = site.told()
    page = sign_in(looker, site, "li.delivery", script=script)
    page.get_by_role("link", name=told.reference).click()
    page.get_by_role("button", name="接单").click()
    expect(page.locator(".notice.done")).to_contain_text("已接单")
    page.fill("#progress_text", "包裹在仓库找到了，今天下午送。")
    page.locator("#form-progress button").click()
    expect(page.locator(".notice.done")).to_contain_text("进展已发给客户")
    page.locator("summary", has_text="给出处理结果").click()
    page.fill("#resolve_text", "已送达。")
    page.locator("#form-resolve button").click()
    expect(page.locator(".tags")).to_contain_text("已提处理结果")
    expect(page.locator(".timeline")).to_contain_text("包裹在仓库找到了")


def test_the_queue_is_moved_through_by_keyboard_and_keeps_the_place_when_it_refreshes(
    looker: Looker, site: Site
) -> None:
    stories = [site.told(), site.told()]
    page = sign_in(looker, site, "li.delivery")
    page.keyboard.press("j")
    page.keyboard.press("j")
    held = page.evaluate("document.activeElement.textContent")
    top = page.locator(".queue").bounding_box()
    third = site.told()
    expect(page.get_by_role("link", name=third.reference)).to_be_visible(timeout=8000)
    assert page.evaluate("document.activeElement.textContent") == held
    assert page.locator(".queue").bounding_box()["y"] == top["y"], "nothing moved"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.fill("#q", stories[0].reference.lower())
    page.keyboard.press("Enter")
    expect(page.locator(".queue tbody tr")).to_have_count(1)


def test_an_open_case_says_that_it_changed_and_leaves_the_words_alone(looker: Looker, site: Site) -> None:
    told = site.told()
    site.do("li.delivery", told, "accept")
    looker.expect_noise("409")
    page = looker.open(f"{site.url}/desk/cases/{told.reference}", session=site.token("li.delivery"))
    page.fill("#progress_text", "我正在写的话")
    site.do("lead.delivery", told, "resolve", text="已送达")
    expect(page.locator("#changed")).to_contain_text("刚刚有变化", timeout=9000)
    assert page.input_value("#progress_text") == "我正在写的话"
    page.locator("#form-progress button").click()
    expect(page.locator(".notice.error")).to_contain_text("在你填写时，这件投诉已经变化")
    assert page.input_value("#progress_text") == "我正在写的话"


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_a_case_says_who_cannot_be_written_to_and_that_it_has_moved(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    told = site.told(email=None)
    page = looker.open(
        f"{site.url}/desk/cases/{told.reference}",
        width=width,
        language=language,
        scheme=scheme,
        session=site.token("li.delivery"),
    )
    ring = "请打 +8613800138000" if language == "zh" else "Ring +8613800138000"
    expect(page.locator(".notice.info")).to_contain_text(ring)
    site.do("lead.delivery", told, "transfer", to="billing", reason="运费")
    expect(page.locator("#changed .notice.info")).to_be_visible(timeout=9000)
    site.do("wang.billing", told, "transfer/accept")
    moved = "现在由别的部门负责" if language == "zh" else "Another department has this case now"
    expect(page.locator("#changed")).to_contain_text(moved, timeout=9000)
    looker.check(page, f"router-moved-{width}-{language}-{scheme}")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_a_customer_who_only_rings_is_heard_at_the_desk(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    """Question, answer, resolution and confirmation of somebody without e-mail, by the forms of the case page."""
    told = site.told(email=None, language=language)
    how = {"width": width, "language": language, "scheme": scheme}
    name = f"{width}-{language}-{scheme}"
    url = f"{site.url}/desk/cases/{told.reference}"
    answer, note, settled, story = {
        "zh": ("在家，三楼。", "回访，11 月 28 日 14:05，客户本人接听", "投诉结案", "客户在电话里回答"),
        "en": (
            "At home, third floor.",
            "call-back, 28 Nov 14:05, spoke with the customer himself",
            "the case is closed",
            "The customer answered by phone",
        ),
    }[language]
    site.do("li.delivery", told, "accept")
    site.do("li.delivery", told, "ask", question="您家在几楼？" if language == "zh" else "Which floor?")
    site.feed(told.paused("owner"))
    page = looker.open(url, session=site.token("li.delivery"), **how)
    expect(page.locator("#form-record_answer button")).to_be_visible()
    looker.check(page, f"router-record-answer-{name}")
    page.fill("#record_answer_answer", answer)
    page.locator("#form-record_answer button").click()
    expect(page.locator(".timeline")).to_contain_text(story)
    expect(page.locator(".timeline")).to_contain_text(answer)
    site.do("li.delivery", told, "resolve", text="送到了。" if language == "zh" else "Delivered.")
    page.goto(url)
    expect(page.locator("#form-record_confirmation")).to_have_count(0)
    looker.check(page, f"router-own-resolution-{name}")
    page = looker.open(url, session=site.token("lead.delivery"), **how)
    for summary in page.locator(".card.next summary").all():
        summary.click()
    looker.check(page, f"router-record-confirmation-{name}")
    page.fill("#record_confirmation_note", note)
    page.locator("#form-record_confirmation button").click()
    expect(page.locator(".notice.done")).to_contain_text(settled)
    expect(page.locator(".timeline")).to_contain_text(note)
    looker.check(page, f"router-recorded-{name}")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_customer_with_an_address_who_rings_is_not_settled(looker: Looker, site: Site, script: bool) -> None:
    told = site.told()
    site.do("li.delivery", told, "accept")
    site.do("li.delivery", told, "resolve", text="送到了。")
    page = sign_in(looker, site, "li.delivery", script=script)
    page.get_by_role("link", name=told.reference).click()
    expect(page.locator("#next-h")).to_have_text("等客户确认")
    page.locator("summary", has_text="登记客户说没有解决").click()
    page.fill("#record_dispute_text", "还是没收到")
    page.locator("#form-record_dispute button").click()
    expect(page.locator(".notice.done")).to_contain_text("投诉重新处理")
    expect(page.locator(".notice.done")).to_contain_text(told.reference)


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_a_case_says_who_agreed_to_no_messages(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    for left, words in (
        ({"consent": False}, ("不同意收消息", "Agreed to no messages")),
        ({"consent": False, "phone": None}, ("也没有电话", "There is no number either")),
    ):
        told = site.told(language=language, **left)
        site.do("li.delivery", told, "accept")
        page = looker.open(
            f"{site.url}/desk/cases/{told.reference}",
            width=width,
            language=language,
            scheme=scheme,
            session=site.token("li.delivery"),
        )
        expect(page.locator(".notice.info")).to_contain_text(words[language == "en"])
        looker.check(page, f"router-no-consent-{len(left)}-{width}-{language}-{scheme}")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_session_that_ends_while_somebody_writes_costs_no_word(looker: Looker, site: Site, script: bool) -> None:
    looker.expect_noise("401")
    told = site.told()
    page = sign_in(looker, site, "li.delivery", script=script)
    page.get_by_role("link", name=told.reference).click()
    page.get_by_role("button", name="接单").click()
    expect(page.locator(".notice.done")).to_contain_text("已接单")
    page.fill("#progress_text", "包裹找到了，明天送到。")
    page.context.clear_cookies()
    if script:
        expect(page.locator("#signed-out")).to_be_visible(timeout=9000)
        assert page.input_value("#progress_text") == "包裹找到了，明天送到。"
    page.locator("#form-progress button").click()
    expect(page.locator("h1")).to_have_text("登录已过期，请重新登录")
    if script:  # the checker is a script
        looker.check(page, "router-signed-out")
    page.fill("#user", "li.delivery")
    page.fill("#password", PASSWORD)
    page.locator("main button").click()
    if not script:
        page.locator("main button").click()
    expect(page.locator("#progress_text")).to_have_value("包裹找到了，明天送到。")
    expect(page.locator(".notice.info")).to_contain_text("这些内容还没有提交")
    expect(page.locator(".notice.done")).to_have_count(0)
    if script:
        looker.check(page, "router-resumed")
    page.locator("#form-progress button").click()
    expect(page.locator(".notice.done")).to_contain_text("进展已发给客户")
    if script:
        page.reload()
        expect(page.locator(".notice.done")).to_have_count(0)
        assert page.input_value("#progress_text") == ""
        page.fill("#progress_text", "还有一句")
        page.context.clear_cookies()
        page.locator("#signed-out a").click(timeout=9000)
        page.fill("#user", "li.delivery")
        page.fill("#password", PASSWORD)
        page.locator("main button").click()
        expect(page.locator("#progress_text")).to_have_value("还有一句")


def test_what_was_typed_stays_over_a_reload_and_a_language_switch_and_goes_with_sign_out(
    looker: Looker, site: Site
) -> None:
    told = site.told()
    site.do("li.delivery", told, "accept")
    url = f"{site.url}/desk/cases/{told.reference}"
    page = looker.open(url, session=site.token("li.delivery"))
    page.locator("summary", has_text="写内部备注").click()
    page.fill("#note_text", "客户住三楼")
    page.reload()
    expect(page.locator("#note_text")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#note_text")).to_have_value("客户住三楼")
    page.get_by_role("link", name="Sign out").click()
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('redress-draft'))") == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
def test_the_customers_words_stand_beside_the_answer_to_them(
    looker: Looker, site: Site, language: Language, long: bool
) -> None:
    """Without a scroll at 1280 by 800; on a phone they follow each other (trial, E10)."""
    text = "快递三周没到，客服一直说在路上，电话也打不通。\n" * (60 if long else 2)
    told = site.told(text, language=language, email=None)
    site.do("li.delivery", told, "accept")
    url = f"{site.url}/desk/cases/{told.reference}?lang={language}"
    page = looker.open(url, language=language, session=site.token("li.delivery"))
    page.set_viewport_size({"width": 1280, "height": 800})
    words, answer = page.locator(".told .words").bounding_box(), page.locator("#progress_text").bounding_box()
    send = page.locator("#form-progress button").bounding_box()
    assert words and answer and send
    assert words["y"] + min(words["height"], 60) < 800 and send["y"] + send["height"] < 800, "both are in sight"
    assert words["x"] + words["width"] <= answer["x"] and answer["y"] < words["y"] + words["height"] + 200, (
        "side by side"
    )
    assert words["y"] + words["height"] <= 800, "a long story scrolls by itself"
    looker.check(page, f"router-beside-{language}-{long}")
    phone = looker.open(url, width="phone", language=language, session=site.token("li.delivery"))
    words, answer = phone.locator(".told .words").bounding_box(), phone.locator("#progress_text").bounding_box()
    assert words and answer and words["y"] > answer["y"] and abs(words["x"] - answer["x"]) < 30
    looker.check(phone, f"router-below-{language}-{long}")


def test_words_of_every_script_are_laid_out_by_themselves(looker: Looker, site: Site) -> None:
    """Arabic and Hebrew run from right to left wherever people's words stand, the page does not (trial, G6)."""
    told = site.told("لم تصل الشحنة منذ ثلاثة أسابيع! R-1", title=None)
    site.do("chen.office", told, "assign", department="delivery", reason="配送")
    site.do("li.delivery", told, "accept")
    page = looker.open(f"{site.url}/desk/cases/{told.reference}", session=site.token("li.delivery"))
    direction = "one => getComputedStyle(one).direction"
    assert page.locator(".told .words").evaluate(direction) == "rtl"
    page.fill("#progress_text", "החבילה נמצאה")
    assert page.locator("#progress_text").evaluate(direction) == "rtl"
    page.locator("#form-progress button").click()
    expect(page.locator(".timeline .said").first).to_have_text("החבילה נמצאה")
    assert page.locator(".timeline .said").first.evaluate(direction) == "rtl"
    assert page.locator("h1").evaluate(direction) == "ltr"
    page = looker.open(f"{site.url}/desk", session=site.token("li.delivery"))
    assert page.locator(".excerpt").first.evaluate(direction) == "rtl"
    looker.check(page, "router-desk-arabic")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_closed_row_says_so_once_with_its_date_and_a_late_one_its_hour(
    looker: Looker, site: Site, language: Language
) -> None:
    told, late = site.told(), site.told()
    site.do("li.delivery", told, "accept")
    site.do("li.delivery", told, "resolve", text="送到了。")
    site.do("lead.delivery", told, "record/confirmation", note="客户来电")
    page = looker.open(
        f"{site.url}/desk?view=closed&lang={language}", language=language, session=site.token("li.delivery")
    )
    row = page.locator(".queue tbody tr").first
    word = {"zh": "已结案", "en": "Closed"}[language]
    assert row.inner_text().count(word) == 1
    expect(row.locator("td").first.locator("time")).to_be_visible()
    looker.check(page, f"router-closed-{language}")
    site.feed(late.started("owner", epoch=1, hours=4, at=datetime.now(UTC) - timedelta(days=40)))
    page.goto(f"{site.url}/desk?lang={language}")
    due = page.locator(".queue tr.late time.due").first
    assert due.evaluate("one => one.closest('.by').scrollWidth <= one.closest('.by').clientWidth"), "nothing is cut"
    looker.check(page, f"router-late-hour-{language}")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_account_security_log_and_withheld_words_stand_the_checks(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    told = site.told(about_staff=True, about_department="delivery")
    for user, path, name in (
        ("li.delivery", "/account", "account"),
        ("chen.office", f"/desk/cases/{told.reference}", "about-staff-office"),
        ("lead.delivery", f"/desk/cases/{told.reference}", "about-staff-lead"),
        ("ops", f"/desk/cases/{told.reference}", "case-operator"),
        ("ops", "/desk?view=all", "desk-operator"),
        ("chen.office", "/security-log", "security-log"),
    ):
        page = looker.open(f"{site.url}{path}", session=site.token(user), width=width, language=language, scheme=scheme)
        looker.check(page, f"router-{name}-{width}-{language}-{scheme}")
        words = page.inner_text("main")
        for word in ("快递晚了三周", "SH-021"):
            assert (word in words) is (name == "about-staff-office"), (name, word)
        if name == "about-staff-lead":
            assert ("您部门的人" if language == "zh" else "your department’s own people") in words


def test_a_password_is_changed_and_everybody_signs_out_by_plain_forms(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/sign-in", language="en")
    page.fill("#user", "zhao.marketing")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.click("a.who")
    page.fill("#password", PASSWORD)
    page.fill("#new_password", PASSWORD + "2")
    page.fill("#again", PASSWORD + "2")
    page.click("text=Change password")
    expect(page.locator(".notice.done")).to_contain_text("Your password is changed")
    page.click("button:has-text('Sign out everywhere')")
    expect(page.locator("#user")).to_be_visible()
    page.goto(f"{site.url}/desk")
    expect(page.locator("#user")).to_be_visible()
    run(hire(site.database))
