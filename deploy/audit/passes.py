"""Judges everything a few thousand complaints at a time, then what only shows across complaints.

Almost every promise is about one complaint, so a range of complaints with all its rows and records is a whole world to
the checks. What remains (values that two complaints may not share, keys, dead letters, mails nobody accounts for) is
noted in the spool on the way and judged at the end, over the few rows and records it concerns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from deploy.audit.clear_text import ClearText
from deploy.audit.invariants import dead_letters, delivery, filing, links, notices, privacy, security_log, traces
from deploy.audit.progress import Progress
from deploy.audit.read_tables import FIRST, LAST, Tables
from deploy.audit.read_topics import Topics, blobs_of, dead_record_of, poison_of, stranger_of, told_of
from deploy.audit.report import Report, Tally
from deploy.audit.snapshot import DeadRecord, OutboxRow, Poison, Snapshot, Told
from deploy.audit.spool import Spool, marks_of
from shared.events.topics import DEAD_LETTERS, TOPICS

COMPLAINTS = 2_000
"""Complaints whose rows are in memory at once, and so many times ten records."""


class Passes:
    """One judgement over everything that was read.

    Args:
        wait: what is younger than so many seconds may still be under way and is not judged.
        departments: those of the policy packs; None: not judged.
        mailbox: whether the mail catcher still has everything it ever received; none: there is none to read.
    """

    def __init__(
        self,
        tables: Tables,
        topics: Topics,
        spool: Spool,
        clear_text: ClearText,
        *,
        wait: float,
        mailbox: bool | None,
        departments: frozenset[str] | None = None,
    ) -> None:
        self._tables = tables
        self._spool = spool
        self.clear_text = clear_text
        self._mailbox = mailbox
        self._departments = departments
        self._tally = Tally()
        self._signatures = topics.signatures
        self._poison: list[Poison] = list(topics.poison)
        self._dead_records: list[DeadRecord] = list(topics.dead_records)
        self._whole_topics = set(topics.whole)
        self._tally.signed = topics.signatures is not None
        self._settled: datetime = tables.taken_at - timedelta(seconds=wait)

    async def run(self, progress: Progress) -> None:
        """Judge everything that was read."""
        self._spool.begin_pass()
        await self._tables.spool_outboxes(self._spool)
        await self._tables.read_letters(self.clear_text)
        self._whole_topics -= await self._tables.lost_topics(self._spool.begins())
        ranges = self._ranges(await self._tables.every(COMPLAINTS))
        for number, (low, high) in enumerate(ranges, 1):
            await self._part(low, high)
            progress("parts of the complaints judged", number, len(ranges))
        self._spool.end_pass()
        await self._across()

    def report(self) -> Report:
        """What is broken, with what was found in clear until now."""
        self._tally.checked["I17"] = self.clear_text.scanned
        self._tally.judge(privacy.check, replace(self._nothing(), leaks=tuple(self.clear_text.leaks)))
        return self._tally.report(mailbox=self._mailbox is not None, whole_topics=self._whole_topics)

    def _ranges(self, steps: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        """Ranges with at most so many complaints, and at most so many records."""
        ends = sorted({*steps, *self._spool.every(COMPLAINTS * 10)}, key=lambda end: end.int)
        lows = [FIRST, *(UUID(int=end.int + 1) for end in ends if end != LAST)]
        return list(zip(lows, [*(end for end in ends if end != LAST), LAST], strict=True))

    def _whole(self, seen: Snapshot) -> Snapshot:
        return replace(
            seen,
            settled=self._settled,
            whole_topics=frozenset(self._whole_topics),
            mailbox=None if self._mailbox is None else (),
            mailbox_whole=bool(self._mailbox),
            departments=self._departments,
        )

    def _nothing(self) -> Snapshot:
        return self._whole(
            Snapshot(
                taken_at=self._tables.taken_at,
                settled=self._settled,
                clock_now=self._tables.clock_now,
                floors=self._tables.floors,
            )
        )

    async def _part(self, low: UUID, high: UUID) -> None:
        seen, self.clear_text.words = await self._tables.part(low, high)
        told = list(self._told(low, high))
        events = {record.event_id for _, record in told}
        seen = replace(
            self._whole(seen),
            told=tuple(record for _, record in told),
            outbox=tuple(self._unsent(low, high)),
            inbox=await self._tables.applied(events),
            dead_letters=tuple(self._tables.letters_of(events)),
        )
        if self._mailbox is not None:
            ids = dict.fromkeys(notice.message_id for notice in seen.notices if notice.message_id)
            seen = replace(seen, mailbox=tuple(self._spool.claim_mails(ids)))
        self._tally.add(seen, without=frozenset({"I11", "I17"}))
        self._note(told, events)

    def _told(self, low: UUID, high: UUID) -> Iterator[tuple[int, Told]]:
        """The events of a range, with their numbers in the spool; everything is searched, and poison noted."""
        for number, complaint_id, record in self._spool.records(low, high):
            self.clear_text.search_all(blobs_of(record), f"a record of {record.topic}", complaint_id)
            if record.topic == DEAD_LETTERS:
                self._dead_records.append(dead_record_of(record))
            elif (told := told_of(record, self._signatures)) is not None:
                if told.event_id not in self._tables.void:
                    yield number, told
            else:
                if (stranger := stranger_of(record, self._signatures)) is not None:
                    self._tally.strangers[stranger.value, record.topic] += 1
                if (poisoned := poison_of(record, self._signatures)) is not None:
                    self._poison.append(poisoned)

    def _unsent(self, low: UUID, high: UUID) -> Iterator[OutboxRow]:
        for row, payload in self._spool.unsent(low, high):
            self.clear_text.search(payload, f"the outbox of {row.service}", row.complaint_id)
            yield row

    def _note(self, told: Sequence[tuple[int, Told]], events: set[UUID]) -> None:
        known = {str(event_id) for event_id in events}
        self._spool.mark(chain.from_iterable(marks_of(number, record) for number, record in told))
        self._spool.note_loose_causes(
            (UUID(record.cause_id), number)
            for number, record in told
            if record.cause_kind == "event" and record.cause_id not in known and _is_id(record.cause_id)
        )

    async def _across(self) -> None:
        """What only shows across complaints."""
        nothing = self._nothing()
        await self._answers(nothing)
        self._tally.judge(filing.check, replace(nothing, complaints=await self._tables.twice_referenced()))
        for topic in TOPICS:
            for numbers in self._spool.shared(f"event {topic.name}"):
                self._tally.judge(delivery.check_twice, replace(nothing, told=self._again(numbers)))
        for numbers in self._spool.shared("link"):
            self._tally.judge(links.check, replace(nothing, told=self._again(numbers)))
        for numbers in self._spool.shared("notice"):
            self._tally.judge(notices.check_once, replace(nothing, mailbox=None, told=self._again(numbers)))
        for numbers in self._spool.loose_causes():
            self._tally.judge(traces.check, replace(nothing, told=self._again(numbers)))
        await self._letters(nothing)
        lines, broken = await self._tables.security_log()
        self._tally.checked["I21"] = lines
        self._tally.judge(security_log.check, replace(nothing, broken_lines=broken))
        if self._mailbox is not None:
            await self._strange_mails(nothing)

    def _again(self, numbers: Sequence[int]) -> tuple[Told, ...]:
        told = (told_of(record, self._signatures) for _, _, record in self._spool.numbered(numbers))
        return tuple(record for record in told if record is not None)

    async def _answers(self, nothing: Snapshot) -> None:
        for group in self._spool.answers(COMPLAINTS):
            keys = await self._tables.keys_by(answer.key for answer in group)
            ids = {a.complaint_id for a in group if a.complaint_id} | {key.complaint_id for key in keys}
            found = replace(nothing, answers=tuple(group), keys=keys, complaints=await self._tables.complaints_by(ids))
            self._tally.checked["I1"] += len(group)
            self._tally.judge(filing.check, found)

    async def _letters(self, nothing: Snapshot) -> None:
        letters = self._tables.letters
        replayed = [letter.event_id for letter in letters if letter.replayed and letter.event_id is not None]
        seen = replace(
            nothing,
            dead_letters=letters,
            poison=tuple(self._poison),
            dead_records=tuple(self._dead_records),
            inbox=await self._tables.applied(replayed),
        )
        self._tally.checked["I11"] += dead_letters.size(seen)
        self._tally.judge(dead_letters.check, seen)
        self._tally.waiting += sum(not letter.replayed for letter in letters)

    async def _strange_mails(self, nothing: Snapshot) -> None:
        """Mails that no range accounted for. A line of the ledger is there only to know our own mails by."""
        mails = tuple(self._spool.unclaimed_mails())
        self._tally.checked["I9"] += len(mails)
        seen = replace(nothing, whole_topics=frozenset(), mailbox_whole=False, mailbox=mails)
        self._tally.judge(notices.check_once, replace(seen, notices=await self._tables.a_mailed_notice()))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
