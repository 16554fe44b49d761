"""`redress audit`: every promise, checked from outside."""

from __future__ import annotations

import asyncio
import json
import traceback
from pathlib import Path
from typing import Annotated

import typer

from deploy.stack.settings import CHECKOUT


def command(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds that what is under way may take to finish.")] = 60.0,
    client_log: Annotated[
        list[Path] | None, typer.Option(help="What a client was answered, as `redress play --client-log` writes it.")
    ] = None,
    marker: Annotated[list[str] | None, typer.Option(help="A text that must stand in clear nowhere.")] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option(help="Write the result there for Prometheus' textfile collector, such as redress.prom."),
    ] = None,
    logs: Annotated[list[Path] | None, typer.Option(help="Folders of log files; default: those of the stack.")] = None,
) -> None:
    """Check every promise against schemas, topics, mailbox, logs and traces; exit 1 when one is broken, 2 when they cannot be checked.

    Looks again until nothing is broken or --wait seconds are over; then it names what is missing.
    """
    from deploy.audit.auditor import Places, audit
    from deploy.audit.metrics_file import write_metrics
    from deploy.audit.progress import spoken
    from deploy.audit.show import view
    from deploy.console import operator_console
    from deploy.endpoints import endpoints_file, load_endpoints
    from deploy.keys.event_keys import folder_of, read_all
    from deploy.stack.errors import StackError

    try:
        endpoints = load_endpoints()
        places = Places(
            postgres=endpoints.dsn,
            kafka=endpoints.kafka_access,
            mail=endpoints.mail or None,
            traces=endpoints.traces or None,
            logs=logs or [endpoints_file().parent / "logs"],
            client_logs=client_log or (),
            markers=marker or (),
            departments=_departments(),
            event_keys=read_all(folder_of()),
        )
        report = asyncio.run(audit(places, wait, progress=spoken()))
        if metrics_file is not None:
            write_metrics(report, metrics_file)
    except StackError as error:
        typer.echo(f"redress: {error}", err=True)
        raise typer.Exit(2) from None
    except Exception as error:
        # 1 would say that a promise is broken.
        typer.echo(f"redress: The audit itself failed ({_what(error)}). Nothing is known of the promises.", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        operator_console().print(view(report))
    if not report.ok:
        raise typer.Exit(1)


def _what(error: Exception) -> str:
    """What went wrong and where in our own code. Not the message: it may quote a customer."""
    from shared.runtime.errors import safe_text

    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if ".venv" not in frame.filename]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(CHECKOUT)]
    place = f" in {Path(ours[-1].filename).relative_to(CHECKOUT)}, line {ours[-1].lineno}" if ours else ""
    return f"{safe_text(error)}{place}"


def _departments() -> frozenset[str] | None:
    """Those of the policy folder; None where it is refused, which `redress policies check` explains."""
    from deploy.stack.settings import load_settings
    from shared.policies.errors import PolicyError
    from shared.policies.packs import load_packs

    try:
        return frozenset(one.id for one in load_packs(load_settings().policies_dir).departments)
    except PolicyError:
        return None
