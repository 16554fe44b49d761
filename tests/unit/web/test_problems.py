"""Errors: problem details for programs, a page for browsers, and never a value of the input."""

import logging
from pathlib import Path

import httpx
import pytest

from shared.runtime.http import make_app
from shared.runtime.settings import CommonSettings
from shared.runtime.telemetry import Tracing
from shared.runtime.web.problems import Problem
from shared.runtime.web.texts import Catalogue, Text

HTML = {"accept": "text/html"}


async def test_an_unknown_path_is_a_problem_in_the_callers_language(http: httpx.AsyncClient) -> None:
    answer = await http.get("/nowhere", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:redress:problem:not-found",
        "title": "There is nothing here",
        "status": 404,
        "detail": "The address may be mistyped or the link has expired. Please check it and try again.",
        "instance": "/nowhere",
    }


async def test_a_browser_gets_a_page(http: httpx.AsyncClient) -> None:
    answer = await http.get("/nowhere?lang=zh", headers=HTML)
    assert answer.status_code == 404
    assert "<h1>没有找到这个页面</h1>" in answer.text


async def test_the_versioned_api_answers_json_even_to_a_browser(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/nowhere", headers=HTML)).headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_405_and_says_what_is_allowed(http: httpx.AsyncClient) -> None:
    answer = await http.delete("/staff", headers={"Accept-Language": "en"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"  # also of the second route of one address
    assert answer.json()["detail"] == "What it takes: GET, HEAD, POST."


async def test_a_wrong_field_is_named_with_the_reason_but_not_its_value(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/told", json={"text": "secret words"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "text", "pointer": "/text", "code": "too_long", "detail": "is too long: at most 5 characters"}
    ]
    assert "secret" not in answer.text


async def test_broken_json_is_422(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/told", content=b'{"text": ', headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "not_json"
    assert answer.json()["errors"][0]["detail"] == "不是有效的 JSON"


@pytest.mark.parametrize("body", ['{"text": "a", "text": "b"}', '{"text": "a", "x": [{"text": 1, "text": 2}]}'])
async def test_a_name_that_stands_twice_is_refused_and_named(http: httpx.AsyncClient, body: str) -> None:
    answer = await http.post("/v1/json", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("text", "said_twice")]


async def test_no_redirect_leads_to_a_host_that_the_request_named(tmp_path: Path) -> None:
    async def well() -> tuple[int, dict[str, object]]:
        return 200, {}

    (key := tmp_path / "key").write_text("5" * 64)
    settings = CommonSettings(database_url="postgresql://x", master_key_file=key, session_key_file=key)
    app = make_app("x", "x", "x", Tracing("x", settings), well, well)
    app.add_api_route("/c/{token}", lambda token: token)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.test") as client:
        assert (await client.get("/c/abc/")).status_code == 404


async def test_a_problem_keeps_its_headers(http: httpx.AsyncClient) -> None:
    answer = await http.get("/refused")
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "3")
    assert (await http.get("/refused", headers=HTML)).headers["retry-after"] == "3"


@pytest.mark.parametrize("headers", [{}, HTML])
async def test_an_unexpected_error_shows_only_an_id_that_the_log_has_too(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await http.get("/broken", headers=headers)
    assert answer.status_code == 500
    (record,) = caplog.records
    assert record.__dict__["error_id"] in answer.text
    assert record.__dict__["error"] == "RuntimeError"
    assert "ann@example.com" not in answer.text + str(record.__dict__)


async def test_an_error_that_waiting_heals_is_503_with_a_time(http: httpx.AsyncClient) -> None:
    answer = await http.get("/away")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_words_given_with_a_problem_win_over_the_catalogue() -> None:
    problem = Problem(409, "not-found", title=Text(zh="{who}先接了", en="{who} was first"), values={"who": "Ann"})
    document = problem.document(Catalogue({"problem.not-found.title": Text(zh="甲", en="A")}), "en")
    assert document == {"type": "urn:redress:problem:not-found", "title": "Ann was first", "status": 409}
