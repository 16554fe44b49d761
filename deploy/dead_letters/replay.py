"""Sends dead letters again: the same bytes, key and headers to the topic they came from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.database import Connection
from deploy.dead_letters.store import Address, Letter, mark_replayed, read_letter
from deploy.stack.errors import StackError
from shared.events.ids import new_id
from shared.runtime.errors import Permanent
from shared.runtime.event_keys import HEADER, WRITERS, covered_of, signed
from shared.runtime.kafka import make_producer, stop_producer
from shared.runtime.kafka_access import KafkaAccess
from shared.runtime.outbox import shard_of
from shared.runtime.relay.lane import partition_of
from shared.runtime.signatures import Signatures

REPLAY_HEADER = "x-replay-id"
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one dead letter."""

    letter: Letter
    sent: bool
    why_not: str | None = None


def headers_of(letter: Letter, replay_id: str) -> list[tuple[str, bytes | None]]:
    """Its own headers, the same `ce_id` among them, and which replay this is. An older replay's id is replaced."""
    kept = [(name, value) for name, value in letter.headers if name != REPLAY_HEADER]
    return [*kept, (REPLAY_HEADER, replay_id.encode())]


def why_refused(letter: Letter, signatures: Signatures | None) -> str | None:
    """Why the services would not believe a letter, sent as it is; none when they would, or nobody knows."""
    if signatures is None or letter.topic not in WRITERS:
        return None
    told = [value for name, value in letter.headers if name == HEADER]
    try:
        signatures.check(
            _Again(letter.topic, letter.key, letter.value), covered_of(letter.headers), told[-1] if told else None
        )
    except Permanent as error:
        return error.reason.value
    return None


@dataclass(frozen=True, slots=True)
class _Again:
    """A record as it would come again: behind everything that is there."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = 0
    offset: int = 2**63 - 1


def signed_anew(letter: Letter, signatures: Signatures) -> Letter:
    """The letter, signed as its topic's writer signs; its bytes stay."""
    key = signatures.keys.own(WRITERS[letter.topic])
    headers = [(name, value) for name, value in letter.headers if name != HEADER]
    return replace(letter, headers=signed(key, letter.topic, letter.key, headers, letter.value))


def partition_for(letter: Letter, partitions: int) -> int:
    """Where the relay sends what has this key; where it was, if the key is no complaint's."""
    try:
        return partition_of(shard_of(UUID((letter.key or b"").decode("ascii"))), partitions)
    except ValueError:
        return letter.partition % partitions


async def replay(
    connection: Connection,
    bootstrap: KafkaAccess | str,
    addresses: Iterable[Address],
    *,
    by: str,
    dry_run: bool = False,
    again: bool = False,
    signatures: Signatures | None = None,
    sign: bool = False,
) -> list[Replayed]:
    """Send dead letters again, oldest first, each in a transaction that notes who did it.

    A crash between the broker's answer and our commit sends a letter once more; the consumers' inboxes make that
    harmless, as they make a replay that was not needed.

    Args:
        by: who asks; kept with each letter.
        dry_run: only say what would be sent.
        again: also those that were replayed before.
        signatures: whose word the services take; none where the operator has no event keys.
        sign: sign those that the services would not believe; whoever asks has looked at them and answers for them.

    Raises:
        StackError: a letter does not exist, or the broker does not answer.
    """
    producer = None if dry_run else await _producer(bootstrap)
    try:
        return [await _one(connection, producer, address, by, again, signatures, sign) for address in addresses]
    finally:
        if producer is not None:
            await stop_producer(producer)


async def _one(
    connection: Connection,
    producer: AIOKafkaProducer | None,
    address: Address,
    by: str,
    again: bool,
    signatures: Signatures | None,
    sign: bool,
) -> Replayed:
    async with connection.transaction():
        letter = await read_letter(connection, address, hold=True)
        if letter.replayed_at is not None and not again:
            return Replayed(
                letter, sent=False, why_not=f"replayed by {letter.replayed_by} before; --again sends it again"
            )
        if letter.key is None and letter.value is None:
            return Replayed(letter, sent=False, why_not="it has neither key nor value: there is nothing to send")
        refused = why_refused(letter, signatures)
        if refused is not None and not sign:
            why = f"{refused}: the services would refuse it again; look at it, and --sign signs it for its writer"
            return Replayed(letter, sent=False, why_not=why)
        if producer is None:
            return Replayed(letter, sent=False, why_not="dry run")
        if refused is not None and signatures is not None:
            letter = signed_anew(letter, signatures)
        await _send(producer, letter)
        await mark_replayed(connection, address, by)
    return Replayed(letter, sent=True)


async def _send(producer: AIOKafkaProducer, letter: Letter) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await producer.send_and_wait(
                letter.topic,
                value=letter.value,
                key=letter.key,
                partition=partition_for(letter, len(await producer.partitions_for(letter.topic))),
                headers=headers_of(letter, str(new_id())),
            )
    except (KafkaError, TimeoutError) as error:
        raise StackError(
            f"Kafka did not take {letter.address} ({type(error).__name__})", "Nothing was noted; run it again later"
        ) from error


async def _producer(bootstrap: KafkaAccess | str) -> AIOKafkaProducer:
    producer = make_producer(bootstrap, "redress-replay")
    try:
        async with asyncio.timeout(_PATIENCE):
            await producer.start()
    except (KafkaError, OSError, TimeoutError) as error:
        await stop_producer(producer, 1)
        raise StackError(
            f"Kafka at {bootstrap} does not answer ({type(error).__name__})", "Look at `make status`"
        ) from error
    return producer
