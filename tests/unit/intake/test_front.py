"""The short way of the hot route answers with the same protective headers as every other route."""

from typing import Any

import httpx
from starlette.responses import JSONResponse

from services.intake.http.front import PATH, Front
from shared.runtime.settings import CommonSettings
from shared.runtime.telemetry import Tracing
from shared.runtime.web.security import SecurityHeaders


async def _answer(*_: Any) -> JSONResponse:
    return JSONResponse({})


async def _long_way(scope: Any, receive: Any, send: Any) -> None:
    await JSONResponse({})(scope, receive, send)


async def test_the_hot_route_carries_the_headers_of_all_routes(tmp_path):
    key = tmp_path / "key"
    key.write_text("k" * 64)
    settings = CommonSettings(database_url="postgresql://none", master_key_file=key, session_key_file=key)
    tracing = Tracing("intake", settings)
    front = Front(SecurityHeaders(_long_way), service="intake", tracing=tracing, handle=_answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://intake") as client:
        short, long = await client.post(PATH, json={}), await client.get("/other")
    tracing.shutdown()
    assert short.headers["x-content-type-options"] == "nosniff"
    assert {n for n in long.headers if n.startswith(("x-", "content-security", "referrer"))} <= set(short.headers)
