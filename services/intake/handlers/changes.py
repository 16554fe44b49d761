"""Additions to a complaint, and its withdrawal: one transaction each, once per key."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.intake import store
from services.intake.domain import lifecycle
from services.intake.domain.admission import Client
from services.intake.domain.idempotency import Verdict, judge
from services.intake.handlers.refusal import Refusal
from services.intake.store import Held, Reach
from shared.events.envelope import Cause
from shared.events.ids import new_id
from shared.events.intake import ComplaintAmended, ComplaintWithdrawn
from shared.runtime.transaction import Tx
from shared.runtime.vault import PersonKey


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to an amendment or a withdrawal, as JSON."""

    body: str
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who amends or withdraws: a channel client, or staff through the built-in call desk."""

    client: Client
    actor: str
    """`client:NAME` or `staff:USER`."""
    pack: str | None = None
    """Of staff: the pack whose complaints are within reach, whoever filed them. A client reaches its own alone."""

    @property
    def reach(self) -> Reach:
        """Whose complaints are within reach."""
        return Reach(pack=self.pack) if self.pack is not None else Reach(client_id=self.client.client_id)


@dataclass(frozen=True, slots=True)
class Change:
    """An amendment or a withdrawal of one complaint, and the digest that tells it from others under the same key."""

    kind: Literal["amendment", "withdrawal"]
    complaint_id: UUID
    text: str | None
    digest: bytes


async def make_once(change: Change, author: Author, key: UUID, person: PersonKey, tx: Tx) -> Done:
    """Make a change under its key: the first request makes it, later ones get its answer.

    Raises:
        Refusal: not found, wrong state, or the key was used for something else.
    """
    held = await store.hold(tx, change.complaint_id, author.reach)
    if held is None:
        raise Refusal("not-found")
    if held.erased:  # between the reading of the key and now
        raise Refusal("erased")
    (stored,) = await store.stored_answers(tx, [(author.client.client_id, key)])
    if stored is not None:
        verdict = judge(stored=stored.digest, sent=change.digest)
        if verdict is not Verdict.SAME:
            raise Refusal("erased" if verdict is Verdict.ERASED else "idempotency-key-reused")
        return Done(stored.answer, replayed=True)
    body = await _make(change, held, author, key, person, tx)
    if not await store.keep_answer(
        tx, author.client, key, change.digest, complaint_id=held.complaint_id, answer=body, now=tx.now
    ):
        raise Refusal("in-progress", retry_after=1.0)  # the key was taken for another complaint just now
    return Done(body)


async def _make(change: Change, held: Held, author: Author, key: UUID, person: PersonKey, tx: Tx) -> str:
    """Store the change and say so; answers the body of the response."""
    version = held.version + 1
    cause = Cause(kind="request", id=str(key), actor=author.actor)
    event: ComplaintAmended | ComplaintWithdrawn
    if change.kind == "amendment":
        allowed, state = lifecycle.may_amend(held.standing), held.standing.state
        event = ComplaintAmended(
            event_id=new_id(),
            complaint_id=held.complaint_id,
            reference=held.reference,
            occurred_at=tx.now,
            version=version,
            cause=cause,
            person_id=held.person_id,
            text=person.seal(held.complaint_id, "text", change.text or ""),
        )
    else:
        allowed, state = lifecycle.may_withdraw(held.standing), "withdrawn"
        event = ComplaintWithdrawn(
            event_id=new_id(),
            complaint_id=held.complaint_id,
            reference=held.reference,
            occurred_at=tx.now,
            version=version,
            cause=cause,
            person_id=held.person_id,
            reason=person.seal(held.complaint_id, "reason", change.text) if change.text else None,
        )
    if not allowed:
        raise Refusal("wrong-state")
    await store.add(
        tx, held, version=version, kind=change.kind, body=change.text, actor=author.actor, at=tx.now, state=state
    )
    tx.emit(event)
    said = {"complaint_id": str(held.complaint_id), "reference": held.reference, "state": state, "at": _iso(tx.now)}
    return json.dumps(said, separators=(",", ":"))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
