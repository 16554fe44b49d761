"""Third stage: each mail on one of N connections. A slow server holds up its own connection only."""

import asyncio
import time
from collections.abc import Callable, Sequence

from opentelemetry.trace import SpanKind, Status, StatusCode

from services.notifier import metrics
from services.notifier.channels.conversation import Patience
from services.notifier.channels.outcome import NOT_BEGUN, Outcome, Verdict
from services.notifier.channels.smtp import SmtpConnection
from services.notifier.pipeline.prepare import Prepared
from shared.runtime.telemetry import Tracing, is_sampled

Done = Callable[[Prepared, Outcome, str | None], None]


class Senders:
    """N connections, one task each, fed from one queue.

    Args:
        done: called with each mail, its outcome and the context of its span.
    """

    def __init__(self, connections: Sequence[SmtpConnection], patience: Patience, tracing: Tracing, done: Done) -> None:
        self._connections = connections
        self._patience = patience
        self._tracing = tracing
        self._done = done
        self._queue: asyncio.Queue[Prepared | None] = asyncio.Queue()
        self._stopping = False
        self._on_their_way = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send what is put in."""
        self._stopping = False
        self._on_their_way = self._queue.qsize()
        self._tasks = [
            asyncio.create_task(self._work(connection), name=f"sender-{place}")
            for place, connection in enumerate(self._connections)
        ]

    @property
    def busy(self) -> bool:
        """Whether mails are queued or on their way."""
        return self._on_their_way > 0

    def put(self, mail: Prepared) -> None:
        """Queue a mail whose row says `sending`."""
        self._on_their_way += 1
        self._queue.put_nowait(mail)

    async def open(self) -> None:
        """Make sure that at least one connection stands.

        Raises:
            ChannelAway: none can be made.
        """
        if any(connection.stands for connection in self._connections):
            return
        await self._connections[0].open()

    @property
    def longest_answer(self) -> float:
        """Seconds that a mail server has for the answer to a mail it was given whole."""
        return self._patience.dot

    async def stop(self, seconds: float) -> None:
        """Let mails that are on their way end; what has not begun is handed back.

        A mail that the server has whole is waited for as long as it may take for its answer: without it nobody knows
        whether it was taken, and it would be sent a second time (trial B7). The others are broken off.
        """
        self._stopping = True
        for _ in self._tasks:
            self._queue.put_nowait(None)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        owing = []
        for task, connection in zip(self._tasks, self._connections, strict=True):
            if connection.owes_answer:
                owing.append(task)
            else:
                task.cancel()
        if owing:
            await asyncio.wait(owing, timeout=self._patience.dot + 1)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(connection.close() for connection in self._connections), return_exceptions=True)

    async def _work(self, connection: SmtpConnection) -> None:
        while (mail := await self._queue.get()) is not None:
            too_late = time.monotonic() + self._patience.whole > mail.claimed.expires
            if self._stopping or too_late:
                outcome, trace = NOT_BEGUN, None
            else:
                try:
                    outcome, trace = await self._send(connection, mail)
                except asyncio.CancelledError:
                    if not connection.owes_answer:  # the server never had it whole
                        self._on_their_way -= 1
                        self._done(mail, NOT_BEGUN, None)
                    raise
                metrics.attempt(outcome.verdict, outcome.reason, ours=outcome.ours)
            self._on_their_way -= 1
            self._done(mail, outcome, trace)

    async def _send(self, connection: SmtpConnection, mail: Prepared) -> tuple[Outcome, str | None]:
        claimed = mail.claimed
        if not (self._tracing.enabled and is_sampled(claimed.traceparent)):  # no span, so no attributes to spell out
            return await connection.send(mail.sender, mail.recipient, mail.message), claimed.traceparent
        span, trace = self._tracing.start(
            f"notifier send {claimed.kind}",
            claimed.traceparent,
            SpanKind.CLIENT,
            {
                "complaint.id": str(claimed.complaint_id),
                "complaint.reference": claimed.journey.reference,
                "notice.id": str(claimed.notice_id),
                "notice.kind": claimed.kind,
                "notice.channel": "email",
                "notice.message_id": mail.message_id,
                "notice.attempt": claimed.attempts + 1,
            },
        )
        outcome = await connection.send(mail.sender, mail.recipient, mail.message)
        if span is not None:
            span.set_attribute("notice.outcome", outcome.reason)
            if outcome.verdict is not Verdict.SENT:
                span.set_status(Status(StatusCode.ERROR))
            span.end()
        return outcome, trace
