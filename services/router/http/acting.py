"""Commands of staff: load the case locked, ask the rules, save, tell; one transaction each."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.router.domain.case import REFUSAL_TEXTS, Case, Desks, Refusal, Refused
from services.router.domain.commands import Command
from services.router.domain.life import obey
from services.router.domain.placing import desks_of, place_again
from services.router.domain.rights import Action, Actor
from services.router.domain.story import Moment
from services.router.handlers.fold import UNREADABLE
from services.router.http.bodies import Body
from services.router.store import cases as store
from services.router.store.reading import CaseReading, Reading
from shared.events.envelope import Cause
from shared.policies.packs import Pack
from shared.policies.watching import PolicySource
from shared.problems import status_of
from shared.runtime import once
from shared.runtime.directory import Directory
from shared.runtime.transaction import Tx
from shared.runtime.vault import PersonKey, Vault
from shared.runtime.web import moments
from shared.runtime.web.persons import person_of
from shared.runtime.web.problems import Problem
from shared.runtime.web.texts import Language, Text

_SPOKEN: Final = frozenset(
    {Action.RECORD_TOLD, Action.RECORD_ANSWER, Action.RECORD_CONFIRMATION, Action.RECORD_DISPUTE}
)
"""What says that the customer was reached otherwise, as the desk asks for while a message is undelivered. A note does too,
but not where the customer has to know what they are waited for: sla does not read notes.
"""
_ANSWER: Final = "command.answer"
_NOT_NOW: Final = Text(zh="这一步现在不能做", en="This cannot be done now")
_TITLES: Final = {
    403: Text(zh="这一步不能由你来做", en="This is not yours to do"),
    422: Text(zh="有内容需要改正", en="Something needs correcting"),
}
_LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


def problem_of(reason: Refusal, latest: Text | None = None) -> Problem:
    """The answer for a refusal: 403 not yours, 422 wrong words, 409 not in this state.

    Args:
        reason: why.
        latest: the latest date that would do, in words, where a date is too far away.
    """
    words, name = REFUSAL_TEXTS[reason], reason.value.replace("_", "-")
    detail = Text(zh=words.zh, en=words.en)
    if latest is not None:
        detail = Text(zh=words.zh.format(latest=latest.zh), en=words.en.format(latest=latest.en))
    status = status_of(name)
    return Problem(status, name, title=_TITLES.get(status, _NOT_NOW), detail=detail)


def _in_words(latest: datetime, now: datetime, zone: ZoneInfo) -> Text:
    zh, en = (
        f"{moments.when(latest, now, zone, language)}{moments.zone(latest, zone, language)}" for language in _LANGUAGES
    )
    return Text(zh=zh, en=en)


@dataclass(frozen=True, slots=True)
class Done:
    """A command that was carried out, now or, `replayed`, by an earlier request under the same key.

    `answer` is what was rendered then; None without a key, and when the customer was erased since.
    """

    answer: str | None
    replayed: bool = False


Render = Callable[[CaseReading], Awaitable[str]]


async def _nothing_more(_reading: CaseReading) -> str:
    return ""


def _opened(kept: str, complaint_id: UUID, person: PersonKey | None) -> str | None:
    """An answer as it was given. It holds the customer's words, so it is kept under their key and goes with it."""
    answer = person.open(complaint_id, _ANSWER, kept) if person and kept else None
    return answer if isinstance(answer, str) else None


class Acting:
    """Carries out commands."""

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[Tx]],
        reading: Reading,
        policies: PolicySource,
        vault: Vault,
        default_pack: str,
        new_id: Callable[[], UUID],
        directory: Directory,
    ) -> None:
        self._transaction = transaction
        self._reading = reading
        self._policies = policies
        self._vault = vault
        self._default_pack = default_pack
        self._new_id = new_id
        self._directory = directory

    async def act(
        self,
        reference: str,
        actor: Actor,
        body: Body,
        *,
        seen: str | None = None,
        key: UUID | None = None,
        render: Render = _nothing_more,
    ) -> Done:
        """Carry out a command on the case of a reference; under a key it is carried out once.

        Args:
            reference: in its canonical form.
            actor: who asks; keys are scoped to them.
            body: the command as it arrived.
            seen: `mark_of` the case as the form showed it; another one now is refused as stale.
            key: the command's idempotency key, if it has one.
            render: makes the answer that is kept under the key, with what the command's transaction sees.

        Raises:
            Problem: 404 no such case, 403 not yours, 409 not now or being carried out, 422 wrong words or the key of
                another command.
        """
        whose = await self._reading.whose(reference)
        if whose is None:
            raise Problem(404, "not-found")
        complaint_id, person_id = whose
        # Before the transaction: whoever waits for a second connection with one in hand may wait for themselves.
        person = (await self._vault.keys_of([person_id])).get(person_id)
        asked = once.Asked(actor.name, key, once.digest_of(f"{reference}/{body.action.value}", body)) if key else None
        async with self._transaction() as tx:
            if asked and (given := await once.begin(tx, asked)):
                return Done(_opened(given.body, complaint_id, person), replayed=True)
            case = store.case_of((await store.load(tx, [complaint_id]))[complaint_id])
            if await store.is_erased(tx, complaint_id):
                person = None  # the person was erased meanwhile, or long ago
            await self._obey(tx, case, body.command(self._new_id), person, actor, seen)
            if asked is None:
                return Done(None)
            answer = await render(CaseReading(tx))
            kept = person.seal(complaint_id, _ANSWER, answer) if person else ""
            await once.finish(tx, asked, once.Given(200, kept))
            return Done(answer)

    async def _obey(
        self, tx: Tx, case: Case, command: Command, key: PersonKey | None, actor: Actor, seen: str | None
    ) -> None:
        pack, moment = self.pack(case.pack), self._moment(tx, case, actor, key)
        try:
            outcome = obey(case, command, actor, self.desks(case), moment, lambda reopened: place_again(reopened, pack))
            if seen is not None and seen != mark_of(case):
                raise Refused(Refusal.STALE)
        except Refused as refused:
            zone = pack.calendar_of(case.department if case.department in pack.departments else pack.triage.id).zone
            latest = _in_words(refused.latest, tx.now, zone) if refused.latest else None
            raise problem_of(refused.reason, latest) from None
        after = outcome.case
        if after != case:
            await store.update(tx, [after])
        # Of an erased person nothing is written down any more, in whoever's words (I16); that something was done, is.
        lines = outcome.lines if key else [line._replace(text=None) for line in outcome.lines]
        await store.append(tx, [(after.complaint_id, after.epoch, line) for line in lines])
        if command.action in _SPOKEN:
            await store.mark_undelivered(tx, {after.complaint_id: None})
        elif command.action is Action.NOTE:
            await store.clear_noted(tx, after.complaint_id)
        for event in outcome.events:
            tx.emit(event)

    def _moment(self, tx: Tx, case: Case, actor: Actor, key: PersonKey | None) -> Moment:
        def seal(name: str, text: str) -> str:
            return key.seal(case.complaint_id, name, text) if key and not key.is_damaged else UNREADABLE

        cause = Cause(kind="request", id=str(self._new_id()), actor=actor.name)
        return Moment(now=tx.now, cause=cause, new_id=self._new_id, seal=seal)

    def pack(self, name: str) -> Pack:
        """The pack of a case."""
        packs = self._policies.packs.by_name
        return packs.get(name) or packs[self._default_pack]

    def desks(self, case: Case) -> Desks:
        """The departments of a case's pack; and who is there, where it matters who proposes the next resolution."""
        pack = self.pack(case.pack)
        view = self._directory.view if case.contested_by else None
        members = view.members.values() if view else ()
        return desks_of(pack, tuple(person_of(one, self._policies.packs) for one in members if one.active))


def mark_of(case: Case) -> str:
    """What a form carries to notice that the case changed meanwhile: owner epoch, state, and the question that is open or
    the resolution that is proposed.
    """
    mark, about = f"{case.epoch}.{case.state.value}", case.question_id or case.resolution_id
    return f"{mark}.{about}" if about else mark
