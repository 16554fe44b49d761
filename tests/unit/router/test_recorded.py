"""What staff record of a customer's words on the phone, also while the customer speaks on the page (S69, S87)."""

import pytest

from services.router.domain.case import REFUSAL_TEXTS, Case, Refusal, State
from services.router.domain.commands import (
    Accept,
    Ask,
    Command,
    Propose,
    RecordAnswer,
    RecordConfirmation,
    RecordDispute,
    RecordTold,
)
from services.router.domain.rights import Actor, Role
from services.router.domain.told import (
    breached,
    confirmed,
    disputed,
    replied,
    withdrawn,
)
from tests.unit.router.cases import DESKS, NOON, a_case, an_id, moment, somebody
from tests.unit.router.test_life import LATER, do, in_hand, kinds, place_at, proposed, refused

COLLEAGUE = Actor(user="colleague", role=Role.HANDLER, department="delivery", pack="retail")
HOW = RecordConfirmation(note="回访，11 月 28 日 14:05，客户本人接听")


class TestRecordedByStaff:
    """What the customer said on the phone counts as the customer's word (S69, S87)."""

    def test_an_answer_goes_on_with_the_case_sealed_and_told_by_staff(self) -> None:
        answered = do(do(in_hand(), Ask(question="单号是多少？")).case, RecordAnswer(answer="SF123"))
        (event,) = answered.events
        assert (event.kind, event.answered, event.cause.actor) == (
            "customer.answered.v1", True, "staff:delivery-handler",
        )  # fmt: skip
        assert event.answer.startswith("s1.")
        assert "SF123" not in event.model_dump_json()
        assert (answered.case.state, answered.case.question_id) == (State.IN_PROGRESS, None)
        assert [(line.what, line.text, line.who) for line in answered.lines] == [
            ("answer_recorded", "SF123", "staff:delivery-handler"),
            ("answered", None, "staff:delivery-handler"),
        ]

    def test_an_answer_brings_a_case_of_the_triage_desk_back_there(self) -> None:
        asked = do(a_case("triage"), Ask(question="哪一件商品？")).case
        assert do(asked, RecordAnswer(answer="电饭煲")).case.state is State.TRIAGE

    def test_a_confirmation_closes_and_keeps_how_it_was_said_within_the_house(self) -> None:
        closed = do(proposed(), HOW, COLLEAGUE)
        (event,) = closed.events
        assert (event.kind, event.how, event.cause.actor) == ("complaint.closed.v1", "confirmed", "staff:colleague")
        assert (closed.case.state, closed.case.confirmed, closed.case.attention) == (State.CLOSED, True, False)
        assert [(line.what, line.text) for line in closed.lines] == [
            ("confirmation_recorded", HOW.note), ("closed", None),
        ]  # fmt: skip
        assert "14:05" not in event.model_dump_json()

    @pytest.mark.parametrize(
        "actor",
        [COLLEAGUE, somebody("delivery", Role.LEAD), somebody("complaints-office", Role.OFFICE)],
        ids=["colleague", "lead", "office"],
    )
    def test_somebody_else_than_the_proposer_records_the_confirmation(self, actor: Actor) -> None:
        assert do(proposed(), HOW, actor).case.closed_how == "confirmed"

    @pytest.mark.parametrize("role", [Role.HANDLER, Role.LEAD])
    def test_nobody_closes_a_case_by_their_own_word_alone(self, role: Role) -> None:
        proposer = somebody("delivery", role)
        case = do(in_hand(), Propose(text="x"), proposer).case
        assert refused(case, HOW, proposer) is Refusal.OWN_RESOLUTION
        for words in (REFUSAL_TEXTS[Refusal.OWN_RESOLUTION].zh, REFUSAL_TEXTS[Refusal.OWN_RESOLUTION].en):
            assert "投诉管理部" in words or "complaints office" in words, "it says who may"

    def test_the_office_that_proposed_is_not_its_own_second_pair_of_eyes(self) -> None:
        case = do(in_hand("complaints-office"), Propose(text="x")).case
        assert refused(case, HOW) is Refusal.OWN_RESOLUTION
        assert do(case, HOW, somebody("complaints-office", Role.OFFICE)).case.closed_how == "confirmed"

    def test_who_proposed_counts_for_that_resolution_only(self) -> None:
        again = do(proposed(), RecordDispute(text="还是坏的")).case
        assert again.proposed_by is None
        second = do(do(again, Accept()).case, Propose(text="退款")).case
        assert second.proposed_by == "staff:complaints-office-handler"

    def test_not_settled_reopens_with_somebody_else_as_the_customers_own_word_does(self) -> None:
        recorded = do(proposed(), RecordDispute(text="还是坏的"))
        own = disputed(proposed(), an_id(), NOON, "还是坏的", moment(), DESKS, place_at("complaints-office"))
        assert kinds(recorded) == kinds(own) == ["complaint.reopened", "complaint.assigned"]
        unlike = {"complaint_id", "person_id", "version", "received_at", "proposed_by"}
        assert _without(recorded.case, unlike) == _without(own.case, unlike)
        assert recorded.events[0].reason.startswith("s1.")
        assert recorded.lines[0].what == "dispute_recorded"
        assert recorded.case.attention, "news for the department that has it now"

    def test_the_proposer_may_record_what_speaks_against_them(self) -> None:
        proposer = somebody("delivery")
        assert do(do(in_hand(), Propose(text="x"), proposer).case, RecordDispute(text="x"), proposer).case.stage == 2

    def test_not_settled_reopens_after_closing_too_but_not_what_is_worked_on_elsewhere(self) -> None:
        closed = breached(proposed(), an_id(), "confirmation", 1, LATER, moment(LATER), DESKS).case
        assert do(closed, RecordDispute(text="x")).case.stage == 2
        gone = withdrawn(proposed(), an_id(), NOON, None, moment()).case
        assert do(gone, RecordDispute(text="x")).case.stage == 2
        assert refused(gone._replace(closed_how="merged"), RecordDispute(text="x")) is Refusal.CLOSED

    def test_that_they_were_told_is_told_with_what_they_know_now(self) -> None:
        """C4: a recorded call begins what silence ends."""
        for case in (do(in_hand(), Ask(question="x")).case, proposed()):
            known = do(case, RecordTold(text="28 Nov 14:05, herself"), somebody("delivery", Role.AGENT))
            (event,) = known.events
            assert (event.kind, event.tells_event_id) == (
                "progress.reported.v1",
                case.question_id or case.resolution_id,
            )
            assert [(line.what, line.text) for line in known.lines] == [("told_by_phone", "28 Nov 14:05, herself")]
            assert (known.case.state, known.case.resolution_id) == (case.state, case.resolution_id)
            assert refused(case, RecordTold(text="x", about=an_id())) is Refusal.STALE
        assert refused(in_hand(), RecordTold(text="x")) is Refusal.NO_RESOLUTION

    def test_an_agent_of_the_owner_records_what_callers_say_but_no_confirmation(self) -> None:
        agent = somebody("delivery", Role.AGENT)
        assert do(do(in_hand(), Ask(question="x")).case, RecordAnswer(answer="y"), agent).events
        assert do(proposed(), RecordDispute(text="x"), agent).events
        assert refused(proposed(), HOW, agent) is Refusal.NOT_YOURS

    @pytest.mark.parametrize("command", [RecordAnswer(answer="x"), HOW, RecordDispute(text="x")])
    def test_no_other_department_speaks_for_the_customer(self, command: Command) -> None:
        case = proposed() if not isinstance(command, RecordAnswer) else do(in_hand(), Ask(question="x")).case
        for actor in (somebody("billing"), somebody("billing", Role.LEAD), somebody("triage")):
            assert refused(case, command, actor) is Refusal.NOT_YOURS

    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            (RecordAnswer(answer="x"), Refusal.NO_QUESTION),
            (HOW, Refusal.NO_RESOLUTION),
            (RecordDispute(text="x"), Refusal.NO_RESOLUTION),
        ],
    )
    def test_needs_something_that_is_awaited(self, command: Command, reason: Refusal) -> None:
        assert refused(in_hand(), command) is reason

    def test_the_office_records_and_the_owner_hears_of_it(self) -> None:
        asked = do(in_hand(), Ask(question="x")).case
        assert do(asked, RecordAnswer(answer="y"), somebody("complaints-office", Role.OFFICE)).case.attention
        assert not do(asked, RecordAnswer(answer="y")).case.attention
        assert do(asked, RecordAnswer(answer="y"), somebody("delivery", Role.AGENT)).case.attention


class TestBothAtOnce:
    """The customer on the page and somebody on the phone in the same moment, in both orders."""

    def test_an_answer(self) -> None:
        asked = do(in_hand(), Ask(question="x")).case
        page_first = replied(asked, an_id(), NOON, asked.question_id, "甲", moment(), DESKS).case
        assert refused(page_first, RecordAnswer(answer="乙")) is Refusal.NO_QUESTION
        assert refused(asked, RecordAnswer(answer="乙", question_id=an_id())) is Refusal.STALE
        assert do(asked, RecordAnswer(answer="乙", question_id=asked.question_id)).events
        phone_first = do(asked, RecordAnswer(answer="乙")).case
        heard = replied(phone_first, an_id(), NOON, asked.question_id, "甲", moment(), DESKS)
        assert heard.events == ()
        assert (heard.case.state, heard.case.attention, heard.lines[0].text) == (State.IN_PROGRESS, True, "甲")

    def test_a_confirmation(self) -> None:
        page_first = confirmed(proposed(), an_id(), NOON, moment()).case
        assert refused(page_first, HOW, COLLEAGUE) is Refusal.CLOSED
        phone_first = do(proposed(), HOW, COLLEAGUE).case
        heard = confirmed(phone_first, an_id(), NOON, moment())
        assert (heard.events, heard.case, len(heard.lines)) == ((), phone_first, 1)

    def test_not_settled(self) -> None:
        page_first = disputed(proposed(), an_id(), NOON, "x", moment(), DESKS, place_at("complaints-office")).case
        assert refused(page_first, RecordDispute(text="y"), somebody("delivery")) is Refusal.NOT_YOURS
        office = somebody("complaints-office", Role.OFFICE)
        assert refused(page_first, RecordDispute(text="y"), office) is Refusal.NO_RESOLUTION
        phone_first = do(proposed(), RecordDispute(text="y")).case
        heard = disputed(phone_first, an_id(), NOON, "x", moment(), DESKS, place_at("billing"))
        assert (heard.events, heard.case.stage) == ((), 2)

    def test_yes_on_one_side_and_no_on_the_other(self) -> None:
        closed = do(proposed(), HOW, COLLEAGUE).case
        own_word = disputed(closed, an_id(), NOON, "x", moment(), DESKS, place_at("complaints-office")).case
        assert (own_word.stage, own_word.state) == (2, State.ASSIGNED)
        again = do(proposed(), RecordDispute(text="y")).case
        heard = confirmed(again, an_id(), NOON, moment())
        assert (heard.events, heard.case.attention, heard.case.state) == ((), True, State.ASSIGNED)


def _without(case: Case, names: set[str]) -> dict[str, object]:
    return {name: value for name, value in case._asdict().items() if name not in names}


def test_a_word_about_another_resolution_than_the_one_proposed_is_stale() -> None:
    """G2: what the customer said of the first answer must not settle, or contest, the second."""
    case, other = proposed(), an_id()
    for command in (
        RecordConfirmation(note="电话里说好了", resolution_id=other),
        RecordDispute(text="还没好", resolution_id=other),
    ):
        assert refused(case, command, COLLEAGUE) is Refusal.STALE
    named = RecordDispute(text="还没好", resolution_id=case.resolution_id)
    assert do(case, named, COLLEAGUE).case.stage == 2
