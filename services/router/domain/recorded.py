"""What the customer said on the phone, written down by staff: it counts as the customer's word (service rules S69, S87).

Each does what the same word does when it comes from the progress page (`told.py`), with the member of staff as actor.
"""

from collections.abc import Callable
from uuid import UUID

from services.router.domain import told
from services.router.domain.case import Case, Desks, Placement, Refusal, Refused
from services.router.domain.commands import RecordAnswer, RecordConfirmation, RecordDispute, RecordTold
from services.router.domain.story import Story
from shared.events.routing import ProgressReported


def told_by_phone(story: Story, command: RecordTold, _desks: Desks) -> None:
    """The customer knows now what is asked or offered: the time to answer begins, and their silence counts.

    Raises:
        Refused: `STALE` when another question or resolution waits for their word than the one that is named.
    """
    about = story.case.question_id or story.case.resolution_id
    if command.about not in (None, about):
        raise Refused(Refusal.STALE)
    text = story.sealed("text", command.text)
    story.tell(ProgressReported, "told_by_phone", said=command.text, text=text, tells_event_id=about)


def answer(story: Story, command: RecordAnswer, desks: Desks) -> None:
    """The open question is answered.

    Raises:
        Refused: `STALE` when another question is open than the one that was answered.
    """
    if command.question_id not in (None, story.case.question_id):
        raise Refused(Refusal.STALE)
    _remember(story, "answer_recorded", command.answer)
    told.answer(story, command.answer, desks)


def confirmation(story: Story, command: RecordConfirmation, _desks: Desks) -> None:
    """The customer says that it is settled. How it was said stays within the house.

    Raises:
        Refused: `STALE` when another resolution waits for the customer's word than the one that is named.
    """
    _check(story, command.resolution_id)
    _remember(story, "confirmation_recorded", command.note)
    told.settle(story)


def dispute(story: Story, command: RecordDispute, desks: Desks, place: Callable[[Case], Placement]) -> None:
    """The customer says that it is not settled.

    Raises:
        Refused: `STALE` as for a confirmation.
    """
    _check(story, command.resolution_id)
    _remember(story, "dispute_recorded", command.text)
    told.reopen(story, command.text, desks, place)


def _check(story: Story, resolution_id: UUID | None) -> None:
    if story.case.resolution_id is not None and resolution_id not in (None, story.case.resolution_id):
        raise Refused(Refusal.STALE)


def _remember(story: Story, what: str, said: str) -> None:
    story.remember(story.moment.new_id(), what, said=said)
