"""From the policy pack to an owner: what the routing rules decide, put as a placement with everything to explain it."""

from functools import lru_cache
from typing import Any, NamedTuple

from services.router.domain.case import Case, Desks, Placement
from services.router.domain.rights import Actor
from services.router.domain.routing import Decision, Facts, Reason, decide, second_stage_owner
from services.router.domain.told import NEXT_STAGE
from shared.events.envelope import Bilingual
from shared.events.intake import ComplaintSubmitted
from shared.policies.packs import Pack


class Placed(NamedTuple):
    """The first owner of a complaint.

    Attributes:
        about: the department whose staff it is about, as told or as the rule saw it; it never owns the case.
        reasons: every reason for the owner and for the priority, with the policy's words that were found.
    """

    placement: Placement
    about: str | None
    reasons: dict[str, list[dict[str, Any]]]


def desks_of(pack: Pack, staff: tuple[Actor, ...] = ()) -> Desks:
    """The departments of a pack, and who is there, as the rules of a case need them."""
    return Desks(
        triage=pack.routing.fallback,
        office=pack.routing.office,
        departments=frozenset(pack.departments),
        max_transfers=pack.routing.max_transfers,
        promise_days=pack.sla.promise_limit_days,
        staff=staff,
    )


def place(
    event: ComplaintSubmitted,
    title: str | None,
    text: str | None,
    pack: Pack,
    *,
    repeat: bool,
    store: str | None = None,
) -> Placed:
    """The owner of a new complaint. A text that cannot be opened (erased person) is judged by its other facts.

    Args:
        store: the store as it was told, opened.
        repeat: the same person reported a matter of the same pack before, and says that this is it again.
    """
    decision = decide(
        Facts(
            channel=event.channel,
            language=event.language,
            text=text or "",
            title=title or "",
            category=event.category,
            store_id=event.store_id or store,
            has_order=event.has_order,
            about_staff=event.about_staff,
            about_department=event.about_department,
            repeat=repeat,
        ),
        pack.routing,
    )
    because = decision.because
    return Placed(
        placement=Placement(
            department=decision.department,
            rule=decision.rule,
            policy_version=decision.policy_version,
            why=_told(because.zh, because.en),
            priority=decision.priority,
            category=decision.category,
        ),
        about=_about(event, decision, pack),
        reasons={
            "owner": [_reason(reason) for reason in decision.why],
            "priority": [_reason(reason) for reason in decision.priority_reasons],
        },
    )


def place_again(case: Case, pack: Pack) -> Placement:
    """The owner of a reopened complaint: one who has not answered it before."""
    return Placement(
        department=second_stage_owner(pack.routing, {*case.owners, *case.contested}),
        rule="second-stage",
        policy_version=pack.routing.version,
        why=NEXT_STAGE,
        priority=case.placement.priority,
        category=case.placement.category,
    )


@lru_cache(maxsize=1024)
def _told(zh: str, en: str) -> Bilingual:
    """A text of the policy as events carry it; there are as many as rules."""
    return Bilingual(zh=zh, en=en)


def _about(event: ComplaintSubmitted, decision: Decision, pack: Pack) -> str | None:
    if event.about_department is not None:
        return event.about_department
    if decision.rule != "own-staff" or len(decision.why) < 2:
        return None
    passed_over = decision.why[1].code
    return next((rule.owner for rule in pack.routing.rules if rule.id == passed_over), None)


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "zh": reason.text.zh,
        "en": reason.text.en,
        "found": list(reason.found),
        "points": reason.points,
    }
