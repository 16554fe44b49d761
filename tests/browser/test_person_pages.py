"""The office's page about a person in a browser: asking for an erasure, and a second person who approves it."""

from __future__ import annotations

import uuid

import httpx
import pytest
from playwright.sync_api import expect

from shared.runtime.web.sessions import Staff
from tests.browser.intake_site import STORY, Site
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.integration.intake.conftest import add_clients
from tests.support.stack import run
from tests.support.staff import signed_in

ASK = {"zh": "申请删除", "en": "Ask for erasure"}
DONE = {"zh": "个人信息已删除", "en": "The personal data were erased"}


def session(site: Site, user: str) -> str:
    return signed_in(site.database, site.service.sessions, Staff(user, user, "office", "complaints-office"))


def file_one(site: Site) -> str:
    """A complaint filed by a channel; answers its reference."""
    keys = run(add_clients(site.database))
    headers = {"Authorization": f"Bearer {keys['web']}", "Idempotency-Key": str(uuid.uuid4())}
    body = {"channel": "web", "language": "zh", "text": STORY["zh"], "customer": {"email": "li@example.com"}}
    answer = httpx.post(f"{site.url}/v1/complaints", json=body, headers=headers, timeout=20).raise_for_status()
    return str(answer.json()["reference"])


@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_one_asks_and_another_approves(
    looker: Looker, site: Site, width: Width, language: Language, scheme: Scheme
) -> None:
    look = f"{width}-{language}-{scheme}"
    site.database.execute("TRUNCATE intake.erasure")
    reference = file_one(site)
    page = looker.open(
        f"{site.url}/persons", session=session(site, "li.na"), width=width, language=language, scheme=scheme
    )
    looker.check(page, f"persons-1-find-{look}")
    page.locator("#who").fill("li@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/persons/{reference}*")
    looker.check(page, f"persons-2-person-{look}")
    looker.expect_noise("422")
    page.get_by_role("button", name=ASK[language]).click()
    expect(page.locator(".wrong").first).to_be_visible()
    page.locator("#why").first.fill("Letter of 3 March")
    page.get_by_role("button", name=ASK[language]).click()
    looker.check(page, f"persons-3-sure-{look}")
    page.locator("#sure").check()
    page.get_by_role("button", name=ASK[language]).click()
    expect(page.locator(".notice.done")).to_be_visible()
    looker.check(page, f"persons-4-asked-{look}")
    second = looker.open(
        f"{site.url}/persons", session=session(site, "wang.wei"), width=width, language=language, scheme=scheme
    )
    looker.check(second, f"persons-5-waiting-{look}")
    second.locator("main a.id").first.click()
    second.locator("button.danger").click()
    expect(second.locator(".notice.done")).to_be_visible()
    expect(second.locator("main")).to_contain_text(DONE[language])
    looker.check(second, f"persons-6-erased-{look}")
