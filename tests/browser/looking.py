"""What every page must stand: no console error, no serious finding of axe, no sideways scrolling, large targets."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page

Width = Literal["desktop", "phone"]
Language = Literal["zh", "en"]
Scheme = Literal["light", "dark"]
SIZES: dict[Width, tuple[int, int]] = {"desktop": (1280, 900), "phone": (390, 844)}
SCRIPT_LIMIT = 60_000  # bytes per page as transferred (pages.md)

# The kinds of page a test goes through: each width in each language, and each colour scheme once per width.
KINDS: tuple[tuple[Width, Language, Scheme], ...] = (
    ("desktop", "zh", "light"),
    ("desktop", "en", "dark"),
    ("phone", "zh", "dark"),
    ("phone", "en", "light"),
)

_AXE = """async () => (await axe.run(document, {resultTypes: ['violations'],
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})).violations
  .filter((found) => ['serious', 'critical'].includes(found.impact))
  .map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(' ') + ' ' + node.failureSummary).join(' | ')}`)"""
_SPILLS = """() => [...document.querySelectorAll(".card time, .card .tag, .card dd, .card li, .card p")].filter((one) => {
  const card = one.closest(".card").getBoundingClientRect(), box = one.getBoundingClientRect();
  return box.width > 0 && box.right > card.right + 1 && !one.closest(".scroll");
}).map((one) => one.textContent.trim().slice(0, 60))"""
# Text that leaves the page or its own box, or that an ancestor cuts. A name in the band may end in an ellipsis.
_CUT = """() => {
  const wide = document.documentElement.clientWidth, found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const parent = text.parentElement;
    if (!text.textContent.trim() || !parent.offsetParent || getComputedStyle(parent).visibility === 'hidden'
      || parent.closest('.unseen, .skip, .who, .scroll, pre, script, style, noscript, option, textarea')) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      if (box.width < 1) continue;
      const said = text.textContent.trim().slice(0, 60), own = parent.closest('td, th, button, .button, .tag, .notice');
      if (box.right > wide + 1 || box.left < -1) found.add(`off the page: ${said}`);
      if (own && box.right > own.getBoundingClientRect().right + 2) found.add(`out of its box: ${said}`);
      for (let around = parent; around !== document.body; around = around.parentElement) {
        const cuts = ['hidden', 'clip', 'auto', 'scroll'].includes(getComputedStyle(around).overflowX);
        if (cuts && box.right > around.getBoundingClientRect().right + 2) found.add(`cut: ${said}`);
      }
    }
  }
  return [...found];
}"""
# Entries of the navigation that lead here and do not say so.
_UNMARKED = """() => [...document.querySelectorAll('.band .menu a:not([aria-current])')]
  .filter((one) => location.href.split('?')[0] === one.href).map((one) => one.textContent)"""
_SMALL = """() => [...document.querySelectorAll('button, .button, input, select, textarea, .choice, summary, nav a')]
  .filter((one) => one.type !== 'hidden' && one.offsetParent && !one.closest('.choice:not(label)')
    && !one.matches('.choice input'))
  .map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => box.height && box.height < 43.5)
  .map(([one, box]) => `${one.tagName} ${one.id || one.textContent.trim().slice(0, 30)}: ${box.height}px`)"""
_LOADED = """() => performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'script')
  .reduce((sum, one) => sum + one.transferSize, 0)"""


@dataclass
class Looker:
    """Opens pages the way people do, and remembers what they complained about in the console."""

    browser: Browser
    axe: str
    assets: dict[str, str] = field(default_factory=dict)
    _contexts: list[BrowserContext] = field(default_factory=list)
    _noise: list[str] = field(default_factory=list)
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    def open(
        self,
        url: str,
        *,
        width: Width = "desktop",
        language: Language = "zh",
        scheme: Scheme = "light",
        session: str | None = None,
        script: bool = True,
    ) -> Page:
        """A new browser profile at this address. `session` is a staff token, `script=False` turns JavaScript off."""
        wide, high = SIZES[width]
        context = self.browser.new_context(
            viewport={"width": wide, "height": high},
            has_touch=width == "phone",
            color_scheme=scheme,
            java_script_enabled=script,
            locale="zh-CN" if language == "zh" else "en-GB",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        if session:
            context.add_cookies([{"name": "redress_session", "value": session, "url": url}])
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda said: said.type == "error" and self._noise.append(said.text))
        page.on("pageerror", lambda error: self._noise.append(f"uncaught: {error}"))
        page.goto(url)
        return page

    def expect_noise(self, pattern: str) -> None:
        """A console line this test causes on purpose, such as a page that answers 422."""
        self._expected.append(re.compile(pattern))

    def check(self, page: Page, name: str = "") -> None:
        """Assert everything a page must stand; with REDRESS_SCREENSHOTS=FOLDER also keep a picture of it."""
        folder = os.environ.get("REDRESS_SCREENSHOTS")
        if folder and name:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
        size = page.viewport_size
        assert size is not None
        assert page.title().strip(), "a page needs a title"
        assert page.get_attribute("html", "lang") in {"zh-Hans", "en"}
        assert page.locator("h1").count() == 1, "a page has one h1"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} scrolls sideways: {width} > {size['width']}"
        assert page.evaluate(_LOADED) <= SCRIPT_LIMIT
        spills = page.evaluate(_SPILLS)
        assert spills == [], f"{name} has text outside its card: {spills}"
        assert page.evaluate(_UNMARKED) == [], f"{name} is not marked in the navigation"
        cut = page.evaluate(_CUT)
        assert cut == [], f"{name} has text that is cut: {cut}"
        if size["width"] < 500:
            assert page.evaluate(_SMALL) == [], f"{name} has small targets"
        page.evaluate(self.axe)
        found: list[Any] = page.evaluate(_AXE)
        assert found == [], f"{name}: axe found {found}"

    def close(self) -> list[str]:
        """Close all profiles; answers the console lines nobody expected."""
        for context in self._contexts:
            context.close()
        unexpected = [line for line in self._noise if not any(p.search(line) for p in self._expected)]
        self._contexts, self._noise, self._expected = [], [], []
        return unexpected


Looking = Callable[[], Looker]
