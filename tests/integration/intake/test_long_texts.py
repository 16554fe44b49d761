"""A field takes as many characters as it promises, and a text that is too long comes back to be cut (trial, E6)."""

from __future__ import annotations

import html
from urllib.parse import urlencode

import pytest

from tests.integration.door.conftest import Opening, opened  # noqa: F401  a fixture
from tests.integration.intake.conftest import BODY, Running
from tests.integration.intake.test_pages import CALL, FORM, HTML, as_staff, key_of, send

STORY = "快递三周没到。\r\n" * 1_200
"""Lines as a browser sends them: eight characters each, as somebody counts who typed them."""


def typed(characters: int) -> str:
    """So many characters, with a line break now and then."""
    return STORY.replace("\r\n", "\n")[:characters].rstrip("\n").ljust(characters, "快").replace("\n", "\r\n")


async def test_the_public_form_takes_nine_thousand_characters_of_chinese(intake: Running) -> None:
    sent = await send(intake.http, await key_of(intake.http), text=typed(9_000))
    assert sent.status_code == 303, sent.text
    assert len(intake.rows("SELECT body FROM intake.complaint")[0]["body"]) == 9_000


async def test_the_call_form_takes_eight_thousand(intake: Running) -> None:
    staff = as_staff(intake)
    text = typed(8_000)
    read_back = await intake.http.post("/agent", data={**CALL, "text": text, "action": "review"}, headers=staff)
    assert read_back.status_code == 200 and text.replace("\r\n", "\n") in html.unescape(read_back.text)
    filed = await intake.http.post("/agent", data={**CALL, "text": text, "action": "send"}, headers=staff)
    assert filed.status_code == 303, filed.text


@pytest.mark.parametrize("length", [9_001, 25_000])
async def test_a_story_that_is_too_long_stays_on_its_page(intake: Running, length: int) -> None:
    key, text = await key_of(intake.http), typed(length)
    page = await intake.http.post("/file", data={**FORM, "text": text, "key": key, "action": "review"}, headers=HTML)
    assert page.status_code == 422
    assert text.replace("\r\n", "\n") in html.unescape(page.text)
    assert f"写了 {length} 字，最多 9000 字" in page.text
    call = {**CALL, "text": text, "action": "review"}
    page = await intake.http.post("/agent", data=call, headers=as_staff(intake))
    assert page.status_code == 422 and text.replace("\r\n", "\n") in html.unescape(page.text)


async def test_a_line_break_of_two_characters_counts_as_the_one_that_was_typed(intake: Running) -> None:
    assert (await intake.post(BODY | {"text": "a\r\n" * 4_999 + "ab"})).status_code == 201
    assert (await intake.post(BODY | {"text": "a\r\n" * 5_000 + "a"})).status_code == 422


async def test_the_door_lets_through_what_the_forms_promise(opened: Opening) -> None:  # noqa: F811
    """Also where HTTP_BODY_BYTES is set as low as it goes."""
    async with opened("intake", http_body_bytes=65_536) as door:
        for path, characters in ((b"/file", 9_000), (b"/agent", 8_000)):
            body = urlencode({"text": typed(characters), "action": "review"}).encode()
            head = b"POST " + path + b" HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n"
            head += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
            ((status, _, _),) = await door.ask(head + body)
            assert status != 413
        head = b"POST /file HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nContent-Length: 300000\r\n\r\n"
        ((status, _, page),) = await door.ask(head)
        assert status == 413 and "用浏览器的“后退”" in page.decode(), "the words of a bare 413 say where the text is"
