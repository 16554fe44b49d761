"""Clients that file complaints while something breaks, and repeat the same request until they are answered."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.world import Told, World, wait_for

TEXT = "The parcel was promised for Monday, the courier never called, and nobody tells me where it is."
_GIVE_UP = 120.0


@dataclass
class Load:
    """What the clients have seen so far.

    Attributes:
        accepted: recipient → answer, of those who were answered 201.
        refused: status → how often, of answers that ended a request; must stay empty.
        waited: the longest time from a client's first try to its 201, in seconds.
    """

    accepted: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    unanswered: int = 0
    waited: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, world: World, key: str, to: str, answer: httpx.Response, waited: float) -> None:
        with self._lock:
            world.client_log.append(Told(answer.status_code, key, answer.json()))
            if answer.status_code == 201:
                self.accepted[to] = answer.json()
                self.waited = max(self.waited, waited)
            else:
                self.refused[answer.status_code] = self.refused.get(answer.status_code, 0) + 1

    def give_up(self) -> None:
        with self._lock:
            self.unanswered += 1


@contextmanager
def load(world: World, *, rate: float = 20, clients: int = 4) -> Iterator[Load]:
    """File complaints, `rate` a second in all, until the block ends; then wait for the last answers."""
    seen = Load()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_client, args=(world, seen, stop, clients / rate), daemon=True) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(_GIVE_UP + 30)
    assert not seen.refused, f"complaints were refused: {seen.refused}"
    assert not seen.unanswered, f"{seen.unanswered} clients never got an answer"
    assert seen.accepted, "nothing was filed: this proves nothing"


def _client(world: World, seen: Load, stop: threading.Event, pause: float) -> None:
    with httpx.Client(timeout=15, verify=False) as http:  # no certificates to load: http on this machine
        while True:
            _file_until_answered(world, http, seen)
            if stop.wait(pause):
                return


def _file_until_answered(world: World, http: httpx.Client, seen: Load) -> None:
    key, to = str(uuid.uuid4()), f"{uuid.uuid4().hex[:12]}@example.com"
    body = {
        "channel": "web",
        "language": "en",
        "category": "delivery",
        "text": TEXT,
        "customer": {"name": "Li Hua", "email": to},
    }
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {world.keys['web']}", "Idempotency-Key": key}
    while time.monotonic() - began < _GIVE_UP:
        try:
            answer = http.post(f"{world.url('intake')}/v1/complaints", json=body, headers=headers)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code in {409, 429, 503}:
            time.sleep(0.2)
            continue
        seen.note(world, key, to, answer, time.monotonic() - began)
        return
    seen.give_up()


def all_told(world: World, seen: Load, seconds: float = 120) -> None:
    """Wait until a first message has left for each customer whose complaint was accepted."""
    wanted = [uuid.UUID(answer["complaint_id"]) for answer in seen.accepted.values()]

    def missing() -> int:
        sent = world.database.fetch(
            "SELECT count(DISTINCT complaint_id) FROM notifier.notice WHERE complaint_id = ANY ($1) AND state = 'sent'",
            wanted,
        )
        return len(wanted) - int(sent[0][0])

    try:
        wait_for(lambda: missing() == 0, "all customers have been told", seconds)
    except AssertionError:
        raise AssertionError(
            f"{missing()} of {len(wanted)} customers were told nothing within {seconds:.0f} s"
        ) from None
