"""The operators' own port: metrics, the API's document and its page. The public port has none of them."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.runtime.http import Health, answer_of
from shared.runtime.web.api_docs import serve_docs
from shared.runtime.web.look import Look
from shared.runtime.web.security import SecurityHeaders


def make_ops(service: FastAPI, look: Look, ready: Health, alive: Health) -> Starlette:
    """What is served there, for the service whose API `service` is."""

    async def livez(_: Request) -> Response:
        return await answer_of(alive)

    async def readyz(_: Request) -> Response:
        return await answer_of(ready)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def document(_: Request) -> Response:
        return JSONResponse(service.openapi())

    ops = Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/openapi.json", document),
            Route("/docs", serve_docs),
            Route("/static/{name:path}", look.assets.serve),
        ],
        middleware=[Middleware(SecurityHeaders, own_urls=look.urls.own)],
    )
    ops.state.look = look
    ops.openapi = service.openapi  # type: ignore[attr-defined]  # as the page finds it
    return ops


async def serve_ops(ops: Starlette, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until told to stop.

    Raises:
        OSError: the port is taken; the caller tries again.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        config = uvicorn.Config(
            ops, loop="none", lifespan="off", ws="none", access_log=False, log_config=None, server_header=False,
            timeout_graceful_shutdown=2, limit_concurrency=64,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listening]))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        server.should_exit = True
        await serving
