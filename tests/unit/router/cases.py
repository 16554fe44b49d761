"""Builders for tests of a case's life."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.router.domain.case import Case, Desks, Placement
from services.router.domain.rights import Actor, Role
from services.router.domain.story import Moment
from services.router.domain.told import submitted
from shared.events.envelope import Bilingual, Cause
from shared.events.intake import ComplaintSubmitted

DEPARTMENTS = ("delivery", "billing", "after-sales", "marketing", "triage", "complaints-office")
DESKS = Desks(triage="triage", office="complaints-office", departments=frozenset(DEPARTMENTS))
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WHY = Bilingual(zh="测试规则", en="a rule of the test")
_numbers = itertools.count(1)


def an_id() -> UUID:
    return UUID(int=(0x7 << 76) | (0x2 << 62) | next(_numbers))


def moment(now: datetime = NOON, actor: str = "staff:li", kind: str = "request") -> Moment:
    return Moment(
        now=now,
        cause=Cause.model_validate({"kind": kind, "id": "request-1", "actor": actor}),
        new_id=an_id,
        seal=lambda field, text: "s1." + f"{field}{text}".encode().hex(),
    )


def somebody(department: str, role: Role = Role.HANDLER, pack: str = "retail") -> Actor:
    return Actor(user=f"{department}-{role}", role=role, department=department, pack=pack)


def placed(department: str) -> Placement:
    return Placement(
        department=department,
        rule="test-rule",
        policy_version="1+00000000",
        why=WHY,
        priority="normal",
        category="order",
    )


def a_complaint(about: str | None = None) -> ComplaintSubmitted:
    return ComplaintSubmitted(
        event_id=an_id(),
        complaint_id=an_id(),
        reference="R-4K7M-2XA9",
        occurred_at=NOON,
        version=1,
        cause=Cause(kind="request", id="q", actor="client:web"),
        pack="retail",
        channel="web",
        client="web",
        language="zh",
        received_at=NOON - timedelta(minutes=5),
        about_staff=about is not None,
        about_department=about,
        person_id=an_id(),
        text="s1.abc",
        progress_token="s1.abc",
        progress_token_hash="0" * 64,
    )


def a_case(department: str = "delivery", about: str | None = None, **changes: object) -> Case:
    case = submitted(a_complaint(about), placed(department), DESKS, moment(actor="policy"), about).case
    return case._replace(**changes)  # type: ignore[arg-type]
