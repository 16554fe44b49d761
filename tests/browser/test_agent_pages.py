"""The call form in a browser: an agent without a mouse, and somebody without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from shared.runtime.web.sessions import Role, Staff
from tests.browser.intake_site import DUE_SAID, READ_OUT, STORY, Site, assert_said
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.support.staff import signed_in


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
    expect(page.locator("input[name=consent]:checked")).to_have_count(0)
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


def take_call(page: Page, text: str, language: Language = "zh", phone: str = "13812345678") -> None:
    """From the empty form to the last page."""
    page.fill("#text", text)
    page.fill("#phone", phone)
    if phone:
        page.locator("#consent").check()
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
    [
        ("agent", "customer-service", 1),
        ("agent", "after-sales", 1),
        ("lead", "delivery", 1),
        ("office", "complaints-office", 1),
    ],
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
    first.locator("#consent").check()
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
    second.reload()
    expect(second.locator("#phone")).to_have_value("138 1234 5678")
    second.locator(".case").wait_for()  # a restored number is looked up as well
    second.locator(".case input").check()
    second.fill("#text", "Broken again on Friday")
    second.locator("#consent").check()
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
    page.select_option("#store", label="Shanghai Xujiahui · SH-021")
    page.goto(f"{site.url}/agent?lang=en")
    expect(page.locator("#store")).to_have_value("SH-021")
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    expect(page.locator("dl.facts")).to_contain_text("Shanghai Xujiahui · SH-021")
    page.keyboard.press("Enter")
    keys_work(page, ".reference")
    page.keyboard.press("Enter")
    page.wait_for_selector("#phone")
    assert (page.input_value("#channel"), page.input_value("#store")) == ("store", "SH-021")
    assert [(row["channel"], row["store_id"]) for row in site.filed()] == [("store", "SH-021")]
    page.select_option("#store", "")
    page.fill("#store_other", "王府井的新店")
    page.fill("#text", "No lift.")
    looker.check(page, "agent-store-words")
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    expect(page.locator("dl.facts")).to_contain_text("王府井的新店")
    page.keyboard.press("Enter")
    keys_work(page, ".reference")
    assert "Shop: 王府井的新店" in str(site.filed()[-1]["body"])
    page.keyboard.press("Enter")
    page.wait_for_selector("#phone")
    assert (page.input_value("#store"), page.input_value("#store_other")) == ("", "王府井的新店")


def test_a_shop_that_left_the_list_during_the_call_is_kept_in_words(looker: Looker, site: Site) -> None:
    page = call(looker, site)
    page.select_option("#store", "SH-021")
    page.fill("#store_other", "二楼")
    page.evaluate(
        "Object.keys(sessionStorage).forEach((key) =>"
        " sessionStorage.setItem(key, sessionStorage.getItem(key).replaceAll('SH-021', 'SH-404')))"
    )
    page.reload()
    expect(page.locator("#store")).to_have_value("")
    expect(page.locator("#store_other")).to_have_value("SH-404 · 二楼")


def test_wrong_numbers_are_told_apart_and_led_to(looker: Looker, site: Site) -> None:
    looker.expect_noise("status of 422")
    page = call(looker, site, language="en", width="phone")
    page.fill("#phone", "12")
    page.fill("#call_back", "34")
    page.locator("#consent").check()
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
    page.locator("#consent").check()
    page.locator("#go").click()
    page.locator("#go").click()
    assert page.locator(".reference").count() == 1


def test_a_call_that_is_half_taken_down_stays_over_a_language_switch_and_a_reload(looker: Looker, site: Site) -> None:
    """And is gone for whoever sits down at the same computer next (trial, E5)."""
    page = call(looker, site)
    key = page.input_value("#call input[name=key]")
    page.fill("#phone", "13812345678")
    page.fill("#text", STORY["zh"])
    page.select_option("#wanted", "refund")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("Take a call or a visit")
    expect(page.locator("#text")).to_have_value(STORY["zh"])
    expect(page.locator("#wanted")).to_have_value("refund")
    expect(page.locator("#next_step")).to_have_value(
        "The department in charge takes it up; you have an answer by the date I give you."
    )
    assert page.input_value("#call input[name=key]") == key
    page.reload()
    expect(page.locator("#phone")).to_have_value("13812345678")
    expect(page.locator(".restored")).to_contain_text("This is what had not been sent")
    looker.check(page, "agent-restored")
    page.get_by_role("button", name="Clear it and start anew").click()
    expect(page.locator("#text")).to_have_value("")
    page.fill("#text", STORY["en"])
    wang = Staff("wang.wei", "王伟", "agent", "customer-service")
    other = signed_in(site.database, site.service.sessions, wang)
    page.context.add_cookies([{"name": "redress_session", "value": other, "url": site.url}])
    page.reload()
    expect(page.locator("#text")).to_have_value("")
    page.fill("#text", STORY["en"])
    page.context.clear_cookies()
    page.goto(f"{site.url}/file?lang=en")
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('redress-draft'))") == []


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_that_a_caller_cannot_be_reached_is_said_before_filing_and_read_out_as_it_is(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    look = f"{width}-{language}-{scheme}"
    page = call(looker, site, width=width, language=language, scheme=scheme)
    page.fill("#text", STORY[language])
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    lost = {"zh": "这位客户联系不上", "en": "Nobody can reach this customer"}[language]
    expect(page.locator(".notice.warning")).to_contain_text(lost)
    looker.check(page, f"agent-lost-{look}")
    page.keyboard.press("Enter")
    keys_work(page, ".reference")
    site.assign_all()
    alone = {
        "zh": "我们不会主动联系您，请您到时凭这个编号来电询问",
        "en": "We do not come back to you: please ring us then",
    }
    expect(page.locator("#date")).to_contain_text(alone[language])
    told = {"zh": "我们不会主动联系您", "en": "We do not come back to you"}[language]
    expect(page.locator("#outlook dl")).to_contain_text(told)
    looker.check(page, f"agent-lost-done-{look}")


def test_a_forgotten_question_of_consent_is_asked_and_silences_nobody(looker: Looker, site: Site) -> None:
    looker.expect_noise("status of 422")
    page = call(looker, site, language="en")
    page.fill("#phone", "13812345678")
    page.fill("#text", STORY["en"])
    page.keyboard.press("Control+Enter")
    expect(page.locator(".errors a")).to_have_attribute("href", "#consent")
    looker.check(page, "agent-consent-unasked")
    page.locator("#consent-2").check()
    page.keyboard.press("Control+Enter")
    keys_work(page, "dl.facts")
    expect(page.locator(".notice.info")).to_contain_text("does not want to be contacted")
    assert site.filed() == []
