"""How often what is open to everybody may be used."""

import hashlib
import time
from collections.abc import Callable

from services.intake.domain.contact import lookup_email
from services.intake.settings import Settings
from shared.runtime.web.addresses import network_of
from shared.runtime.web.rates import Rates


class FormLimits:
    """The public form: how often an address may post, and how many complaints come of it.

    The limit per mailbox counts what this form filed for it, whoever typed it in, and nothing else: that it is reached
    says nothing about whether we know the address.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        hourly, mailbox = settings.intake_file_per_hour / 3600, settings.intake_mailbox_per_hour
        self._posts = Rates(settings.intake_form_rate, settings.intake_form_burst, clock=clock)
        self._filed_from = Rates(hourly, settings.intake_file_burst, clock=clock)
        self._filed_for = Rates(mailbox / 3600, mailbox, clock=clock)
        self._filed = Rates(settings.intake_file_rate, settings.intake_file_rate * 10, clock=clock)

    def post(self, address: str | None) -> float:
        """Seconds until this address may post again; 0.0: now, and it is counted."""
        return self._posts.wait(network_of(address))

    def file(self, address: str | None, email: str | None) -> float:
        """Seconds until a complaint may be filed from this address for this mailbox; 0.0: now, and it is counted."""
        taken: list[tuple[Rates, str | bytes]] = []
        for rates, subject in self._subjects(address, email):
            wait = rates.wait(subject)
            if wait > 0:
                for others, other in taken:
                    others.give_back(other)
                return wait
            taken.append((rates, subject))
        return 0.0

    def not_filed(self, address: str | None, email: str | None) -> None:
        """What `file` counted came to nothing, or was there before."""
        for rates, subject in self._subjects(address, email):
            rates.give_back(subject)

    def _subjects(self, address: str | None, email: str | None) -> list[tuple[Rates, str | bytes]]:
        found: list[tuple[Rates, str | bytes]] = [(self._filed_from, network_of(address)), (self._filed, "all")]
        if email:
            found.append((self._filed_for, hashlib.sha256(lookup_email(email).encode()).digest()))
        return found
