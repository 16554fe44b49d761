"""What staff can do to a case, and what is refused by name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.router.domain.case import REFUSAL_TEXTS, Case, Desks, Refusal, Refused, State
from services.router.domain.commands import (
    Accept,
    AcceptTransfer,
    Ask,
    Assign,
    Command,
    DeclineTransfer,
    Note,
    Promise,
    Propose,
    Report,
    Transfer,
    WithdrawTransfer,
)
from services.router.domain.life import obey, refusal_of
from services.router.domain.rights import Action, Actor, Role
from services.router.domain.story import Outcome
from services.router.domain.told import (
    amended,
    breached,
    confirmed,
    disputed,
    escalated,
    replied,
    somebody_else,
    withdrawn,
)
from tests.unit.router.cases import DESKS, NOON, a_case, an_id, moment, placed, somebody

LATER = NOON + timedelta(hours=3)


def do(
    case: Case,
    command: Command,
    actor: Actor | None = None,
    place_at: str = "complaints-office",
    desks: Desks = DESKS,
) -> Outcome:
    actor = actor or somebody(case.department)
    return obey(case, command, actor, desks, moment(actor=actor.name), lambda _case: placed(place_at))


def kinds(outcome: Outcome) -> list[str]:
    return [event.kind.removesuffix(".v1") for event in outcome.events]


def refused(case: Case, command: Command, actor: Actor | None = None, desks: Desks = DESKS) -> Refusal:
    with pytest.raises(Refused) as caught:
        do(case, command, actor, desks=desks)
    return caught.value.reason


def in_hand(department: str = "delivery") -> Case:
    return do(a_case(department), Accept()).case


def proposed() -> Case:
    return do(in_hand(), Propose(text="换新，今天寄出", remedy="exchange")).case


def place_at(department: str):
    return lambda _case: placed(department)


class TestOwner:
    def test_accepts_reports_asks_promises_and_proposes(self) -> None:
        case = a_case()
        steps = [
            (Accept(), State.ACCEPTED, "complaint.accepted"),
            (Report(text="已联系仓库"), State.IN_PROGRESS, "progress.reported"),
            (Promise(due_at=LATER, text="今天下午回电"), State.IN_PROGRESS, "promise.made"),
            (Promise(due_at=LATER + timedelta(hours=1), text="改到四点"), State.IN_PROGRESS, "promise.renewed"),
            (Ask(question="单号是多少？"), State.WAITING, "customer.asked"),
        ]
        for command, state, kind in steps:
            outcome = do(case, command)
            assert outcome.case.state is state
            assert kinds(outcome) == [kind]
            case = outcome.case
        answered = replied(case, an_id(), NOON, case.question_id, "SF123", moment(), DESKS)
        assert kinds(answered) == ["customer.answered"]
        assert answered.case.state is State.IN_PROGRESS
        assert kinds(do(answered.case, Propose(text="已送达"))) == ["resolution.proposed"]

    def test_must_accept_before_anything_is_told_to_the_customer(self) -> None:
        for command in (Report(text="x"), Ask(question="x"), Propose(text="x"), Promise(due_at=LATER, text="x")):
            assert refused(a_case(), command) is Refusal.NOT_ACCEPTED

    def test_accepts_once(self) -> None:
        assert refused(in_hand(), Accept()) is Refusal.ALREADY_ACCEPTED

    def test_promises_only_dates_in_the_future(self) -> None:
        assert refused(in_hand(), Promise(due_at=NOON, text="x")) is Refusal.DUE_IN_PAST

    def test_promises_nothing_beyond_the_limit_of_the_pack(self) -> None:
        far = NOON + timedelta(days=DESKS.promise_days)
        assert kinds(do(in_hand(), Promise(due_at=far, text="x"))) == ["promise.made"]
        with pytest.raises(Refused) as caught:
            do(in_hand(), Promise(due_at=far + timedelta(microseconds=1), text="x"))
        assert (caught.value.reason, caught.value.latest) == (Refusal.DUE_TOO_FAR, far)

    def test_a_renewed_promise_keeps_its_id_and_names_the_date_it_replaces(self) -> None:
        first = do(in_hand(), Promise(due_at=LATER, text="x"))
        second = do(first.case, Promise(due_at=LATER + timedelta(days=1), text="y")).events[0]
        assert second.promise_id == first.events[0].promise_id
        assert second.previous_due_at == LATER

    def test_a_report_that_keeps_the_promise_ends_it(self) -> None:
        promised = do(in_hand(), Promise(due_at=LATER, text="x"))
        kept = do(promised.case, Report(text="已回电", keeps_promise=True))
        assert kept.events[0].promise_id == promised.events[0].promise_id
        assert kinds(do(kept.case, Promise(due_at=LATER, text="z"))) == ["promise.made"]

    def test_cannot_propose_while_the_customer_is_asked(self) -> None:
        assert refused(do(in_hand(), Ask(question="x")).case, Propose(text="x")) is Refusal.WAITING

    def test_texts_travel_sealed_and_are_remembered_clear(self) -> None:
        outcome = do(in_hand(), Report(text="已联系仓库"))
        assert outcome.events[0].text.startswith("s1.")
        assert "仓库" not in outcome.events[0].model_dump_json()
        assert outcome.lines[0].text == "已联系仓库"

    def test_notes_are_told_to_nobody(self) -> None:
        outcome = do(in_hand(), Note(note_id=an_id(), text="客户很着急"))
        assert outcome.events == ()
        assert outcome.lines[0].what == "note"

    def test_nothing_but_notes_after_closing(self) -> None:
        closed = confirmed(proposed(), an_id(), NOON, moment()).case
        assert refused(closed, Accept()) is Refusal.CLOSED
        assert do(closed, Note(note_id=an_id(), text="x")).case == closed


class TestTransfer:
    def test_giver_stays_owner_until_the_receiver_accepts(self) -> None:
        offered = do(in_hand(), Transfer(to="billing", reason="退款问题"))
        assert offered.case.department == "delivery"
        assert offered.case.offered_to == "billing"
        taken = do(offered.case, AcceptTransfer(), somebody("billing"))
        assert kinds(taken) == ["transfer.accepted", "complaint.assigned"]
        assert (taken.case.department, taken.case.state, taken.case.epoch) == ("billing", State.ACCEPTED, 2)
        assert taken.events[1].how == "transfer"
        assert taken.events[1].previous_department == "delivery"

    def test_declined_it_stays_where_it_is(self) -> None:
        offered = do(a_case(), Transfer(to="billing", reason="x")).case
        declined = do(offered, DeclineTransfer(reason="不是账务"), somebody("billing"))
        assert kinds(declined) == ["transfer.declined"]
        assert (declined.case.department, declined.case.offer) == ("delivery", None)

    def test_the_giver_takes_an_open_offer_back_and_goes_on(self) -> None:
        offered = do(in_hand(), Transfer(to="billing", reason="x")).case
        withdrawn = do(offered, WithdrawTransfer())
        assert kinds(withdrawn) == ["transfer.withdrawn"]
        assert withdrawn.events[0].to_department == "billing"
        assert withdrawn.lines[0].what == "transfer_withdrawn"
        case = withdrawn.case
        assert (case.department, case.state, case.offer, case.declined) == ("delivery", offered.state, None, ())
        assert refused(case, WithdrawTransfer()) is Refusal.NO_OFFER
        assert refused(case, AcceptTransfer(), somebody("billing")) is Refusal.NOT_YOURS
        assert do(case, Transfer(to="billing", reason="x")).case.offers == 2

    def test_only_the_giver_takes_an_offer_back(self) -> None:
        offered = do(in_hand(), Transfer(to="billing", reason="x")).case
        for department in ("billing", "marketing", "complaints-office"):
            assert refused(offered, WithdrawTransfer(), somebody(department)) is Refusal.NOT_YOURS
        taken = do(offered, AcceptTransfer(), somebody("billing")).case
        assert refused(taken, WithdrawTransfer(), somebody("delivery")) is Refusal.NOT_YOURS

    def test_the_giver_goes_on_working_while_an_offer_is_open(self) -> None:
        offered = do(in_hand(), Transfer(to="billing", reason="x")).case
        asked = do(do(offered, Report(text="x")).case, Ask(question="x")).case
        assert (asked.state, asked.offered_to) == (State.WAITING, "billing")
        taken = do(asked, AcceptTransfer(), somebody("billing"))
        assert kinds(taken) == ["customer.answered", "transfer.accepted", "complaint.assigned"]
        assert taken.case.state is State.ACCEPTED

    def test_only_the_receiver_answers(self) -> None:
        offered = do(a_case(), Transfer(to="billing", reason="x")).case
        for department in ("delivery", "marketing", "complaints-office"):
            assert refused(offered, AcceptTransfer(), somebody(department)) is Refusal.NOT_YOURS

    def test_a_second_click_finds_the_offer_answered(self) -> None:
        offered = do(a_case(), Transfer(to="billing", reason="x")).case
        taken = do(offered, AcceptTransfer(), somebody("billing")).case
        assert refused(taken, AcceptTransfer(), somebody("billing")) is Refusal.NO_OFFER

    def test_after_two_transfers_the_office_decides_and_that_is_final(self) -> None:
        case = in_hand()
        for to in ("billing", "after-sales"):
            case = do(do(case, Transfer(to=to, reason="x")).case, AcceptTransfer(), somebody(to)).case
        third = do(case, Transfer(to="marketing", reason="活动规则"))
        assert third.case.offered_to == "complaints-office"
        assert third.events[0].wanted == "marketing"
        office = somebody("complaints-office", Role.OFFICE)
        decided = do(third.case, Assign(department="marketing", reason="活动由市场部负责"), office)
        assert kinds(decided) == ["complaint.assigned"]
        assert decided.events[0].how == "arbitration"
        assert decided.case.department == "marketing"
        assert refused(decided.case, Transfer(to="billing", reason="x")) is Refusal.DECISION_FINAL

    def test_going_back_to_a_former_owner_is_for_the_office_to_decide(self) -> None:
        taken = do(do(in_hand(), Transfer(to="billing", reason="x")).case, AcceptTransfer(), somebody("billing")).case
        back = do(taken, Transfer(to="delivery", reason="x")).case
        assert (back.offered_to, back.offer.arbitration) == ("complaints-office", True)

    def test_a_department_that_declined_is_not_asked_again(self) -> None:
        offered = do(in_hand(), Transfer(to="billing", reason="x")).case
        declined = do(offered, DeclineTransfer(reason="y"), somebody("billing")).case
        assert do(declined, Transfer(to="billing", reason="z")).case.offered_to == "complaints-office"

    def test_the_office_can_leave_it_with_the_giver_for_good(self) -> None:
        asked = do(in_hand(), Transfer(to="complaints-office", reason="x")).case
        kept = do(asked, Assign(department="delivery", reason="y"), somebody("complaints-office", Role.OFFICE)).case
        assert (kept.department, kept.state, kept.final, kept.epoch) == ("delivery", State.ACCEPTED, True, 2)
        declined = do(asked, DeclineTransfer(reason="y"), somebody("complaints-office", Role.OFFICE)).case
        assert (declined.department, declined.final) == ("delivery", True)

    def test_never_to_the_department_whose_staff_it_is_about(self) -> None:
        case = do(a_case(about="billing"), Accept()).case
        assert refused(case, Transfer(to="billing", reason="x")) is Refusal.ABOUT_RECEIVER
        office = somebody("complaints-office", Role.OFFICE)
        assert refused(case, Assign(department="billing", reason="x"), office) is Refusal.ABOUT_RECEIVER

    @pytest.mark.parametrize(
        ("case", "to", "reason"),
        [
            (in_hand(), "delivery", Refusal.OWN_DEPARTMENT),
            (in_hand(), "bank-triage", Refusal.UNKNOWN_DEPARTMENT),
            (do(in_hand(), Ask(question="x")).case, "billing", Refusal.WAITING),
            (proposed(), "billing", Refusal.PROPOSED),
            (do(in_hand(), Transfer(to="billing", reason="x")).case, "marketing", Refusal.OFFER_PENDING),
            (a_case("triage"), "billing", Refusal.IN_TRIAGE),
        ],
        ids=lambda value: str(value) if isinstance(value, str | Refusal) else "",
    )
    def test_is_refused_with_a_reason(self, case: Case, to: str, reason: Refusal) -> None:
        assert refused(case, Transfer(to=to, reason="x")) is reason

    def test_a_proposed_resolution_ends_an_open_offer(self) -> None:
        offered = do(in_hand(), Transfer(to="billing", reason="x")).case
        assert do(offered, Propose(text="x")).case.offer is None


class TestDecidingDesks:
    def test_triage_assigns_what_lies_there(self) -> None:
        assigned = do(a_case("triage"), Assign(department="billing", reason="退款"), somebody("triage"))
        assert assigned.events[0].how == "triage"
        assert (assigned.case.department, assigned.case.state) == ("billing", State.ASSIGNED)

    def test_triage_does_not_take_from_others(self) -> None:
        assert refused(a_case(), Assign(department="billing", reason="x"), somebody("triage")) is Refusal.NOT_YOURS

    def test_triage_may_ask_the_customer_first(self) -> None:
        asked = do(a_case("triage"), Ask(question="哪一件商品？"))
        assert asked.case.state is State.WAITING
        answered = replied(asked.case, an_id(), NOON, asked.case.question_id, "电饭煲", moment(), DESKS).case
        assert answered.state is State.TRIAGE
        assert do(answered, Assign(department="after-sales", reason="x")).case.department == "after-sales"

    def test_the_office_moves_a_waiting_case_and_the_wait_ends(self) -> None:
        waiting = do(in_hand(), Ask(question="x")).case
        moved = do(waiting, Assign(department="billing", reason="x"), somebody("complaints-office", Role.OFFICE))
        assert kinds(moved) == ["customer.answered", "complaint.assigned"]
        assert moved.events[0].answered is False

    def test_the_office_waits_for_the_customers_word_on_a_resolution(self) -> None:
        office = somebody("complaints-office", Role.OFFICE)
        assert refused(proposed(), Assign(department="billing", reason="x"), office) is Refusal.PROPOSED


class TestCustomer:
    def test_a_word_or_a_breach_about_another_resolution_or_question_moves_nothing(self) -> None:
        """B8, C2: a replayed or late one acted on whatever was open by then."""
        case, other = proposed(), an_id()
        assert case.resolution_id is not None
        kept = confirmed(case, an_id(), NOON, moment(), other)
        assert (kept.case.state, kept.case.attention, kept.events) == (State.PROPOSED, True, ())
        kept = disputed(case, an_id(), NOON, "x", moment(), DESKS, place_at("billing"), other)
        assert (kept.case.state, kept.case.attention, kept.events) == (State.PROPOSED, True, ())
        kept = breached(case, an_id(), "confirmation", 1, LATER, moment(LATER), DESKS, other)
        assert (kept.case, kept.events) == (case, ())
        closed = breached(case, an_id(), "confirmation", 1, LATER, moment(LATER), DESKS, case.resolution_id).case
        assert (closed.state, closed.closed_how) == (State.CLOSED, "no_answer")
        assert confirmed(case, an_id(), NOON, moment(), case.resolution_id).case.closed_how == "confirmed"
        waiting = do(in_hand(), Ask(question="x")).case
        kept = breached(waiting, an_id(), "answer", 1, LATER, moment(LATER), DESKS, other)
        assert (kept.case, kept.events) == (waiting, ())
        assert kinds(breached(waiting, an_id(), "answer", 1, LATER, moment(LATER), DESKS, waiting.question_id)) == [
            "customer.answered"
        ]

    def test_confirms_and_the_case_closes(self) -> None:
        closed = confirmed(proposed(), an_id(), NOON, moment())
        assert (closed.case.state, closed.case.closed_how) == (State.CLOSED, "confirmed")
        assert closed.events[0].how == "confirmed"

    def test_disputes_and_somebody_else_handles_the_next_stage(self) -> None:
        reopened = disputed(proposed(), an_id(), NOON, "还是坏的", moment(), DESKS, place_at("complaints-office"))
        assert kinds(reopened) == ["complaint.reopened", "complaint.assigned"]
        assert reopened.events[1].how == "reopen"
        case = reopened.case
        assert (case.stage, case.epoch, case.department, case.state) == (2, 2, "complaints-office", State.ASSIGNED)

    def test_never_gets_the_same_department_again_even_if_policy_says_so(self) -> None:
        reopened = disputed(proposed(), an_id(), NOON, None, moment(), DESKS, place_at("delivery")).case
        assert reopened.department == "complaints-office"
        office = somebody("complaints-office", Role.OFFICE)
        assert refused(reopened, Assign(department="delivery", reason="x"), office) is Refusal.HANDLED_BEFORE

    def test_a_third_not_settled_goes_up_and_not_to_the_triage_desk(self) -> None:
        """C15: it fell to the triage desk, which could give it to nobody."""
        case = proposed()
        for _ in range(3):
            case = disputed(case, an_id(), NOON, "x", moment(), DESKS, place_at("complaints-office")).case
            assert (case.department, case.state) == ("complaints-office", State.ASSIGNED)
            case = case._replace(state=State.PROPOSED, proposed_by="staff:wang")
        assert case.stage == 4 and case.escalated_to == "lead"

    def test_who_proposed_what_was_not_accepted_does_not_propose_the_next_while_a_colleague_can(self) -> None:
        """C15: nothing stopped the same person of the office from answering a third time."""
        wang, sun = (replace(somebody("complaints-office", Role.OFFICE), user=user) for user in ("wang", "sun"))
        again = Propose(text="同上")
        desks = replace(DESKS, staff=(wang, sun))
        case = a_case("complaints-office", state=State.ACCEPTED, stage=3, contested_by=wang.name)
        assert refused(case, again, wang, desks) is Refusal.RESOLUTION_DISPUTED
        assert refusal_of(case, Action.PROGRESS, wang, desks) is None, "all else is theirs as before"
        done = do(case, again, sun, desks=desks)
        assert not done.case.attention and "again" not in done.lines[-1].detail
        for missing in ((), (wang,), (wang, replace(sun, department="delivery")), (wang, replace(sun, pack="bank"))):
            alone = replace(DESKS, staff=missing)
            done = do(case, again, wang, desks=alone)
            assert done.case.attention and done.lines[-1].detail["again"] is True

    def test_the_author_of_an_older_resolution_may_propose_again(self) -> None:
        case = disputed(
            proposed()._replace(proposed_by="staff:wang"), an_id(), NOON, "x", moment(), DESKS, place_at("billing")
        ).case
        assert case.contested_by == "staff:wang"
        later = case._replace(state=State.PROPOSED, proposed_by="staff:sun")
        assert (
            disputed(later, an_id(), NOON, "x", moment(), DESKS, place_at("billing")).case.contested_by == "staff:sun"
        )

    def test_what_is_refused_says_who_may(self) -> None:
        for words in (REFUSAL_TEXTS[Refusal.RESOLUTION_DISPUTED].zh, REFUSAL_TEXTS[Refusal.RESOLUTION_DISPUTED].en):
            assert "同事" in words or "colleague" in words

    def test_with_the_last_word_the_office_may_give_it_to_whom_it_wants(self) -> None:
        case = a_case("complaints-office", stage=3, contested=("delivery", "complaints-office"))
        office = somebody("complaints-office", Role.OFFICE)
        given = do(case, Assign(department="delivery", reason="x"), office).case
        assert given.department == "delivery" and given.final

    def test_a_complaint_about_the_office_never_goes_there(self) -> None:
        case = a_case("delivery", contested=("delivery",), about="complaints-office")
        assert somebody_else(case, placed("complaints-office"), DESKS).department == "triage"

    def test_disputes_after_closing_too(self) -> None:
        closed = breached(proposed(), an_id(), "confirmation", 1, LATER, moment(LATER), DESKS).case
        assert closed.closed_how == "no_answer"
        again = disputed(closed, an_id(), LATER, "x", moment(LATER), DESKS, place_at("complaints-office")).case
        assert again.state is State.ASSIGNED

    def test_a_dispute_while_it_is_being_worked_is_only_remembered(self) -> None:
        heard = disputed(in_hand(), an_id(), NOON, "x", moment(), DESKS, place_at("complaints-office"))
        assert heard.events == ()
        assert heard.case.attention

    def test_a_reply_to_an_older_question_is_a_fact_that_was_added(self) -> None:
        waiting = do(in_hand(), Ask(question="x")).case
        heard = replied(waiting, an_id(), NOON, an_id(), "x", moment(), DESKS)
        assert heard.events == ()
        assert heard.case.state is State.WAITING

    def test_words_of_the_customer_ask_for_attention_until_somebody_acts(self) -> None:
        heard = amended(in_hand(), an_id(), NOON, "补充", moment()).case
        assert heard.attention
        assert do(heard, Note(note_id=an_id(), text="x")).case.attention
        assert not do(heard, Report(text="x")).case.attention

    def test_withdraws_in_any_state_once(self) -> None:
        for case in (a_case(), in_hand(), proposed(), a_case("triage")):
            closed = withdrawn(case, an_id(), NOON, None, moment())
            assert closed.events[0].how == "withdrawn"
            again = withdrawn(closed.case, an_id(), NOON, None, moment())
            assert again.events == ()

    def test_not_settled_reopens_what_was_withdrawn(self) -> None:
        """C7: the page offers it, and says that we look at it again."""
        for before in (proposed(), in_hand()):
            closed = withdrawn(before, an_id(), NOON, None, moment()).case
            heard = disputed(closed, an_id(), LATER, "x", moment(LATER), DESKS, place_at("billing"))
            assert kinds(heard) == ["complaint.reopened", "complaint.assigned"]
            assert (heard.case.stage, heard.case.closed_how) == (2, None)
            said_before = closed._replace(since=LATER)
            assert disputed(said_before, an_id(), NOON, "x", moment(), DESKS, place_at("billing")).events == ()


class TestClocks:
    def test_no_word_about_the_resolution_closes_it(self) -> None:
        closed = breached(proposed(), an_id(), "confirmation", 1, LATER, moment(LATER), DESKS)
        assert closed.events[0].how == "no_answer"

    def test_no_answer_to_the_question_brings_it_back(self) -> None:
        waiting = do(in_hand(), Ask(question="x")).case
        back = breached(waiting, an_id(), "answer", 1, LATER, moment(LATER), DESKS)
        assert back.case.state is State.IN_PROGRESS
        assert back.events[0].answered is False

    @pytest.mark.parametrize(
        "case",
        [
            proposed()._replace(epoch=2),
            proposed()._replace(since=LATER + timedelta(seconds=1)),
            confirmed(proposed(), an_id(), NOON, moment()).case,
        ],
        ids=["earlier owner", "earlier wait", "closed"],
    )
    def test_a_stale_breach_is_remembered_and_moves_nothing(self, case: Case) -> None:
        late = breached(case, an_id(), "confirmation", 1, LATER, moment(LATER), DESKS)
        assert late.case == case
        assert late.events == ()
        assert len(late.lines) == 1

    def test_any_other_breach_asks_for_attention(self) -> None:
        late = breached(in_hand(), an_id(), "owner", 1, LATER, moment(LATER), DESKS)
        assert (late.case.attention, late.case.state) == (True, State.ACCEPTED)
        assert late.events == ()

    def test_an_escalation_marks_the_case(self) -> None:
        marked = escalated(in_hand(), an_id(), "lead", "owner", NOON, moment())
        assert marked.case.escalated_to == "lead"
        assert marked.events == ()
