"""Runs the stages: woken after a commit that made or leased something due, and once a second.

The consumer and the pages never wait for a mail server: mails leave from tasks of their own, and at most five claims'
worth of notices are in flight.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.notifier import metrics
from services.notifier.channels.outcome import Outcome
from services.notifier.channels.smtp import ChannelAway
from services.notifier.pipeline.claim import Claimed, claim
from services.notifier.pipeline.ended import Ended, State, judged, put_back, suppressed
from services.notifier.pipeline.handover import Handover
from services.notifier.pipeline.prepare import Prepared, Preparer
from services.notifier.pipeline.record import Recorder
from services.notifier.pipeline.send import Senders
from services.notifier.store import ledger
from shared.runtime.errors import is_transient, safe_text
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

_POLL = 1.0
_LOOK_FOR_LOST = 5.0
_MEASURE = 10.0
_LONGEST_PAUSE = 30.0
_GATHER = 0.05
"""Seconds that outcomes wait for others while more mails are on their way; the last one never waits."""
_IN_HAND = 5
"""Claims' worth of notices that may be in hand before handlers leave what they release in the ledger."""
_STOP_SECONDS = 10.0
_RECORD_SECONDS = 3.0


class Pipeline:
    """Claims, prepares, sends and records until told to stop.

    Args:
        lease: how long a claim holds.
        resend_after: pause before the one resend of an unknown.
        size: notices per claim.
        reached: crash-point hook of the fault tests.

    Attributes:
        desk: where the handler hands over what its transaction leases.
    """

    def __init__(
        self,
        *,
        database: Database,
        preparer: Preparer,
        recorder: Recorder,
        senders: Callable[[Callable[[Prepared, Outcome, str | None], None]], Senders],
        lease: timedelta,
        resend_after: timedelta,
        size: int,
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._preparer = preparer
        self._recorder = recorder
        self._senders = senders(self._done)
        self._lease = lease
        self._resend_after = resend_after
        self._size = size
        self._reached = reached
        self._stop: asyncio.Event | None = None
        self._wake = asyncio.Event()
        self._looks = True
        self._looked = 0.0
        self.desk = Handover(lease, room=self._room_for_handover, due=self._look, ready=self._wake.set)
        self._ended: list[Ended] = []
        self._recording: list[Ended] = []
        self._something_ended = asyncio.Event()
        self._in_flight = 0
        self._pause = 0.0

    @property
    def longest_stop(self) -> float:
        """Seconds that stopping can take: a mail server may take its time for the answer to a mail it has."""
        return _STOP_SECONDS + self._senders.longest_answer + _RECORD_SECONDS + 2

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then let mails that are on their way end, and write everything down."""
        self._senders.start()
        self._stop = stop
        closing = asyncio.Event()
        recording = asyncio.create_task(self._record_forever(closing), name="recorder")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._claim_forever(stop))
                group.create_task(self._look_after(stop))
        finally:
            self._stop = None
            await self.desk.settle(1.0)
            handed = self.desk.take()
            self._in_flight += len(handed)
            self._end([put_back(claimed, "not_begun", claimed.now) for claimed in handed])
            await self._senders.stop(_STOP_SECONDS)
            closing.set()
            self._something_ended.set()
            await asyncio.wait((recording,), timeout=_RECORD_SECONDS)
            recording.cancel()

    # -- claim, prepare, send ------------------------------------------------------------------------------------------

    async def _claim_forever(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            try:
                more = await self._turn()
            except Exception as error:
                log.warning("pipeline waits", extra={"action": "pipeline_retry", "error": safe_text(error)})
                more, self._pause = self._look(), min(max(self._pause * 2, 0.2), _LONGEST_PAUSE)
            if self._pause:
                await _first_of(stop.wait(), seconds=self._pause * random.uniform(0.5, 1))  # noqa: S311  jitter
            elif not more:
                await _first_of(self._wake.wait(), stop.wait(), seconds=_POLL)

    def _look(self) -> bool:
        """Something may be due in the ledger."""
        self._looks = True
        return True

    def _room(self) -> int:
        """A whole claim, or none while more than one is in hand: claims of a few rows cost nearly as much as full ones."""
        return self._size if self._in_flight <= self._size else 0

    def _room_for_handover(self) -> int:
        """None while the pipeline stands still: then notices wait in the ledger, not here."""
        if self._stop is None or self._stop.is_set() or self._pause:
            return 0
        return _IN_HAND * self._size - self._in_flight - self.desk.waiting

    async def _turn(self) -> bool:
        """What was handed over, then one claim, when something may be due; answers whether to claim again at once."""
        handed = self.desk.take()
        await self._work_on(handed)
        room = self._room()
        if not room or not (self._looks or time.monotonic() >= self._looked + _POLL):
            return False
        self._looks, self._looked = False, time.monotonic()
        claims, more = await claim(self._database, room, self._lease)
        if not claims and not handed:
            self._pause = 0.0
        if more:
            self._look()
        await self._work_on(claims)
        return self._looks and self._room() > 0

    async def _work_on(self, claims: list[Claimed]) -> None:
        """From lease to queue."""
        if not claims:
            return
        self._in_flight += len(claims)
        self._reached("CP.notifier.leased_before_connect")
        try:
            mails, ends = await self._preparer.prepare(claims)
        except Exception:
            self._end([put_back(claimed, "not_prepared", claimed.now + timedelta(seconds=5)) for claimed in claims])
            raise
        self._end(ends)
        if mails and await self._connected(mails):
            await self._hand_to_senders(mails)

    async def _connected(self, mails: list[Prepared]) -> bool:
        """Whether a connection stands. If none can be made, the mails go back, and the next claim waits a while."""
        try:
            await self._senders.open()
        except ChannelAway as away:
            self._pause = min(max(self._pause * 2, 0.5), _LONGEST_PAUSE)
            metrics.AWAY.set(1)
            log.warning(
                "mail relay is away", extra={"action": "smtp_away", "reason": away.reason, "pause": self._pause}
            )
            later = timedelta(seconds=self._pause)
            self._end([put_back(m.claimed, away.reason, m.claimed.now + later) for m in mails])
            return False
        self._pause = 0.0
        metrics.AWAY.set(0)
        return True

    async def _hand_to_senders(self, mails: list[Prepared]) -> None:
        """Mark the rows `sending`, then queue the mails. Rows that refuse the mark are not sent."""
        rows = [(m.claimed.complaint_id, m.claimed.notice_id, m.claimed.lease, m.message_id, m.mailbox) for m in mails]
        try:
            marked = await ledger.mark_sending(self._database, rows)
            refused = [m for m in mails if m.claimed.notice_id not in marked]
            silent = await ledger.suppressed_among(self._database, {m.mailbox for m in refused}) if refused else set()
        except Exception:
            # Whether the mark was written is not known, but nothing was sent.
            self._end([put_back(m.claimed, "not_begun", m.claimed.now) for m in mails])
            raise
        for mail in mails:
            if mail.claimed.notice_id in marked:
                self._senders.put(mail)
        self._end([suppressed(m.claimed, "bad_mailbox") for m in refused if m.mailbox in silent])
        self._in_flight -= sum(m.mailbox not in silent for m in refused)  # erased, or leased by somebody else now

    def _done(self, mail: Prepared, outcome: Outcome, trace: str | None) -> None:
        end = judged(
            mail.claimed,
            outcome,
            now=mail.claimed.now,
            resend_after=self._resend_after,
            message_id=mail.message_id,
            bare=mail.bare,
            trace=trace,
        )
        self._end([replace(end, mailbox=mail.mailbox) if outcome.bad_mailbox else end])

    # -- record --------------------------------------------------------------------------------------------------------

    def _end(self, ends: list[Ended]) -> None:
        if ends:
            self._ended += ends
            self._something_ended.set()

    async def _record_forever(self, closing: asyncio.Event) -> None:
        """Write down whatever has ended meanwhile; while the database is away, keep it and try again."""
        pause = 0.1
        while not (closing.is_set() and not self._ended):
            if not self._ended:
                self._something_ended.clear()
                await self._something_ended.wait()
                continue
            if len(self._ended) < self._size // 2 and self._senders.busy and not closing.is_set():
                await _first_of(closing.wait(), seconds=_GATHER)
            ends, self._ended = self._ended[: 2 * self._size], self._ended[2 * self._size :]
            self._recording = ends
            if any(end.state is State.SENT for end in ends):
                self._reached("CP.notifier.accepted_before_sent")
            try:
                await self._record(ends)
            except Exception as error:
                self._ended, self._recording = ends + self._ended, []
                log.warning("outcomes wait", extra={"action": "record_retry", "error": safe_text(error)})
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            pause, self._recording = 0.1, []
            self._in_flight -= len(ends)
            if any(end.next_at is not None or end.bare for end in ends):
                self._look()  # put back, or followed by a notice that names the owner
            self._wake.set()

    def _unrecorded(self) -> frozenset[tuple[UUID, UUID]]:
        """Notices, with their leases, whose outcome waits to be written down or is being written."""
        return frozenset((end.claimed.notice_id, end.claimed.lease) for end in (*self._recording, *self._ended))

    async def _record(self, ends: list[Ended]) -> None:
        """Record together; what the database refuses for good is narrowed down, so that its neighbours get through."""
        try:
            await self._recorder.record(ends)
        except Exception as error:
            if is_transient(error):
                raise
            if len(ends) == 1:
                # Its lease runs out, and it is taken for lost: sent once more at most, and counted.
                log.error("outcome cannot be recorded", extra={"action": "record_refused"}, exc_info=error)
                return
            middle = len(ends) // 2
            await self._record(ends[:middle])
            await self._record(ends[middle:])

    # -- beside --------------------------------------------------------------------------------------------------------

    async def _look_after(self, stop: asyncio.Event) -> None:
        """Every few seconds: notices whose sender died, and the gauges."""
        seconds = 0.0
        while not stop.is_set():
            try:
                while await self._record_lost():
                    self._look()
                    self._wake.set()
                if seconds % _MEASURE == 0:
                    waiting, oldest = await ledger.measure(self._database)
                    metrics.WAITING.set(waiting)
                    metrics.OLDEST.set(max(0.0, oldest))
            except Exception as error:
                log.warning("pipeline cannot look", extra={"action": "pipeline_retry", "error": safe_text(error)})
            seconds += _LOOK_FOR_LOST
            await _first_of(stop.wait(), seconds=_LOOK_FOR_LOST)

    async def _record_lost(self) -> int:
        """Take over what was lost, together; where that fails one by one, so that one notice holds up only itself."""
        try:
            return await self._recorder.record_lost(self._unrecorded)
        except Exception as error:
            if is_transient(error):
                raise
            log.error("lost notices are taken over one by one", extra={"action": "lost_alone"}, exc_info=error)
        count = 0
        for notice_id in await ledger.due_lost(self._database, self._size):
            try:
                count += await self._recorder.record_lost(self._unrecorded, notice_id)
            except Exception as error:
                if is_transient(error):
                    raise
                extra = {"action": "lost_refused", "notice": str(notice_id), "error": safe_text(error)}
                log.error("a lost notice cannot be taken over, it waits", extra=extra)
                await ledger.postpone_lost(self._database, notice_id)
        return count


async def _first_of(*waits: Coroutine[Any, Any, object], seconds: float) -> None:
    """Wait for the first of some conditions, or for so long."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
