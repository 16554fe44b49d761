"""Files one complaint through the public API and follows it, as proof that the whole chain works."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from deploy.stack.errors import StackError

T = TypeVar("T")
_PATIENCE = 30.0
_PAUSE = 0.03

_RECIPIENT = "xiaoyu.lin@customer.example"
_COMPLAINT = {
    "channel": "web",
    "language": "zh",
    "title": "送到的电饭煲外壳破裂",
    "text": "今天收到的电饭煲，外箱完好，但是锅体外壳有一条裂缝，不敢通电使用。希望尽快换一台新的。",
    "order_id": "WEB-0042",
    "customer": {"name": "林小雨", "email": _RECIPIENT},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of the complaint. Seconds count from the moment the request was sent.

    Attributes:
        reference: What the customer was told.
        progress_url: The customer's private page.
        accepted: Seconds until the answer 201.
        owner: The department, in English and Chinese.
        why: The reason the router gives.
        assigned: Seconds until there was an owner.
        department: The department's id.
        due_at: The date the customer is told, ISO 8601: that of the journey, not the first clock a department meets.
        dated: Seconds until the date was known.
        subject: Of the acknowledgement, empty when mail goes elsewhere.
        recipient: To whom it went.
        mailed: Seconds until it lay in the mailbox.
    """

    reference: str
    progress_url: str
    accepted: float
    owner: str
    why: str
    assigned: float
    department: str
    due_at: str
    dated: float
    subject: str
    recipient: str
    mailed: float


def follow_one(endpoints: dict[str, Any]) -> Story:
    """File the complaint and wait until its notice is in the mailbox.

    Raises:
        StackError: A step did not happen in time; says which.
    """
    with httpx.Client(timeout=10) as http:
        case_of = _desk(http, endpoints)
        newest = _mails(http, endpoints, 0)[:1]
        began = time.monotonic()
        receipt = _file(http, endpoints)
        accepted = time.monotonic() - began
        reference = receipt["reference"]
        owned = _until(lambda: case_of(reference), "assigned to a department")
        assigned = time.monotonic() - began
        due_at = _until(lambda: journey_due(case_of(reference)), "given a date")
        clocks = time.monotonic() - began
        subject = ""
        if endpoints["mail"]:
            since = newest[0]["id"] if newest else 0
            mail = _until(lambda: _about(reference, _mails(http, endpoints, since)), "acknowledged by mail")
            subject = mail["subject"]
        return Story(
            reference=reference,
            progress_url=receipt["progress_url"],
            accepted=accepted,
            owner=f"{owned['department_name']['zh']} / {owned['department_name']['en']}",
            why=_told(owned["why"]),
            assigned=assigned,
            department=owned["department"],
            due_at=due_at,
            dated=clocks,
            subject=subject,
            recipient=_RECIPIENT,
            mailed=time.monotonic() - began,
        )


def _file(http: httpx.Client, endpoints: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {endpoints['channel_keys']['web']}", "Idempotency-Key": str(uuid.uuid4())}
    answer = http.post(f"{endpoints['intake']}/v1/complaints", json=_COMPLAINT, headers=headers)
    if answer.status_code != 201:
        raise StackError(f"intake answered {answer.status_code} to a complaint: {answer.text[:200]}", "See `make logs`")
    receipt: dict[str, Any] = answer.json()
    return receipt


def _desk(http: httpx.Client, endpoints: dict[str, Any]) -> Callable[[str], dict[str, Any] | None]:
    """Sign in as the complaints office, which may see every case."""
    office = next(person for person in endpoints["sign_ins"] if person["role"] == "office")
    signed = http.post(
        f"{endpoints['router']}/v1/sign-in", json={"user": office["user"], "password": office["password"]}
    )
    if signed.status_code != 200:
        raise StackError(f"The demo sign-in {office['user']} does not work ({signed.status_code})", "See `make logs`")
    headers = {"Authorization": f"Bearer {signed.json()['token']}"}

    def case_of(reference: str) -> dict[str, Any] | None:
        answer = http.get(f"{endpoints['router']}/v1/cases/{reference}", headers=headers)
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found

    return case_of


def _mails(http: httpx.Client, endpoints: dict[str, Any], since: int) -> list[dict[str, Any]]:
    if not endpoints["mail"]:
        return []
    query: dict[str, str | int] = {"to": _RECIPIENT, "since": since, "limit": 20}
    mails: list[dict[str, Any]] = http.get(f"{endpoints['mail']}/api/messages", params=query).json()
    return mails


def _about(reference: str, mails: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((mail for mail in mails if reference in mail["subject"] + mail["text"]), None)


def journey_due(case: dict[str, Any] | None) -> str | None:
    """The end of the clock that the customer is told of, once it runs."""
    clocks = case["clocks"] if case else ()
    return next((clock["due_at"] for clock in clocks if clock["kind"] == "journey"), None)


def _told(why: object) -> str:
    if isinstance(why, dict):
        return " / ".join(str(why[language]) for language in ("zh", "en") if why.get(language))
    return str(why or "")


def _until(look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + _PATIENCE
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise StackError(
                f"The first complaint was accepted but not {what} within {_PATIENCE:.0f} s",
                "See `make status` and `make logs`",
            )
        time.sleep(_PAUSE)
    return found
