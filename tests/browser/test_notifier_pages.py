"""The customer's progress page and the ledger in a browser: on a phone, by keyboard, without script, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.stack.ports import free_ports
from services.notifier.app import build
from services.notifier.settings import Settings
from shared.events import sla
from shared.runtime.consumer import Batch
from shared.runtime.pg import Database
from shared.runtime.vault import Vault
from shared.runtime.web.sessions import Sessions, Staff
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.browser.serving import served
from tests.integration.notifier.rig import POLICIES, Told
from tests.support.stack import Database as OneDatabase
from tests.support.stack import Servers, run
from tests.support.staff import known, signed_in
from tests.unit.notifier.story import BY_STAFF

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Site:
    """The notifier as a browser reaches it; events go in by hand."""

    url: str
    settings: Settings
    database: OneDatabase

    def feed(self, *events: Any) -> None:
        """Apply events in a service of its own: the served one lives in another loop."""

        async def apply() -> None:
            service = build(self.settings)
            assert service.consumer is not None
            async with service.transaction() as tx:
                await service.consumer._handle(Batch(tuple(events)), tx)
            await service.database.close()

        run(apply())

    def told(self, **more: Any) -> Told:
        """A complaint that is with delivery."""

        async def person() -> Any:
            database = Database(self.database.url, name="test-vault", size=1)
            [key] = await Vault(database, self.settings.master_keys).keys_for([None])
            await database.close()
            return key

        told = Told(run(person()), "wang.fang@example.com", at=NOW - timedelta(hours=3), **more)
        text = "快递晚了三周还没到，客服电话打不通。" if told.language == "zh" else "The parcel is three weeks late."
        words = {name: told.seal(name, word) for name, word in (("text", text), ("store", "SH-021"))}
        filed = told.filed(**words, received_at=NOW - timedelta(hours=3))
        self.feed(filed, told.assigned(), told.clocks(journey=NOW + timedelta(days=2)), told.accepted())
        return told

    def link(self, told: Told, language: Language = "zh") -> str:
        return f"{self.url}/c/{told.token}?lang={language}"

    def session(self) -> str:
        staff = Staff("chen.office", "陈", "office", "complaints-office", ("complaints-office",))
        return signed_in(self.database, Sessions.from_file(self.settings.session_key_file, known()), staff)


@pytest.fixture(scope="module")
def site(
    servers: Servers, web_assets: Path, browser_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    database = servers.create_database("notifier")
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    key = tmp_path_factory.mktemp("keys") / "key"
    key.write_text("5" * 64)
    values: dict[str, Any] = {
        "database_url": database.url_of("notifier"),
        "smtp_url": "smtp://127.0.0.1:1",
        "master_key_file": key,
        "session_key_file": key,
        "policies_dir": POLICIES,
        "web_assets_dir": web_assets,
        "http_port": port,
        "public_notifier_url": url,
    }
    settings = Settings(**values)
    with served(build(settings)):
        yield Site(url, settings, database)
    servers.drop_database(database)


WORDS = {
    "zh": (
        "您家在几楼？有没有电梯？",
        "快递员在仓库找到了包裹，今天重新派送。",
        "已重新派送并退还运费。",
        "包裹还是没到",
    ),
    "en": (
        "On which floor do you live, and is there a lift?",
        "The courier found the parcel in the depot; it goes out again today.",
        "It was delivered again, and the postage is paid back.",
        "The parcel is still not here",
    ),
}


def waiting(told: Told) -> list[Any]:
    question, progress, _, _ = WORDS[told.language]
    return [
        told.progress(told.seal("text", progress)),
        told.asked(told.seal("question", question)),
        told.clocks(sla.ClockPaused, "paused", journey=None),
        told.clocks(answer=NOW + timedelta(days=1)),
    ]


def proposed(told: Told) -> list[Any]:
    _, _, answer, _ = WORDS[told.language]
    return [
        told.moved("after-sales"),
        told.promised(NOW + timedelta(days=1), told.seal("text", answer)),
        told.proposed(told.seal("text", answer), "refund"),
        told.clocks(confirmation=NOW + timedelta(days=7)),
    ]


def closed(told: Told) -> list[Any]:
    return [*proposed(told), told.closed("no_answer")]


def by_phone(told: Told) -> list[Any]:
    _, _, answer, complaint = WORDS[told.language]
    return [
        *waiting(told),
        told.answered(answer=told.seal("answer", answer), cause=BY_STAFF),
        told.proposed(told.seal("text", answer)),
        told.reopened(told.seal("reason", complaint), cause=BY_STAFF),
        told.proposed(told.seal("text", answer)),
        told.closed(cause=BY_STAFF),
    ]


STATES: dict[str, Callable[[Told], list[Any]]] = {
    "working": lambda told: [told.progress(told.seal("text", WORDS[told.language][1]))],
    "waiting": waiting,
    "proposed": proposed,
    "closed": closed,
    "by-phone": by_phone,
}


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
@pytest.mark.parametrize("state", list(STATES))
def test_the_page_stands_in_every_state(
    site: Site, looker: Looker, state: str, width: Width, language: Language, scheme: Scheme
) -> None:
    told = site.told(language=language)
    site.feed(*STATES[state](told))
    page = looker.open(site.link(told, language), width=width, language=language, scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator("dl.facts")).to_contain_text(
        "上海徐家汇店 · SH-021" if language == "zh" else "Shanghai Xujiahui · SH-021"
    )
    looker.check(page, f"progress-{state}-{width}-{language}-{scheme}")


def test_a_question_is_answered_on_a_phone_without_script(site: Site, looker: Looker) -> None:
    told = site.told()
    site.feed(*waiting(told))
    page = looker.open(site.link(told), width="phone", script=False)
    page.get_by_label("您的回答").fill("五楼，有电梯")
    page.get_by_role("button", name="发送回答").click()
    expect(page.get_by_role("status")).to_contain_text("谢谢，已收到您的回答")
    expect(page.locator("main")).to_contain_text("五楼，有电梯")
    expect(page.get_by_role("button", name="发送回答")).to_have_count(0)


def test_an_answer_is_confirmed_by_keyboard_alone(site: Site, looker: Looker) -> None:
    told = site.told(language="en")
    site.feed(*proposed(told))
    page = looker.open(site.link(told, "en"), language="en")
    button = page.get_by_role("button", name="Yes, it is settled")
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("it => it === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Thank you for telling us that it is settled")
    page.get_by_label("4 yes").check()
    page.get_by_role("button", name="Send the rating").click()
    expect(page.locator("main")).to_contain_text("You gave us 4 points")


def test_not_settled_asks_for_the_reason_and_keeps_the_reader_there(site: Site, looker: Looker) -> None:
    told = site.told()
    site.feed(*proposed(told))
    looker.expect_noise("422")
    page = looker.open(site.link(told), width="phone")
    page.locator("summary", has_text="没有解决").click()
    page.get_by_role("button", name="没有解决，请重新处理").click()
    expect(page.get_by_role("alert")).to_contain_text("请告诉我们哪里没有解决")
    looker.check(page, "progress-wrong-phone-zh-light")
    page.get_by_label("哪里没有解决？").fill(WORDS["zh"][3])
    page.get_by_role("button", name="没有解决，请重新处理").click()
    expect(page.get_by_role("status")).to_contain_text("我们会重新处理")


def test_the_language_can_be_switched_and_stays(site: Site, looker: Looker) -> None:
    told = site.told(language="en")
    page = looker.open(f"{site.url}/c/{told.token}", language="zh")
    expect(page.locator("h1")).to_have_text("Your complaint is being worked on")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h1")).to_have_text("正在处理您的投诉")
    page.goto(f"{site.url}/c/{told.token}")
    expect(page.locator("h1")).to_have_text("正在处理您的投诉")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_a_link_that_leads_nowhere_says_what_to_do(
    site: Site, looker: Looker, width: Width, language: Language, scheme: Scheme
) -> None:
    looker.expect_noise("404")
    page = looker.open(f"{site.url}/c/nowhere?lang={language}", width=width, language=language, scheme=scheme)
    looker.check(page, f"progress-nowhere-{width}-{language}-{scheme}")
    expect(page.locator("main")).to_contain_text("一分钟后再试" if language == "zh" else "try again in a minute")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_the_ledger_stands_full_and_empty(
    site: Site, looker: Looker, width: Width, language: Language, scheme: Scheme
) -> None:
    told = site.told(department="delivery")
    site.feed(*waiting(told))
    site.database.execute(
        "UPDATE notifier.notice SET state = 'failed', reason = 'smtp_550', next_at = NULL, settled_at = now(),"
        " message_id = '<0123456789abcdef0123456789abcdef01234567@retail.example>', attempts = 1"
        f" WHERE complaint_id = '{told.complaint_id}' AND kind = 'acknowledgement'"
    )
    page = looker.open(
        f"{site.url}/ledger?lang={language}", width=width, language=language, scheme=scheme, session=site.session()
    )
    expect(page.locator("table")).to_contain_text("smtp_550")
    looker.check(page, f"ledger-{width}-{language}-{scheme}")
    page.goto(f"{site.url}/ledger?lang={language}&state=unknown")
    expect(page.locator(".empty")).to_have_count(1)
    looker.check(page, f"ledger-empty-{width}-{language}-{scheme}")
