"""I15, as far as data tell: progress links are unguessable, kept as hashes, and each opens its own complaint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import UUID

from deploy.audit.history import distinct
from deploy.audit.snapshot import Snapshot, Violation

SHORTEST_TOKEN = 22
"""Characters of base64url that 128 bits need."""


def check(seen: Snapshot) -> Iterator[Violation]:
    """Hashes differ between complaints, and a link in a mail hashes to what is kept for that mail's complaint."""
    complaint_of: dict[str, UUID] = {}
    told: dict[UUID, str] = {}
    for record in distinct(seen.told):
        if record.name != "complaint.submitted":
            continue
        token_hash = str(record.data.get("progress_token_hash"))
        told[record.complaint_id] = token_hash
        if complaint_of.setdefault(token_hash, record.complaint_id) != record.complaint_id:
            yield Violation("I15", record.complaint_id, "its progress link opens another complaint too")
    for complaint_id, kept in seen.token_hashes.items():
        if complaint_id in told and told[complaint_id] != kept:
            yield Violation("I15", complaint_id, "notifier keeps another hash of its progress link than was told")
    yield from _mailed(seen, {**told, **seen.token_hashes})


def size(seen: Snapshot) -> int:
    """How many links were looked at."""
    return len(seen.token_hashes) + sum(len(mail.tokens) for mail in seen.mailbox or ())


def _mailed(seen: Snapshot, hashes: dict[UUID, str]) -> Iterator[Violation]:
    complaint_of = {row.message_id: row.complaint_id for row in seen.notices if row.message_id}
    for mail in seen.mailbox or ():
        complaint_id = complaint_of.get(mail.message_id)
        if complaint_id is None:
            continue
        for token in mail.tokens:
            if len(token) < SHORTEST_TOKEN:
                yield Violation("I15", complaint_id, f"its progress link has only {len(token)} characters")
            if complaint_id in hashes and hashlib.sha256(token.encode()).hexdigest() != hashes[complaint_id]:
                yield Violation("I15", complaint_id, "a mail about it holds a progress link that is not its own")
