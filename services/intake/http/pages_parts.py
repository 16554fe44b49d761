"""What intake's pages need from the service, and what both forms have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request

from services.intake.domain.reach import Reach
from services.intake.handlers import Intake
from services.intake.handlers.persons import Persons
from services.intake.http.limits import FormLimits
from services.intake.http.pages_told import ToldStore
from shared.policies.packs import Pack
from shared.policies.spans import Span
from shared.policies.stores import store_told
from shared.policies.watching import PolicySource
from shared.rights import Action
from shared.runtime.security_log import SecurityLog
from shared.runtime.vault import Vault
from shared.runtime.web.look import Look
from shared.runtime.web.persons import pack_for
from shared.runtime.web.problems import Problem
from shared.runtime.web.rates import Rates, retry_after
from shared.runtime.web.sessions import Staff
from shared.runtime.web.texts import Catalogue, Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The service as its pages see it. `session_key` signs the receipts that browsers keep, `lookups` counts
    those of each member of staff.
    """

    intake: Intake
    persons: Persons
    vault: Vault
    limits: FormLimits
    lookups: Rates
    security: SecurityLog
    policies: PolicySource
    pack_name: str
    session_key: bytes

    @property
    def pack(self) -> Pack:
        """The pack our own forms file for, as it is in force now."""
        return self.policies.packs[self.pack_name]

    def pack_of(self, staff: Staff) -> Pack:
        """The pack somebody takes calls for: their own.

        Raises:
            Problem: 403 for whoever takes none, or whose pack is not loaded.
        """
        name = pack_for(staff, self.policies.packs, Action.FILE)
        pack = self.policies.packs.by_name.get(name)
        if pack is None:
            raise Problem(403, "not-allowed")
        return pack


def look_of(request: Request) -> Look:
    """The look of this process."""
    look: Look = request.app.state.look
    return look


def address_of(request: Request) -> str | None:
    """Whom the request comes from: the peer, or whom a trusted proxy says it speaks for."""
    return request.client.host if request.client else None


def admit(request: Request, limits: FormLimits) -> None:
    """Refuse who posts too often (promises.md T1).

    Raises:
        Problem: 429 with the seconds to wait.
    """
    seconds = limits.post(address_of(request))
    if seconds > 0:
        raise Problem(429, "too-many", headers=retry_after(seconds))


def categories(pack: Pack, spoken: Language) -> list[tuple[str, str, str]]:
    """Id, words and hint of every category of a pack."""
    return [(known.id, known.name.in_(spoken), known.hint.in_(spoken)) for known in pack.routing.categories]


def stores(pack: Pack, spoken: Language) -> list[tuple[str, str]]:
    """Id and words of every shop a pack lists; none: a form asks for it in words."""
    return [(store.id, store.in_(spoken)) for store in pack.stores.values()]


def store_said(form: Mapping[str, str], pack: Pack, spoken: Language) -> str:
    """The shop a form tells, read back."""
    told = ToldStore.of(form, pack.stores)
    return " · ".join(filter(None, (store_told(pack.stores, told.chosen, spoken), told.words)))


def department_name(parts: Parts, department: str | None, spoken: Language) -> str | None:
    """What a department is called; its id when no pack has it any more."""
    if department is None:
        return None
    try:
        return parts.policies.packs.department(department).name.in_(spoken)
    except KeyError:
        return department


def zone_of(parts: Parts, department: str | None) -> ZoneInfo:
    """The zone dates are told in: that of the owning department, else of the complaints office."""
    pack = _pack_of(parts, department)
    owner = department if department is not None and department in pack.departments else pack.office.id
    return pack.calendar_of(owner).zone


def _pack_of(parts: Parts, department: str | None) -> Pack:
    """The pack of a department; our own where there is none, or no pack has it any more."""
    try:
        return parts.policies.packs.pack_of(department or "")
    except KeyError:
        return parts.pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What can be told of a complaint just filed.

    Attributes:
        department: its owner; `owner` is the name of it in the language of the page.
        due_at: by when there is an answer; none while that is not known.
        zone: the department's, in which dates are told.
        reach: how the customer hears of it.
        beyond_holidays: the date lies behind the last day whose holidays are known.
    """

    department: str | None
    owner: str | None
    due_at: datetime | None
    zone: ZoneInfo
    reach: Reach
    beyond_holidays: bool


async def outlook_of(parts: Parts, reference: str, spoken: Language) -> Outlook:
    """Who has a complaint and by when there is an answer, as far as is known."""
    found = await parts.intake.by_reference(reference)
    department = found.department if found else None
    due_at, zone = found.due_at if found else None, zone_of(parts, department)
    return Outlook(
        department=department,
        owner=department_name(parts, department, spoken),
        due_at=due_at,
        zone=zone,
        reach=found.reach if found else "self",
        beyond_holidays=due_at is not None and _pack_of(parts, department).is_beyond_known_holidays(due_at, zone),
    )


def usual_spans(
    pack: Pack, channel: str, category: str | None, texts: Catalogue, spoken: Language
) -> Mapping[str, str] | None:
    """How long an ordinary complaint of a category takes by policy, in words: to the first response and to the answer.

    None where nobody has chosen a category yet: what the rules will make of it may have another policy.
    """
    if category not in {known.id for known in pack.routing.categories}:
        return None
    clocks = pack.sla.choose(priority="normal", category=category, channel=channel).clocks
    return {
        "first": _in_words(clocks.first_response, texts, spoken),
        "whole": _in_words(clocks.journey, texts, spoken),
    }


def _in_words(span: Span, texts: Catalogue, spoken: Language) -> str:
    amount = int(span.amount) if span.amount == int(span.amount) else span.amount
    return texts.say(f"span.{span.kind}", spoken, n=amount)
