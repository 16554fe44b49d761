"""The relay: publishes committed outbox rows in order per complaint and notes how far it has come.

It reads what it has not seen, however late it became visible (`window`), sends one batch per partition and waits for the
answers. A partition that does not answer, a topic that is not there, a record that is refused: each is set apart in a
lane of its own, tries again there, and joins the main stream when it has caught up. Nothing else waits for it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import asyncpg
from aiokafka.errors import KafkaError

from shared.runtime import metrics
from shared.runtime.errors import Reason, safe_text
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.pauses import Pauses
from shared.runtime.pg import Database
from shared.runtime.relay import rows
from shared.runtime.relay.lane import Lane, Place, partition_of
from shared.runtime.relay.lanes import Lanes
from shared.runtime.relay.leases import Leases
from shared.runtime.relay.overlooked import Overlooked
from shared.runtime.relay.parcel import Parcel, Signer
from shared.runtime.relay.quarantine import Quarantine
from shared.runtime.relay.sending import Sending, is_about_time, is_refusal
from shared.runtime.relay.upkeep import Upkeep

log = logging.getLogger(__name__)

_PACE = 0.03
"""Seconds from one round's begin to the next at least: under load more rows share a round, at rest nobody waits."""
_GRACE = 1.0
"""Seconds a round waits for its slowest partition before that is set apart."""
_SAVE = 0.5
"""Seconds from one note of the positions to the next at least."""


@dataclass(slots=True)
class Flight:
    """A batch on its way."""

    lane: Lane
    parcel: Parcel
    answer: "asyncio.Future[Any]"
    began: float


class Relay:
    """Publishes one service's outbox.

    Attributes:
        connected: whether it has database and broker.
        last_progress: when something was published, or nothing was there to; `time.monotonic()`.
    """

    def __init__(
        self,
        database: Database,
        service: str,
        bootstrap: KafkaAccess | str,
        *,
        reached: Callable[[str], None] = lambda _: None,
        batch: int = 1_000,
        days: float = 7,
        signer: Signer | None = None,
    ) -> None:
        self._database = database
        self._service = service
        self._source = f"/{service}"
        self._reached = reached
        self._batch = batch
        self._wake = asyncio.Event()
        self._leases = Leases(database, service)
        self._leases_changed = asyncio.Event()
        self._sending = Sending(bootstrap, f"redress-{service}-relay", signer)
        self._quarantine = Quarantine(service, signer)
        self._upkeep = Upkeep(database, service, bootstrap, days)
        self._lanes = Lanes(service, batch)
        self._flights: dict[Place, Flight] = {}
        self._timeless: set[str] = set()
        self._saved = 0.0
        self._dirty = False
        self._landed = 0
        self._overlooked = Overlooked()
        self.last_progress = time.monotonic()
        self.connected = False

    @property
    def busy(self) -> bool:
        """Whether something is on its way and nothing has arrived since: what the watchdog looks for."""
        return bool(self._flights) and self.last_progress <= min(flight.began for flight in self._flights.values())

    @property
    def overlooked(self) -> float:
        """Seconds for which events of our shards have waited unexplained; see `Overlooked`."""
        return self._overlooked.seconds

    @property
    def troubles(self) -> dict[str, str]:
        """What stands still, and why: `topic[partition]` → a word; `topic` for one that is not there."""
        told = {
            lane.place[0] if lane.place[1] < 0 else f"{lane.place[0]}[{lane.place[1]}]": lane.error or "no answer"
            for lane in self._lanes.apart
            if lane.place is not None and (lane.error or lane.place in self._flights)
        }
        return told | self._upkeep.told

    def wake(self) -> None:
        """Something was committed: look at once."""
        self._wake.set()

    async def measure(self) -> None:
        """Set the gauges of age and depth, keep the tables in order, and look whether anything is overlooked."""
        waiting = await self._upkeep.measure(self._held)
        gulf = any(lane.window.gulf is not None for lane in self._lanes.all())
        explained = not self.connected or bool(self._flights or self.troubles) or gulf or self._lanes.barred
        self._overlooked.look(waiting, self._landed, explained=explained)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until told to stop; then once more, so that what is committed leaves before the process does."""
        pauses = Pauses(0.1, 10.0)
        try:
            while not stop.is_set():
                try:
                    await self._serve(stop)
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    self.connected = False
                    log.warning("relay interrupted", extra={"action": "relay_retry", "error": safe_text(error)})
                    await _sleep_or(stop, pauses.after_failure())
        finally:
            await self._sending.stop()

    async def _serve(self, stop: asyncio.Event) -> None:
        await self._sending.start()
        connection = await self._database.connect()
        leasing = asyncio.create_task(self._leases.run(self._leases_changed))
        try:
            await connection.execute("SET synchronous_commit = off; SET statement_timeout = 30000")
            await self._leases.listen(connection)
            await self._upkeep.begin(connection)
            await self._quarantine.load(connection)
            self.connected = True
            while not stop.is_set():
                await self._turn(connection)
            while not self._flights and await self._turn_once(connection):
                pass
            await self._save(connection)
            await self._leases.leave()
        finally:
            leasing.cancel()
            await asyncio.gather(leasing, return_exceptions=True)
            self._upkeep.stop()
            self._lanes.clear()
            connection.terminate() if connection.is_closed() else await connection.close(timeout=2)

    # -- turns ---------------------------------------------------------------------------------------------------------

    async def _turn(self, connection: Any) -> None:
        self._wake.clear()
        began = time.monotonic()
        if self._leases_changed.is_set() or self._lanes.unsettled or self._lanes.lack(self._held):
            self._leases_changed.clear()
            await self._follow_leases(connection)
        if not self._leases.valid:
            self._lanes.clear()  # somebody else may publish them by now
        if not await self._turn_once(connection):
            if self._dirty and time.monotonic() - self._saved > _SAVE:
                await self._save(connection)
            await self._wait()
            await asyncio.sleep(max(0.0, began + _PACE - time.monotonic()))

    async def _turn_once(self, connection: Any) -> bool:
        """One round of every lane; answers whether more may be waiting already."""
        await self._land(connection, [place for place, flight in self._flights.items() if flight.answer.done()])
        await self._upkeep.renew_knowledge(connection, self._quarantine, self._lanes)
        more = False
        for lane in self._lanes.all():
            if lane.shards and lane.due() and lane.place not in self._flights:
                await self._sending.start()  # a refusal in the round before has ended the one there was
                more |= await self._round(connection, lane)
        if not self._flights:
            self.last_progress = time.monotonic()
        if more and time.monotonic() - self._saved > _SAVE:
            await self._save(connection)
        return more

    async def _wait(self) -> None:
        patience = _SAVE if self._dirty else 1.0
        soonest = min((lane.not_before for lane in self._lanes.apart if not lane.due()), default=None)
        if soonest is not None:
            patience = min(patience, max(0.0, soonest - time.monotonic()))
        if any(lane.window.gulf is not None for lane in self._lanes.all()):
            patience = _PACE
        waker = asyncio.ensure_future(self._wake.wait())
        leases = asyncio.ensure_future(self._leases_changed.wait())
        try:
            await asyncio.wait(
                (waker, leases, *(flight.answer for flight in self._flights.values())),
                timeout=patience,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            waker.cancel()
            leases.cancel()

    @property
    def _held(self) -> frozenset[int]:
        """The shards that are ours to publish at this moment."""
        return self._leases.held if self._leases.valid else frozenset()

    async def _follow_leases(self, connection: Any) -> None:
        held = self._held
        self._lanes.forget(self._lanes.served - held)
        await self._lanes.gain(connection, held - self._lanes.served)
        if self._leases.surplus:
            flying = {row["shard"] for flight in self._flights.values() for row in flight.parcel.rows}
            given = set(sorted(self._lanes.served - flying)[-self._leases.surplus :])
            if given:
                await self._save(connection)
                self._lanes.forget(given)
                await rows.unlock(connection, self._service, given)
                await self._leases.give(given)

    async def _save(self, connection: Any) -> None:
        await self._lanes.save(connection, self._leases.copy)
        await self._upkeep.save(connection)
        self._saved, self._dirty = time.monotonic(), False

    # -- rounds --------------------------------------------------------------------------------------------------------

    async def _round(self, connection: Any, lane: Lane) -> bool:
        """Read and send what one lane has; answers whether more may be waiting already."""
        window, apart, bound = lane.window, self._lanes.beside(lane), self._lanes.bound(lane)
        found: list[asyncpg.Record] = []
        full = True
        if window.unsent < lane.limit:
            page = await rows.following(connection, lane, lane.limit, apart, bound)
            taken = window.pass_over([row["id"] for row in page])
            full = taken < len(page) or len(page) == lane.limit
            found = [row for row in page[:taken] if row["ours"]] if apart else page[:taken]
            if bound is not None and not full:
                full = not window.reach(bound)
        if window.doubtful:
            late = await rows.look_for_open(connection, lane, apart)
            if late:
                found = sorted({row["id"]: row for row in (*late, *found)}.values(), key=itemgetter("id"))
        if found:
            self._dirty = True
            full |= await self._send(connection, lane, found)
        if lane is not self._lanes.main and not full and not window.unsent and lane.place not in self._flights:
            self._dirty |= self._lanes.merge(lane)
        waits = window.gulf is not None and not window.calm
        return full and not waits and lane.due() and lane.place not in self._flights

    async def _send(self, connection: Any, lane: Lane, found: Sequence[asyncpg.Record]) -> bool:
        """Send one batch per partition and wait a while for the answers; answers whether rows were left for the next round.

        What does not fit into its partition's batch stays for the next round: a second batch would wait for the first
        to leave, and give up waiting, while Kafka is away.
        """
        parcels: dict[Place, Parcel] = {}
        left: dict[Place, list[asyncpg.Record]] = {}
        why: dict[Place, KafkaError] = {}
        counts: dict[str, int | KafkaError] = {}
        for row in found:
            topic = row["topic"]
            if topic not in counts:
                counts[topic] = await self._partitions(topic)
            count = counts[topic]
            if isinstance(count, KafkaError):
                place = lane.place or (topic, -1)
                why[place] = count
                left.setdefault(place, []).append(row)
                continue
            place = (topic, partition_of(row["shard"], count))
            if self._quarantine.holds(row):
                await self._hold_back(connection, lane, row, place)
                continue
            if place not in self._flights and place not in left:
                parcel = parcels.get(place)
                if parcel is None:
                    parcel = parcels[place] = self._sending.new_parcel(self._source, timeless=topic in self._timeless)
                if len(parcel.rows) < lane.limit and parcel.add(row):
                    continue
            left.setdefault(place, []).append(row)
        await self._launch(lane, parcels)
        await self._land(connection, [place for place in parcels if self._answered(place)])
        for place in [place for place in parcels if place in self._flights]:
            flight = self._flights[place]
            flight.lane = self._lanes.set_apart(lane, place, flight.parcel.rows)
        for place, rest in left.items():
            if place in why or place in self._flights:
                reader = self._lanes.set_apart(lane, place, rest)
            else:
                reader = self._lanes.of(lane, place, rest[0]["shard"])
                reader.window.hold(row["id"] for row in rest)
            if place in why:
                reader.rest(_word(why[place]))
        return any(place in parcels and place not in self._flights for place in left)

    async def _partitions(self, topic: str) -> int | KafkaError:
        count = await self._sending.partitions(topic)
        if isinstance(count, int):
            self._lanes.counts[topic] = count
        return count

    def _answered(self, place: Place) -> bool:
        flight = self._flights.get(place)
        return flight is not None and flight.answer.done()

    async def _launch(self, lane: Lane, parcels: dict[Place, Parcel]) -> None:
        for index, (place, parcel) in enumerate(parcels.items()):
            try:
                answer = await self._sending.send(parcel, place)
            except KafkaError as error:
                answer = asyncio.get_running_loop().create_future()
                answer.set_exception(error)
            self._flights[place] = Flight(lane, parcel, answer, time.monotonic())
            if index == len(parcels) // 2:
                self._reached(f"CP.{self._service}.relay_mid_batch")
        if parcels:
            await asyncio.wait([self._flights[place].answer for place in parcels], timeout=_GRACE)

    async def _hold_back(self, connection: Any, lane: Lane, row: asyncpg.Record, place: Place) -> None:
        await self._quarantine.hold(connection, row, place[1])
        lane.window.sent([row["id"]])

    # -- answers -------------------------------------------------------------------------------------------------------

    async def _land(self, connection: Any, places: Iterable[Place]) -> None:
        """Take the broker's answers."""
        landed, failed = 0, []
        for place in places:
            flight = self._flights.pop(place)
            error = flight.answer.exception() if not flight.answer.cancelled() else asyncio.CancelledError()
            if error is not None:
                failed.append((place, flight, error))
                continue
            landed += len(flight.parcel.rows)
            flight.lane.window.sent(flight.parcel.ids)
            flight.lane.went_well(self._batch)
            self._upkeep.note(place, flight.answer.result().offset, len(flight.parcel.rows))
        self._landed += landed
        if landed:
            self._dirty = True
            self.last_progress = time.monotonic()
            metrics.PUBLISHED.labels(self._service).inc(landed)
            self._reached(f"CP.{self._service}.relay_acked_before_noted")
        for place, flight, error in failed:
            await self._failed(connection, place, flight, error)
        if failed:
            await self._sending.renew()

    async def _failed(self, connection: Any, place: Place, flight: Flight, error: BaseException) -> None:
        """A batch was not taken: all its rows again, fewer of them while one may be to blame, and that one not at all."""
        taken, ids = flight.parcel.rows, flight.parcel.ids
        lane = self._lanes.set_apart(flight.lane, place, taken)
        if is_about_time(error) and not flight.parcel.timeless:
            self._timeless.add(place[0])
            lane.error = "the broker does not believe the clock of this host"
        elif not is_refusal(error) and not is_about_time(error):
            lane.rest(_word(error))
        elif len(taken) > 1:
            lane.error, lane.limit = _word(error), max(1, len(taken) // 2)
        else:
            await self._quarantine.keep(connection, taken, place[1], Reason.REFUSED_BY_BROKER, _word(error))
            lane.window.sent(ids)
            lane.went_well(self._batch)
        log.warning(
            "batch not taken",
            extra={
                "action": "relay_refused",
                "topic": place[0],
                "partition": place[1],
                "records": len(taken),
                "error": _word(error),
                "failures": lane.failures,
            },
        )


def _word(error: BaseException) -> str:
    """What may be told of an error of the broker: its name."""
    return type(error).__name__


async def _sleep_or(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
