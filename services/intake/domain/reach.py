"""How the customer of a complaint hears of it. What is read out to a caller has to be true of that. Pure."""

from typing import Literal

from services.intake.domain.complaint import Complaint

Reach = Literal["mail", "ring", "self"]
"""`mail`: they are written to. `ring`: the department rings them. `self`: nobody comes back to them; they ring, or look."""


def reach(*, address: bool, number: bool, consent: bool) -> Reach:
    """How they hear.

    Args:
        address: there is an e-mail address.
        number: there is a number to ring.
        consent: they agreed to be contacted about it.
    """
    if not consent or not (address or number):
        return "self"
    return "mail" if address else "ring"


def reach_of(complaint: Complaint) -> Reach:
    """How the customer of a complaint hears of it."""
    customer, call_back = complaint.customer, complaint.call_back
    number = customer.phone or (call_back.number if call_back else None)
    return reach(address=bool(customer.email), number=bool(number), consent=complaint.consent)


def is_lost(complaint: Complaint) -> bool:
    """Whether nobody can reach the customer at all, whatever happens: no number, and no address that may be written to."""
    customer, call_back = complaint.customer, complaint.call_back
    number = customer.phone or (call_back.number if call_back else None)
    return number is None and not (customer.email and complaint.consent)
