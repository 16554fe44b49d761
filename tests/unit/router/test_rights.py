"""Role × relation to the case, written out once more by hand and compared with the table."""

import pytest

from services.router.domain.rights import COMMANDS, MATRIX, Action, Role, may, reads_everything
from tests.unit.router.cases import DESKS, a_case, somebody

OWNER_ACTIONS = {
    Action.ACCEPT,
    Action.PROGRESS,
    Action.ASK,
    Action.PROMISE,
    Action.TRANSFER,
    Action.TRANSFER_WITHDRAW,
    Action.RESOLVE,
    Action.NOTE,
    Action.RECORD_TOLD,
    Action.RECORD_ANSWER,
    Action.RECORD_CONFIRMATION,
    Action.RECORD_DISPUTE,
}
RECEIVER_ACTIONS = {Action.TRANSFER_ACCEPT, Action.TRANSFER_DECLINE, Action.NOTE}


SEES = {Action.STATUS, Action.CLOCKS, Action.NOTICES}
READS = {*SEES, Action.READ}
LISTS = {*READS, Action.LIST, Action.EXPORT}
CALLS = {Action.FILE, Action.LOOK_UP}
CHANGES = {*CALLS, Action.AMEND, Action.WITHDRAW}


def granted(actor, case) -> set[Action]:
    return {action for action in Action if may(actor, action, case, DESKS)}


def test_owner_works_the_case() -> None:
    assert granted(somebody("delivery"), a_case()) == OWNER_ACTIONS | LISTS
    assert granted(somebody("delivery", Role.LEAD), a_case()) == OWNER_ACTIONS | LISTS | CALLS


def test_receiver_reads_and_answers_the_offer() -> None:
    from services.router.domain.case import Offer

    offered = a_case(offer=Offer(to="billing", reason="x"))
    assert granted(somebody("billing"), offered) == RECEIVER_ACTIONS | LISTS
    assert granted(somebody("billing"), a_case()) == set()


def test_handlers_of_other_departments_see_nothing_and_leads_only_read() -> None:
    assert granted(somebody("marketing"), a_case()) == set()
    assert granted(somebody("marketing", Role.LEAD), a_case()) == LISTS | CALLS


def test_agents_read_what_a_caller_may_ask_about_and_record_for_their_own_department() -> None:
    assert granted(somebody("marketing", Role.AGENT), a_case()) == READS | CHANGES
    recorded = {Action.RECORD_TOLD, Action.RECORD_ANSWER, Action.RECORD_DISPUTE}
    assert granted(somebody("delivery", Role.AGENT), a_case()) == LISTS | CHANGES | recorded


def test_triage_reads_all_and_assigns_its_own() -> None:
    assert granted(somebody("triage"), a_case()) == LISTS
    assert granted(somebody("triage"), a_case("triage")) == OWNER_ACTIONS | LISTS | {Action.ASSIGN}


def test_the_office_reads_notes_assigns_and_records_everything() -> None:
    office = somebody("complaints-office", Role.OFFICE)
    assert granted(office, a_case()) == LISTS | CHANGES | {
        Action.ASSIGN,
        Action.NOTE,
        Action.RECORD_TOLD,
        Action.RECORD_ANSWER,
        Action.RECORD_CONFIRMATION,
        Action.RECORD_DISPUTE,
        Action.ERASE,
        Action.EXPORT_PERSON,
        Action.SECURITY_LOG,
    }


def test_operators_know_how_every_case_stands_and_read_and_touch_nothing() -> None:
    for pack in ("retail", "bank"):
        operator = somebody("complaints-office", Role.OPERATOR, pack)
        assert granted(operator, a_case()) == SEES | {
            Action.LIST, Action.EXPORT, Action.RAW_EVENTS, Action.SECURITY_LOG,
        }  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_nobody_reads_what_is_said_about_their_own_departments_people(role: Role) -> None:
    about = a_case("complaints-office", about="delivery")
    left = granted(somebody("delivery", role), about)
    assert left.isdisjoint({Action.READ, *COMMANDS, Action.ERASE, Action.EXPORT_PERSON})
    if role in {Role.AGENT, Role.LEAD, Role.OPERATOR}:
        assert Action.STATUS in left  # a reference that was given out leads somewhere
    assert Action.READ in granted(somebody("complaints-office", Role.OFFICE), about)
    of_the_office = a_case("triage", about="complaints-office")
    assert Action.READ not in granted(somebody("complaints-office", Role.OFFICE), of_the_office)
    assert Action.READ in granted(somebody("triage"), of_the_office)


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
