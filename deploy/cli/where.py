"""`redress where REFERENCE`: who has a complaint, why, until when, and what its customer was told."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer


def command(
    reference: Annotated[
        str,
        typer.Argument(help="Reference in any case or spacing, a part of it that is unique, or the complaint's id."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show one complaint: owner, why, what it waits for, clocks, notices."""
    from deploy.console import operator_console
    from deploy.endpoints import load_endpoints
    from deploy.where.lookup import Found, explain, look_up
    from deploy.where.show import page_of

    endpoints = load_endpoints()
    services = {name: getattr(endpoints, name) for name in ("intake", "router", "sla", "notifier")}

    async def ask() -> Found:
        return await explain(await look_up(endpoints.dsn, reference), endpoints.kafka, services)

    found = asyncio.run(ask())
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        operator_console().print(page_of(found, endpoints))
