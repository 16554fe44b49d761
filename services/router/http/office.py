"""Who asks, and what they may see: the parts that the API and the pages share."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

from prometheus_client import Gauge
from starlette.requests import Request

from services.router.domain.case import Refusal
from services.router.domain.placing import desks_of
from services.router.domain.rights import Action, Actor, Role, may, reads_everything
from services.router.http import views
from services.router.http.acting import Acting, problem_of
from services.router.store.cases import case_of
from services.router.store.reading import CaseReading, Page, Reading, Wish
from shared.events.reference import BadReference, parse_reference
from shared.policies.packs import Packs
from shared.policies.watching import PolicySource
from shared.runtime.errors import is_transient
from shared.runtime.security_log import SecurityLog
from shared.runtime.web.persons import pack_of, person_of
from shared.runtime.web.problems import Problem
from shared.runtime.web.sessions import current_staff

log = logging.getLogger(__name__)
_LOOK_SECONDS = 60.0
WITHOUT_PACK = Gauge(
    "redress_router_cases_without_pack", "Open cases of policy packs that are not loaded, which nobody can work"
)


class Office:
    """Reads and acts for whoever is signed in, as far as the table of rights lets them."""

    def __init__(self, reading: Reading, acting: Acting, policies: PolicySource, security: SecurityLog) -> None:
        self.reading = reading
        self.acting = acting
        self.security = security
        self.unloaded: tuple[str, ...] = ()
        """Packs that have open cases and are not loaded: nobody can work these, operators see them."""
        self._policies = policies

    @property
    def packs(self) -> Packs:
        """The policies in force."""
        return self._policies.packs

    async def actor(self, request: Request) -> Actor:
        """FastAPI dependency: the signed-in member of staff as the directory has them now.

        Raises:
            SignInNeeded: a browser without a session, or whose user left.
            Problem: 401 for programs.
        """
        staff = await current_staff(request)
        return person_of(staff, self.packs)

    def packs_of(self, actor: Actor) -> tuple[str, ...]:
        """The packs whose cases the actor may look for."""
        if actor.role is Role.OPERATOR:
            return tuple(self.packs.by_name)
        return (actor.pack,) if actor.pack else ()

    def listed_packs_of(self, actor: Actor) -> tuple[str, ...]:
        """The packs whose cases stand in the actor's lists; for operators also those that are not loaded."""
        return (*self.packs_of(actor), *(self.unloaded if actor.role is Role.OPERATOR else ()))

    async def look_for_unloaded(self, stop: asyncio.Event) -> None:
        """Once a minute: which packs have open cases and are not loaded."""
        while not stop.is_set():
            used = await self.reading.open_packs()
            self.unloaded = tuple(sorted(pack for pack in used if pack not in self.packs.by_name))
            count = await self.reading.open_in(self.unloaded) if self.unloaded else 0
            WITHOUT_PACK.set(count)
            if self.unloaded:
                extra = {"action": "packs_missing", "packs": self.unloaded, "cases": count}
                log.error("open cases belong to packs that are not loaded: nobody can work them", extra=extra)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()

    def reads_all(self, actor: Actor) -> bool:
        """Whether lists may go beyond the actor's department."""
        if actor.role is Role.OPERATOR:
            return True
        return actor.pack is not None and reads_everything(actor, desks_of(self.acting.pack(actor.pack)))

    async def page(self, wish: Wish, actor: Actor) -> Page:
        """A page of cases the actor may read.

        Raises:
            Problem: 403 for another department's queue.
        """
        if not self.reads_all(actor) and not _is_on_the_phone(actor, wish):
            if wish.department != actor.department:
                raise problem_of(Refusal.NOT_YOURS)
        elif wish.department is not None and pack_of(wish.department, self.packs) not in wish.packs:
            raise problem_of(Refusal.UNKNOWN_DEPARTMENT)
        if wish.words and actor.role is Role.OPERATOR and not is_reference(wish.words):
            return Page(rows=[], total=0, after=None)  # what is found by its words tells them
        page = await self.reading.page(replace(wish, not_about=actor.department))
        return replace(page, rows=[self._as_seen_by(actor, row) for row in page.rows])

    def _as_seen_by(self, actor: Actor, row: Any) -> Any:
        case = case_of(row)
        read = may(actor, Action.READ, case, desks_of(self.acting.pack(case.pack)))
        return row if read else views.withheld(row)

    async def row(
        self, reference: str, actor: Actor, action: Action = Action.READ, reading: CaseReading | None = None
    ) -> Any:
        """One case the actor may read, without its words where they may only know how it stands.

        Raises:
            Problem: 404 for no such case, 403 for one that is not theirs.
        """
        row = await (reading or self.reading).case(canonical(reference))
        if row is None:
            raise Problem(404, "not-found")
        case = case_of(row)
        desks = desks_of(self.acting.pack(case.pack))
        full = may(actor, action, case, desks)
        if not full and not (action is Action.READ and may(actor, Action.STATUS, case, desks)):
            raise problem_of(Refusal.NOT_YOURS)
        self.security.viewed(actor, case.reference, "case" if full and action is Action.READ else "status")
        return row if full else views.withheld(row)

    async def whole(self, reference: str, actor: Actor, reading: CaseReading | None = None) -> dict[str, Any]:
        """One case with its story, for somebody who may read it; `reading`: as a transaction sees it."""
        reading = reading or self.reading
        row = await self.row(reference, actor, reading=reading)
        history = await reading.history(row["complaint_id"])
        return views.whole(row, history, actor, self.packs, self.acting.desks(case_of(row)))

    async def after(self, reference: str, actor: Actor) -> dict[str, Any]:
        """The case after a command, or its reference alone where it cannot be read: what was done is done all the same.

        Whoever gave a case away may no longer read it; and a 503, which promises that nothing was done, would be untrue.
        """
        try:
            return await self.whole(reference, actor)
        except Exception as error:
            if not is_transient(error) and not (isinstance(error, Problem) and error.status == 403):
                raise
            return _given_away(reference)

    async def after_in(self, reading: CaseReading, reference: str, actor: Actor) -> dict[str, Any]:
        """As `after`, as the command's own transaction sees it: a failure to read takes the command back."""
        try:
            return await self.whole(reference, actor, reading)
        except Problem as problem:
            if problem.status != 403:
                raise
            return _given_away(reference)


def _given_away(reference: str) -> dict[str, Any]:
    return {"reference": canonical(reference), "actions": []}


def _is_on_the_phone(actor: Actor, wish: Wish) -> bool:
    """Whether an agent looks for the reference that a caller says, wherever in the pack it leads."""
    return actor.role is Role.AGENT and wish.department is None and bool(wish.words) and is_reference(wish.words or "")


def is_reference(words: str) -> bool:
    """Whether somebody looks for one case by its reference."""
    try:
        parse_reference(words)
    except BadReference:
        return False
    return True


def canonical(reference: str) -> str:
    """A reference as it is stored; what is none is 404 like one that does not exist."""
    try:
        return parse_reference(reference)
    except BadReference:
        raise Problem(404, "not-found") from None
