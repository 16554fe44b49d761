"""Up to which moment a reader has read all that was written: what waits for a word may look no further.

A clock that runs out while a word lies unread in the queue says what is not so. So before anything fires that was due at
a moment, the ends of all topics are asked for at or after that moment, and every position has to have passed them.
Positions of partitions that other copies read stand in the database.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition

from shared.runtime.consumer import Consumer
from shared.runtime.errors import safe_text

log = logging.getLogger(__name__)

_ON_THE_WAY = 0.5
"""Seconds a committed word may take from another service's outbox to its topic before the topic's end is asked for."""
_SETTLES = 15.0
"""Seconds after Kafka has come back until its ends are believed: relays wait up to 10 s for their next try."""
_ASK_TIMEOUT = 2.0
_ASK_AGAIN = 1.0
_FORGOTTEN = 5.0
"""Seconds without a question after which an open sounding is dropped: nothing waits for it any more."""
_WORTH_TELLING = 30.0
_POSITIONS = "SELECT topic, partition, next_offset FROM reader_position WHERE consumer = $1"

Ends = Mapping[TopicPartition, int]


@dataclass(slots=True)
class _Sounding:
    """A moment, when it was noted (`monotonic`), and how far the topics reached at it or later, once that is known."""

    at: datetime
    noted: float
    ends: Ends | None = None


class Horizon:
    """One reader's horizon. It asks Kafka only while something is due, and at most once a second when that fails.

    Args:
        consumer: the reader; its copies share the positions in the database.
        patience: seconds without progress after which nothing waits any longer; silence would be worse. 0: never waits.
        monotonic: the clock of the process.
    """

    def __init__(self, consumer: Consumer, patience: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._consumer = consumer
        self._patience = patience
        self._monotonic = monotonic
        self._until: datetime | None = None
        self._sounding: _Sounding | None = None
        self._asked = 0.0
        self._ask_at = 0.0
        self._believed_at: float | None = 0.0
        self._why = "its topics have not been looked at yet"
        self.impatient = False

    async def reach(self, now: datetime) -> datetime:
        """Everything that was written before the answer is read; `now` when it does not come to that for too long."""
        moment = self._monotonic()
        if self._patience == 0:
            return now
        if self._sounding is not None and moment - self._asked > _FORGOTTEN:
            self._sounding, self.impatient = None, False
        self._asked = moment
        if self._sounding is None:
            self._sounding = _Sounding(now, moment)
        await self._sound(self._sounding, moment)
        if self.held > self._patience:
            self._loses_patience()
            return now
        return datetime.min.replace(tzinfo=now.tzinfo) if self._until is None else min(self._until, now)

    @property
    def held(self) -> float:
        """Seconds that what is due has waited for unread words; 0 when nothing waits."""
        moment = self._monotonic()
        if self._sounding is None or moment - self._asked > _FORGOTTEN:
            return 0.0
        return moment - self._sounding.noted

    @property
    def told(self) -> str | None:
        """Why what is due waits, or fires unread, when that lasts."""
        if self.held < _WORTH_TELLING:
            return None
        what = "timers fire although not all before them is read" if self.impatient else "timers wait"
        return f"{what}, for {self.held:.0f} s: {self._why}"

    async def _sound(self, sounding: _Sounding, moment: float) -> None:
        """Ask for the ends, once the word that is on its way has had its time; look whether they are passed."""
        if sounding.ends is None and moment - sounding.noted >= _ON_THE_WAY and moment >= self._ask_at:
            sounding.ends = await self._ends(moment)
        if sounding.ends is not None and await self._passed(sounding.ends):
            self._until, self._sounding = sounding.at, None
            if self.impatient:
                self.impatient = False
                log.warning("all words are read again", extra={"action": "timers_caught_up"})

    async def _ends(self, moment: float) -> Ends | None:
        """Where the topics end; none while Kafka does not tell, or has only just come back."""
        try:
            async with asyncio.timeout(_ASK_TIMEOUT):
                ends = await self._ask()
        except Exception as error:
            self._why = f"Kafka does not tell where the topics end ({safe_text(error)})"
            self._ask_at = moment + _ASK_AGAIN
            self._believed_at = None
            return None
        if self._believed_at is None:
            self._believed_at = moment + _SETTLES
        if moment < self._believed_at:
            self._why = "Kafka is back, and what waited for it may still be on its way"
            self._ask_at = min(moment + _ASK_AGAIN, self._believed_at)
            return None
        return ends

    async def _ask(self) -> Ends:
        client = self._consumer.client
        if client is None:
            raise ConnectionError("the reader has not started")
        known = client._client.cluster
        wanted: list[TopicPartition] = []
        for topic in self._consumer.reads:
            numbers = known.partitions_for_topic(topic)
            if not numbers:
                raise LookupError("a topic is not there")
            wanted += (TopicPartition(topic, number) for number in numbers)
        ends: Ends = await client.end_offsets(wanted)
        return ends

    async def _passed(self, ends: Ends) -> bool:
        """Whether everything before these ends is read, here or by another copy."""
        client = self._consumer.client
        suspects = self._consumer.suspects & ends.keys()
        ours = client.assignment() if client is not None else frozenset()
        reached = {p: offset for p, offset in self._consumer.offsets.reached.items() if p in ours}
        if not suspects and not _behind(ends, reached):
            return True
        rows = await self._consumer.database.fetch(_POSITIONS, self._consumer.service)
        stored = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        places = {p: max(stored.get(p, 0), reached.get(p, 0)) for p in ends}
        behind = sorted({*_behind(ends, places), *suspects})
        if behind:
            told = ", ".join(f"{p.topic}[{p.partition}] at {places[p]} of {ends[p]}" for p in behind[:3])
            self._why = f"not all is read: {told}{' …' if len(behind) > 3 else ''}"
        return not behind

    def _loses_patience(self) -> None:
        if not self.impatient:
            self.impatient = True
            log.error(
                "timers fire although not all words before them are read",
                extra={"action": "timers_fire_unread", "held": round(self.held), "why": self._why},
            )


def _behind(ends: Ends, places: Mapping[TopicPartition, int]) -> list[TopicPartition]:
    return [partition for partition, end in ends.items() if places.get(partition, 0) < end]
