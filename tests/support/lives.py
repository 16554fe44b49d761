"""The life of one customer whose every word can be told from all others."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from tests.support.traces_left import left_of
from tests.support.world import World, wait_for


@dataclass
class Life:
    """One customer whose every word can be told from all others."""

    redress: World
    mark: str = field(default_factory=lambda: "zq" + secrets.token_hex(5))
    phone: str = field(default_factory=lambda: "139" + "".join(secrets.choice("0123456789") for _ in range(8)))
    reference: str = ""
    page: str = ""

    @property
    def email(self) -> str:
        return f"{self.mark}@example.com"

    @property
    def words(self) -> tuple[str, str]:
        return self.mark, self.phone

    def said(self, what: str) -> str:
        return f"{self.mark} {what}"

    def file(self) -> None:
        answer = self.redress.file(
            self.said("the parcel never came"),
            category=self.mark,  # none of the pack's: kept as a word of whoever told it
            store_id=f"{self.mark}-store",
            title=self.said("title"),
            order_id=f"{self.mark}-1",
            customer={"name": self.said("name"), "email": self.email, "phone": self.phone},
            on_behalf_of={"name": self.said("mother"), "relation": self.said("daughter")},
            call_back={"number": self.phone, "hours": self.said("evenings")},
        )
        assert answer.status_code == 201, answer.text
        self.reference, self.page = answer.json()["reference"], answer.json()["progress_url"]

    def assigned(self) -> None:
        self.file()
        self.redress.case_when(self.reference, lambda c: c["clocks"], "has clocks")
        self.mailed("acknowledgement")
        self.act("note", text=self.said("a note about them"))

    def mailed(self, what: str, count: int = 1) -> None:
        wait_for(lambda: len(self.redress.mails(self.email)) >= count, f"{self.mark}: {what}")

    def act(self, action: str, user: str = "delivery-handler", **body: str) -> None:
        answer = self.redress.act(user, self.reference, action, **body)
        assert answer.status_code == 200, answer.text

    def accepted(self) -> None:
        self.assigned()
        self.act("accept")

    def asked(self) -> None:
        self.accepted()
        self.act("ask", question=self.said("which door?"))
        self.mailed("question", 2)

    def offered(self) -> None:
        self.assigned()
        self.act("transfer", to="after-sales", reason=self.said("it is theirs"))

    def proposed(self) -> None:
        self.asked()
        self.redress.customer(self.page, "reply", answer=self.said("the red one"))
        self.redress.case_when(self.reference, lambda c: c["state"] == "in_progress", "goes on")
        self.act("progress", text=self.said("found it"))
        self.act("resolve", text=self.said("a new parcel"))
        self.redress.case_when(self.reference, lambda c: c["state"] == "resolution_proposed", "is proposed")

    def seen(self) -> str:
        return self.redress.http.get(self.page, headers={"Accept": "text/html"}).text

    def closed(self) -> None:
        self.proposed()
        wait_for(lambda: self.said("a new parcel") in self.seen(), "the page shows it")
        self.redress.customer(self.page, "confirm")
        self.redress.case_when(self.reference, lambda c: c["state"] == "closed", "is closed")
        self.redress.customer(self.page, "rate", rating="4", comment=self.said("in the end"))

    def reopened(self) -> None:
        self.proposed()
        wait_for(lambda: self.said("a new parcel") in self.seen(), "the page shows it")
        self.redress.customer(self.page, "dispute", text=self.said("nothing came"))
        self.redress.case_when(self.reference, lambda c: c["stage"] == 2, "is reopened")

    def erase(self) -> str:
        return self.redress.operator("erase", self.reference, "--yes")

    def is_gone(self) -> None:
        """Everywhere, once everybody has read what intake says."""
        row = wait_for(
            lambda: self.redress.database.fetch(
                "SELECT c.state FROM router.cases c JOIN router.case_text t USING (complaint_id)"
                " JOIN notifier.journey j USING (complaint_id)"
                " WHERE c.reference = $1 AND t.erased AND j.erased AND c.state = 'closed'",
                self.reference,
            ),
            f"{self.reference} is blank and closed everywhere",
        )
        assert row[0]["state"] == "closed"
        wait_for(
            lambda: self.redress.database.fetch("SELECT 1 FROM intake.erasure WHERE $1 = ANY (told) AND state = 'done'", self.reference),
            "the erasure is finished",
        )  # fmt: skip
        assert self.redress.http.get(self.page, headers={"Accept": "text/html"}).status_code == 404
        left = [""]

        def nothing_left() -> bool:
            left[:] = left_of(self.redress, self.words)
            return not left

        with suppress(AssertionError):  # what is left says more
            wait_for(nothing_left, "nothing left", 20)
        assert not left, f"{self.reference}: {left}"
