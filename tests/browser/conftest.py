"""Fixtures for pages in a real Chromium. Tests here are synchronous: Playwright's loop and pytest's would meet else.

Without a browser they are left out, and the end of the run says loudly how many; with CI=true that is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import FLAGS, NoBrowser, chromium
from tests.browser.intake_site import module_site, site  # noqa: F401  fixtures of the two modules on intake's pages
from tests.browser.looking import Looker

_HERE = Path(__file__).parent
_LEFT_OUT = "no browser: "


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()) if report.longrepr]
    left_out = [reason for reason in reasons if _LEFT_OUT in reason]
    if left_out:
        terminalreporter.section("PAGES NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.write_line(
            f"{len(left_out)} browser tests were LEFT OUT: {left_out[0].partition(_LEFT_OUT)[2]}. "
            "Install chromium (Debian: apt-get install chromium) or set REDRESS_CHROMIUM to its path.",
            red=True,
            bold=True,
        )


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Where the browser is. Left out without one; a failure where CI demands it."""
    try:
        return chromium()
    except NoBrowser as error:
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(f"CI demands the browser tests, but there is {_LEFT_OUT}{error}")
        pytest.skip(f"{_LEFT_OUT}{error}")


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Browser]:
    """A running Chromium, one per test module."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe_source(web_assets: Path) -> str:
    """The accessibility checker, from its WebJar."""
    return next(web_assets.rglob("axe.min.js")).read_text(encoding="utf-8")


@pytest.fixture
def looker(browser: Browser, axe_source: str) -> Iterator[Looker]:
    """Opens and checks pages; at the end no page may have written an error to the console."""
    looker = Looker(browser, axe_source)
    yield looker
    unexpected = looker.close()
    assert unexpected == [], "the console was not quiet"


@pytest.fixture
def page(looker: Looker) -> Page:
    """One desktop page, blank."""
    return looker.open("about:blank")
