"""Reads everything and judges it, again and again until nothing is broken or the time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.audit.clear_text import ClearText, planted
from deploy.audit.client_log import read_client_log
from deploy.audit.passes import Passes
from deploy.audit.progress import Progress, silent
from deploy.audit.read_outside import read_mailbox, search_logs, search_traces
from deploy.audit.read_tables import open_tables
from deploy.audit.read_topics import Topics, read_topics
from deploy.audit.report import Report
from deploy.audit.spool import Spool
from shared.runtime.event_keys import EventKeys
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.signatures import Signatures

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
        departments: those of the policy packs; None leaves owners that do not exist out.
        event_keys: those of all writers; None leaves the signatures of events unchecked.
    """

    postgres: str
    kafka: KafkaAccess | str
    mail: str | None = None
    traces: str | None = None
    logs: Sequence[Path] = ()
    client_logs: Sequence[Path] = ()
    markers: Sequence[str] = ()
    departments: frozenset[str] | None = None
    event_keys: EventKeys | None = None


async def audit(
    places: Places, wait: float, looked: Callable[[Report], None] = lambda _: None, progress: Progress = silent
) -> Report:
    """Judge until nothing is broken, at most `wait` seconds; then only what is older than that counts as unfinished.

    Args:
        wait: the bound on liveness: within it every accepted complaint has an owner, every committed event is on its
            topic and applied, every due deadline has fired.
        looked: told the report of every look.
        progress: told how far long work has come.

    Raises:
        StackError: a place cannot be read.
    """
    deadline = time.monotonic() + wait
    topics, reading = Topics(), ClearText(markers=planted(places.markers))
    with closing(Spool()) as spool:
        for path in places.client_logs:
            spool.add_answers(read_client_log(path))
        while True:
            over = time.monotonic() >= deadline
            passes = await look(places, topics, spool, reading, wait if over else 0.0, progress)
            report = passes.report()
            looked(report)
            if over or report.ok:
                # Logs and traces are large and only grow: once, at the end, is enough.
                search_logs(places.logs, passes.clear_text)
                await search_traces(places.traces, passes.clear_text)
                return passes.report()
            await asyncio.sleep(min(_PAUSE, max(0.0, deadline - time.monotonic())))


async def look(
    places: Places, topics: Topics, spool: Spool, reading: ClearText, wait: float, progress: Progress
) -> Passes:
    """Read what is new and judge everything once.

    The tables are seen at one moment and the mailbox and topics after it, so that what rows promise is there.

    Args:
        topics: what was read of the topics before; goes on with this look.
        reading: what was found in clear in records that the spool does not hold.
    """
    async with open_tables(places.postgres) as tables:
        reading.contacts = await tables.contacts()
        if places.event_keys is not None:
            topics.signatures = Signatures(places.event_keys, await tables.signed_from())
        await read_topics(places.kafka, reading, spool, topics, progress)
        mailbox = await read_mailbox(places.mail, spool) if places.mail else None
        clear_text = replace(reading, leaks=dict(reading.leaks))
        passes = Passes(tables, topics, spool, clear_text, wait=wait, mailbox=mailbox, departments=places.departments)
        await passes.run(progress)
        return passes
