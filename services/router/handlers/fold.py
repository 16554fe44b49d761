"""The fold of a batch: events one by one through the rules, then everything saved with one statement per table."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.router.domain import clocks, told
from services.router.domain.case import TELLING, Case, Desks
from services.router.domain.clocks import Dials
from services.router.domain.placing import desks_of, place, place_again
from services.router.domain.story import Line, Moment, Outcome
from services.router.handlers.told_words import Open, words_of
from services.router.store import cases as store
from services.router.store.beginning import Words, insert
from shared.events import intake, notices, sla
from shared.events.envelope import Event, caused_by
from shared.policies.packs import Pack, Packs
from shared.runtime.transaction import Tx
from shared.runtime.vault import PersonKey

UNREADABLE = "s1.erased"
"""Stands for a sealed text of a person whose key is gone or damaged; it opens as `Erased` like the rest."""
_ACTORS: Mapping[type[Event], str] = {
    sla.DeadlineBreached: "clock",
    sla.DeadlineWarned: "clock",
    sla.ComplaintEscalated: "clock",
}


class Fold:
    """The state of one batch. Cases are made from their rows only when a rule has to look at them."""

    def __init__(
        self,
        packs: Packs,
        default_pack: str,
        new_id: Callable[[], UUID],
        tx: Tx,
        known: Mapping[UUID, Any],
        rows: Mapping[UUID, Any],
        keys: Mapping[UUID, PersonKey],
        earlier: frozenset[store.Earlier],
    ) -> None:
        self._packs = packs
        self._default_pack = default_pack
        self._new_id = new_id
        self._tx = tx
        self._known = known
        self._rows = rows
        self._keys = keys
        self._earlier = set(earlier)
        self._cases: dict[UUID, Case] = {}
        self._dials: dict[UUID, tuple[int, Dials]] = {}
        self._desks: dict[str, Desks] = {}
        self._new: dict[UUID, Case] = {}
        self._changed: set[UUID] = set()
        self._words: list[Words] = []
        self._lines: list[tuple[UUID, int, Line]] = []
        self._amendments: list[tuple[UUID, str]] = []
        self._failed_notices: dict[UUID, str | None] = {}
        self._erased: set[UUID] = set()
        self.waiting: list[Event] = []

    def take(self, event: Event) -> None:
        """Apply one event. One that overtook its complaint's submission waits for it."""
        known = event.complaint_id in self._known or event.complaint_id in self._new
        if type(event) is intake.ComplaintSubmitted:
            if not known:
                self._submit(event)
        elif type(event) is intake.PersonErased:
            self._erased.add(event.person_id)
        elif not known:
            self.waiting.append(event)
        elif type(event) in TICKS:
            self._ticked(event)
        else:
            if type(event) in _WORDS:
                self._failed_notices[event.complaint_id] = None
            _STEPS[type(event)](self, event, self._case(event.complaint_id))

    async def save(self) -> None:
        """Write everything, with one statement for all that is new and one per table for what changed."""
        tx, cases = self._tx, self._cases
        clocks = self._dials
        if self._new:
            others = {i: dials for i, dials in clocks.items() if i not in self._new}
            await insert(tx, list(self._new.values()), self._words, self._lines, others)
            clocks = {i: dials for i, dials in clocks.items() if i in self._new}
        else:
            await store.append(tx, self._lines)
        changed = (cases[i] for i in sorted(self._changed) if cases[i] != self._new.get(i))
        await store.update(tx, changed)
        await store.update_clocks(tx, clocks)
        await store.amend(tx, self._amendments)
        await store.mark_undelivered(tx, self._failed_notices)
        await store.hold_early(tx, self.waiting)
        if self._erased:
            await store.erase(tx, self._erased)

    def _case(self, complaint_id: UUID) -> Case:
        case = self._cases.get(complaint_id)
        if case is None:
            case = self._cases[complaint_id] = store.case_of(self._rows[complaint_id])
        return case

    def _submit(self, event: intake.ComplaintSubmitted) -> None:
        key = self._keys.get(event.person_id)
        pack, moment = self._pack(event.pack), self._moment_with(key, event, "policy")
        opened = _opener(key, event.complaint_id)
        title, text = opened("title", event.title), opened("text", event.text)
        # Whoever names a stranger's complaint, or one that is not there, reports nothing again (trial G3).
        repeat = event.repeat_of is not None and (event.repeat_of, event.person_id, event.pack) in self._earlier
        self._earlier.add(store.Earlier(event.reference, event.person_id, event.pack))
        placed = place(event, title, text, pack, repeat=repeat, store=opened("store", event.store))
        trace = self._tx.trace_of(moment.cause.id)
        self._words.append(words_of(event, title, text, placed.reasons, opened, trace, erased=key is None))
        outcome = told.submitted(event, placed.placement, self._desks_of(pack), moment, placed.about)
        self._new[event.complaint_id] = self._cases[event.complaint_id] = outcome.case
        self._tell(outcome)
        if self.waiting:
            early = sorted((e for e in self.waiting if e.complaint_id == event.complaint_id), key=lambda e: e.event_id)
            self.waiting = [e for e in self.waiting if e.complaint_id != event.complaint_id]
            for one in early:
                self.take(one)

    def _open(self, event: Any, name: str, sealed: str | None) -> str | None:
        return _opener(self._keys.get(event.person_id), event.complaint_id)(name, sealed)

    def _moment(self, event: Event) -> Moment:
        key = self._keys.get(getattr(event, "person_id", None))  # type: ignore[arg-type]
        return self._moment_with(key, event, _ACTORS.get(type(event), "customer"))

    def _moment_with(self, key: PersonKey | None, event: Event, actor: str) -> Moment:
        def seal(name: str, text: str) -> str:
            return key.seal(event.complaint_id, name, text) if key and not key.is_damaged else UNREADABLE

        return Moment(self._tx.now, caused_by(event, actor), self._new_id, seal)

    def _pack(self, name: str) -> Pack:
        """The pack of a complaint; one that is not loaded here is led by the default pack rather than by nobody."""
        packs = self._packs.by_name
        return packs.get(name) or packs[self._default_pack]

    def _desks_of(self, pack: Pack) -> Desks:
        desks = self._desks.get(pack.name)
        if desks is None:
            desks = self._desks[pack.name] = desks_of(pack)
        return desks

    def _follow(self, outcome: Outcome) -> None:
        case = outcome.case
        if self._cases[case.complaint_id] is not case:
            self._cases[case.complaint_id] = case
            self._changed.add(case.complaint_id)
        self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        case = outcome.case
        for event in outcome.events:
            self._tx.emit(event)
        self._lines.extend((case.complaint_id, case.epoch, line) for line in outcome.lines)

    # -- one step per event type ---------------------------------------------------------------------------------------

    def _amended(self, event: intake.ComplaintAmended, case: Case) -> None:
        text = self._open(event, "text", event.text)
        if text:
            self._amendments.append((case.complaint_id, text))
        self._follow(told.amended(case, event.event_id, event.occurred_at, text, self._moment(event)))

    def _withdrawn(self, event: intake.ComplaintWithdrawn, case: Case) -> None:
        reason = self._open(event, "reason", event.reason)
        self._follow(told.withdrawn(case, event.event_id, event.occurred_at, reason, self._moment(event)))

    def _confirmed(self, event: notices.ComplaintConfirmed, case: Case) -> None:
        self._follow(
            told.confirmed(case, event.event_id, event.occurred_at, self._moment(event), event.resolution_event_id)
        )

    def _disputed(self, event: notices.ComplaintDisputed, case: Case) -> None:
        pack, text = self._pack(case.pack), self._open(event, "text", event.text)
        outcome = told.disputed(
            case,
            event.event_id,
            event.occurred_at,
            text,
            self._moment(event),
            self._desks_of(pack),
            lambda reopened: place_again(reopened, pack),
            event.resolution_event_id,
        )
        self._follow(outcome)

    def _replied(self, event: notices.CustomerReplied, case: Case) -> None:
        text, desks = self._open(event, "text", event.text), self._desks_of(self._pack(case.pack))
        moment = self._moment(event)
        self._follow(
            told.replied(case, event.event_id, event.occurred_at, event.question_event_id, text, moment, desks)
        )

    def _added(self, event: notices.CustomerAdded, case: Case) -> None:
        text = self._open(event, "text", event.text)
        self._follow(told.added(case, event.event_id, event.occurred_at, text, self._moment(event)))

    def _rated(self, event: notices.FeedbackGiven, case: Case) -> None:
        line = self._line(event, case, "feedback", "customer", {"rating": event.rating})
        self._remember(case, line, self._open(event, "comment", event.comment))

    def _suppressed(self, event: notices.NoticeSuppressed, case: Case) -> None:
        """Of all reasons for silence only this one is news at the desk: the others it knows itself. But a question or
        resolution that nobody was told waits for no word, whatever the reason.
        """
        if event.reason == "bad_mailbox" or (event.notice in TELLING and event.reason in _UNTOLD):
            self._undelivered(event, case)

    def _lost(self, event: notices.NoticeUnknown, case: Case) -> None:
        if not event.again:
            self._undelivered(event, case)

    def _undelivered(
        self, event: notices.NoticeFailed | notices.NoticeSuppressed | notices.NoticeUnknown, case: Case
    ) -> None:
        open_now = str(case.question_id or case.resolution_id)
        if event.notice not in TELLING or event.about == open_now:
            self._failed_notices[case.complaint_id] = event.notice
        detail = {"notice": event.notice, "reason": getattr(event, "reason", "unknown")}
        self._remember(case, self._line(event, case, "notice_failed", "notifier", detail))

    def _ticked(self, event: Any) -> None:
        version, dials = self._dials_of(event.complaint_id)
        if event.version > version:
            self._dials[event.complaint_id] = (event.version, clocks.told(dials, event.clocks))

    def _warned(self, event: sla.DeadlineWarned, case: Case) -> None:
        version, dials = self._dials_of(case.complaint_id)
        self._dials[case.complaint_id] = (version, clocks.warned(dials, event.clock, event.clock_epoch))
        new = event.new_due_at.isoformat() if event.new_due_at else None
        due = event.deadline_at or event.due_at
        detail = {"clock": event.clock, "due_at": due.isoformat(), "new_due_at": new}
        self._remember(case, self._line(event, case, "warned", "clock", detail))

    def _breached(self, event: sla.DeadlineBreached, case: Case) -> None:
        desks, moment = self._desks_of(self._pack(case.pack)), self._moment(event)
        about = event.subject_event_id
        self._follow(
            told.breached(case, event.event_id, event.clock, event.epoch, event.fired_at, moment, desks, about)
        )

    def _escalated(self, event: sla.ComplaintEscalated, case: Case) -> None:
        moment = self._moment(event)
        self._follow(told.escalated(case, event.event_id, event.to, event.clock, event.fired_at, moment))

    def _dials_of(self, complaint_id: UUID) -> tuple[int, Dials]:
        held = self._dials.get(complaint_id)
        if held is not None:
            return held
        row = self._known.get(complaint_id)
        return (row["clock_version"], store.dials_of(row)) if row is not None and row["clock_version"] else (0, {})

    def _line(self, event: Event, case: Case, what: str, who: str, detail: Mapping[str, Any]) -> Line:
        return Line(
            event_id=event.event_id,
            what=what,
            who=who,
            at=event.occurred_at,
            department=case.department,
            detail=detail,
        )

    def _remember(self, case: Case, line: Line, text: str | None = None) -> None:
        if text is not None:
            line = line._replace(text=text)
        self._lines.append((case.complaint_id, case.epoch, line))


def _opener(key: PersonKey | None, complaint_id: UUID) -> Open:
    """What opens sealed fields of a complaint; those of an erased person are nothing."""

    def opened(name: str, sealed: str | None) -> str | None:
        if sealed is None or key is None:
            return None
        found = key.open(complaint_id, name, sealed)
        return found if isinstance(found, str) else None

    return opened


TICKS: frozenset[type[Event]] = frozenset({sla.ClockStarted, sla.ClockPaused, sla.ClockResumed, sla.ClockStopped})
"""What only turns the dials: no rule looks at the case, and nothing in them is sealed."""
_WORDS: frozenset[type[Event]] = frozenset(
    {
        intake.ComplaintWithdrawn,
        notices.ComplaintConfirmed,
        notices.ComplaintDisputed,
        notices.CustomerReplied,
        notices.CustomerAdded,
    }
)
"""What the customer said: nobody has to ring them any more about a message that did not reach them."""
_UNTOLD = frozenset({"no_contact", "no_consent", "switched_off"})
_STEPS: Mapping[type[Event], Callable[[Fold, Any, Case], None]] = {
    intake.ComplaintAmended: Fold._amended,
    intake.ComplaintWithdrawn: Fold._withdrawn,
    notices.ComplaintConfirmed: Fold._confirmed,
    notices.ComplaintDisputed: Fold._disputed,
    notices.CustomerReplied: Fold._replied,
    notices.CustomerAdded: Fold._added,
    notices.FeedbackGiven: Fold._rated,
    notices.NoticeFailed: Fold._undelivered,
    notices.NoticeSuppressed: Fold._suppressed,
    notices.NoticeUnknown: Fold._lost,
    sla.DeadlineWarned: Fold._warned,
    sla.DeadlineBreached: Fold._breached,
    sla.ComplaintEscalated: Fold._escalated,
}
