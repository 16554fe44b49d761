"""I16: of an erased person nothing is kept in clear, no key, no link, no mail. What was said, the auditor cannot know."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.audit.snapshot import Snapshot, Violation


def check(seen: Snapshot) -> Iterator[Violation]:
    """Everything that still stands of those who were erased, and erasures that were told and never made."""
    for complaint_id, one in seen.erased.items():
        if one.since < seen.settled:
            for what in one.left:
                yield Violation("I16", complaint_id, f"its person was erased, and {what}")
    yield from _mails(seen)
    for record in seen.told:
        known = record.complaint_id in seen.erased
        if record.name == "person.erased" and not known and record.occurred_at < seen.settled:
            yield Violation("I16", record.complaint_id, "its person was told to be erased, and intake erased nobody")


def size(seen: Snapshot) -> int:
    """How many complaints of erased persons were looked at."""
    return len(seen.erased)


def _mails(seen: Snapshot) -> Iterator[Violation]:
    complaint_of = {row.message_id: row.complaint_id for row in seen.notices if row.message_id}
    for mail in seen.mailbox or ():
        complaint_id = complaint_of.get(mail.message_id)
        one = seen.erased.get(complaint_id) if complaint_id is not None else None
        if one is not None and one.since < seen.settled:
            yield Violation("I16", complaint_id, "its person was erased, and a mail to them is in the mail catcher")
