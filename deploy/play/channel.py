"""A channel as an integrator writes one: posts complaints with an idempotency key and retries what may be retried."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from deploy.audit.client_log import Answer, ClientLog
from deploy.play.sources import NAMESPACE, Entry
from deploy.stack.errors import StackError

LONGEST_WAIT = 30.0
"""Seconds; a larger `Retry-After` is asked again before it is over, so that a stop is noticed."""
_CREATED = 201
_RETRY = frozenset({409, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one entry.

    Attributes:
        reason: why it was not accepted, in the words of the problem document; None when it was.
        repeated: it had been accepted before; the answer is the stored one.
        seconds: from the first request to the final answer, retries included.
    """

    entry: Entry
    status: int
    seconds: float
    receipt: dict[str, Any] | None = None
    reason: str | None = None
    repeated: bool = False


class Channel:
    """One channel client of intake.

    Args:
        patience: seconds to go on trying while intake is busy or away.
        waiting: told whenever a request has to wait, with the reason.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        key: str,
        *,
        log: ClientLog | None = None,
        client: str | None = None,
        patience: float = 60.0,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._log = log
        self._client = client
        self._patience = patience
        self._waiting = waiting
        self._since_ms = int(time.time() * 1000)

    async def post(self, entry: Entry) -> Outcome:
        """File one complaint, and what its body had no room for as amendments.

        Raises:
            StackError: the key is refused, or intake stays away.
        """
        began = time.perf_counter()
        answer = await self._persist(lambda: self._post("/v1/complaints", entry.body, entry.key))
        outcome = self._outcome(entry, answer.status_code, _json(answer), time.perf_counter() - began)
        await self._amend(outcome)
        return outcome

    async def post_batch(self, entries: Sequence[Entry]) -> list[Outcome]:
        """File several complaints with one request, as a store does that was offline.

        Raises:
            StackError: as for `post`.
        """
        began = time.perf_counter()
        items = [{"idempotency_key": str(entry.key), **entry.body} for entry in entries]
        answer = await self._persist(lambda: self._post("/v1/complaints:batch", {"complaints": items}, None))
        seconds = time.perf_counter() - began
        if answer.status_code != 200:
            return [self._outcome(entry, answer.status_code, _json(answer), seconds) for entry in entries]
        results = {str(result.get("idempotency_key")): result for result in _json(answer).get("results", [])}
        outcomes = []
        for entry in entries:
            result = results.get(str(entry.key), {"status": 0, "problem": {"title": "missing from the batch's answer"}})
            told = result.get("complaint") or result.get("problem") or {}
            if result["status"] in _RETRY:
                outcomes.append(await self.post(entry))
                continue
            outcome = self._outcome(entry, int(result["status"]), told, seconds)
            await self._amend(outcome)
            outcomes.append(outcome)
        return outcomes

    async def withdraw(self, complaint_id: str, reason: str) -> int:
        """Take a complaint back; answers the HTTP status."""
        path = f"/v1/complaints/{complaint_id}/withdraw"
        key = uuid5(NAMESPACE, f"withdraw\n{complaint_id}")
        return (await self._persist(lambda: self._post(path, {"reason": reason}, key))).status_code

    async def _amend(self, outcome: Outcome) -> None:
        if outcome.receipt is None:
            return
        path = f"/v1/complaints/{outcome.receipt['complaint_id']}/amend"
        for part in outcome.entry.rest:
            key = uuid5(outcome.entry.key, part)
            await self._persist(lambda part=part, key=key: self._post(path, {"text": part}, key))  # type: ignore[misc]

    async def _post(self, path: str, body: dict[str, Any], key: UUID | None) -> httpx.Response:
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": str(key)}
        return await self._http.post(self._url + path, json=body, headers=headers)

    async def _persist(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Send until there is a final answer. Safe, because the key stays the same."""
        deadline = time.monotonic() + self._patience
        pause = 0.1
        while True:
            answer: httpx.Response | None = None
            try:
                answer = await send()
            except httpx.TransportError as error:
                wait, why = pause, f"intake does not answer ({type(error).__name__})"
            else:
                if answer.status_code not in _RETRY:
                    return _unless_refused(answer)
                wait, why = _retry_after(answer) or pause, f"intake answers {answer.status_code}"
            if time.monotonic() + min(wait, 1.0) > deadline:
                if answer is not None:
                    return answer
                raise StackError(f"{why} for {self._patience:.0f} s", "Look at `make status`; played lines are kept")
            self._waiting(why)
            await asyncio.sleep(min(wait, LONGEST_WAIT) * random.uniform(1.0, 1.2))  # noqa: S311  jitter
            pause = min(pause * 2, 5.0)

    def _outcome(self, entry: Entry, status: int, told: dict[str, Any], seconds: float) -> Outcome:
        created = status == _CREATED
        if self._log is not None:
            self._log.add(
                Answer(
                    client=self._client,
                    key=entry.key,
                    status=status,
                    complaint_id=UUID(told["complaint_id"]) if created else None,
                    reference=told["reference"] if created else None,
                )
            )
        return Outcome(
            entry=entry,
            status=status,
            seconds=seconds,
            receipt=told if created else None,
            reason=None if created else _reason(status, told),
            repeated=created and _drawn_at_ms(UUID(told["complaint_id"])) < self._since_ms,
        )


def _drawn_at_ms(complaint_id: UUID) -> int:
    """When a UUIDv7 was drawn, in milliseconds since 1970: one drawn before we began was accepted before."""
    return complaint_id.int >> 80


def _unless_refused(answer: httpx.Response) -> httpx.Response:
    if answer.status_code in {401, 403}:
        raise StackError(
            f"intake refuses the channel key ({answer.status_code})", "Print a new one with `redress channels key`"
        )
    return answer


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds of the `Retry-After` header, given as a number or as a date (RFC 9110 §10.2.3)."""
    told = answer.headers.get("retry-after", "").strip()
    if not told:
        return None
    try:
        return max(0.05, float(told))
    except ValueError:
        pass
    try:
        return max(0.05, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {"title": f"no JSON in the answer {answer.status_code}"}
    return told if isinstance(told, dict) else {"title": "an answer that is no object"}


def _reason(status: int, problem: dict[str, Any]) -> str:
    faults = "; ".join(
        f"{fault.get('pointer') or fault.get('field') or ''} {fault.get('detail') or fault.get('reason') or ''}".strip()
        for fault in problem.get("errors") or ()
        if isinstance(fault, dict)
    )
    said = faults or problem.get("detail") or problem.get("title") or "no reason given"
    return f"{status} {said}"
