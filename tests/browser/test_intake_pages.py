"""Intake's pages in a browser: a customer on a phone, an agent without a mouse, somebody without script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deploy.stack.ports import free_ports
from services.intake.app import build
from shared.runtime.service import Service
from shared.runtime.web.sessions import Role, Staff
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.browser.serving import served
from tests.integration.intake.conftest import settings_for
from tests.support.stack import Database, Servers

STORY = {
    "zh": "三个月前买的水泵，上周三修好，周五又坏了。",
    "en": "The pump I bought three months ago was mended on Wednesday and failed again on Friday.",
}
NEXT = {"zh": "继续", "en": "Continue"}
DUE = datetime(2041, 3, 1, 9, tzinfo=UTC)
DUE_SAID = {"zh": "2041年3月1日 周五 17:00 前", "en": "Fri 1 Mar 2041 before 17:00"}
READ_OUT = {
    "zh": "现在由售后维修负责，2041年3月1日 周五 17:00 前给您答复。",
    "en": "After-sales and repair has it now. You will have an answer Fri 1 Mar 2041 before 17:00.",
}


@dataclass(frozen=True)
class Site:
    """Intake as a browser reaches it."""

    url: str
    service: Service
    database: Database

    def session(self, role: Role = "agent", department: str = "customer-service") -> str:
        return self.service.sessions.issue(Staff("li.na", "李娜", role, department))

    def filed(self) -> list[dict[str, object]]:
        return [dict(row) for row in self.database.fetch("SELECT * FROM intake.complaint ORDER BY complaint_id")]

    def assign_all(self) -> None:
        """What the news of the first clocks would do."""
        self.database.execute(
            "INSERT INTO intake.standing"
            " (complaint_id, state, department, epoch, seen_version, journey_due_at, clock_version)"
            " SELECT complaint_id, 'assigned', 'after-sales', 1, 0, $1, 1 FROM intake.complaint",
            DUE,
        )


@pytest.fixture(scope="module")
def module_site(
    servers: Servers, web_assets: Path, browser_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    database = servers.create_database("intake")
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    settings = settings_for(
        database,
        tmp_path_factory.mktemp("keys"),
        http_port=port,
        public_intake_url=url,
        public_mail_url="http://127.0.0.1:8105",
        public_traces_url="http://127.0.0.1:8106",
        web_assets_dir=web_assets,
        intake_form_rate=1000.0,
        intake_form_burst=1000.0,
    )
    # The service makes its locks in the thread it serves from.
    with served(build(settings), "writer", "keys") as service:
        yield Site(url, service, database)
    servers.drop_database(database)


@pytest.fixture
def site(module_site: Site) -> Site:
    module_site.database.execute("TRUNCATE intake.complaint, intake.standing CASCADE")
    return module_site


@pytest.mark.parametrize(
    ("path", "width", "language", "scheme"),
    [(path, *kind) for path in ("/", "/file") for kind in KINDS]
    + [(path, *kind) for path in ("/health", "/docs", "/file/done") for kind in KINDS[1:3]],
)
def test_open_pages_stand_the_checks(
    looker: Looker, site: Site, path: str, width: Width, language: Language, scheme: Scheme
) -> None:
    page = looker.open(f"{site.url}{path}", width=width, language=language, scheme=scheme)
    name = path.strip("/").replace("/", "-") or "start"
    looker.check(page, f"intake-{name}-{width}-{language}-{scheme}")


@pytest.mark.parametrize(
    ("role_path", "address"),
    [("/file", "/file"), ("/agent", "/agent"), ("/docs", "/docs"), ("desk", ":8102/desk"), ("board", ":8103/board")],
)
def test_the_start_page_leads_everyone_on_with_one_click(
    looker: Looker, site: Site, role_path: str, address: str
) -> None:
    page = looker.open(site.url)
    assert page.locator(f'main a[href$="{address}"]').count() >= 1


TWICE = """async (carried) => {
  const send = () => fetch('/file', {method: 'POST', body: new URLSearchParams(carried + '&action=send')});
  const pages = await Promise.all((await Promise.all([send(), send()])).map((answer) => answer.text()));
  return pages.map((page) => new DOMParser().parseFromString(page, 'text/html').querySelector('.reference').textContent);
}"""


def press(page: Page, words: str) -> None:
    page.locator("button:visible", has_text=words).first.click()


def walk_to_contact(page: Page, language: Language) -> None:
    """Through the first four questions."""
    page.fill("#text", STORY[language])
    press(page, NEXT[language])
    page.locator('input[name=category][value="repair"]').check()
    press(page, NEXT[language])
    page.fill("#store", "朝阳店")
    page.fill("#order", "SO-2026-1122")
    press(page, NEXT[language])
    page.locator('input[name=wanted][value="exchange"]').check()
    press(page, NEXT[language])


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_a_customer_files_a_complaint_question_by_question(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    looker.expect_noise("status of 422")
    page = looker.open(f"{site.url}/file", width=width, language=language, scheme=scheme)
    look = f"{width}-{language}-{scheme}"
    press(page, NEXT[language])
    expect(page.locator("#text-error")).to_be_visible()
    looker.check(page, f"file-1-missing-{look}")
    walk_to_contact(page, language)
    expect(page.locator("#quiet")).not_to_be_checked()
    looker.check(page, f"file-5-contact-{look}")
    page.locator("#last [type=submit]").click()
    expect(page.locator(".errors a")).to_have_attribute("href", "#email")
    looker.check(page, f"file-5-errors-{look}")
    page.fill("#name", "张女士")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    expect(page.locator("dl.facts")).to_contain_text(STORY[language])
    looker.check(page, f"file-6-review-{look}")
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")
    site.assign_all()
    expect(page.locator("#owner")).to_have_text("售后维修" if language == "zh" else "After-sales and repair")
    assert_said(page, "#due", DUE_SAID[language])
    looker.check(page, f"file-7-done-{look}")
    (filed,) = site.filed()
    assert page.inner_text(".reference") == filed["reference"]
    assert (filed["category"], filed["order_id"], filed["language"]) == ("repair", "SO-2026-1122", language)
    assert filed["body"] == STORY[language] + ("\n\n门店：朝阳店" if language == "zh" else "\n\nShop: 朝阳店")
    assert "/c/" in page.get_attribute("p.address a", "href")


@pytest.mark.parametrize("quiet", [False, True])
def test_nobody_is_written_to_who_wants_no_messages(looker: Looker, site: Site, quiet: bool) -> None:
    page = looker.open(f"{site.url}/file")
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@example.com")
    if quiet:
        page.locator("#quiet").check()
        page.reload()
        expect(page.locator("#quiet")).to_be_checked()
    page.locator("#last [type=submit]").click()
    review = page.locator("dl.facts")
    expect(review).to_contain_text("zhang@example.com")
    expect(review).to_contain_text("不要给我发消息") if quiet else expect(review).not_to_contain_text("不要给我发消息")
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")
    (filed,) = site.filed()
    assert ('"consent": false' in str(filed["details"])) is quiet


def test_the_receipt_survives_a_reload(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file")
    file_quickly(page)
    reference = page.inner_text(".reference")
    page.reload()
    assert page.inner_text(".reference") == reference


def test_where_no_date_comes_the_receipt_says_where_it_will_stand(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file")
    file_quickly(page)
    for line in ("#owner", "#due"):
        expect(page.locator(line)).to_have_text("稍后在进展页上可以看到", timeout=15_000)
    site.assign_all()
    site.database.execute("UPDATE intake.standing SET journey_due_at = NULL")  # the customer is asked: the clock stands
    page.reload()
    expect(page.locator("#due")).to_have_text("稍后在进展页上可以看到", timeout=15_000)
    expect(page.locator("#owner")).to_have_text("售后维修")


def file_quickly(page: Page) -> None:
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")


def test_nothing_is_lost_on_reload_and_forgotten_after_filing(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file", width="phone")
    walk_to_contact(page, "zh")
    page.fill("#phone", "13812345678")
    key = page.input_value("input[name=key]")
    page.reload()
    assert page.input_value("#phone") == "13812345678"
    assert page.input_value("#text") == STORY["zh"]
    assert page.locator('input[name=wanted][value="exchange"]').is_checked()
    assert page.input_value("input[name=key]") == key
    page.locator("#last [type=submit]").click()
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")
    page.goto(f"{site.url}/file")
    assert page.input_value("#text") == ""


def test_the_phones_own_back_button_goes_one_question_back(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file", width="phone")
    walk_to_contact(page, "zh")
    expect(page.locator("#email")).to_be_visible()
    page.go_back()
    expect(page.locator("input[name=wanted]").first).to_be_visible()
    page.go_back()
    expect(page.locator("#store")).to_have_value("朝阳店")
    page.reload()
    expect(page.locator("#store")).to_be_visible()


def test_change_returns_to_the_question_with_everything_kept(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file")
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    page.locator('.change button[value="3"]').click()
    expect(page.locator("#store")).to_be_visible()
    page.fill("#store", "S-012")
    for _ in range(2):
        press(page, NEXT["zh"])
    page.locator("#last [type=submit]").click()
    expect(page.locator("dl.facts")).to_contain_text("S-012")
    expect(page.locator("dl.facts")).to_contain_text("zhang@example.com")


def test_sending_twice_files_once(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file")
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    carried = page.evaluate("new URLSearchParams(new FormData(document.querySelector('main form'))).toString()")
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")
    first = page.inner_text(".reference")
    again = page.evaluate(TWICE, carried)
    assert again == [first, first]
    assert len(site.filed()) == 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_form_works_without_script_as_one_page(looker: Looker, site: Site, language: Language) -> None:
    page = looker.open(f"{site.url}/file?lang={language}", width="phone", language=language, script=False)
    page.fill("#text", STORY[language])
    page.locator("#anonymous").check()
    page.locator("#last [type=submit]").click()
    page.locator("button.big[name=action]").click()
    assert page.locator(".reference").count() == 1
    (filed,) = site.filed()
    assert (filed["email"], filed["phone"]) == (None, None)


def test_what_was_typed_stays_when_it_cannot_be_filed(looker: Looker, site: Site) -> None:
    looker.expect_noise("status of 503")
    page = looker.open(f"{site.url}/file")
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    site.database.execute("ALTER TABLE intake.complaint RENAME TO complaint_away")
    try:
        page.locator("button.big[name=action]").click()
        expect(page.locator(".notice.error")).to_be_visible()
        expect(page.locator("dl.facts")).to_contain_text(STORY["zh"])
    finally:
        site.database.execute("ALTER TABLE intake.complaint_away RENAME TO complaint")
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")
    assert len(site.filed()) == 1


def test_a_pasted_link_or_reference_is_recognised(looker: Looker, site: Site) -> None:
    looker.expect_noise("status of 422")
    page = looker.open(site.url, language="en")
    page.fill("#find", "what happened to my pump")
    page.keyboard.press("Enter")
    expect(page.locator("#find-error")).to_be_visible()
    looker.check(page, "start-not-found")
    page.fill("#find", "r 4k7m 2xa")
    page.keyboard.press("Enter")
    expect(page.locator("#find-error")).to_be_visible()


def call(looker: Looker, site: Site, **how: object) -> Page:
    page = looker.open(f"{site.url}/agent", session=site.session(), **how)  # type: ignore[arg-type]
    if how.get("script", True):
        assert page.evaluate("document.activeElement.id") == "phone", "what is typed from now on must reach the form"
    return page


def keys_work(page: Page, content: str) -> None:
    """The page with this content is there, and so are its keys: the button that leads onward has the focus."""
    expect(page.locator(f"body.readback {content}").first).to_be_visible()
    expect(page.locator("#go")).to_be_focused()


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_an_agent_takes_a_call_by_keyboard_alone(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    look = f"{width}-{language}-{scheme}"
    page = call(looker, site, width=width, language=language, scheme=scheme)
    looker.check(page, f"agent-1-empty-{look}")
    keys = page.keyboard
    keys.type("13812345678")
    keys.press("Alt+2")
    keys.type("The pump is broken again.")
    keys.press("Tab")
    keys.type("Friday")
    keys.press("Alt+3")
    keys.press("ArrowDown")
    keys.press("Alt+4")
    keys.type("Ms Zhang")
    expect(page.locator("#consent")).not_to_be_checked()
    page.locator("#consent").focus()
    keys.press("Space")
    looker.check(page, f"agent-2-typed-{look}")
    keys.press("Control+Enter")
    keys_work(page, "dl.facts")
    expect(page.locator("dl.facts")).to_contain_text("Friday")
    looker.check(page, f"agent-3-readback-{look}")
    keys.press("Enter")
    page.wait_for_url("**/agent/done*")
    keys_work(page, ".reference")
    looker.check(page, f"agent-4-pending-{look}")
    site.assign_all()
    expect(page.locator("#owner")).to_have_text("售后维修" if language == "zh" else "After-sales and repair")
    assert_said(page, "#due", DUE_SAID[language])
    assert_said(page, "#date", READ_OUT[language])
    expect(page.locator("#go")).to_be_focused()
    looker.check(page, f"agent-4-done-{look}")
    (filed,) = site.filed()
    assert (filed["channel"], filed["phone"], filed["customer_name"]) == ("phone", "+8613812345678", "Ms Zhang")
    assert filed["details"] and "refund" in str(filed["details"])
    assert "consent" not in str(filed["details"]), "agreed, which is the default of the contract"
    assert page.inner_text(".reference") == filed["reference"]
    keys.press("Enter")
    page.wait_for_selector("#phone")
    assert page.input_value("#text") == ""


def assert_said(page: Page, place: str, words: str) -> None:
    """The words at a place, without what only screen readers hear."""
    expect(page.locator(f"{place} time")).to_be_visible()
    said = page.locator(place).evaluate(
        "one => { const seen = one.cloneNode(true); seen.querySelectorAll('.unseen').forEach(part => part.remove());"
        " return seen.textContent.trim(); }"
    )
    assert said == words


def take_call(page: Page, text: str, language: Language = "zh") -> None:
    """From the empty form to the last page."""
    page.fill("#text", text)
    page.select_option("#customer_language", language)
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    page.keyboard.press("Enter")
    keys_work(page, ".reference")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_what_to_tell_the_caller_when_no_date_comes(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    page = call(looker, site, width=width, language=language, scheme=scheme)
    take_call(page, STORY[language], language)
    later = {"zh": "请您稍后凭这个编号来电", "en": "Ring us a little later with this reference"}
    expect(page.locator("#date")).to_contain_text(later[language], timeout=15_000)
    expect(page.locator("#due")).to_have_text(
        {"zh": "还没有定，请不要自己说日期", "en": "Not set yet: give no date of your own"}[language]
    )
    looker.check(page, f"agent-4-no-date-{width}-{language}-{scheme}")


def test_the_sentence_is_in_the_customers_language_and_the_facts_in_the_agents(looker: Looker, site: Site) -> None:
    page = call(looker, site, language="zh")
    take_call(page, STORY["en"], "en")
    site.assign_all()
    assert_said(page, "#date", READ_OUT["en"])
    assert_said(page, "#due", DUE_SAID["zh"])
    assert page.get_attribute("#date", "lang") == "en"


@pytest.mark.parametrize(
    ("role", "department", "opens"),
    [("agent", "customer-service", 0), ("agent", "after-sales", 1), ("lead", "delivery", 1), ("office", "office", 1)],
)
def test_whoever_may_read_the_case_can_open_it_from_the_last_page(
    looker: Looker, site: Site, role: Role, department: str, opens: int
) -> None:
    page = looker.open(f"{site.url}/agent", session=site.session(role, department))
    take_call(page, STORY["zh"])
    site.assign_all()
    expect(page.locator("#due time")).to_be_visible()
    expect(page.locator("#open a")).to_have_count(opens)


def test_open_cases_of_the_caller_appear_while_the_number_is_typed(looker: Looker, site: Site) -> None:
    first = call(looker, site)
    first.keyboard.type("13812345678")
    first.fill("#text", "Wednesday's repair")
    first.keyboard.press("Control+Enter")
    keys_work(first, "dl.facts")
    first.keyboard.press("Enter")
    keys_work(first, ".reference")
    earlier = first.inner_text(".reference")
    site.assign_all()
    second = call(looker, site)
    second.keyboard.type("138 1234 5678")
    second.locator(".case").wait_for()
    expect(second.locator(".case")).to_contain_text("2041年3月1日 周五 17:00 前")
    looker.check(second, "agent-known")
    expect(second.locator("#known")).to_contain_text(earlier)
    second.locator(".case input").check()
    second.fill("#text", "Broken again on Friday")
    second.keyboard.press("Control+Enter")
    keys_work(second, "dl.facts")
    expect(second.locator("dl.facts")).to_contain_text(earlier)
    second.keyboard.press("Enter")
    keys_work(second, ".reference")
    repeats = [row["details"] for row in site.filed() if row["details"] and earlier in str(row["details"])]
    assert len(repeats) == 1


def test_escape_returns_from_the_read_back_with_everything_kept(looker: Looker, site: Site) -> None:
    page = call(looker, site)
    page.fill("#text", STORY["zh"])
    page.fill("#on_behalf", "王大爷")
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    page.keyboard.press("Escape")
    page.wait_for_selector("#text")
    assert page.input_value("#text") == STORY["zh"]
    assert page.input_value("#on_behalf") == "王大爷"


def test_a_counter_says_which_shop_and_keeps_it_for_the_next_customer(looker: Looker, site: Site) -> None:
    looker.expect_noise("status of 422")
    page = call(looker, site, language="en")
    page.select_option("#channel", "store")
    page.fill("#text", "The till charged twice.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".errors a")).to_have_attribute("href", "#store")
    looker.check(page, "agent-errors")
    page.fill("#store", "S-012")
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    page.keyboard.press("Enter")
    keys_work(page, ".reference")
    page.keyboard.press("Enter")
    page.wait_for_selector("#phone")
    assert (page.input_value("#channel"), page.input_value("#store")) == ("store", "S-012")
    assert [(row["channel"], row["store_id"]) for row in site.filed()] == [("store", "S-012")]


def test_wrong_numbers_are_told_apart_and_led_to(looker: Looker, site: Site) -> None:
    looker.expect_noise("status of 422")
    page = call(looker, site, language="en", width="phone")
    page.fill("#phone", "12")
    page.fill("#call_back", "34")
    page.fill("#text", STORY["en"])
    page.locator("#go").click()
    listed = page.locator(".errors a")
    expect(listed).to_have_count(2)
    assert [one.split(":")[0] for one in listed.all_inner_texts()] == ["Caller's number", "Call-back number"]
    looker.check(page, "agent-errors-numbers")
    listed.nth(1).click()
    expect(page.locator("#call_back")).to_be_focused()


def test_the_call_form_works_without_script(looker: Looker, site: Site) -> None:
    page = call(looker, site, script=False)
    page.fill("#phone", "13812345678")
    page.locator("button[value=lookup]").click()
    assert page.input_value("#phone") == "13812345678"
    page.fill("#text", STORY["zh"])
    page.locator("#go").click()
    page.locator("#go").click()
    assert page.locator(".reference").count() == 1
