"""No address, field or body makes a server error: every route of every service, signed in and not."""

from __future__ import annotations

import importlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from shared.runtime.web.sessions import Staff
from tests.integration.door.conftest import POLICIES, SERVICES
from tests.support.stack import DatabaseFactory
from tests.support.staff import employ

ODD = ("", "²", "9" * 5_000, "-1", "\x00", "a\x00b", "%", "\u202e", "🙂" * 50, "1e999", "NaN", "' OR 1=1 --", "R-4K7M-2XA9",
       "00000000-0000-0000-0000-000000000000", "null", "../..", "9223372036854775808")  # fmt: skip
#: Words as JSON writes them; the second is half an emoji.
ODD_JSON = (*(json.dumps(text) for text in ODD), '"\\ud83d"', "1" * 400, "1e999", "NaN", "[]", "{}", '{"\\ud83d":1}',
            "[" * 100_000, "true", '{"a":1,"a":2}')  # fmt: skip
QUERY = ("q", "view", "state", "department", "limit", "after", "reference", "tries", "lang", "seen", "done", "about", "next",
         "store", "channel", "find")  # fmt: skip
FIELDS = ("user", "password", "next", "action", "key", "text", "email", "phone", "find", "step", "channel", "category", "store",
          "order", "repeat_of", "answer", "comment", "rating", "to", "reason", "due_at", "due_date", "due_time", "question",
          "question_id", "seen", "epoch", "department", "remedy", "note", "customer_language", "answer_in",
          "keeps_promise")  # fmt: skip
_PARAMETER = re.compile(r"\{[^}]*\}")


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every route, pages included."""
    found: set[tuple[str, str]] = set()

    def walk(routes: Any, prefix: str = "") -> None:
        for route in routes:
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            if inner is not None:
                walk(inner.routes, prefix + (getattr(route, "prefix", "") or ""))
            elif hasattr(route, "path"):
                found.update((method, prefix + route.path) for method in (route.methods or ()) if method != "HEAD")

    walk(app.routes)
    return sorted(found)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, fresh_database: DatabaseFactory, tmp_path: Path) -> Iterator[Any]:
    name = request.param
    database = fresh_database(name)
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    settings = importlib.import_module(f"services.{name}.settings").Settings(
        database_url=database.url_of(name), kafka_bootstrap_servers="127.0.0.1:1", master_key_file=key,
        session_key_file=key, policies_dir=POLICIES,
        **{
            "intake": {"intake_form_rate": 1e6, "intake_form_burst": 1e6, "intake_lookup_burst": 1e6},
            "router": {"router_sign_in_rate": 1e6, "router_sign_in_burst": 1e6},
            "notifier": {"notifier_read_rate": 1e6, "notifier_send_rate": 1e6},
        }.get(name, {}),
    )  # fmt: skip
    made = importlib.import_module(f"services.{name}.app").build(settings)
    employ(database, Staff("chen", "Chen", "office", "complaints-office"))
    yield made


@pytest.mark.timeout(300)
async def test_nothing_odd_makes_a_server_error(service: Any):
    await service.database.open()
    token = service.sessions.issue("chen")
    staff = {"Authorization": f"Bearer {token}"}
    routes = [one for one in routes_of(service.app) if one[1] not in {"/readyz", "/metrics"}]
    assert len(routes) > 6
    wrong: list[str] = []
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://odd.test") as client:

        async def ask(method: str, path: str, what: str, **options: Any) -> None:
            options["headers"] = staff | options.get("headers", {})
            answer = await client.request(method, path, **options)
            if answer.status_code >= 500:
                wrong.append(f"{answer.status_code} {method} {path[:60]} {what[:60]!r}")

        for method, path in routes:
            for odd in ODD:
                filled = _PARAMETER.sub(lambda _, odd=odd: quote(odd, safe=""), path)
                if "{" in path:
                    await ask(method, filled, odd)
                plain = _PARAMETER.sub("R-4K7M-2XA9", path)
                for names in (QUERY[:8], QUERY[8:]):  # the client takes no address of more than 64 KiB
                    await ask(method, f"{plain}?" + "&".join(f"{name}={quote(odd)}" for name in names), odd)
                if method != "GET":
                    for page in ("text/html", "*/*"):
                        await ask(method, plain, odd, data=dict.fromkeys(FIELDS, odd), headers={"Accept": page})
            if method != "GET":
                for odd in ODD_JSON:
                    body = "{" + ",".join(f'"{name}":{odd}' for name in FIELDS) + "}"
                    for content in (body, odd):
                        await ask(
                            method, plain, odd, content=content.encode(),
                            headers={"Content-Type": "application/json", "Idempotency-Key": "0" * 35 + "1"},
                        )  # fmt: skip
    await service.database.close()
    assert not wrong, "\n".join(sorted(set(wrong))[:40])


@pytest.mark.parametrize("name", ["/v1/sign-in", "/sign-in"])
async def test_a_nul_in_a_user_name_is_no_error_of_ours(fresh_database: DatabaseFactory, tmp_path: Path, name: str):
    from services.router.app import build
    from services.router.settings import Settings

    database = fresh_database("router")
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    made = build(
        Settings(
            database_url=database.url_of("router"), master_key_file=key, session_key_file=key, policies_dir=POLICIES
        )
    )
    transport = httpx.ASGITransport(app=made.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://odd.test") as client:
        typed = {"user": "a\x00b", "password": "x\x00"}
        answer = await client.post(name, **({"json": typed} if name.startswith("/v1") else {"data": typed}))
        assert answer.status_code in {401, 422}, answer.text
    await made.database.close()
