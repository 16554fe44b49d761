"""Makes the letter of a notice: names, dates in words, the department's words, the company's own subject."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import NoticeKind, policy_name
from services.notifier.domain.letter import Letter, greeted
from services.notifier.domain.timewords import Language, Spoken, before
from services.notifier.domain.values import value
from shared.policies import Pack, Packs
from shared.text import kept

_ANSWERS: frozenset[NoticeKind] = frozenset(
    {"acknowledgement", "assignment", "transfer", "progress", "answer_received", "reopened", "promise"}
)
_QUESTIONS: frozenset[NoticeKind] = frozenset({"question", "reminder_answer"})
_RESOLUTIONS: frozenset[NoticeKind] = frozenset({"resolution", "reminder_confirmation"})


@value
class Facts:
    """What a notice carries of its own, and what was opened for it. `said_by`: the department whose words it carries."""

    kind: NoticeKind
    previous_department: str | None = None
    due_at: datetime | None = None
    former_due_at: datetime | None = None
    variant: str = ""
    name: str = ""
    text: str = ""
    said_by: str | None = None
    link: str = ""


def compose(
    facts: Facts, journey: Journey, packs: Packs, remedies: Mapping[str, str], *, language: Language, now: datetime
) -> Letter:
    """The letter, from the newest state of the journey. A date that has passed is not told as one to come (C3)."""
    pack = packs[journey.pack]
    zone = zone_of(pack, journey.department)
    kind = facts.kind

    told: list[datetime] = []

    def date(at: datetime | None) -> Spoken | None:
        if at is None or at <= now:
            return None
        told.append(at)
        return before(at, now=now, zone=zone, language=language)

    due = former_due = answer_due = promise_due = None
    if kind == "delay" and facts.former_due_at is not None:
        former_due = before(facts.former_due_at, now=now, zone=zone, language=language)
    if kind == "promise" or facts.variant == "promise":
        promise_due = date(facts.due_at)
    elif kind == "delay":
        due = date(facts.due_at)
    if kind in _ANSWERS:
        due = date(journey.due_at)
    elif kind in _QUESTIONS:
        answer_due = date(journey.answer_due_at)
    elif kind in _RESOLUTIONS:
        answer_due = date(journey.confirmation_due_at)
    subject = pack.notices.subject(policy_name(kind))  # type: ignore[arg-type]
    return Letter(
        kind=kind,
        language=language,
        organisation=pack.title.in_(language),
        signature=pack.notices.signature.in_(language),
        contact=_contact(pack, language),
        reference=journey.reference,
        link=facts.link,
        name=greeted(facts.name),
        department=department_name(packs, journey.department, language),
        previous_department=department_name(packs, facts.previous_department, language),
        due=due,
        former_due=former_due,
        answer_due=answer_due,
        promise_due=promise_due,
        text=kept(facts.text),
        speaker=department_name(packs, facts.said_by or journey.department, language),
        variant=facts.variant,
        remedy=remedies.get(journey.remedy or "", "") if kind == "resolution" else "",
        subject=f"{subject.in_(language)} ({journey.reference})" if subject else "",
        beyond_holidays=any(pack.is_beyond_known_holidays(at, zone) for at in told),
    )


def _contact(pack: Pack, language: Language) -> str:
    known = pack.notices.contact
    if known is None:
        return ""
    hours = known.hours.in_(language) if known.hours else ""
    if language == "zh":
        parts = (
            f"电话：{known.phone}" + (f"（{hours}）" if hours else "") if known.phone else "",
            f"邮箱：{known.email}" if known.email else "",
        )
        return "；".join(filter(None, parts))
    parts = (
        f"Phone: {known.phone}" + (f" ({hours})" if hours else "") if known.phone else "",
        f"E-mail: {known.email}" if known.email else "",
    )
    return "; ".join(filter(None, parts))


def department_name(packs: Packs, department: str | None, language: Language) -> str:
    """The name customers know a department by; empty for none, the id for one the policy no longer has."""
    if department is None:
        return ""
    try:
        return packs.department(department).name.in_(language)
    except KeyError:
        return department


def zone_of(pack: Pack, department: str | None) -> tzinfo:
    """The zone dates are told in: that of the owning department, else of the complaints office."""
    owner = department if department is not None and department in pack.departments else pack.office.id
    return pack.calendar_of(owner).zone
