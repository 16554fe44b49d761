"""The id of a request: the caller's own where it is short and plain, else one of ours; in the log and in the answer."""

import json
import logging
from typing import Any

import pytest

from shared.runtime.logs import JsonLines
from shared.runtime.web import request_id
from shared.runtime.web.security import SecurityHeaders


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/", "headers": list(headers)}


@pytest.mark.parametrize("told", [b"till-7:4711", b"a", b"018f3a5e-7c3b-7d7e-9c8a-3f1f7f0f2a11", b"x" * 64])
def test_a_plain_id_of_the_caller_is_kept(told: bytes) -> None:
    one = scope((b"x-request-id", told))
    assert request_id.take(one) == request_id.of(one) == told.decode()


@pytest.mark.parametrize("told", [b"", b"x" * 65, b"a b", b"-a", b"ann@example.com", b"a\nb", "王".encode(), b"{}"])
def test_anything_else_is_replaced_and_not_cut(told: bytes) -> None:
    one, other = scope((b"x-request-id", told)), scope((b"x-request-id", told))
    assert request_id.take(one) == request_id.take(one) != request_id.take(other)
    assert len(request_id.take(one)) == 16


def test_log_lines_of_a_request_have_its_id_and_others_have_none() -> None:
    record = logging.makeLogRecord({"msg": "request failed", "levelno": logging.ERROR})
    assert "request_id" not in json.loads(JsonLines("intake").format(record))
    token = request_id.current.set("till-7:4711")
    try:
        assert json.loads(JsonLines("intake").format(record))["request_id"] == "till-7:4711"
    finally:
        request_id.current.reset(token)


async def test_the_answer_tells_it() -> None:
    sent: list[Any] = []

    async def app(inner: Any, receive: Any, send: Any) -> None:
        request_id.take(inner)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    await SecurityHeaders(app)(scope((b"x-request-id", b"till-7")), None, send)  # type: ignore[arg-type]
    assert (b"x-request-id", b"till-7") in sent[0]["headers"]
