"""What the company calls itself to customers, and which messages it sends."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.policies.texts import PolicyModel, Text

NoticeKind = Literal[
    "acknowledgement",
    "assignment",
    "transfer",
    "progress",
    "question",
    "promise",
    "delay",
    "resolution",
    "reminder",
    "closure",
    "reopened",
    "merged",
]
NOTICE_KINDS: tuple[NoticeKind, ...] = NoticeKind.__args__  # type: ignore[attr-defined]
_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}")


def _address(value: str) -> str:
    # The address becomes a mail header, so only the plainest form is taken.
    if not _ADDRESS.fullmatch(value):
        raise ValueError(f"{value[:60]!r} is no plain mail address such as complaints@shop.example")
    return value


class Sender(PolicyModel):
    """Who the messages come from."""

    name: Text
    address: Annotated[str, AfterValidator(_address)]


class Contact(PolicyModel):
    """How customers reach the company besides: shown on every page of theirs and under every message.

    Attributes:
        phone: as people dial it.
        email: read by people; the sender of the messages is not.
        hours: when somebody answers the phone.
    """

    phone: Annotated[str, Field(pattern=r"^[0-9+() -]{3,40}$")] | None = None
    email: Annotated[str, AfterValidator(_address)] | None = None
    hours: Text | None = None


class NoticeSetting(PolicyModel):
    """One kind of notice: sent or not, and a subject of the company's own."""

    on: bool = True
    subject: Text | None = None


class NoticePolicy(PolicyModel):
    """File `notices.yaml`.

    Attributes:
        contact: how customers reach the company besides; none: nothing is shown.
        wait_for_owner_seconds: the acknowledgement waits this long for owner and date before it leaves without them.
        kinds: settings by kind; a kind not named is on with the built-in subject.
    """

    site_name: Text
    sender: Sender
    signature: Text
    contact: Contact | None = None
    wait_for_owner_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    kinds: dict[NoticeKind, NoticeSetting] = Field(default_factory=dict)

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """From which mails come, and at which the company is reached."""
        named = self.contact.email if self.contact else None
        return (self.sender.address, named) if named else (self.sender.address,)

    def is_on(self, kind: NoticeKind) -> bool:
        """Tell whether notices of this kind are sent."""
        setting = self.kinds.get(kind)
        return setting is None or setting.on

    def subject(self, kind: NoticeKind) -> Text | None:
        """Return the company's own subject for this kind, if it has one."""
        setting = self.kinds.get(kind)
        return setting.subject if setting else None
