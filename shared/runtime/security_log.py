"""The security log as a process writes it: lines are gathered and written together, at most half a second later.

Who signed in or failed to, saw a case, looked a person up, exported, was refused, and changed staff or keys. No texts and
no contacts. Nobody can change or remove a line: services may call one function that appends, and each line is chained to
the one before (`security_log.sql`). A line waits in memory while the database is away.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from shared.rights import Person
from shared.runtime import metrics
from shared.runtime.errors import safe_text
from shared.runtime.pg import Database

log = logging.getLogger(__name__)

SEEN_AGAIN_SECONDS: Final = 600.0
"""Whoever sees the same case again within ten minutes leaves no second line."""
_WAIT: Final = 0.5
_AT_ONCE: Final = 500
_MOST: Final = 20_000
_SEEN_KEPT: Final = 20_000
WRITE: Final = "SELECT security.write($1::jsonb)"


class Kind(StrEnum):
    """What a line tells."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of a kind
    VIEWED = "viewed"
    LOOKED_UP = "looked_up"
    EXPORTED = "exported"
    REFUSED = "refused"
    ERASED = "erased"
    ERASURE_ASKED = "erasure_asked"
    ERASURE_DECLINED = "erasure_declined"
    HELD = "held"
    HOLD_LIFTED = "hold_lifted"
    PERSON_EXPORTED = "person_exported"
    STAFF_SAVED = "staff_saved"
    STAFF_DISABLED = "staff_disabled"
    STAFF_RESET = "staff_reset"
    KEY_MADE = "key_made"
    KEY_REVOKED = "key_revoked"


def line_of(
    kind: Kind,
    actor: str,
    *,
    role: str | None = None,
    pack: str | None = None,
    reference: str | None = None,
    address: str | None = None,
    **detail: Any,
) -> dict[str, Any]:
    """A line as `security.write` takes it."""
    return {
        "at": datetime.now(UTC).isoformat(),
        "kind": kind.value,
        "actor": actor,
        "role": role,
        "pack": pack,
        "reference": reference,
        "address": address,
        "detail": detail,
    }


class Executes(Protocol):
    """A connection or a pool."""

    async def execute(self, sql: str, *args: Any) -> Any:
        """Run one statement."""


async def write_now(connection: Executes, line: Mapping[str, Any]) -> None:
    """Append one line on a connection without our codecs: the operator's commands."""
    await connection.execute("SELECT security.write($1::text::jsonb)", json.dumps([line]))


class SecurityLog:
    """The lines of this process that are not written yet."""

    def __init__(
        self,
        database: Database,
        pack_of: Callable[[str], str | None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._pack_of = pack_of
        self._clock = clock
        self._lines: deque[dict[str, Any]] = deque()
        self._seen: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._writing = asyncio.Lock()

    def note(self, kind: Kind, actor: str, *, works_in: str | None = None, **known: Any) -> None:
        """Remember a line to be written; costs the caller nothing.

        Args:
            kind: what happened.
            actor: the user name, or what else did it.
            works_in: their department, which tells the pack where that is not known.
            known: role, pack, reference, address; anything else goes into `detail`.
        """
        if len(self._lines) >= _MOST:
            metrics.SECURITY_LINES_LOST.inc()
            return
        if works_in is not None and known.get("pack") is None:
            known["pack"] = self._pack_of(works_in)
        self._lines.append(line_of(kind, actor, **known))

    def note_of(self, kind: Kind, person: Person, **known: Any) -> None:
        """Remember a line about a member of staff."""
        self.note(kind, person.user, role=person.role.value, pack=person.pack, **known)

    def viewed(self, person: Person, reference: str, what: str) -> None:
        """Somebody sees a case, or its clocks or notices: a line per person, case, `what` and ten minutes."""
        if self.is_first((person.user, reference, what), SEEN_AGAIN_SECONDS):
            self.note_of(Kind.VIEWED, person, reference=reference, what=what)

    def is_first(self, key: tuple[str, str, str], seconds: float) -> bool:
        """Whether nothing was noted under this key for so long; what anybody can repeat at will would fill the log."""
        now = self._clock()
        if now - self._seen.get(key, float("-inf")) < seconds:
            return False
        self._seen[key] = now
        self._seen.move_to_end(key)
        if len(self._seen) > _SEEN_KEPT:
            self._seen.popitem(last=False)
        return True

    async def flush(self) -> None:
        """Write what waits, now."""
        async with self._writing:
            while self._lines:
                some = [self._lines[place] for place in range(min(len(self._lines), _AT_ONCE))]
                await self._database.execute(WRITE, some)
                for _ in some:
                    self._lines.popleft()

    async def run(self, stop: asyncio.Event) -> None:
        """Write soon whatever is noted, until told to stop, and what is left then."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_WAIT):
                    await stop.wait()
            if self._lines:
                await self._try()
        await self._try()

    async def _try(self) -> None:
        try:
            await self.flush()
        except Exception as error:
            extra = {"action": "security_log", "waiting": len(self._lines), "error": safe_text(error)}
            log.warning("the security log is not written, its lines wait", extra=extra)
