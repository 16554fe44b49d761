"""Offsets that cannot be committed hold nobody up, and are tried again."""

import asyncio
from types import SimpleNamespace

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


def _record(partition, offset):
    return SimpleNamespace(topic=partition.topic, partition=partition.partition, offset=offset)


async def test_a_commit_while_kafka_is_away_gives_up_and_comes_again(monkeypatch):
    monkeypatch.setattr(offsets, "_PATIENCE", 0.01)
    client, open_ = Client(), Offsets("router")
    client.away = True
    open_.note([_record(OURS, 4)])
    await open_.commit(client)
    assert client.committed == []
    client.away = False
    await open_.commit(client)
    await open_.commit(client)
    assert client.committed == [{OURS: 5}]


async def test_partitions_that_were_taken_away_are_left_out():
    client, open_ = Client(), Offsets("router")
    open_.note([_record(GONE, 9), _record(OURS, 1), _record(OURS, 2)])
    await open_.commit(client)
    assert client.committed == [{OURS: 3}]
    assert open_.reached == {("complaints.intake", 0): 3, ("complaints.intake", 1): 10}
