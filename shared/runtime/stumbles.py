"""What a reader cannot get past by itself: it says where it stands, tries again, and heeds `redress skip`."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.runtime import metrics
from shared.runtime.decode import Received, Record
from shared.runtime.errors import Permanent, Reason, is_deployment_fault, is_transient, safe_text
from shared.runtime.pg import Database
from shared.runtime.records import Unreadable

log = logging.getLogger(__name__)

RUN = 5
"""So many events in a row buried for one cause; the next one waits, because then it is not the events' fault."""
_LOOK_EVERY = 2.0
_FIRST_PAUSE, _MAX_PAUSE = 2.0, 60.0

_ASKED = """
SELECT topic, partition, record_offset, why, asked_by FROM reader_skip WHERE consumer = $1 AND done_at IS NULL
"""
SKIP_DONE = """
UPDATE reader_skip SET done_at = clock.now()
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4
"""


@dataclass(frozen=True, slots=True)
class Skip:
    """An operator's wish that a record be passed: `redress skip`."""

    topic: str
    partition: int
    offset: int
    why: str
    asked_by: str

    @property
    def told(self) -> str:
        """What the dead letter says of it."""
        return f"passed by {self.asked_by}: {self.why}"


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a reader waits with a batch, and at which record.

    Attributes:
        kind: `dependency` (a server is away), `deployment` (the schema is not the one this release needs) or
            `repeated` (events keep failing alike).
    """

    kind: str
    cause: str
    topic: str
    partition: int
    offset: int
    event_id: UUID | None

    @property
    def told(self) -> str:
        """For readiness and people."""
        return f"{_WORDS[self.kind]}: {self.cause}, at {self.topic}[{self.partition}]@{self.offset}"


_WORDS = {
    "dependency": "waits for a dependency",
    "deployment": "the database's schema is not the one this release needs (run the migrations)",
    "repeated": f"{RUN} events in a row failed alike (mend the cause, or `redress skip`)",
}


def place_of(received: Sequence[Received]) -> dict[str, Any]:
    """For a log line: the first record of a batch, its event and complaint."""
    if not received:
        return {}
    record, event = received[0].record, received[0].event
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    if event is None:
        return place
    return place | {"event_id": str(event.event_id), "complaint_id": str(event.complaint_id)}


def kind_of(error: BaseException) -> str | None:
    """Why a batch waits and is not to blame for it: `dependency`, `deployment`, or none when the data is."""
    if is_transient(error):
        return "dependency"
    return "deployment" if is_deployment_fault(error) else None


class Run:
    """Events in a row that were buried for the same cause."""

    def __init__(self) -> None:
        self._cause = ""
        self._events: set[UUID] = set()

    def is_ours(self, cause: str, event_id: UUID) -> bool:
        """Whether the cause lies with us: enough *other* events have died of it, and none has gone well since."""
        return cause == self._cause and len(self._events - {event_id}) >= RUN

    def buried(self, cause: str, event_id: UUID) -> None:
        """One more is dead."""
        if cause != self._cause:
            self._cause, self._events = cause, set()
        self._events.add(event_id)

    def end(self) -> None:
        """An event went well, or an operator lets it go on."""
        if self._events:
            self._cause, self._events = "", set()


def cause_of(error: BaseException) -> str:
    """The same for failures that are alike: class, SQLSTATE, and where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or isinstance(error, asyncpg.PostgresError):
        return safe_text(error)
    return f"{safe_text(error)} at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


class Stumbles:
    """What one reader stands before.

    Attributes:
        wait: why the batch at hand waits, if it does.
        unreadable: by partition, what no client can read there; other partitions are read on.
        refused: what the broker refuses to this reader as a whole.
    """

    def __init__(self, service: str, database: Database) -> None:
        self._service = service
        self._database = database
        self._looked = 0.0
        self._retry: dict[TopicPartition, tuple[float, float]] = {}
        self._tries = 0
        self.wait: Wait | None = None
        self.unreadable: dict[TopicPartition, Unreadable] = {}
        self.refused: str | None = None

    # -- a batch that waits --------------------------------------------------------------------------------------------

    def waits(self, kind: str, error: BaseException, received: Sequence[Received], record: Record | None) -> None:
        """The batch is tried again later. Says so once per cause, and counts."""
        metrics.RETRIES.labels(self._service).inc()
        self._tries += 1
        event_id = received[0].event.event_id if received and received[0].event else None
        topic, partition, offset = (record.topic, record.partition, record.offset) if record else ("-", -1, -1)
        wait = Wait(kind, cause_of(error), topic, partition, offset, event_id)
        if self.wait is not None and (self.wait.kind, self.wait.cause) == (kind, wait.cause):
            return
        if self.wait is not None:
            metrics.WAITING.labels(self._service, self.wait.kind).set(0)
        self.wait = wait
        metrics.WAITING.labels(self._service, kind).set(1)
        level = logging.WARNING if kind == "dependency" else logging.CRITICAL
        log.log(
            level,
            "batch waits",
            extra={"action": "batch_retry", "kind": kind, "error": wait.cause, **place_of(received)},
        )

    def goes_on(self) -> None:
        """The batch that waited is committed."""
        if self.wait is None:
            return
        metrics.WAITING.labels(self._service, self.wait.kind).set(0)
        log.info("batch goes on", extra={"action": "batch_resumed", "kind": self.wait.kind, "tries": self._tries})
        self.wait, self._tries = None, 0

    # -- what cannot be read -------------------------------------------------------------------------------------------

    def met(self, client: AIOKafkaConsumer, found: Sequence[Unreadable]) -> None:
        """Pause the partitions of what cannot be read, and say where once."""
        for one in found:
            partition = TopicPartition(one.topic, one.partition)
            client.pause(partition)
            known = self.unreadable.get(partition)
            pause = self._retry[partition][1] if known and partition in self._retry else _FIRST_PAUSE / 2
            pause = min(pause * 2, _MAX_PAUSE)
            self._retry[partition] = (time.monotonic() + pause, pause)
            self.unreadable[partition] = one
            if known is not None and known.offset == one.offset:
                continue
            metrics.UNREADABLE.labels(self._service, one.topic, one.partition).set(1)
            log.critical(
                "a record cannot be read; its partition waits",
                extra={
                    "action": "unreadable_record",
                    "topic": one.topic,
                    "partition": one.partition,
                    "offset": one.offset,
                    "why": one.why,
                    "mend": f'redress skip {one.topic} {one.partition} {one.offset} --why "…"',
                },
            )

    def read(self, partitions: Sequence[TopicPartition]) -> None:
        """These partitions gave records: what could not be read there lies behind."""
        for partition in partitions:
            if self.unreadable.pop(partition, None) is not None:
                self._retry.pop(partition, None)
                metrics.UNREADABLE.labels(self._service, partition.topic, partition.partition).set(0)

    def forget(self) -> None:
        """Partitions were shared out anew: whoever has one meets what is there."""
        self.read(list(self.unreadable))

    def retry(self, client: AIOKafkaConsumer) -> None:
        """Let what could not be read be read again now and then: a wire may have damaged it, not a disk."""
        now = time.monotonic()
        for partition, (when, pause) in self._retry.items():
            if now >= when and partition in client.assignment():
                self._retry[partition] = (now + pause, pause)
                client.resume(partition)

    # -- what an operator asks -----------------------------------------------------------------------------------------

    async def asked(self) -> list[Skip]:
        """What operators want passed and was not yet; looks every two seconds at most."""
        if time.monotonic() - self._looked < _LOOK_EVERY:
            return []
        self._looked = time.monotonic()
        try:
            rows = await self._database.fetch(_ASKED, self._service)
        except Exception as error:
            log.debug("skips cannot be read", extra={"action": "skip_look", "error": safe_text(error)})
            return []
        return [Skip(r["topic"], r["partition"], r["record_offset"], r["why"], r["asked_by"]) for r in rows]

    async def skip_of(self, record: Record) -> Skip | None:
        """What an operator wrote about this record, if anything."""
        place = (record.topic, record.partition, record.offset)
        return next((one for one in await self.asked() if (one.topic, one.partition, one.offset) == place), None)


def passed(skip: Skip, record: Any) -> Permanent:
    """Why a record that was skipped is dead."""
    reason = Reason.UNREADABLE_RECORD if isinstance(record, Unreadable) else Reason.HANDLER_BUG
    why = f"{record.why}; {skip.told}" if isinstance(record, Unreadable) else skip.told
    return Permanent(reason, why)
