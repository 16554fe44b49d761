"""I9, I10: one message per cause, recipient and channel; none to whom must not be written to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from uuid import UUID

from deploy.audit.history import distinct
from deploy.audit.snapshot import Mail, NoticeRow, Snapshot, Suppression, Violation

TOPIC = "complaints.notices"


def check_once(seen: Snapshot) -> Iterator[Violation]:
    """I9: the ledger, what was told, and the mailbox agree, and nobody got the same message twice."""
    yield from _ledger(seen)
    yield from _told(seen)
    if seen.mailbox is not None:
        yield from _mailbox(seen, seen.mailbox)


def size_once(seen: Snapshot) -> int:
    """How many notices and mails were looked at."""
    return len(seen.notices) + len(seen.mailbox or ())


def _ledger(seen: Snapshot) -> Iterator[Violation]:
    lines: dict[Hashable, UUID] = {}
    for row in seen.notices:
        mark = (row.about, row.notice, row.recipient, row.channel, row.complaint_id)
        if lines.setdefault(mark, row.notice_id) != row.notice_id:
            what = f"two {row.notice} notices by {row.channel} for the one cause {row.about}"
            yield Violation("I9", row.complaint_id, what)
    told = {UUID(record.data["notice_id"]) for record in seen.told if record.name == "notice.sent"}
    for row in _sent(seen) if TOPIC in seen.whole_topics else ():
        if row.notice_id not in told:
            yield Violation("I9", row.complaint_id, f"the {row.notice} notice was sent, nobody was told")


def _sent(seen: Snapshot) -> Iterator[NoticeRow]:
    return (row for row in seen.notices if row.state == "sent" and row.sent_at and row.sent_at <= seen.settled)


def _told(seen: Snapshot) -> Iterator[Violation]:
    sent: dict[str, UUID] = {}
    for record in distinct(seen.told):
        if record.name == "notice.sent":
            notice_id = str(record.data["notice_id"])
            if sent.setdefault(notice_id, record.event_id) != record.event_id:
                yield Violation("I9", record.complaint_id, f"the {record.data['notice']} notice was told as sent twice")


def _mailbox(seen: Snapshot, mailbox: tuple[Mail, ...]) -> Iterator[Violation]:
    unsure = Counter(str(r.data["message_id"]) for r in distinct(seen.told) if r.name == "notice.unknown")
    copies = Counter((mail.message_id, mail.recipients) for mail in mailbox)
    complaint_of = {row.message_id: row.complaint_id for row in seen.notices if row.message_id}
    for (message_id, recipients), count in copies.items():
        allowed = 2 if unsure[message_id] else 1
        if count > allowed:
            what = f"{count} copies of {message_id} arrived, {allowed} allowed"
            yield Violation("I9", complaint_of.get(message_id), what)
        if len(recipients) != 1:
            yield Violation("I9", complaint_of.get(message_id), f"{message_id} has {len(recipients)} recipients")
    arrived: dict[str, set[str]] = defaultdict(set)
    for mail in mailbox:
        arrived[mail.message_id].update(mail.recipients)
    for row in _sent(seen) if seen.mailbox_whole else ():
        its_mails_went = row.complaint_id in seen.erased  # with its person
        if row.message_id is not None and row.message_id not in arrived and not its_mails_went:
            yield Violation("I9", row.complaint_id, f"the {row.notice} notice counts as sent, it did not arrive")
    known = {row.message_id for row in seen.notices}
    for message_id in arrived.keys() - known:
        if message_id.endswith(_our_domain(known)):
            yield Violation("I9", None, f"{message_id} arrived, the ledger does not know it")


def _our_domain(known: set[str | None]) -> str:
    """The right side of our Message-IDs; the mailbox may hold other people's mail too."""
    found = next((message_id for message_id in known if message_id), "@nowhere.invalid>")
    return "@" + found.rpartition("@")[2]


def check_suppressed(seen: Snapshot) -> Iterator[Violation]:
    """I10: no message to a recipient who was suppressed, or whose person was erased, when it was sent."""
    silent: dict[str, list[Suppression]] = {}
    for row in seen.suppressions:
        silent.setdefault(row.recipient, []).append(row)
    for notice in seen.notices:
        sent_at = notice.sent_at
        if sent_at is None or notice.recipient is None:
            continue
        if any(row.since < sent_at < row.until for row in silent.get(notice.recipient, ())):
            yield Violation("I10", notice.complaint_id, f"the {notice.notice} notice went to a suppressed recipient")
    yield from _erased(seen)


def size_suppressed(seen: Snapshot) -> int:
    """How many sent notices were looked at."""
    return sum(notice.sent_at is not None for notice in seen.notices)


def _erased(seen: Snapshot) -> Iterator[Violation]:
    """`person.erased` is told per complaint; notifier needs its moment to hear of it, so what it applied counts."""
    heard = seen.inbox.get("notifier", frozenset())
    erased = {r.complaint_id: r for r in seen.told if r.name == "person.erased" and r.event_id in heard}
    for notice in seen.notices:
        record = erased.get(notice.complaint_id)
        if record is not None and notice.state == "pending":
            yield Violation("I10", notice.complaint_id, f"the {notice.notice} notice waits for an erased person")
