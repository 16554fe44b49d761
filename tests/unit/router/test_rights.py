"""Role × relation to the case, written out once more by hand and compared with the table."""

import pytest

from services.router.domain.rights import MATRIX, Action, Role, may, reads_everything
from tests.unit.router.cases import DESKS, a_case, somebody

OWNER_ACTIONS = {
    Action.ACCEPT,
    Action.PROGRESS,
    Action.ASK,
    Action.PROMISE,
    Action.TRANSFER,
    Action.RESOLVE,
    Action.NOTE,
    Action.RECORD_ANSWER,
    Action.RECORD_CONFIRMATION,
    Action.RECORD_DISPUTE,
}
RECEIVER_ACTIONS = {Action.TRANSFER_ACCEPT, Action.TRANSFER_DECLINE, Action.NOTE}


def granted(actor, case) -> set[Action]:
    return {action for action in Action if may(actor, action, case, DESKS)}


@pytest.mark.parametrize("role", [Role.HANDLER, Role.LEAD])
def test_owner_works_the_case(role: Role) -> None:
    assert granted(somebody("delivery", role), a_case()) == OWNER_ACTIONS | {Action.READ}


def test_receiver_reads_and_answers_the_offer() -> None:
    from services.router.domain.case import Offer

    offered = a_case(offer=Offer(to="billing", reason="x"))
    assert granted(somebody("billing"), offered) == RECEIVER_ACTIONS | {Action.READ}
    assert granted(somebody("billing"), a_case()) == set()


def test_handlers_of_other_departments_see_nothing_and_leads_only_read() -> None:
    assert granted(somebody("marketing"), a_case()) == set()
    assert granted(somebody("marketing", Role.LEAD), a_case()) == {Action.READ}


def test_agents_read_their_own_departments_cases_and_record_what_callers_say() -> None:
    assert granted(somebody("marketing", Role.AGENT), a_case()) == set()
    assert granted(somebody("delivery", Role.AGENT), a_case()) == {
        Action.READ,
        Action.RECORD_ANSWER,
        Action.RECORD_DISPUTE,
    }


def test_triage_reads_all_and_assigns_its_own() -> None:
    assert granted(somebody("triage"), a_case()) == {Action.READ}
    assert granted(somebody("triage"), a_case("triage")) == OWNER_ACTIONS | {Action.READ, Action.ASSIGN}


def test_the_office_reads_notes_assigns_and_records_everything() -> None:
    office = somebody("complaints-office", Role.OFFICE)
    assert granted(office, a_case()) == {
        Action.READ,
        Action.ASSIGN,
        Action.NOTE,
        Action.RECORD_ANSWER,
        Action.RECORD_CONFIRMATION,
        Action.RECORD_DISPUTE,
    }


def test_operators_read_everything_and_touch_nothing() -> None:
    for pack in ("retail", "bank"):
        operator = somebody("complaints-office", Role.OPERATOR, pack)
        assert granted(operator, a_case()) == {Action.READ, Action.RAW_EVENTS}


def test_another_company_sees_nothing() -> None:
    for role in set(Role) - {Role.OPERATOR}:
        assert granted(somebody("delivery", role, pack="bank"), a_case()) == set()


def test_every_action_is_in_the_table() -> None:
    assert set(MATRIX) == set(Action)


@pytest.mark.parametrize(
    ("department", "role", "everything"),
    [
        ("delivery", Role.HANDLER, False),
        ("delivery", Role.AGENT, False),
        ("delivery", Role.LEAD, True),
        ("triage", Role.HANDLER, True),
        ("complaints-office", Role.OFFICE, True),
        ("complaints-office", Role.OPERATOR, True),
    ],
)
def test_lists_show_what_may_be_read(department: str, role: Role, everything: bool) -> None:
    assert reads_everything(somebody(department, role), DESKS) is everything
