"""A copy's place in its consumer group: who it is follows from where it runs and what it reads.

A member with a fixed identity gets its partitions back at once after a restart. Kafka then also gives it the *old*
assignment back, so that a topic an upgrade has added would never be read: hence what is read belongs to the identity.
"""

import hashlib
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared.runtime import metrics

log = logging.getLogger(__name__)

_UNKNOWN_MEMBER = 25
_FENCED_INSTANCE = 82
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]")


def identity_of(service: str, port: int, topics: Iterable[str], host: str | None = None) -> str:
    """`redress-SERVICE-HOST-PORT-HASH`: the host, its HTTP port, and a hash of what is read.

    Without a fixed port (0) the process id stands for it: such a copy is another one after each start.
    """
    digest = hashlib.sha256("\n".join(sorted(topics)).encode()).hexdigest()[:8]
    where = _NOT_ALLOWED.sub("-", host or socket.gethostname())[:150]
    return f"redress-{service}-{where}-{port or f'pid{os.getpid()}'}-{digest}"


class Seat:
    """Watches over the place of one copy in its group.

    aiokafka sends heartbeats without the identity, so it learns only as "unknown member" that another process has
    taken its place, takes the place back, and so they evict each other for ever. Here the one that was evicted takes a
    place of its own, and says so.
    """

    def __init__(self, service: str, identity: str, nonce: Callable[[], str] = lambda: os.urandom(3).hex()) -> None:
        self._service = service
        self._nonce = nonce
        self.identity = identity
        self.conflict: str | None = None
        self._heard = time.monotonic()

    def watch(self, client: AIOKafkaConsumer) -> None:
        """Look at the coordinator's answers to this client."""
        coordinator = client._coordinator
        if getattr(coordinator, "_redress_watched", False):
            return
        coordinator._redress_watched = True
        send = coordinator._send_req
        self._heard = time.monotonic()

        async def watched(request: Any) -> Any:
            answer = await send(request)
            code = _code_of(answer)
            if not code:
                self._heard = time.monotonic()
            elif code in (_UNKNOWN_MEMBER, _FENCED_INSTANCE) and self._was_a_member(coordinator):
                self._evicted(coordinator)
                if code == _FENCED_INSTANCE:
                    answer.error_code = _UNKNOWN_MEMBER  # the client knows what to do then: join anew
            return answer

        coordinator._send_req = watched

    async def take_anew(self, client: AIOKafkaConsumer, why: str) -> None:
        """Leave the group and join it as a stranger, so that partitions are shared out by what there is now."""
        metrics.REJOINS.labels(self._service, why).inc()
        log.error("reader joins its group anew", extra={"action": "reader_rejoin", "why": why})
        coordinator = client._coordinator
        own, coordinator._group_instance_id = coordinator._group_instance_id, None  # members with one never leave
        try:
            await client._client.force_metadata_update()
            await coordinator._maybe_leave_group()
        finally:
            coordinator._group_instance_id = own

    def give_back(self, client: AIOKafkaConsumer) -> None:
        """Let the client leave the group when it closes, so that other copies have its partitions at once."""
        client._coordinator._group_instance_id = None

    def _was_a_member(self, coordinator: Any) -> bool:
        """Whether it had its place until now: who slept longer than its session lasts has lost it to nobody."""
        slept = time.monotonic() - self._heard
        return bool(coordinator.generation > 0 and slept < coordinator._session_timeout_ms / 1000)

    def _evicted(self, coordinator: Any) -> None:
        taken = coordinator._group_instance_id
        if taken is None:
            return
        self.conflict = taken
        coordinator._group_instance_id = f"{self.identity}-{self._nonce()}"
        metrics.IDENTITY_CONFLICTS.labels(self._service).inc()
        log.critical(
            "another process has taken this copy's place in the group; going on under a name of its own",
            extra={
                "action": "identity_conflict",
                "identity": taken,
                "now": coordinator._group_instance_id,
                "mend": "two copies have the same host name and HTTP port: give each its own",
            },
        )


def _code_of(answer: Any) -> int:
    code = getattr(answer, "error_code", 0)
    topics = getattr(answer, "topics", None)
    if not code and topics and hasattr(answer, "API_KEY") and answer.API_KEY == 8:  # the answer to an offset commit
        return next((partition[-1] for _, partitions in topics for partition in partitions if partition[-1]), 0)
    return int(code or 0)
