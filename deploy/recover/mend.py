"""Puts right what `look` found. Every step may be repeated: a second run finds nothing to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from deploy.database import Connection
from deploy.recover.look import Place, Q, Situation, Unknown
from deploy.recover.refile import Opener, refile
from deploy.stack.errors import StackError
from deploy.stack.topics import create_topics, wanted_topics
from shared.events.intake import ComplaintSubmitted, PersonErased
from shared.events.notices import NoticeSent, NoticeUnknown
from shared.events.reference import number_of
from shared.events.topics import INTAKE, NOTICES, ROUTING, SLA, TOPICS, types_read_by
from shared.runtime.kafka_access import KafkaAccess, client_of
from shared.runtime.vault import Vault

_GROUP_PATIENCE = 60.0
SERVICES = ("intake", "router", "sla", "notifier")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restored database lacks, by what is to become of it.

    Attributes:
        intake: what customers said to intake: filed again.
        void: what router and sla said: it follows from what they read, and is worked out anew.
        sent: messages that have left.
    """

    intake: list[Unknown]
    void: list[Unknown]
    sent: list[Unknown]
    words: int

    @classmethod
    def of(cls, unknown: Sequence[Unknown]) -> Plan:
        """Sorted by topic and type."""
        notices = [one for one in unknown if one.record.topic == NOTICES.name]
        sent = [one for one in notices if isinstance(one.event, NoticeSent | NoticeUnknown)]
        return cls(
            intake=[one for one in unknown if one.record.topic == INTAKE.name],
            void=[one for one in unknown if one.record.topic in {ROUTING.name, SLA.name}],
            sent=sent,
            words=len([one for one in notices if not one.event.kind.startswith("notice.")]),
        )

    @property
    def greatest(self) -> int:
        """The greatest number a reference was made of; -1 when there is none."""
        return max((number_of(one.event.reference) for one in self.intake), default=-1)

    @property
    def erased(self) -> list[UUID]:
        """Persons who were erased since the backup, and are back with it."""
        return sorted({one.event.person_id for one in self.intake if isinstance(one.event, PersonErased)})

    @property
    def by_staff(self) -> list[str]:
        """References of complaints for which staff did something that has to be done again."""
        return sorted({one.event.reference for one in self.void if one.event.cause.by_staff})


def lines(found: Situation, opener: Opener) -> list[str]:
    """What is wrong and what is done about it, for people."""
    plan = Plan.of(found.unknown)
    told = [
        f"{name} is not there: it is made, and what its writer still holds is published again" for name in found.missing
    ]
    told += [
        f"{place[0]}[{place[1]}] ends at {end}, before what {service} had acknowledged: it is published again"
        for (service, place), end in sorted(found.cut.items())
        if place[0] not in found.missing
    ]
    told += [f"{name}: {line} (left as it is)" for name, many in sorted(found.odd.items()) for line in many]
    told += [f"{name}: how far it was written is not known; say from when on with --since" for name in found.unclear]
    if found.unknown:
        told.append(f"the database is older than the topics: {len(found.unknown)} events are only there")
        complaints = [one.event for one in plan.intake if isinstance(one.event, ComplaintSubmitted)]
        sealed = sum(not opener.has(event.person_id) for event in complaints)
        told.append(
            f"{len(complaints)} accepted complaints are filed again"
            + (f"; the texts of {sealed} cannot be opened: their persons' keys are not in the vault" if sealed else "")
        )
        told.append(f"references go on behind number {max(plan.greatest, 0)}")
        told.append(f"{len(plan.void)} events of router and sla no longer count; both work them out anew")
        told.append(f"{len(plan.sent)} messages have left: none of them is sent again")
        told.append(f"{plan.words} words of customers are read again")
        if plan.erased:
            told.append(f"{len(plan.erased)} persons were erased since: they are erased again")
        if plan.by_staff:
            told.append(f"staff have to do again what they did for {', '.join(plan.by_staff)}")
    return told


async def mend(connection: Connection, bootstrap: KafkaAccess | str, found: Situation, vault: Vault | None) -> None:
    """Do what `lines` says.

    Raises:
        StackError: services run while a restored database is to be mended.
    """
    if found.unknown and found.running:
        raise StackError(
            f"The database is older than the topics, and {', '.join(found.running)} run",
            "Stop the services, run this again, then start them",
        )
    if found.missing:
        await create_topics(bootstrap)
    for (service, place), end in found.cut.items():
        async with connection.transaction():
            await connection.execute(Q.enter_schema, service)
            await connection.execute(Q.place_again, *place, wanted_topics().get(place[0], 1))
            await connection.execute(Q.publish_again, *place, end)
    if found.unknown:
        await _restore(connection, bootstrap, found, vault)


async def _restore(connection: Connection, bootstrap: KafkaAccess | str, found: Situation, vault: Vault | None) -> None:
    plan = Plan.of(found.unknown)
    opener = await Opener.of(vault, [one.event for one in plan.intake])
    async with connection.transaction():
        await connection.execute(Q.enter_schema, "intake")
        if plan.greatest >= 0:
            await connection.fetchval(Q.advance_references, plan.greatest)
        await refile(connection, plan.intake, opener)
        await _mark_sent(connection, plan.sent)
        await _void(connection, plan.void)
    await _rewind(bootstrap, found.starts)
    for topic in TOPICS:
        ends = {place: end for place, end in found.ends.items() if place[0] == topic.name}
        async with connection.transaction():
            await connection.execute(Q.enter_schema, topic.writer)
            await connection.execute(Q.acknowledge, [t for t, _ in ends], [p for _, p in ends], list(ends.values()))


async def _mark_sent(connection: Connection, sent: Sequence[Unknown]) -> None:
    for one in sent:
        event = one.event
        assert isinstance(event, NoticeSent | NoticeUnknown)
        person = await connection.fetchval(Q.person_of, event.complaint_id)
        if person is None:
            continue
        await connection.execute(Q.enter_schema, "notifier")
        await connection.execute(
            Q.mark_sent,
            event.complaint_id,
            event.notice_id,
            event.notice,
            UUID(event.about),
            person,
            getattr(event, "attempts", 1),
            event.message_id,
            event.occurred_at,
        )


async def _void(connection: Connection, void: Sequence[Unknown]) -> None:
    for topic in (ROUTING, SLA):
        ours = [one for one in void if one.record.topic == topic.name]
        if not ours:
            continue
        ids = [one.event.event_id for one in ours]
        await connection.execute(Q.enter_schema, topic.writer)
        await connection.execute(
            Q.void,
            ids,
            [topic.name] * len(ours),
            [one.event.kind for one in ours],
            [one.event.complaint_id for one in ours],
        )
        for service in SERVICES:
            kinds = types_read_by(service).get(topic.name, frozenset())
            read = [one.event.event_id for one in ours if one.event.kind in kinds]
            if read:
                await connection.execute(Q.enter_schema, service)
                await connection.execute(Q.pass_over, service, read)


async def _rewind(bootstrap: KafkaAccess | str, starts: dict[Place, int]) -> None:
    """Let every group read again from where the database stands; what it has applied, the inboxes drop."""
    for service in SERVICES:
        read = types_read_by(service)
        wanted = {TopicPartition(*place): start for place, start in starts.items() if place[0] in read}
        if not wanted:
            continue
        consumer = AIOKafkaConsumer(**client_of(bootstrap), group_id=f"redress.{service}", enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(list(wanted))
            back = {}
            for partition, start in wanted.items():
                committed = await consumer.committed(partition)
                if committed is not None and committed > start:
                    back[partition] = start
            if back:
                await _commit(consumer, service, back)
        finally:
            await consumer.stop()


async def _commit(consumer: AIOKafkaConsumer, service: str, offsets: dict[TopicPartition, int]) -> None:
    """Members that have left keep their place in the group for half a minute; until then it takes no offsets of others."""
    deadline = time.monotonic() + _GROUP_PATIENCE
    while True:
        try:
            await consumer.commit(offsets)
            return
        except CommitFailedError as error:
            if time.monotonic() > deadline:
                raise StackError(
                    f"The group redress.{service} still has members", f"Stop {service}, then run this again"
                ) from error
            await asyncio.sleep(1)
