"""Why a complaint stands still, and what to do: from what the schemas, Kafka and the services say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

READER_OF_SUBMISSIONS = ("complaints.intake", "router")
_MOMENT = timedelta(seconds=10)
_OVERDUE = timedelta(minutes=1)
"""What is younger is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a service has read the partition that a complaint's records are on.

    Attributes:
        lag: records it has not read yet.
        before: how many of them come before the complaint's first one; None: it is not among them.
        read: somebody reads for the service now.
    """

    topic: str
    service: str
    partition: int
    lag: int
    before: int | None
    read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one complaint.

    Attributes:
        case: the row of `find`.
        outbox: service, topic and time of its events that the broker has not acknowledged.
        letters: its dead letters that nobody has replayed.
        places: how far its readers are, of those that have not all of it; empty when nothing is missing.
        kafka: whether Kafka answers; None: nobody asked.
        unready: service → what `/readyz` says is missing, of those that are not ready.
    """

    now: datetime
    case: Mapping[str, Any]
    clocks: Sequence[Mapping[str, Any]] = ()
    notices: Sequence[Mapping[str, Any]] = ()
    outbox: Sequence[Mapping[str, Any]] = ()
    letters: Sequence[Mapping[str, Any]] = ()
    places: Sequence[Place] = ()
    kafka: bool | None = None
    unready: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """One reason.

    Attributes:
        reason: from a closed list, for programs.
        what: one sentence for people.
        do: what to do about it.
        since: when it began, if known.
    """

    reason: str
    what: str
    do: str
    since: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        """One entry of `waits` of `redress where --json`."""
        since = self.since.isoformat().replace("+00:00", "Z") if self.since else None
        return {"reason": self.reason, "what": self.what, "do": self.do, "since": since}


def why_it_stands(facts: Facts) -> list[Standstill]:
    """Every reason, those first that are nearest to the beginning of its way."""
    found = [*_outboxes(facts), *_letters(facts), *_readers(facts), *_clocks(facts), *_notices(facts)]
    return found + list(_people(facts, stuck=bool(found)))


def _outboxes(facts: Facts) -> Iterator[Standstill]:
    oldest: dict[str, Mapping[str, Any]] = {}
    for row in facts.outbox:
        oldest.setdefault(row["service"], row)
    for service, row in oldest.items():
        count = sum(other["service"] == service for other in facts.outbox)
        age = facts.now - row["occurred_at"]
        events = f"{count} event{'s' if count > 1 else ''} in the outbox of {service} for {_span(age)}"
        if facts.kafka is False:
            what, do = "kafka_away", "Start Kafka (`make status`); the events leave by themselves"
            yield Standstill(reason=what, what=f"{events}: Kafka does not answer", do=do, since=row["occurred_at"])
        elif service in facts.unready and facts.unready[service] == "no answer":
            do = f"`make status`, `make up`: {service} publishes what it committed once it runs"
            yield Standstill(
                reason="service_away", what=f"{events}: {service} does not run", do=do, since=row["occurred_at"]
            )
        elif age > _MOMENT:
            do = f"`make logs NAME={service}`: look for relay_retry and relay_quarantine; `redress topics` shows whether {row['topic']} is there"
            told = f" ({facts.unready[service]})" if service in facts.unready else ""
            what = f"{events} though Kafka answers{told}"
            yield Standstill(reason="relay_blocked", what=what, do=do, since=row["occurred_at"])
        else:
            yield Standstill(reason="on_its_way", what=events, do="Ask again in a moment", since=row["occurred_at"])


def _letters(facts: Facts) -> Iterator[Standstill]:
    for row in facts.letters:
        kind = row["event_type"] or "a record"
        yield Standstill(
            reason="dead_letter",
            what=f"{row['service']} could not process {kind}: {row['reason']} (dead letter {row['address']})",
            do=f"`redress dead-letters show {row['address']}`; mend the cause; `redress dead-letters replay {row['address']}`",
            since=row["failed_at"],
        )


def _readers(facts: Facts) -> Iterator[Standstill]:
    for place in facts.places:
        where = f"{place.topic}[{place.partition}]"
        if place.lag == 0 or place.before is None:
            if (place.topic, place.service) == READER_OF_SUBMISSIONS and not facts.outbox and not facts.letters:
                yield Standstill(
                    reason="passed_over",
                    what=f"{place.service} has read {where} past it, yet has no case and no dead letter",
                    do="`redress audit` names what is missing; `redress recover --dry-run` says how to mend it",
                )
            continue
        behind = f"{place.before:,} records of {where} come before it"
        missing = facts.unready.get(place.service, "")
        if missing and not missing.startswith("relay"):  # a copy that cannot publish reads all the same
            what = f"{place.service} waits ({missing}); {behind}"
            do = f"`make status`, `make logs NAME={place.service}`"
            yield Standstill(reason="service_not_ready", what=what, do=do)
        elif not place.read:
            what = f"nobody reads {where} for {place.service}; {behind}"
            yield Standstill(reason="nobody_reads", what=what, do=f"`make up`, or start {place.service}")
        else:
            do = (
                "It comes by itself; if `redress topics` shows the same lag in a minute: `make logs NAME="
                + place.service
                + "`"
            )
            yield Standstill(reason="reader_behind", what=f"{place.service} is behind: {behind}", do=do)


def _clocks(facts: Facts) -> Iterator[Standstill]:
    if facts.case["set_aside_since"]:
        again = f"at {_clock(facts.case['next_at'])}" if facts.case["next_at"] else "by itself"
        yield Standstill(
            reason="clocks_set_aside",
            what=f"sla cannot work its clocks out ({facts.case['set_aside_why']}); it looks again {again}",
            do="Most often another version wrote them: `make logs NAME=sla`, action fire_failed; bring all copies to one version",
            since=facts.case["set_aside_since"],
        )
    elif facts.case["next_at"] is not None and facts.now - facts.case["next_at"] > _OVERDUE:
        yield Standstill(
            reason="clocks_held",
            what=f"a clock was due at {_clock(facts.case['next_at'])} and has not fired: sla does not run, or waits until all"
            " words written before are read",
            do="`make status`; `/readyz` of sla says under `timers` what it waits for; `redress topics` shows the lag",
            since=facts.case["next_at"],
        )


def _notices(facts: Facts) -> Iterator[Standstill]:
    for row in facts.notices:
        name = f"the {row['kind']} notice by {row['channel']}"
        why = f" ({row['reason']})" if row["reason"] else ""
        if row["next_at"] is not None and (row["attempts"] or row["next_at"] <= facts.now):
            tries = f"{row['attempts']} tries" if row["attempts"] != 1 else "1 try"
            yield Standstill(
                reason="notice_unsent",
                what=f"{name} is not sent after {tries}{why}; next at {_clock(row['next_at'])}",
                do="Look at the mail server; it is tried for 24 hours, then the department rings the customer",
                since=row["created_at"],
            )
        elif row["state"] in {"failed", "unknown"}:
            what = f"{name} {'failed for good' if row['state'] == 'failed' else 'may not have arrived'}{why}"
            yield Standstill(reason=f"notice_{row['state']}", what=what, do="Ring the customer", since=row["at"])
        elif row["state"] == "suppressed":
            what = f"{name} was not written{why}"
            yield Standstill(reason="notice_suppressed", what=what, do="Ring the customer", since=row["at"])


def _people(facts: Facts, *, stuck: bool) -> Iterator[Standstill]:
    """Who has the ball when nothing technical holds it up."""
    case = facts.case
    due = next((clock["due_at"] for clock in facts.clocks if clock["state"] == "running" and clock["due_at"]), None)
    by = f"; next date {_clock(due)}" if due else ""
    if case["state"] is None:
        if not stuck and case["told_state"] != "withdrawn":
            yield Standstill(
                reason="on_its_way", what="The router has not told its owner yet", do="Ask again in a moment",
                since=case["received_at"],
            )  # fmt: skip
    elif case["state"] in {"waiting_for_customer", "resolution_proposed"}:
        asked = "answer" if case["state"] == "waiting_for_customer" else "confirmation"
        yield Standstill(
            reason="customer", what=f"It waits for the customer's {asked}{by}", do="Nothing, or ring the customer",
            since=case["since"],
        )  # fmt: skip
    elif case["state"] != "closed":
        offered = f"; offered to {case['offered_to']}" if case["offered_to"] else ""
        what = f"{case['department']} has it ({case['state']}){offered}{by}"
        yield Standstill(reason="department", what=what, do=f"Ask {case['department']}", since=case["since"])


def _span(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3_600} h"


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M %Z")
