"""Whatever people, customers and clocks do in whatever order: one owner, a growing version, no ping-pong (I2, §5 T11)."""

from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.router import http
from services.router.domain.case import Case, Refusal, Refused, State
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
    RecordAnswer,
    RecordConfirmation,
    RecordDispute,
    Report,
    Transfer,
    WithdrawTransfer,
)
from services.router.domain.life import obey
from services.router.domain.rights import Action, Actor, Relation, Role, may, relations
from services.router.domain.story import Outcome
from services.router.domain.told import (
    added,
    amended,
    breached,
    confirmed,
    disputed,
    escalated,
    replied,
    submitted,
    withdrawn,
)
from shared.events.envelope import Cause
from shared.events.routing import (
    ComplaintAssigned,
    ComplaintClosed,
    ComplaintReopened,
    CustomerAnswered,
    TransferAccepted,
)
from shared.runtime.web.texts import Catalogue
from tests.unit.router.cases import DEPARTMENTS, DESKS, NOON, a_complaint, an_id, moment, placed, somebody

TEXTS = Catalogue.load([Path(http.__file__).parent / "templates" / "texts"])
_TITLE = {"assigned": "story.assigned.policy", "closed": "story.closed.confirmed"}
departments = st.sampled_from(DEPARTMENTS)
roles = st.sampled_from(list(Role))


@st.composite
def commands(draw: st.DrawFn) -> Command:
    to = draw(departments)
    return draw(
        st.sampled_from(
            [
                Accept(),
                Report(text="x", keeps_promise=draw(st.booleans())),
                Ask(question="x"),
                Promise(due_at=NOON + timedelta(days=draw(st.integers(0, 400))), text="x"),
                Transfer(to=to, reason="x"),
                AcceptTransfer(),
                DeclineTransfer(reason="x"),
                WithdrawTransfer(),
                Assign(department=to, reason="x"),
                Propose(text="x"),
                Note(note_id=an_id(), text="x"),
                RecordAnswer(answer="x"),
                RecordConfirmation(note="x"),
                RecordDispute(text="x"),
            ]
        )
    )


class Life(RuleBasedStateMachine):
    case: Case

    @initialize(department=departments, about=st.none() | departments)
    def arrives(self, department: str, about: str | None) -> None:
        self.hours = 0
        self.owners_by_event: list[str] = []
        self.received: list[str] = []
        self.transfers_in_stage = 0
        self.closed_versions: list[int] = []
        about = None if about == department else about
        outcome = submitted(a_complaint(about), placed(department), DESKS, moment(actor="policy"), about)
        self.version, self.epoch = 0, 0
        self.case = outcome.case
        self.follow(outcome)

    def follow(self, outcome: Outcome) -> None:
        """Check every promise on the events of one step, as a reader of the topic sees them."""
        for line in outcome.lines:
            assert _TITLE.get(line.what, f"story.{line.what}") in TEXTS, "the desk says what it was"
        for event in outcome.events:
            assert event.version == self.version + 1
            self.version = event.version
            if isinstance(event, ComplaintAssigned):
                assert event.epoch == self.epoch + 1
                self.epoch = event.epoch
                if self.owners_by_event:
                    assert event.previous_department == self.owners_by_event[-1]
                self.owners_by_event.append(event.department)
            elif isinstance(event, TransferAccepted):
                self.transfers_in_stage += 1
            assert event.epoch == self.epoch
            assert event.department == self.owners_by_event[-1]
        self.case = outcome.case

    def now(self):
        self.hours += 1
        return moment(NOON + timedelta(hours=self.hours))

    @rule(command=commands(), department=departments, role=roles, then=departments)
    def staff(self, command: Command, department: str, role: Role, then: str) -> None:
        actor = somebody(department, role)
        before = self.case
        granted = may(actor, command.action, before, DESKS)
        try:
            now = self.now()._replace(cause=Cause(kind="request", id="r", actor=actor.name))
            outcome = obey(before, command, actor, DESKS, now, lambda _case: placed(then))
        except Refused as refused:
            assert granted or refused.reason in {Refusal.NOT_YOURS, Refusal.NO_OFFER}
            return
        assert granted
        assert self.is_theirs(before, command.action, actor)
        assert before.state is not State.CLOSED or isinstance(command, Note | RecordDispute)
        self.speaks_for_the_customer(before, command, actor, outcome)
        if isinstance(command, AcceptTransfer) and not before.offer.arbitration:
            assert before.transfers < DESKS.max_transfers
            assert department not in before.owners, "a cycle"
        self.follow(outcome)

    @staticmethod
    def speaks_for_the_customer(before: Case, command: Command, actor: Actor, outcome: Outcome) -> None:
        """What staff record moves only what waits for the customer, and nobody confirms their own resolution."""
        told = [type(event) for event in outcome.events]
        if isinstance(command, RecordAnswer):
            assert before.question_id is not None
            assert told == [CustomerAnswered]
            assert outcome.events[0].answered
        elif isinstance(command, RecordConfirmation):
            assert before.state is State.PROPOSED
            assert before.proposed_by not in {None, actor.name}
            assert told == [ComplaintClosed]
        elif isinstance(command, RecordDispute):
            assert before.state in {State.PROPOSED, State.CLOSED}
            assert before.closed_how != "merged"
            assert told == [ComplaintReopened, ComplaintAssigned]
        else:
            assert not {ComplaintClosed, ComplaintReopened} & set(told), "only the customer's word closes or reopens"

    @staticmethod
    def is_theirs(case: Case, action: Action, actor) -> bool:
        stands = relations(actor, case, DESKS)
        if action in {Action.TRANSFER_ACCEPT, Action.TRANSFER_DECLINE}:
            return actor.department == case.offered_to
        if action is Action.ASSIGN:
            return bool(stands & {Relation.OFFICE, Relation.TRIAGE_OWNER})
        if action is Action.NOTE:
            return bool(stands & {Relation.OFFICE, Relation.OWNER, Relation.RECEIVER})
        if action in {Action.RECORD_ANSWER, Action.RECORD_CONFIRMATION, Action.RECORD_DISPUTE}:
            return bool(stands & {Relation.OFFICE, Relation.OWNER})
        return actor.department == case.department

    @rule(data=st.data())
    def customer(self, data: st.DataObject) -> None:
        now = self.now()
        case, at = self.case, now.now
        steps = {
            "amends": lambda: amended(case, an_id(), at, "x", now),
            "adds": lambda: added(case, an_id(), at, "x", now),
            "confirms": lambda: confirmed(case, an_id(), at, now),
            "replies": lambda: replied(case, an_id(), at, case.question_id or an_id(), "x", now, DESKS),
            "replies late": lambda: replied(case, an_id(), at, an_id(), "x", now, DESKS),
            "disputes": lambda: disputed(case, an_id(), at, "x", now, DESKS, lambda _c: placed(data.draw(departments))),
        }
        self.follow(steps[data.draw(st.sampled_from(sorted(steps)))]())

    @rule(sure=st.integers(0, 9))
    def withdraws(self, sure: int) -> None:
        if sure == 0:
            now = self.now()
            self.follow(withdrawn(self.case, an_id(), now.now, None, now))

    @rule(clock=st.sampled_from(["confirmation", "answer", "owner", "promise"]), stale=st.booleans())
    def clock_runs_out(self, clock: str, stale: bool) -> None:
        now = self.now()
        epoch = self.case.epoch - 1 if stale else self.case.epoch
        before = self.case
        self.follow(breached(before, an_id(), clock, epoch, now.now, now, DESKS))
        if stale:
            assert self.case == before
        self.follow(escalated(self.case, an_id(), "lead", clock, now.now, now))

    @invariant()
    def has_exactly_one_owner(self) -> None:
        case = self.case
        assert case.department in DESKS.departments
        assert case.owners[-1] == case.department == self.owners_by_event[-1]
        assert len(case.owners) == case.epoch == self.epoch

    @invariant()
    def tells_what_it_is(self) -> None:
        case = self.case
        assert case.version == self.version
        assert (case.state is State.CLOSED) == (case.closed_how is not None)
        assert (case.state is State.WAITING) == (case.question_id is not None)
        assert (case.state is State.PROPOSED) == (case.proposed_by is not None)
        assert case.department != DESKS.triage or case.state in {State.TRIAGE, State.WAITING, State.CLOSED}
        if case.state in {State.PROPOSED, State.CLOSED}:
            assert case.offer is None

    @invariant()
    def nobody_handles_a_complaint_about_themselves_or_one_they_lost(self) -> None:
        case = self.case
        assert case.department != case.about or case.epoch == 1 or case.department == DESKS.triage
        if case.stage > 1 and case.department != DESKS.triage and DESKS.office not in case.contested:
            assert case.department not in case.contested

    @invariant()
    def transfers_are_few(self) -> None:
        assert self.case.transfers <= DESKS.max_transfers + 1 + self.case.stage


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
