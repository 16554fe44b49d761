"""New cases as they begin: the case, the customer's words with their search vector and the first lines, in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain.case import Case
from services.router.domain.clocks import Dials
from services.router.domain.story import Line
from services.router.domain.words import vector_of
from services.router.store.cases import QUERIES, clock_rows, columns, line_row
from shared.runtime.transaction import Tx


class Words(NamedTuple):
    """What the customer told, in clear, and who the customer is; the columns of `case_text` in their order.

    `call_back` and `reasons` are JSON.
    """

    complaint_id: UUID
    title: str | None
    body: str | None
    name: str | None
    email: str | None
    phone: str | None
    call_back: str | None
    order_id: str | None
    store_id: str | None
    wanted: str | None
    repeat_of: str | None
    client: str
    about_staff: bool
    on_behalf_of: str | None
    reasons: str
    trace_id: str | None
    erased: bool
    consent: bool

    def vector(self, reference: str) -> str:
        """The words to be found by; a phone number is found without its country code too."""
        phone = self.phone
        numbers = (phone, phone[-11:], phone[-10:]) if phone else ()
        told = (reference, self.body, self.name, self.order_id, self.email, *numbers, self.store_id)
        return vector_of(self.title or "", "\n".join([one for one in told if one]))


async def insert(
    tx: Tx,
    cases: Sequence[Case],
    words: Sequence[Words],
    lines: Sequence[tuple[UUID, int, Line]],
    clocks: Mapping[UUID, tuple[int, Dials]],
) -> None:
    """Keep new cases, what their customers told (in the order of the cases) and `(complaint, epoch, line)` of histories.

    The words are indexed here and not later: to read them again and write the row a second time costs more.

    Args:
        clocks: as for `update_clocks`, of cases that are not new.
    """
    rows = [
        (*_beginning(case), *told[1:], told.vector(case.reference)) for case, told in zip(cases, words, strict=True)
    ]
    await tx.execute(
        QUERIES.insert_cases,
        *columns(rows),
        *columns([line_row(*line) for line in lines]),
        *(columns(clock_rows(clocks)) or [()] * 5),
    )


def _beginning(case: Case) -> tuple[Any, ...]:
    placement = case.placement
    return (
        case.complaint_id,
        case.reference,
        case.person_id,
        case.pack,
        case.channel,
        case.language,
        case.received_at,
        case.department,
        case.state.value,
        case.since,
        case.version,
        case.about,
        placement.priority,
        placement.category,
        placement.rule,
        placement.policy_version,
        placement.why.zh,
        placement.why.en,
    )
