"""The company whose complaints these are, as its pages and mails name it: name, phone, e-mail, hours. Pure."""

from dataclasses import dataclass

from shared.policies.packs import Pack
from shared.runtime.web.texts import Language


@dataclass(frozen=True, slots=True)
class Company:
    """Who people deal with; what the pack does not say is empty."""

    name: str
    phone: str = ""
    email: str = ""
    hours: str = ""


def company_of(pack: Pack | None, spoken: Language) -> Company | None:
    """The company of a pack in a language; none where there is no such pack."""
    if pack is None:
        return None
    contact = pack.notices.contact
    if contact is None:
        return Company(pack.title.in_(spoken))
    hours = contact.hours.in_(spoken) if contact.hours else ""
    return Company(pack.title.in_(spoken), contact.phone or "", contact.email or "", hours)
