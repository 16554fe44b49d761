"""The look itself: every macro once, in all widths, languages and colours, with and without the WebJars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Request

from deploy.stack.ports import free_ports
from shared.runtime.web.forms import Errors
from shared.runtime.web.install import install_web
from shared.runtime.web.look import Look, SiteUrls
from shared.runtime.web.sessions import Sessions, Staff
from tests.browser.looking import KINDS, Language, Looker, Scheme, Width
from tests.browser.serving import served_app
from tests.support.staff import known

SPECIMEN = Path(__file__).parent / "specimen"
LI = Staff(user="li.na", name="李娜", role="operator", department="customer-service")


def specimen(port: int, assets: Path | None) -> FastAPI:
    """An application with one page that shows everything."""
    own = f"http://127.0.0.1:{port}"
    sessions = Sessions(b"k" * 32, known(LI))
    urls = SiteUrls(own, own, own, own, mail=f"{own}/mail", traces=f"{own}/traces")
    look = Look([SPECIMEN], urls, assets, sessions=sessions)
    app = FastAPI(docs_url=None, redoc_url=None)
    install_web(app, look, sessions)

    @app.get("/specimen")
    def page(request: Request, density: str = "", wrong: bool = False) -> object:
        now = datetime.now(UTC)
        return look.render(
            request,
            "specimen.html",
            density=density,
            staff=LI if density else None,
            errors=Errors(email="请填写邮箱 Enter an e-mail address") if wrong else Errors(),
            later=now + timedelta(hours=5),
            earlier=now - timedelta(days=1),
        )

    return app


@pytest.fixture(scope="module")
def site(web_assets: Path, browser_path: str) -> Iterator[str]:
    port = free_ports(1)[0]
    with served_app(specimen(port, web_assets), port):
        yield f"http://127.0.0.1:{port}/specimen"


@pytest.mark.parametrize("density", ["", "dense"])
@pytest.mark.parametrize(("width", "language", "scheme"), KINDS)
def test_every_part_of_the_look_stands_the_checks(
    looker: Looker, site: str, width: Width, language: Language, scheme: Scheme, density: str
) -> None:
    page = looker.open(
        f"{site}?lang={language}&density={density}&wrong=1", width=width, language=language, scheme=scheme
    )
    looker.check(page, f"specimen-{width}-{language}-{scheme}-{density or 'airy'}")
    assert page.evaluate("document.activeElement.className") == "errors"


def test_pages_are_whole_without_the_webjars(looker: Looker, browser_path: str) -> None:
    port = free_ports(1)[0]
    with served_app(specimen(port, None), port):
        page = looker.open(f"http://127.0.0.1:{port}/specimen?density=dense")
        looker.check(page, "specimen-without-webjars")


def test_keyboard_users_can_skip_the_header(looker: Looker, site: str) -> None:
    page = looker.open(site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_browsers_error_page_speaks_its_language(looker: Looker, site: str) -> None:
    looker.expect_noise("status of 404")
    page = looker.open(site.replace("specimen", "nowhere"), language="en", width="phone")
    assert page.inner_text("h1") == "There is nothing here"
    looker.check(page, "not-found")


def test_a_form_is_sent_once_however_often_it_is_pressed(looker: Looker, site: str) -> None:
    page = looker.open(site)
    sent = page.evaluate(
        """() => {
          let sent = 0;
          addEventListener("submit", (event) => { if (!event.defaultPrevented) sent += 1; event.preventDefault(); });
          for (let n = 0; n < 3; n += 1) document.querySelector("form button").click();
          return sent;
        }"""
    )
    assert sent == 1
