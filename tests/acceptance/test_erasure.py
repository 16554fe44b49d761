"""Erased at every point of a life, with a send in flight: nothing of the person is readable anywhere we own (I16)."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.support.audited import violations
from tests.support.traces_left import left_of
from tests.support.world import World, wait_for

pytestmark = pytest.mark.timeout(420)


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
            category="delivery",
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
        wait_for(lambda: not left_of(self.redress, self.words), f"{self.reference}: nothing left", 20)


POINTS: dict[str, Callable[[Life], None]] = {
    "assigned": Life.assigned,
    "question open": Life.asked,
    "transfer offered": Life.offered,
    "resolution proposed": Life.proposed,
    "closed": Life.closed,
    "reopened": Life.reopened,
}


@pytest.mark.parametrize("point", list(POINTS))
def test_nothing_of_an_erased_person_is_left(redress: World, point: str):
    life = Life(redress)
    POINTS[point](life)
    assert left_of(redress, life.words), "the search finds what is there"
    told = redress.operator("erase", life.reference)
    assert "Nothing was changed" in told and life.reference in told
    assert redress.case(life.reference)["text"], "nothing was changed"
    assert "is erased" in life.erase()
    life.is_gone()
    assert "was erased on" in life.erase(), "once is enough"


def test_one_just_filed_is_erased_before_anybody_has_read_it(redress: World):
    for name in ("router", "notifier"):
        redress.kill(name)
    life = Life(redress)
    life.file()
    life.erase()
    redress.revive()
    life.is_gone()


def test_a_message_that_waits_is_not_sent(redress: World):
    life = Life(redress)
    life.accepted()
    redress.mailbox.stop()
    life.act("progress", text=life.said("on its way"))
    wait_for(
        lambda: redress.database.fetch("SELECT 1 FROM notifier.notice WHERE state IN ('pending', 'leased', 'sending')"),
        "a message waits",
    )
    life.erase()
    redress.mailbox.start()
    life.is_gone()
    assert redress.mails(life.email) == []


def test_a_message_in_flight_is_not_kept(redress: World):
    life = Life(redress)
    life.accepted()
    catcher = redress.mailbox.pid
    os.kill(catcher, signal.SIGSTOP)
    try:
        life.act("progress", text=life.said("on its way"))
        wait_for(
            lambda: redress.database.fetch("SELECT 1 FROM notifier.notice WHERE state = 'sending'"),
            "a send is in flight",
        )
        life.erase()
    finally:
        os.kill(catcher, signal.SIGCONT)
    life.is_gone()
    assert redress.mails(life.email) == []


def test_the_auditor_finds_nothing_to_blame(redress: World):
    assert violations(redress) == []
