"""The defaults that lose events are set otherwise (promises D1, D2, D5, D7), in the one place where they are set."""

from importlib.metadata import version

from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.runtime.consumer import Consumer
from shared.runtime.kafka import _paced, make_producer
from shared.runtime.membership import identity_of
from shared.runtime.metrics import DEAD
from shared.runtime.polling import poll


def _subscriber():
    consumer = Consumer.__new__(Consumer)
    import asyncio

    consumer.service, consumer.reads = "router", {"complaints.intake": frozenset({"x"})}
    consumer._idle = asyncio.Event()
    consumer._subscriber = None
    consumer.subscribe(
        KafkaBroker(apply_types=False), identity=identity_of("router", 8102, ["b", "a"], "host"), records=500
    )
    return consumer._subscriber


def test_offsets_are_committed_by_hand_and_reading_starts_at_the_beginning():
    subscriber = _subscriber()
    assert subscriber.ack_policy is AckPolicy.MANUAL
    arguments = subscriber._connection_args if hasattr(subscriber, "_connection_args") else subscriber.connection_args
    assert arguments["auto_offset_reset"] == "earliest"
    assert arguments["enable_auto_commit"] is False
    assert arguments["isolation_level"] == "read_committed"
    assert arguments["group_instance_id"] == identity_of("router", 8102, ["a", "b"], "host")
    assert arguments["rebalance_timeout_ms"] > 8_000, "longer than the longest statement"


def test_the_poll_that_does_not_sleep_is_in_place():
    assert _subscriber().get_msg.__func__ is poll


async def test_the_producer_waits_for_all_replicas_and_is_idempotent():
    producer = make_producer("127.0.0.1:1", "test")
    assert producer._sender._acks == -1
    assert producer._txn_manager is not None


def test_versions_with_the_known_traps_are_pinned_away():
    assert tuple(map(int, version("faststream").split("."))) >= (0, 7, 8)
    assert version("faststream").startswith("0.7.")
    assert version("aiokafka").startswith("0.14.")
    assert tuple(map(int, version("aiosmtplib").split("."))) >= (5, 1, 3)


def test_the_metadata_update_is_paced():
    from aiokafka.client import AIOKafkaClient

    assert AIOKafkaClient._metadata_update is _paced
    assert DEAD is not None


def test_what_we_set_inside_the_database_driver_is_still_there():
    from collections.abc import Iterable, Sized
    from pathlib import Path

    import asyncpg.protocol
    from asyncpg.protocol import protocol

    import shared.runtime.pg

    assert shared.runtime.pg is not None
    assert protocol.IterableABC == protocol.SizedABC == (list, tuple)
    source = (Path(asyncpg.protocol.__file__).parent / "codecs" / "array.pyx").read_text(encoding="utf-8")
    assert "isinstance(obj, IterableABC) and\n        isinstance(obj, SizedABC) and" in source
    assert all(issubclass(kind, Iterable) and issubclass(kind, Sized) for kind in protocol.IterableABC)
