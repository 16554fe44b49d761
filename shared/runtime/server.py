"""The HTTP server of a service: uvicorn behind the door."""

import contextlib
import resource
from collections.abc import Mapping

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.door import Door
from shared.runtime.gate import PROBLEMS, RETRY_SECONDS, Gate, Limits, Why
from shared.runtime.settings import CommonSettings
from shared.runtime.web.addresses import Networks
from shared.runtime.web.look import Look
from shared.runtime.web.problems import Problem, answer
from shared.runtime.web.security import SecurityHeaders

_OPEN_FILES = 8_192


def limits_of(settings: CommonSettings, bodies: Mapping[str, int]) -> Limits:
    """The limits that are set, and the routes that take larger bodies."""
    return Limits(
        head_bytes=settings.http_head_bytes,
        body_bytes=settings.http_body_bytes,
        bodies=bodies,
        head_seconds=settings.http_head_seconds,
        body_seconds=settings.http_body_seconds,
        body_rate=settings.http_body_rate,
        idle_seconds=settings.http_idle_seconds,
        connections=settings.http_connections,
        per_address=settings.http_connections_per_address,
        trusted=Networks(settings.trusted_proxies),
    )


def make_server(
    app: FastAPI, look: Look, settings: CommonSettings, service: str, bodies: Mapping[str, int]
) -> uvicorn.Server:
    """The server of a service on HTTP_HOST and HTTP_PORT.

    Args:
        app: the application.
        look: words and pages of refusals.
        settings: of the service.
        service: its name.
        bodies: path of a route → bytes its body may have, where that is more than HTTP_BODY_BYTES.
    """
    refusing = {why: _refusing(app, look, why) for why in (Why.BODY, Why.CONNECTIONS)}
    made = Gate(limits_of(settings, bodies), service, look.texts, refusing)

    class Guarded(Door):
        """The door of this process."""

        gate = made

    _allow_open_files()
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="none",
        http=Guarded,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        backlog=2048,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=max(1, round(made.limits.idle_seconds)),
        timeout_graceful_shutdown=8,
    )
    return uvicorn.Server(config)


def _refusing(app: FastAPI, look: Look, why: Why) -> ASGIApp:
    """Answers every request with one problem: as a page for a browser, in the language it asks for."""
    status, code = PROBLEMS[why]
    headers = {"Connection": "close"} | ({"Retry-After": str(RETRY_SECONDS)} if status == 503 else {})

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request({**scope, "app": app})
        await answer(request, Problem(status, code, headers=headers))(scope, receive, send)

    return SecurityHeaders(refuse, own_urls=look.urls.own)


def _allow_open_files() -> None:
    """Each connection is an open file, and the usual soft limit of 1,024 is for all of Kafka, Postgres and callers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
