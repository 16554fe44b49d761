"""A planned notice as a line of the ledger."""

from datetime import datetime, timedelta

from services.notifier.domain.journey import Journey
from services.notifier.domain.plans import Plan
from services.notifier.domain.suppress import Silence
from services.notifier.store.ledger import NewNotice
from shared.events.ids import new_id
from shared.policies import Packs

_PATIENCE = timedelta(seconds=30)


def new_notice(
    plan: Plan, journey: Journey, packs: Packs, *, now: datetime, trace: str | None, why: Silence | None
) -> NewNotice:
    """The line: due now, due a little later when it waits for something, or suppressed when there is a `why`."""
    at = now + patience(journey, packs) if plan.waits != "no" or not journey.told else now
    return NewNotice(
        complaint_id=plan.complaint_id,
        notice_id=new_id(),
        kind=plan.kind,
        cause_id=plan.cause_id,
        recipient_ref=journey.person_id or plan.complaint_id,
        subject_id=plan.subject_id,
        epoch=plan.epoch,
        previous_department=plan.previous_department,
        due_at=plan.due_at,
        former_due_at=plan.former_due_at,
        variant=plan.variant,
        next_at=at if why is None else None,
        reason=why,
        traceparent=trace,
    )


def patience(journey: Journey, packs: Packs) -> timedelta:
    """How long notices of this company wait for owner and date."""
    pack = packs.by_name.get(journey.pack)
    return timedelta(seconds=pack.notices.wait_for_owner_seconds) if pack is not None else _PATIENCE
