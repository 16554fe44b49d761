"""Offsets that cannot be committed hold nobody up, and are tried again."""

import asyncio

from aiokafka import TopicPartition

from shared.runtime import offsets
from shared.runtime.offsets import Offsets

OURS, GONE = TopicPartition("complaints.intake", 0), TopicPartition("complaints.intake", 1)


class Client:
    """Commits, or hangs as aiokafka does while Kafka is away."""

    def __init__(self) -> None:
        self.away = False
        self.committed: list[dict[TopicPartition, int]] = []

    def assignment(self):
        return {OURS}

    async def commit(self, ends):
        if self.away:
            await asyncio.Event().wait()
        self.committed.append(ends)


def _ends(*rows):
    return tuple(map(list, zip(*[(p.topic, p.partition, offset, 1_000) for p, offset in rows], strict=True)))


async def _nothing_to_save(ends):
    raise AssertionError(f"{ends} was stored with its batch")


async def test_a_commit_while_kafka_is_away_gives_up_and_comes_again(monkeypatch):
    monkeypatch.setattr(offsets, "_PATIENCE", 0.01)
    client, open_ = Client(), Offsets("router", _nothing_to_save)
    client.away = True
    open_.note(_ends((OURS, 5)), saved=True)
    await open_.commit(client)
    assert client.committed == []
    client.away = False
    await open_.commit(client)
    await open_.commit(client)
    assert client.committed == [{OURS: 5}]


async def test_partitions_that_were_taken_away_are_left_out():
    client, open_ = Client(), Offsets("router", _nothing_to_save)
    open_.note(_ends((GONE, 10), (OURS, 3)), saved=True)
    await open_.commit(client)
    assert client.committed == [{OURS: 3}]
    assert open_.reached == {OURS: 3, GONE: 10}


async def test_the_database_knows_a_position_before_kafka_does():
    told = []

    async def save(ends):
        told.append((ends, list(client.committed)))

    client, open_ = Client(), Offsets("router", save)
    open_.note(_ends((OURS, 4)), saved=False)
    await open_.commit(client)
    assert told == [((["complaints.intake"], [0], [4], [1_000]), [])]
    assert client.committed == [{OURS: 4}]


async def test_what_the_database_could_not_store_is_not_committed():
    async def save(ends):
        raise OSError

    client, open_ = Client(), Offsets("router", save)
    open_.note(_ends((OURS, 4)), saved=False)
    await open_.commit(client)
    assert client.committed == []
