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
        told.submitted = told.submitted.model_copy(update={"received_at": now - timedelta(hours=2)})
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
    with served(build(settings)):
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
