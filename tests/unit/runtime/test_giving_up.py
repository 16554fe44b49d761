"""A consumer whose client fails while it reads commits nothing more: what it had taken from other partitions is lost."""

from types import SimpleNamespace

import pytest

from shared.events.topics import ROUTING, types_read_by
from shared.runtime.consumer import Consumer
from shared.runtime.polling import poll


class Client:
    """Raises what no part of the client should."""

    polls = 0
    _subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=SimpleNamespace(active=True)))

    async def getmany(self, **_):
        self.polls += 1
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


async def test_after_an_error_of_the_client_nothing_more_is_read() -> None:
    failures: list[str] = []
    consumer = Consumer(
        service="router",
        emits=ROUTING.name,
        reads=types_read_by("router"),
        handle=None,
        database=None,
        tracing=None,
        signatures=None,
        failed=failures.append,
    )
    subscriber = SimpleNamespace(_redress_consumer=consumer, batch_timeout_ms=1, max_records=1)
    client = Client()
    consumer.placed = client._subscription.subscription.assignment
    with pytest.raises(UnicodeDecodeError):
        await poll(subscriber, client)
    assert failures == ["records cannot be read"]
    assert await poll(subscriber, client) == ()
    assert client.polls == 1
