"""Intake's public pages in a browser: a customer on a phone, and somebody without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from deploy.stack.ports import free_ports
from shared.runtime.ops import make_ops
from tests.browser.intake_site import DUE_SAID, NEXT, STORY, Site, assert_said
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.browser.serving import served_app


@pytest.mark.parametrize(
    ("path", "width", "language", "scheme"),
    [(path, *kind) for path in ("/", "/file") for kind in KINDS]
    + [(path, *kind) for path in ("/health", "/file/done", "/partners") for kind in KINDS[1:3]],
)
def test_open_pages_stand_the_checks(
    looker: Looker, site: Site, path: str, width: Width, language: Language, scheme: Scheme
) -> None:
    page = looker.open(f"{site.url}{path}", width=width, language=language, scheme=scheme)
    name = path.strip("/").replace("/", "-") or "start"
    looker.check(page, f"intake-{name}-{width}-{language}-{scheme}")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS[1:3])
def test_the_page_of_the_api_stands_the_checks_on_the_operators_port(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    service, port = site.service, free_ports(1)[0]
    looker.expect_noise("status of 404")
    assert looker.open(f"{site.url}/docs").locator("h1").count() == 1
    with served_app(make_ops(service.app, service.look, service.health.ready, service.health.alive), port):
        page = looker.open(f"http://127.0.0.1:{port}/docs", width=width, language=language, scheme=scheme)
        looker.check(page, f"ops-docs-{width}-{language}-{scheme}")


@pytest.mark.parametrize("order", [("#text", "#email"), ("#email", "#text")], ids=["forward", "backward"])
def test_back_shows_what_was_mended_also_after_errors_in_two_steps(
    looker: Looker, site: Site, order: tuple[str, str]
) -> None:
    """The list of errors leads to a step without the ones between; Back left the page for the one before (trial, G10)."""
    looker.expect_noise("status of 422")
    page = looker.open(f"{site.url}/file")
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@")
    page.evaluate("document.getElementById('text').value = 'a\\u0001b'")
    page.locator("#last [type=submit]").click()
    expect(page.locator(".errors a")).to_have_count(2)
    mended = {"#text": STORY["zh"], "#email": "zhang@example.com"}
    for place in order:
        page.locator(f'.errors a[href="{place}"]').click()
        expect(page.locator(place)).to_be_focused()
        page.fill(place, mended[place])
    if order[-1] == "#text":
        page.locator('.errors a[href="#email"]').click()
    for seen in ("input[name=wanted]", "#store", "input[name=category]", "#text"):
        press(page, "上一步")
        expect(page.locator(seen).first).to_be_visible()
    assert page.input_value("#text") == STORY["zh"]
    assert page.input_value("#email") == "zhang@example.com"


STAFFS = ("/agent", ":8102/desk", ":8103/board", "/ledger", "/health", ":8105", ":8106", "/docs")
"""Addresses of staff, partners and operators."""


def test_the_start_page_is_for_customers_and_leads_everybody_else_to_a_page_of_their_own(
    looker: Looker, site: Site
) -> None:
    """No traces, no mail catcher, no desk on the page a customer opens; the company's name and number are (trial, E9)."""
    page = looker.open(site.url)
    addresses = page.locator("main a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert "/file" in addresses
    assert not [one for one in addresses if one.endswith(STAFFS)]
    expect(page.locator("footer")).to_contain_text("400-000-0123（每天 8:00–22:00）")
    page.locator("footer a", has_text="工作人员与合作方").click()
    expect(page.locator("h1")).to_have_text("工作人员与合作方")
    for address in ("/agent", "/docs", ":8102/desk"):
        assert page.locator(f'main a[href$="{address}"]').count() == 1
    assert page.locator('main a[href$=":8105"], main a[href$=":8106"]').count() == 0
    operator = looker.open(f"{site.url}/partners", session=site.session("operator", "complaints-office"))
    assert operator.locator('main a[href$=":8105"], main a[href$=":8106"]').count() == 2
    looker.check(operator, "intake-partners-operator")


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
    page.fill("#store_other", "朝阳店")
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
    expect(page.locator("#store_other")).to_have_value("朝阳店")
    page.reload()
    expect(page.locator("#store")).to_be_visible()


def test_change_returns_to_the_question_with_everything_kept(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file")
    walk_to_contact(page, "zh")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    page.locator('.change button[value="3"]').click()
    expect(page.locator("#store")).to_be_visible()
    page.select_option("#store", "SH-021")
    for _ in range(2):
        press(page, NEXT["zh"])
    page.locator("#last [type=submit]").click()
    expect(page.locator("dl.facts")).to_contain_text("上海徐家汇店 · SH-021 · 朝阳店")
    expect(page.locator("dl.facts")).to_contain_text("zhang@example.com")


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_a_shop_is_chosen_in_the_language_of_the_page_and_stays_chosen(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    """From a list, or in words; over a change of language, a reload and a refusal (trial, D8)."""
    looker.expect_noise("status of 422")
    said = {"zh": "上海徐家汇店 · SH-021", "en": "Shanghai Xujiahui · SH-021"}
    page = looker.open(f"{site.url}/file", width=width, language=language, scheme=scheme)
    page.fill("#text", STORY[language])
    press(page, NEXT[language])
    press(page, NEXT[language])
    expect(page.get_by_role("combobox", name="门店" if language == "zh" else "Shop")).to_have_id("store")
    expect(page.locator("#store option:checked")).to_have_attribute("value", "")
    page.select_option("#store", label=said[language])
    page.fill("#store_other", "二楼柜台")
    looker.check(page, f"file-3-store-{width}-{language}-{scheme}")
    other: Language = "en" if language == "zh" else "zh"
    page.goto(f"{site.url}/file?lang={other}")
    expect(page.locator("#store option:checked")).to_have_text(said[other])
    expect(page.locator("#store_other")).to_have_value("二楼柜台")
    page.goto(f"{site.url}/file?lang={language}")
    press(page, NEXT[language])
    press(page, NEXT[language])
    page.locator("#last [type=submit]").click()
    expect(page.locator(".errors a")).to_have_attribute("href", "#email")
    page.fill("#email", "zhang@example.com")
    page.locator("#last [type=submit]").click()
    expect(page.locator("dl.facts")).to_contain_text(f"{said[language]} · 二楼柜台")
    looker.check(page, f"file-6-store-{width}-{language}-{scheme}")
    page.locator("button.big[name=action]").click()
    page.wait_for_url("**/file/done*")
    (filed,) = site.filed()
    assert filed["store_id"] == "SH-021" and "二楼柜台" in str(filed["body"])


def test_a_shop_that_left_the_list_while_somebody_wrote_is_kept_in_words(looker: Looker, site: Site) -> None:
    page = looker.open(f"{site.url}/file")
    page.evaluate(
        "sessionStorage.setItem('redress-file', JSON.stringify({at: 2, typed: {store: 'SH-404', text: 'x'}}))"
    )
    page.reload()
    expect(page.locator("#store_other")).to_have_value("SH-404")
    expect(page.locator("#store")).to_have_value("")


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


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_story_that_is_pasted_too_long_is_kept_whole_and_counted(looker: Looker, site: Site, script: bool) -> None:
    looker.expect_noise("status of 422")
    page = looker.open(f"{site.url}/file", script=script)
    text = "快递三周没到，客服一直说在路上。\n" * 530
    page.fill("#text", text)
    if script:
        expect(page.locator(".count.wrong")).to_have_text("超出 9 字，最多 9000 字；写的内容都还在")
        looker.check(page, "file-too-long")
        press(page, NEXT["zh"])
        expect(page.locator("#text")).to_be_focused()
        page.fill("#text", text[:8_900])
        expect(page.locator(".count")).to_have_text("还可以写 100 字")
        return
    page.locator("#anonymous").check()
    page.locator("#last [type=submit]").click()
    expect(page.locator("#text-error")).to_contain_text("写了 9009 字，最多 9000 字")
    assert page.input_value("#text") == text.strip()


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
