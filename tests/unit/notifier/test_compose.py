"""What goes into a letter: no date that has passed as one to come, and words under the name of who said them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.notifier.domain.compose import Facts, compose
from services.notifier.domain.journey import Journey
from services.notifier.domain.kinds import KINDS, NoticeKind
from services.notifier.domain.letter import Letter
from shared.events.ids import new_id
from shared.policies import Packs, load_packs
from tests.unit.notifier.letters import NOW


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


PACKS: Packs = load_packs(Path(__file__).parents[3] / "deploy" / "policies")
JOURNEY = Journey(
    complaint_id=new_id(),
    reference="R-4K7M-2XA9",
    pack="retail",
    language="en",
    department="delivery",
    journey_due_at=day(-60),
    answer_due_at=day(-1),
    confirmation_due_at=day(-1),
)


def letter(kind: NoticeKind, journey: Journey = JOURNEY, **facts: object) -> Letter:
    made = Facts(kind=kind, **facts)  # type: ignore[arg-type]
    return compose(made, journey, PACKS, {}, language="en", now=NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_a_date_that_has_passed_is_not_told_as_one_to_come(kind: NoticeKind) -> None:
    for variant in ("", "promise"):
        made = letter(kind, due_at=day(-2), former_due_at=day(-3), variant=variant)
        assert made.due is made.answer_due is made.promise_due is None


def test_the_date_that_was_not_kept_is_told_though_it_has_passed() -> None:
    made = letter("delay", due_at=day(2), former_due_at=day(-3))
    assert made.former_due is not None and made.due is not None


def test_the_very_moment_has_passed() -> None:
    assert letter("progress", JOURNEY.evolve(journey_due_at=NOW)).due is None
    assert letter("progress", JOURNEY.evolve(journey_due_at=NOW + timedelta(minutes=1))).due is not None


def test_words_stand_under_the_name_of_the_department_that_said_them() -> None:
    """C14: what the former owner had promised went out as a promise of the new one."""
    made = letter("promise", said_by="online-shop", due_at=day(2), text="we ring you")
    assert (made.speaker, made.department) == ("Online shop", "Delivery")
    assert letter("progress", text="x").speaker == "Delivery"


UNKNOWN = datetime(2028, 1, 5, 9, tzinfo=UTC)
FAR = JOURNEY.evolve(journey_due_at=UNKNOWN, answer_due_at=UNKNOWN, confirmation_due_at=UNKNOWN)


@pytest.mark.parametrize("kind", KINDS)
def test_a_date_beyond_the_known_holidays_is_told_as_such_and_no_other(kind: NoticeKind) -> None:
    """C13: later dates count holidays as working days, and the customer was not told."""
    far, near = letter(kind, FAR, due_at=UNKNOWN), letter(kind, due_at=day(2), former_due_at=UNKNOWN)
    assert far.beyond_holidays is any((far.due, far.answer_due, far.promise_due))
    assert far.beyond_holidays or kind in ("closure", "withdrawn")
    assert not near.beyond_holidays and not letter(kind).beyond_holidays
