"""The page of one case: the story in one column, the clock beside it, the next action under the thumb."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.requests import Request

from services.router.domain.case import Case, Desks, Refusal, State
from services.router.domain.clocks import nearest, pressing, unpacked
from services.router.domain.handover import has_last_word
from services.router.domain.life import has_colleague, is_again, refusal_of
from services.router.domain.rights import Action, Actor, Role, may, standing_of
from services.router.http import story, views
from services.router.http.acting import mark_of
from services.router.http.bodies import BODY_OF, MAX_WORDS, Body
from services.router.http.office import Office
from services.router.http.queue import next_step, shown_dial
from services.router.http.views import Reach
from services.router.store.cases import case_of
from shared.rights import is_barred
from shared.rights import may as shared_may
from shared.runtime.web import language as languages
from shared.runtime.web.forms import Form
from shared.runtime.web.look import DEFAULT_ZONE, Look
from shared.runtime.web.problems import Problem, explain

REMEDIES = (
    "exchange", "refund", "store_credit", "repair", "compensation", "correction", "apology", "explanation", "other",
)  # fmt: skip
_FIRST = (
    Action.TRANSFER_ACCEPT, Action.ASSIGN, Action.ACCEPT, Action.RECORD_ANSWER, Action.RECORD_CONFIRMATION,
    Action.RECORD_DISPUTE, Action.RECORD_TOLD, Action.PROGRESS, Action.RESOLVE, Action.ASK, Action.PROMISE,
    Action.TRANSFER, Action.TRANSFER_DECLINE, Action.TRANSFER_WITHDRAW, Action.NOTE,
)  # fmt: skip
FIELDS: Mapping[Action, tuple[str, ...]] = {
    Action.ACCEPT: (),
    Action.PROGRESS: ("text", "keeps_promise"),
    Action.ASK: ("question",),
    Action.PROMISE: ("due_at", "text"),
    Action.TRANSFER: ("to", "reason"),
    Action.TRANSFER_ACCEPT: (),
    Action.TRANSFER_DECLINE: ("reason",),
    Action.TRANSFER_WITHDRAW: (),
    Action.ASSIGN: ("department", "reason"),
    Action.RESOLVE: ("text", "remedy"),
    Action.NOTE: ("text",),
    Action.RECORD_TOLD: ("text",),
    Action.RECORD_ANSWER: ("answer",),
    Action.RECORD_CONFIRMATION: ("note",),
    Action.RECORD_DISPUTE: ("text",),
}
WRITTEN: Mapping[Action, tuple[str, ...]] = {
    action: tuple(name for name in names if name in {"text", "question", "reason", "answer", "note"})
    for action, names in FIELDS.items()
}
"""Those of the fields that hold words of the one who writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form that was sent and was not carried out: what was written, and what is wrong with it; `resumed` where nothing is:
    it was sent without a session, and its writer has signed in since.
    """

    action: Action
    form: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    resumed: bool = False


def watch_of(case: Case) -> str:
    """What an open page carries to notice that anything about the case changed."""
    return f"{mark_of(case)}.{case.version}.{case.attention:d}"


def news_of(case: Case, seen: str, actor: Actor) -> str:
    """What is new since a page was `seen`: nothing, `changed`, or `moved` to a department that is not the reader's."""
    if seen == watch_of(case):
        return ""
    epoch = seen.partition(".")[0]
    known = case.owners[: int(epoch)] if epoch.isascii() and epoch.isdigit() and len(epoch) < 5 else ()
    moved = bool(known) and case.department not in {known[-1], actor.department}
    return "moved" if moved else "changed"


def field_name(action: Action, name: str) -> str:
    """The name of a field on the page, unique over its forms."""
    return f"{action.value.replace('/', '_')}_{name}"


def read_body(action: Action, form: Form, zone: ZoneInfo) -> Body:
    """The command a form holds.

    Raises:
        ValidationError: with the fields as the command names them.
    """
    values: dict[str, Any] = {}
    for name in FIELDS[action]:
        sent = form[field_name(action, name)]
        if name == "keeps_promise":
            values[name] = sent == "yes"
        elif name == "due_at":
            values[name] = _local(sent, zone)
        elif sent or name != "remedy":
            values[name] = sent
    return BODY_OF[action.value].model_validate(values)


def errors_of(action: Action, error: ValidationError, look: Look, request: Request) -> dict[str, str]:
    """The field on the page → what is wrong, in the page's language."""
    found = explain(error.errors(), look.texts, languages.of(request))
    return {field_name(action, one.field): one.detail for one in found}


class CasePage:
    """Renders one case for one member of staff."""

    def __init__(self, office: Office, look: Look) -> None:
        self._office = office
        self._look = look

    def zone(self, department: str) -> ZoneInfo:
        """The zone a department works in."""
        try:
            return self._office.packs.zone_of(department)
        except KeyError:
            return DEFAULT_ZONE

    async def show(self, request: Request, reference: str, actor: Actor, sent: Sent | None, status: int = 200) -> Any:
        """The page, with a form that could not be carried out as it was written."""
        row = await self._office.row(reference, actor)
        history = await self._office.reading.history(row["complaint_id"])
        return self._look.render(
            request,
            "case.html",
            status=status,
            at=f"/desk/cases/{row['reference']}",
            **self._values(request, row, history, actor, sent),
        )

    def _values(
        self, request: Request, row: Any, history: Iterable[Any], actor: Actor, sent: Sent | None
    ) -> dict[str, Any]:
        spoken, packs, look = languages.of(request), self._office.packs, self._look
        pack = self._office.acting.pack(row["pack"])
        case = case_of(row)
        desks = self._office.acting.desks(case)
        whole = views.whole(row, history, actor, packs, desks)
        possible = [action for action in _FIRST if action.value in whole["actions"]]
        reach = views.reach_of(row)
        dials = unpacked(row["clocks"])

        def t(key: str, /, **values: object) -> str:
            return look.texts.say(key, spoken, **values)

        return {
            "case": whole,
            "barred": is_barred(actor, standing_of(case, desks)),
            "received_at": row["received_at"],
            "since": row["since"],
            "promise_due_at": case.pledge.due_at if case.pledge else None,
            "state": case.closed_how if case.closed_how == "withdrawn" else case.state.value,
            "owner": views.name_of(case.department, packs)[spoken],
            "offered_to": views.name_of(case.offered_to, packs)[spoken] if case.offered_to else None,
            "wanted_by_giver": views.name_of(case.offer.wanted, packs)[spoken]
            if case.offer and case.offer.wanted
            else "",
            "about": views.name_of(case.about, packs)[spoken] if case.about else None,
            "category": _category(case, pack, spoken),
            "store": views.store_said(row, packs, spoken),
            "clocks": [shown_dial(dial, row["now"]) for dial in views.in_order(dials)],
            "nearest": shown_dial(first, row["now"]) | {"shown": pressing(dials, row["now"])}
            if (first := nearest(dials))
            else None,
            "next_step": next_step(row, actor),
            "mine": actor.department in {case.department, case.offered_to},
            "primary": _primary(case, possible, actor, reach),
            "reach": reach,
            "own_resolution": refusal_of(case, Action.RECORD_CONFIRMATION, actor, desks) is Refusal.OWN_RESOLUTION,
            "again": _again(case, actor, desks),
            "possible": [action.value for action in possible],
            "departments": {
                "transfer": _choices(case, pack, spoken, case.contested),
                "assign": _choices(case, pack, spoken, () if has_last_word(case, actor, desks) else case.contested),
            },
            "remedies": [(code, t(f"remedy.{code}")) for code in REMEDIES],
            "story": story.items(whole["history"], spoken, case.language, packs, t, look.texts),
            "limit_of_words": MAX_WORDS,
            "mark": mark_of(case),
            "watch": watch_of(case),
            "sent": sent,
            "customer_lang": "zh-Hans" if case.language == "zh" else "en",
            "now": row["now"],
            "tz": self.zone(case.department),
            "sees_clocks": shared_may(actor, Action.CLOCKS, replace(standing_of(case, desks), offered_to=None)),
            "sees_raw": may(actor, Action.RAW_EVENTS, case, desks),
            "sees_trace": actor.role in {Role.OPERATOR, Role.OFFICE, Role.LEAD},
            "wanted_said": t(f"remedy.{row['wanted']}") if row["wanted"] in REMEDIES else row["wanted"],
            "done": done_said(request, look, reach) if sent is None else "",
            "done_key": request.query_params.get("done", "")[:32],
        }


def _primary(case: Case, possible: list[Action], actor: Actor, reach: Reach) -> str | None:
    """The action that stands open on top: what the case waits for from this person."""
    if case.offer is not None and case.offered_to == actor.department:
        first = Action.ASSIGN if case.offer.arbitration else Action.TRANSFER_ACCEPT
        return first.value if first in possible else None
    if case.state in {State.WAITING, State.PROPOSED, State.CLOSED}:
        rung = not reach.writable and reach.number and actor.department == case.department
        spoken = {State.WAITING: Action.RECORD_ANSWER, State.PROPOSED: Action.RECORD_CONFIRMATION}.get(case.state)
        return spoken.value if rung and spoken in possible else None
    wanted = {State.TRIAGE: Action.ASSIGN, State.ASSIGNED: Action.ACCEPT}.get(case.state, Action.PROGRESS)
    return wanted.value if wanted in possible else None


def _again(case: Case, actor: Actor, desks: Desks) -> str | None:
    """What is to be known, before they write, by whoever proposed what the customer did not accept."""
    if case.state is State.CLOSED or not is_again(case, actor) or not may(actor, Action.RESOLVE, case, desks):
        return None
    return "case.again.colleague" if has_colleague(case, actor, desks) else "case.again.alone"


def _choices(case: Case, pack: Any, spoken: str, barred: Iterable[str]) -> list[tuple[str, str]]:
    """Departments that may get the case, those with a triage or office duty last."""
    found = [one for one in pack.departments.values() if one.id not in {*barred, case.about}]
    found.sort(key=lambda one: one.kind != "ordinary")
    return [(one.id, one.name.in_(spoken)) for one in found if one.id != case.department or case.offer is not None]


def _category(case: Case, pack: Any, spoken: str) -> str | None:
    code = case.placement.category
    return next((one.name.in_(spoken) for one in pack.routing.categories if one.id == code), code)


def _local(text: str, zone: ZoneInfo) -> Any:
    """A `datetime-local` value in the department's zone; what is none goes on to be refused."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.replace(tzinfo=zone) if at.tzinfo is None else at


def done_said(request: Request, look: Look, reach: Reach | None = None) -> str:
    """What was done, in words, from the address a form led to; nothing for anything else.

    Args:
        reach: how the customer can be told; where they cannot be written to, nobody claims that they were.
    """
    key = f"done.{request.query_params.get('done', '')}"
    if reach is not None and not reach.writable and f"{key}.unsent" in look.texts:
        key = f"{key}.{'unsent' if reach.number else 'unheard'}"
    spoken, linked = languages.of(request), reach is None or reach.linked
    seen = look.texts.say("case.seen.page" if linked else "case.seen.never", spoken)
    return look.texts.say(key, spoken, seen=seen) if key in look.texts else ""


def refused(action: Action, form: Form, problem: Problem, look: Look, request: Request) -> Sent:
    """A form the rules refused, with the words that were written."""
    said = problem.said("detail", look.texts, languages.of(request)) or ""
    return Sent(action=action, form=dict(form), said=said)
