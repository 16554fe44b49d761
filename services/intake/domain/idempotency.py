"""When two requests are one: the same client, the same key and the same complaint.

The body is compared by a digest of what it says, not of its bytes, so that a complaint posted alone and sent again in
a batch (other spacing, other order of fields) is still the same. Fields left at their default do not count, so a later
version of the contract with a new optional field gives old retries the same digest.
"""

import hashlib
from enum import Enum
from uuid import UUID

from pydantic import BaseModel

from services.intake.domain.complaint import Complaint

_COMPLAINT = Complaint.__pydantic_serializer__


class Verdict(Enum):
    """What a request with a key that was seen before gets."""

    SAME = "same"  # the stored answer
    OTHER_BODY = "other_body"  # 422


def digest(complaint: Complaint) -> bytes:
    """SHA-256 of what a complaint says; the same for a batch entry and a single post."""
    return hashlib.sha256(_COMPLAINT.to_json(complaint, exclude_defaults=True)).digest()


def digest_of(operation: str, complaint_id: UUID, body: BaseModel) -> bytes:
    """SHA-256 of another operation on a complaint, so that one key cannot serve two operations."""
    said = body.__pydantic_serializer__.to_json(body, exclude_defaults=True)
    return hashlib.sha256(b"\0".join((operation.encode(), complaint_id.bytes, said))).digest()


def judge(*, stored: bytes, sent: bytes) -> Verdict:
    """Compares the digest stored under a key with that of the request at hand; an empty one is of a complaint that
    `redress recover` filed again, whose request is not known any more.
    """
    return Verdict.SAME if stored in {sent, b""} else Verdict.OTHER_BODY
