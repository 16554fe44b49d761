"""Who may file what, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.intake.domain.complaint import Complaint
from services.intake.domain.faults import Fault, fault
from shared.events.envelope import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A channel client: one integration, one till, or one of our own pages. Requests are idempotent per client."""

    client_id: int
    name: str
    channel: Channel | None
    """The only channel it files for; None for our own call desk, which takes phone calls and counters alike."""
    pack: str
    store_id: str | None = None
    """The only store it files for; None for no such bond."""
    rate: float | None = None
    """Complaints (and other requests) per second it may send on average; None: INTAKE_KEY_RATE."""


def scope_faults(client: Client, complaint: Complaint) -> tuple[Fault, ...]:
    """What is outside the client's scope. A complaint without a store is within it: `filed_store` fills it in."""
    faults = []
    if client.channel is not None and complaint.channel != client.channel:
        faults.append(fault("wrong_channel", "/channel", complaint.language, allowed=client.channel))
    if client.store_id is not None and complaint.store_id not in (None, client.store_id):
        faults.append(fault("wrong_store", "/store_id", complaint.language, allowed=client.store_id))
    return tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a pack has a word for, by id; each is None where the pack is not loaded here or has no such list.

    The ids are in the order in which they are told, and quick to look up.
    """

    categories: Mapping[str, None] | None = None
    departments: Mapping[str, None] | None = None
    stores: Mapping[str, None] | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What of a complaint travels in clear because it is the pack's own word; anybody may type anything there.

    Attributes:
        about_staff: it is about staff, also where the department that was named is none.
    """

    category: str | None
    about_department: str | None
    about_staff: bool


def published(complaint: Complaint, known: Known) -> Published:
    """Tell the pack's words from others; where the pack is not known here there are none."""
    about = complaint.about_department
    return Published(
        complaint.category if complaint.category in (known.categories or ()) else None,
        about if about in (known.departments or ()) else None,
        complaint.about_staff or about is not None,
    )


def filed_store(client: Client, complaint: Complaint) -> str | None:
    """The store a complaint is about: as told, else the one the client stands in."""
    return complaint.store_id or client.store_id
