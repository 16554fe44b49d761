"""A small application with the look, for tests of the web runtime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, Field

from shared.runtime.errors import Transient
from shared.runtime.web.forms import read_form
from shared.runtime.web.install import install_web
from shared.runtime.web.look import Look, SiteUrls
from shared.runtime.web.media import JsonRoute
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import Sessions, Staff, current_staff, guard_origin, require
from tests.support.staff import known

URLS = SiteUrls(
    intake="http://intake.test", router="http://router.test", sla="http://sla.test", notifier="http://notifier.test"
)
NOW = datetime(2026, 5, 14, 8, 0, tzinfo=UTC)
ANN = Staff(user="ann", name="Ann Lee", role="handler", department="delivery", departments=("delivery", "repair"))


SignedIn = Annotated[Staff, Depends(current_staff)]
FromOffice = Annotated[Staff, Depends(require("office"))]


class Told(BaseModel):
    """A body with bounds."""

    text: str = Field(max_length=5)


class Clock:
    """Seconds since 1970 that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(b"k" * 32, known(ANN), clock)


@pytest.fixture
def look(tmp_path: Path, sessions: Sessions) -> Look:
    (tmp_path / "hello.html").write_text(
        '{% extends "base.html" %}{% block main %}<h1>{{ name }}</h1>{{ due(now) }}{% endblock %}'
    )
    return Look([tmp_path], URLS, sessions=sessions, clock=lambda: NOW)


@pytest.fixture
def app(look: Look, sessions: Sessions) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_web(app, look, sessions)
    _add_routes(app, look)
    return app


def _add_routes(app: FastAPI, look: Look) -> None:
    @app.get("/hello")
    def hello(request: Request, name: str = "you") -> object:
        return look.render(request, "hello.html", name=name)

    @app.get("/staff")
    async def staff(who: SignedIn) -> dict[str, str]:
        return {"user": who.user}

    @app.post("/staff")
    async def act(who: SignedIn) -> dict[str, str]:
        return {"did": who.user}

    @app.get("/office")
    async def office(who: FromOffice) -> dict[str, str]:
        return {"user": who.user}

    @app.post("/public", dependencies=[Depends(guard_origin)])
    async def public(request: Request) -> dict[str, str]:
        return dict(await read_form(request))

    @app.post("/v1/told")
    async def told(body: Told) -> str:
        return body.text

    strict = APIRouter(route_class=JsonRoute)

    @strict.post("/v1/json")
    async def told_once(body: Told) -> str:
        return body.text

    app.include_router(strict)

    @app.get("/refused")
    async def refused() -> None:
        raise Problem(409, "wrong-state", title="No", headers={"Retry-After": "3"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("DETAIL: Key (email)=(ann@example.com)")

    @app.get("/away")
    async def away() -> None:
        raise Transient("the database is away", retry_after=1.5)


@pytest.fixture
def http(app: FastAPI) -> Iterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    yield httpx.AsyncClient(transport=transport, base_url="http://intake.test")
