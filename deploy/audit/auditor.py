"""Reads everything and judges it, again and again until nothing is broken or the time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from deploy.audit.clear_text import ClearText, planted
from deploy.audit.client_log import Answer, read_client_log
from deploy.audit.read_outside import read_mailbox, search_logs, search_traces
from deploy.audit.read_tables import read_tables
from deploy.audit.read_topics import read_topics
from deploy.audit.report import Report, judge
from deploy.audit.snapshot import Snapshot

_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the auditor looks.

    Attributes:
        mail: address of the mail catcher; None leaves the mailbox out.
        traces: address of the trace viewer; None leaves the traces out.
        logs: folders of log files.
        client_logs: answers that clients wrote down.
        markers: texts that must not stand in clear anywhere.
    """

    postgres: str
    kafka: str
    mail: str | None = None
    traces: str | None = None
    logs: Sequence[Path] = ()
    client_logs: Sequence[Path] = ()
    markers: Sequence[str] = ()


async def audit(places: Places, wait: float, looked: Callable[[Report], None] = lambda _: None) -> Report:
    """Judge until nothing is broken, at most `wait` seconds; then only what is older than that counts as unfinished.

    Args:
        wait: the bound on liveness: within it every accepted complaint has an owner, every committed event is on its
            topic and applied, every due deadline has fired.
        looked: told the report of every look.

    Raises:
        StackError: a place cannot be read.
    """
    deadline = time.monotonic() + wait
    answers = tuple(answer for path in places.client_logs for answer in read_client_log(path))
    while True:
        seen = await look(places, answers)
        report = judge(seen)
        looked(report)
        left = deadline - time.monotonic()
        if report.ok or left <= 0:
            # Logs and traces are large and only grow: once, at the end, is enough.
            return judge(replace(await search_outside(places, seen), settled=seen.taken_at - timedelta(seconds=wait)))
        await asyncio.sleep(min(_PAUSE, left))


async def search_outside(places: Places, seen: Snapshot) -> Snapshot:
    """The snapshot with what stands in clear in logs and traces."""
    clear_text = ClearText(markers=planted(places.markers), contacts=seen.contacts)
    search_logs(places.logs, clear_text)
    await search_traces(places.traces, clear_text)
    return replace(seen, leaks=(*seen.leaks, *clear_text.leaks), scanned=seen.scanned + clear_text.scanned)


async def look(places: Places, answers: tuple[Answer, ...] = ()) -> Snapshot:
    """One snapshot. The tables come first and the mailbox and topics after them, so that what rows promise is there."""
    clear_text = ClearText(markers=planted(places.markers))
    seen = await read_tables(places.postgres, clear_text)
    topics = await read_topics(places.kafka, clear_text)
    mailbox, whole = await read_mailbox(places.mail) if places.mail else (None, False)
    return replace(
        seen,
        told=tuple(one for one in topics.told if one.event_id not in seen.void),
        poison=tuple(topics.poison),
        dead_records=tuple(topics.dead_records),
        whole_topics=frozenset(topics.whole),
        mailbox=mailbox,
        mailbox_whole=whole,
        answers=answers,
        leaks=tuple(clear_text.leaks),
        scanned=clear_text.scanned,
        contacts=clear_text.contacts,
    )
