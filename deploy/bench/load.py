"""The load generator, a process of its own: `python -m deploy.bench.load` reads its orders as JSON from standard input.

Closed loop (as fast as answers come, over N connections) or open loop (Poisson arrivals at a rate). Prints one JSON
line: accepted, failed, when it began and ended, latencies in ms, and when each recipient's complaint was sent.
"""

import asyncio
import json
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

_TEXTS = (
    ("en", "delivery", "The parcel was promised for Monday, the courier never called, and the tracking has not moved since. "
     "I waited at home for two days and nobody tells me where it is or when it will come."),
    ("zh", "repair", "洗衣机三个月修了两次，昨天又漏水，地板泡坏了。客服说转给维修，维修说要厂家来，一直没有人给我准确时间，希望尽快解决。"),
    ("en", "refund", "I returned the jacket on the third, your shop confirmed it, and the money is still not on my card. "
     "Please tell me who looks after this and by when I will have it."),
    ("zh", "store_service", "在人民路门店买的奶粉临近保质期，店员态度很差，拒绝更换，还说爱去哪投诉去哪投诉，希望给个说法。"),
)  # fmt: skip


@dataclass
class Orders:
    """What to do."""

    host: str
    port: int
    key: str
    count: int
    connections: int = 64
    rate: float = 0.0
    batch: int = 1
    tag: str = "a"


@dataclass
class Outcome:
    """What came of it."""

    accepted: int = 0
    failed: int = 0
    began: float = 0.0
    ended: float = 0.0
    latencies: list[float] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)


def _complaint(number: int, tag: str) -> tuple[str, dict[str, Any]]:
    language, category, text = _TEXTS[number % len(_TEXTS)]
    recipient = f"{tag}{number}@example.com"
    return recipient, {
        "channel": "web",
        "language": language,
        "category": category,
        "title": f"No. {number}",
        "text": text,
        "customer": {"name": "Li Hua", "email": recipient},
    }


def _request(orders: Orders, numbers: range) -> tuple[list[str], bytes]:
    recipients, entries = [], []
    for number in numbers:
        recipient, body = _complaint(number, orders.tag)
        recipients.append(recipient)
        entries.append(body)
    if orders.batch == 1:
        path, body_bytes = "/v1/complaints", json.dumps(entries[0]).encode()
        extra = f"Idempotency-Key: {uuid.uuid4()}\r\n"
    else:
        told = [{"idempotency_key": str(uuid.uuid4()), **e} for e in entries]
        path, body_bytes, extra = "/v1/complaints:batch", json.dumps({"complaints": told}).encode(), ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {orders.host}\r\nAuthorization: Bearer {orders.key}\r\n{extra}"
        f"Content-Type: application/json\r\nContent-Length: {len(body_bytes)}\r\n\r\n"
    )
    return recipients, head.encode() + body_bytes


class _Connection(asyncio.Protocol):
    """A keep-alive connection with one request at a time; streams would cost twice as much of the cores we measure on."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop registers none of its own

    @property
    def stands(self) -> bool:
        """Whether a request can be sent: intake closes connections that were idle for some seconds."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> int:
        """Send a request and read the whole answer; answers the status."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, ended, body = self._heard.partition(b"\r\n\r\n")
        if ended and self._answer is not None:
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(body) >= length:
                self._heard = body[length:]
                self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("intake closed the connection"))


async def _run(orders: Orders) -> Outcome:
    outcome = Outcome()
    numbers = iter(range(0, orders.count, orders.batch))
    requests = [_request(orders, range(n, min(n + orders.batch, orders.count))) for n in numbers]
    connections: asyncio.Queue[_Connection] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def connect() -> _Connection:
        return (await loop.create_connection(_Connection, orders.host, orders.port))[1]

    for _ in range(orders.connections):
        connections.put_nowait(await connect())

    async def one(recipients: list[str], request: bytes, due: float) -> None:
        connection = await connections.get()
        if not connection.stands:
            connection = await connect()
        for recipient in recipients:
            outcome.sent[recipient] = due
        status = await connection.exchange(request)
        outcome.latencies.append((time.time() - due) * 1000)
        connections.put_nowait(connection)
        ok = status in {200, 201}
        outcome.accepted += len(recipients) * ok
        outcome.failed += len(recipients) * (not ok)
        outcome.statuses[str(status)] = outcome.statuses.get(str(status), 0) + 1

    outcome.began = time.time()
    if orders.rate:
        await _open_loop(orders, requests, one)
    else:
        await _closed_loop(orders, requests, one)
    outcome.ended = time.time()
    return outcome


async def _closed_loop(orders: Orders, requests: list[tuple[list[str], bytes]], one: Any) -> None:
    pending = iter(requests)

    async def worker() -> None:
        for recipients, request in pending:
            await one(recipients, request, time.time())

    await asyncio.gather(*(worker() for _ in range(orders.connections)))


async def _open_loop(orders: Orders, requests: list[tuple[list[str], bytes]], one: Any) -> None:
    due = time.time()
    tasks = []
    for recipients, request in requests:
        due += random.expovariate(orders.rate)
        await asyncio.sleep(max(0.0, due - time.time()))
        tasks.append(asyncio.create_task(one(recipients, request, due)))
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    found = uvloop.run(_run(Orders(**json.loads(sys.stdin.read()))))
    # Buffered even with PYTHONUNBUFFERED, under which `print` cuts a long line at the size of the pipe.
    with open(sys.stdout.fileno(), "w", closefd=False) as out:
        json.dump(vars(found), out)
