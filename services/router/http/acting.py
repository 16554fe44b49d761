"""Commands of staff: load the case locked, ask the rules, save, tell; one transaction each."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from services.router.domain.case import REFUSAL_TEXTS, Case, Refusal, Refused
from services.router.domain.commands import Command
from services.router.domain.life import obey
from services.router.domain.placing import desks_of, place_again
from services.router.domain.rights import Actor
from services.router.domain.story import Moment
from services.router.handlers.fold import UNREADABLE
from services.router.http.bodies import Body
from services.router.store import cases as store
from services.router.store.reading import Reading
from shared.events.envelope import Cause
from shared.policies.packs import Pack
from shared.policies.watching import PolicySource
from shared.problems import status_of
from shared.runtime.transaction import Tx
from shared.runtime.vault import PersonKey, Vault
from shared.runtime.web.problems import Problem
from shared.runtime.web.texts import Text


def problem_of(reason: Refusal) -> Problem:
    """The answer for a refusal: 403 not yours, 422 wrong words, 409 not in this state."""
    words, name = REFUSAL_TEXTS[reason], reason.value.replace("_", "-")
    return Problem(
        status_of(name),
        name,
        title=Text(zh="这一步现在不能做", en="This cannot be done now"),
        detail=Text(zh=words.zh, en=words.en),
    )


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
    ) -> None:
        self._transaction = transaction
        self._reading = reading
        self._policies = policies
        self._vault = vault
        self._default_pack = default_pack
        self._new_id = new_id

    async def act(self, reference: str, actor: Actor, body: Body, seen: str | None = None) -> Case:
        """Carry out a command on the case of a reference; answers the case after it.

        Args:
            reference: in its canonical form.
            actor: who asks.
            body: the command as it arrived.
            seen: `mark_of` the case as the form showed it; another one now is refused as stale.

        Raises:
            Problem: 404 no such case, 403 not yours, 409 not now, 422 wrong words.
        """
        whose = await self._reading.whose(reference)
        if whose is None:
            raise Problem(404, "not-found")
        complaint_id, person_id = whose
        # Before the transaction: whoever waits for a second connection with one in hand may wait for themselves.
        key = (await self._vault.keys_of([person_id])).get(person_id)
        async with self._transaction() as tx:
            case = store.case_of((await store.load(tx, [complaint_id]))[complaint_id])
            if await store.is_erased(tx, complaint_id):
                key = None  # the person was erased meanwhile, or long ago
            return await self._obey(tx, case, body.command(self._new_id), key, actor, seen)

    async def _obey(
        self, tx: Tx, case: Case, command: Command, key: PersonKey | None, actor: Actor, seen: str | None
    ) -> Case:
        pack, moment = self.pack(case.pack), self._moment(tx, case, actor, key)
        try:
            outcome = obey(case, command, actor, desks_of(pack), moment, lambda reopened: place_again(reopened, pack))
            if seen is not None and seen != mark_of(case):
                raise Refused(Refusal.STALE)
        except Refused as refused:
            raise problem_of(refused.reason) from None
        after = outcome.case
        if after != case:
            await store.update(tx, [after])
        # Of an erased person nothing is written down any more, in whoever's words (I16); that something was done, is.
        lines = outcome.lines if key else [line._replace(text=None) for line in outcome.lines]
        await store.append(tx, [(after.complaint_id, after.epoch, line) for line in lines])
        if outcome.events:
            await store.mark_undelivered(tx, {after.complaint_id: None})
        for event in outcome.events:
            tx.emit(event)
        return after

    def _moment(self, tx: Tx, case: Case, actor: Actor, key: PersonKey | None) -> Moment:
        def seal(name: str, text: str) -> str:
            return key.seal(case.complaint_id, name, text) if key else UNREADABLE

        cause = Cause(kind="request", id=str(self._new_id()), actor=actor.name)
        return Moment(now=tx.now, cause=cause, new_id=self._new_id, seal=seal)

    def pack(self, name: str) -> Pack:
        """The pack of a case."""
        packs = self._policies.packs.by_name
        return packs.get(name) or packs[self._default_pack]


def mark_of(case: Case) -> str:
    """What a form carries to notice that the case changed meanwhile: owner epoch, state, and the question that is open."""
    mark = f"{case.epoch}.{case.state.value}"
    return f"{mark}.{case.question_id}" if case.question_id else mark
