"""Records as the broker keeps them, whatever their bytes: aiokafka's parser gives up where ours goes on.

aiokafka refuses a header *name* that is not UTF-8, and raises for a batch whose bytes were damaged; what it had taken
from other partitions is lost then. Here such a name stays bytes, and what nobody can read is told as `Unreadable` at the
end of its partition's records, while all other partitions are read on.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c, decode_varint
from aiokafka.structs import ConsumerRecord

_HEADER = struct.Struct(">qiibIhi")
"""Base offset, length behind it, leader epoch, magic, CRC, attributes, last offset delta (Kafka's record batch v2)."""
_LOG_OVERHEAD = 12
_CRC_FROM = 21
_MOST_RECORDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A place in the log that no client can read.

    Attributes:
        offset: the first record that cannot be read.
        next_offset: where reading can go on.
        why: the class of the error, and what it means.
    """

    topic: str
    partition: int
    offset: int
    next_offset: int
    why: str
    timestamp: int = -1
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """What a fetch brought for one partition, with its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class AnyRecords(PartitionRecords):  # type: ignore[misc]
    """The records of one fetch and partition. Costs nothing until a record cannot be read."""

    _records: Any
    _records_iterator: Any
    next_fetch_offset: int

    def __next__(self) -> Any:
        while True:
            try:
                return next(self._records_iterator)
            except StopIteration:
                raise
            except Exception as error:
                self._records_iterator = self._behind(error)

    def _behind(self, error: Exception) -> Iterator[Any]:
        """Read on where the library's parser stopped: the same bytes once more, by a parser that takes any name."""
        data = self._records.data
        place = _batch_at(data, self.next_fetch_offset)
        if place is None:
            yield self._unreadable(self.next_fetch_offset + 1, f"{type(error).__name__}: no record batch is there")
            return
        start, end, after = place
        batch = data[start:end]
        if calc_crc32c(batch[_CRC_FROM:]) != _HEADER.unpack_from(batch)[4]:
            yield self._unreadable(after, "its checksum is wrong: its bytes were damaged on the disk or on the way")
            return
        try:
            control = _HEADER.unpack_from(batch)[5] & _AnyNames.CONTROL_MASK
            found = [] if control else [self._consumer_record(self._tp, record) for record in _AnyNames(batch)]
        except Exception as again:
            yield self._unreadable(after, f"{type(again).__name__}: its bytes are no records")
            return
        for record in found:
            if record.offset >= self.next_fetch_offset:
                self.next_fetch_offset = record.offset + 1
                yield record
        self.next_fetch_offset = after
        self._records = KeptRecords(data[end:])
        yield from self._unpack_records()

    def _unreadable(self, after: int, why: str) -> Unreadable:
        """The last that this iterator tells; the position stays before it."""
        return Unreadable(self._tp.topic, self._tp.partition, self.next_fetch_offset, after, why)


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A record batch whose header names may be any bytes; those that are not UTF-8 stay bytes."""

    _pos: int

    def _read_msg(self, _: Any = None) -> Any:
        buffer = self._buffer
        length, at = decode_varint(buffer, self._pos)
        end = at + length
        if end > len(buffer):
            raise ValueError("a record is longer than its batch")
        _, at = decode_varint(buffer, at)  # attributes of a record mean nothing yet
        delta, at = decode_varint(buffer, at)
        logged = self.timestamp_type == self.LOG_APPEND_TIME
        moment = self.max_timestamp if logged else self.first_timestamp + delta
        ahead, at = decode_varint(buffer, at)
        key, at = _blob(buffer, at)
        value, at = _blob(buffer, at)
        count, at = decode_varint(buffer, at)
        headers = []
        for _number in range(count):
            name, at = _blob(buffer, at)
            header, at = _blob(buffer, at)
            headers.append((_text(name or b""), header))
        if at != end:
            raise ValueError("a record's length is wrong")
        self._pos = at
        return _Parts(self.base_offset + ahead, moment, self.timestamp_type, key, value, headers)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What `PartitionRecords` asks of a record."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[Any, bytes | None]]
    checksum: None = None


def _blob(buffer: bytearray, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(buffer, at)
    if size < 0:
        return None, at
    if at + size > len(buffer):
        raise ValueError("a part of a record is longer than its batch")
    return bytes(buffer[at : at + size]), at + size


def _text(name: bytes) -> str | bytes:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name


def _batch_at(data: bytes, offset: int) -> tuple[int, int, int] | None:
    """Start and end of the batch that holds an offset, and the offset behind it; none where there is no whole batch."""
    start = 0
    while start + _HEADER.size <= len(data):
        base, length, _, _, _, _, last = _HEADER.unpack_from(data, start)
        end = start + _LOG_OVERHEAD + length
        if length <= _HEADER.size - _LOG_OVERHEAD or end > len(data):
            return None
        if end + 8 <= len(data):
            after = struct.unpack_from(">q", data, end)[0]  # the next batch knows best: `last` may be damaged
        else:
            after = base + last + 1 if 0 <= last < _MOST_RECORDS else offset + 1
        if after > offset:
            return start, end, after
        start = end
    return None


def split(batches: list[list[ConsumerRecord]]) -> list[Unreadable]:
    """Take the places nobody can read out of what a poll brought; each stands last in its partition's records."""
    return [records.pop() for records in batches if type(records[-1]) is Unreadable]


fetcher.PartitionRecords = AnyRecords  # aiokafka is pinned to 0.14; a test guards these names
fetcher.MemoryRecords = KeptRecords
