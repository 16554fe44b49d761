"""The language of a page: address, then cookie, then browser, then Chinese."""

import httpx
import pytest

from shared.runtime.web.language import accepted


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr;q=0.9, en;q=0.5", "en"),
        ("en;q=0.1, zh;q=0.2", "zh"),
        ("en;q=0", "zh"),
        ("en;q=broken", "zh"),
        ("de-DE", "zh"),
        ("*", "zh"),
        (",;,=", "zh"),
    ],
)
def test_the_browsers_wish_is_weighed(header: str, language: str) -> None:
    assert accepted(header) == language


async def test_a_choice_in_the_address_wins_and_is_remembered(http: httpx.AsyncClient) -> None:
    first = await http.get("/hello?lang=en", headers={"Accept-Language": "zh"})
    assert '<html lang="en">' in first.text
    assert "lang=en" in first.headers["set-cookie"]
    again = await http.get("/hello", headers={"Accept-Language": "zh"})
    assert '<html lang="en">' in again.text
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize("wish", ["fr", "", "EN", "zh-CN", "<script>"])
async def test_an_unknown_choice_falls_through(http: httpx.AsyncClient, wish: str) -> None:
    page = await http.get("/hello", params={"lang": wish}, headers={"Accept-Language": "en"})
    assert '<html lang="en">' in page.text
    assert "set-cookie" not in page.headers


async def test_the_switch_keeps_the_page_and_its_filters(http: httpx.AsyncClient) -> None:
    page = await http.get("/hello?name=a%26b&lang=zh")
    assert 'href="?name=a%26b&amp;lang=en" lang="en"' in page.text


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "//evil.example//a"])
async def test_the_switch_stays_with_us_whatever_the_path(http: httpx.AsyncClient, path: str) -> None:
    """D10: a link of ours to a page that is not there carried people on to the host that its path names."""
    page = await http.get(httpx.URL(f"http://127.0.0.1:8101{path}"), headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert 'href="?lang=en" lang="en"' in page.text
    assert "evil.example" not in page.text


async def test_a_page_says_its_language_to_caches(http: httpx.AsyncClient) -> None:
    page = await http.get("/hello")
    assert page.headers["content-language"] == "zh-Hans"
    assert page.headers["vary"] == "Cookie, Accept-Language"
