"""Nine people ask every route and command of every service about an own and a foreign department's and pack's case.

The routes are taken from the running applications: a route that nobody sorted in here fails the first test. What each
person may is said by the table of rights (`shared/rights.py`, written out once more by hand in `tests/unit/router`).
"""

from __future__ import annotations

import importlib
import itertools
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.stack.services import NAMES
from shared.policies.packs import load_packs
from shared.rights import COMMANDS, Action, Person, Role, Standing, may, may_anywhere
from tests.integration.door.test_odd_inputs import routes_of
from tests.support.stack import Servers, run
from tests.support.world import World, wait_for, world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PAGE = {"Accept": "text/html"}
MARKER = "Zwischenfall-4711"
PACKS = load_packs(Path(__file__).parents[2] / "deploy" / "policies")
PEOPLE = {
    "delivery-handler": ("handler", "delivery"),
    "billing-handler": ("handler", "billing"),
    "delivery-lead": ("lead", "delivery"),
    "billing-lead": ("lead", "billing"),
    "agent": ("agent", "customer-service"),
    "office": ("office", "complaints-office"),
    "operator": ("operator", "complaints-office"),
    "cards-handler": ("handler", "cards"),
    "bank-office": ("office", "bank-complaints-office"),
}
#: Open to everybody, or to channel keys and private links; others' tests ask them.
OPEN = {
    "/", "/static/{name:path}", "/livez", "/readyz", "/health", "/partners", "/file", "/file/done",
    "/file/done/outlook", "/find", "/sign-in", "/v1/sign-in", "/v1/complaints", "/v1/complaints:batch",
    "/c/{token}", "/c/{token}/add", "/c/{token}/confirm", "/c/{token}/dispute", "/c/{token}/rate", "/c/{token}/reply",
}  # fmt: skip
#: About oneself: whoever is signed in may.
OWN = {"/account", "/account/password", "/sign-out", "/v1/sign-out", "/v1/password", "/v1/departments"}
#: Lists: everybody has theirs, with what stands in it by the table.
LISTS = {"/desk", "/desk.csv", "/v1/cases", "/board", "/board.csv", "/v1/board", "/ledger", "/ledger.csv"}
#: Not about a case: by role alone.
BY_ROLE = {
    ("intake", "GET", "/agent"): Action.FILE,
    ("intake", "POST", "/agent"): Action.FILE,
    ("intake", "GET", "/agent/done"): Action.FILE,
    ("intake", "GET", "/agent/done/outlook"): Action.FILE,
    ("intake", "POST", "/agent/known"): Action.LOOK_UP,
    ("intake", "GET", "/persons"): Action.ERASE,
    ("intake", "POST", "/persons"): Action.ERASE,
    ("router", "GET", "/security-log"): Action.SECURITY_LOG,
    ("router", "GET", "/v1/security-log"): Action.SECURITY_LOG,
}
#: About one case.
BY_CASE = {
    ("intake", "GET", "/v1/complaints/{complaint_id}"): Action.AMEND,
    ("intake", "POST", "/v1/complaints/{complaint_id}/amend"): Action.AMEND,
    ("intake", "POST", "/v1/complaints/{complaint_id}/withdraw"): Action.WITHDRAW,
    ("intake", "GET", "/persons/{reference}"): Action.ERASE,
    **{
        ("intake", "POST", f"/persons/{{reference}}/{step}"): Action.ERASE
        for step in ("erase", "approve", "decline", "hold", "lift")
    },
    ("intake", "POST", "/persons/{reference}/copy"): Action.EXPORT_PERSON,
    ("router", "GET", "/desk/cases/{reference}"): Action.STATUS,
    ("router", "GET", "/v1/cases/{reference}"): Action.STATUS,
    ("router", "GET", "/v1/cases/{reference}/events"): Action.RAW_EVENTS,
    ("router", "POST", "/desk/cases/{reference}/{action:path}"): None,  # each command
    **{("router", "POST", f"/v1/cases/{{reference}}/{command.value}"): command for command in COMMANDS},
    ("sla", "GET", "/cases/{reference}/clocks"): Action.CLOCKS,
    ("sla", "GET", "/v1/cases/{reference}/clocks"): Action.CLOCKS,
    ("notifier", "GET", "/v1/cases/{reference}/notices"): Action.NOTICES,
}
BODIES: dict[Action, dict[str, Any]] = {
    Action.ACCEPT: {}, Action.PROGRESS: {"text": "x"}, Action.ASK: {"question": "x"},
    Action.PROMISE: {"due_at": "2030-01-01T00:00:00Z", "text": "x"}, Action.TRANSFER: {"to": "marketing", "reason": "x"},
    Action.TRANSFER_ACCEPT: {}, Action.TRANSFER_DECLINE: {"reason": "x"},
    Action.TRANSFER_WITHDRAW: {},
    Action.ASSIGN: {"department": "marketing", "reason": "x"}, Action.RESOLVE: {"text": "x"}, Action.NOTE: {"text": "x"},
    Action.RECORD_ANSWER: {"answer": "x"}, Action.RECORD_CONFIRMATION: {"note": "x"}, Action.RECORD_DISPUTE: {"text": "x"},
    Action.RECORD_TOLD: {"text": "x"},
}  # fmt: skip


@dataclass(frozen=True)
class Filed:
    """A complaint that every service knows."""

    reference: str
    complaint_id: str
    standing: Standing


@pytest.fixture(scope="module")
def redress(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(servers, tmp_path_factory.mktemp("rights")) as running:
        people = [
            {"user": u, "role": r, "department": d, "password": "correct horse battery"} for u, (r, d) in PEOPLE.items()
        ]
        running.command("router", "staff", "load", stdin=json.dumps(people))
        running.keys["bank"] = f"test-{secrets.token_urlsafe(24)}"
        client = ("client", "add", "--client", "bank-web", "--channel", "web", "--pack", "bank", "--key-stdin")
        running.command("intake", *client, stdin=running.keys["bank"])
        yield running


@pytest.fixture(scope="module")
def cases(redress: World) -> dict[str, Filed]:
    """One of delivery, one of the bank's cards, one about delivery's own people."""
    return {
        "delivery": _filed(redress, "web", category="delivery"),
        "cards": _filed(redress, "bank", category="cards"),
        "about delivery": _filed(redress, "web", category="delivery", about_staff=True, about_department="delivery"),
    }


def _filed(redress: World, key: str, **more: Any) -> Filed:
    body = {"channel": "web", "language": "en", "text": f"The parcel never came. {MARKER}", **more}
    body["customer"] = {"name": MARKER, "email": f"{secrets.token_hex(4)}@example.com", "phone": "+442071234567"}
    headers = {"Authorization": f"Bearer {redress.keys[key]}", "Idempotency-Key": str(uuid4())}
    answer = redress.http.post(f"{redress.url('intake')}/v1/complaints", json=body, headers=headers)
    filed = answer.raise_for_status().json()
    pack = "bank" if key == "bank" else "retail"
    office = "bank-office" if key == "bank" else "office"
    case = (
        redress.case_when(filed["reference"], lambda case: case["clocks"], "has clocks")
        if key != "bank"
        else wait_for(
            lambda: next((c for c in [_case(redress, filed["reference"], office)] if c and c["clocks"]), None),
            "has clocks",
        )
    )
    path = f"{redress.url('notifier')}/v1/cases/{filed['reference']}/notices"
    wait_for(lambda: redress.http.get(path, headers=redress.staff("operator")).status_code == 200, "notifier knows it")
    desks = PACKS[pack].routing
    standing = Standing(
        pack=pack, owner=case["department"], about=case["about_department"], triage=desks.fallback, office=desks.office
    )
    return Filed(filed["reference"], filed["complaint_id"], standing)


def _case(redress: World, reference: str, user: str) -> dict[str, Any] | None:
    answer = redress.http.get(f"{redress.url('router')}/v1/cases/{reference}", headers=redress.staff(user))
    return answer.json() if answer.status_code == 200 else None


def person(user: str) -> Person:
    role, department = PEOPLE[user]
    return Person(user=user, role=Role(role), department=department, pack=PACKS.pack_of(department).name)


def as_known(service: str, case: Standing) -> Standing:
    """A case as a service knows it: only intake and router know whom it is about."""
    return case if service == "router" else replace(case, about=None)


def test_every_route_is_sorted_here(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("5" * 64)
    for name in NAMES:
        settings = importlib.import_module(f"services.{name}.settings").Settings(
            database_url="postgresql://nobody@127.0.0.1:1/none", master_key_file=key, session_key_file=key
        )
        for method, path in routes_of(importlib.import_module(f"services.{name}.app").build(settings).app):
            sorted_in = path in OPEN | OWN | LISTS or (name, method, path) in {**BY_ROLE, **BY_CASE}
            assert sorted_in, f"say in this file who may {method} {path} of {name}"


@pytest.mark.parametrize("user", PEOPLE)
@pytest.mark.parametrize("which", ["delivery", "cards", "about delivery"])
def test_every_route_about_a_case(redress: World, cases: dict[str, Filed], user: str, which: str) -> None:
    case, who, headers = cases[which], person(user), redress.staff(user)
    for (service, method, path), action in BY_CASE.items():
        standing = as_known(service, case.standing)
        if action is None or (method == "POST" and may(who, action, standing)):
            continue  # what is allowed is tried below, by forms that change nothing
        url = redress.url(service) + path.format(reference=case.reference, complaint_id=case.complaint_id)
        told = {
            "json": BODIES.get(action, {"text": "x", "reason": "x"} if action is Action.WITHDRAW else {"text": "x"})
        }
        if action is Action.WITHDRAW:
            told = {"json": {"reason": "x"}}
        more = told if method == "POST" else {}
        answer = redress.http.request(method, url, headers=headers | {"Idempotency-Key": str(uuid4())}, **more)
        said = f"{user} {method} {path}: {answer.status_code} {answer.text[:200]}"
        if may(who, action, standing):
            assert answer.status_code == 200, said
        else:
            assert answer.status_code in {403, 404} or _is_answered_already(who, action, standing, answer), said
        reads = may(who, Action.READ, case.standing)
        assert MARKER not in answer.text or (reads and action is Action.STATUS), said
        if action is Action.STATUS and reads:
            assert MARKER in answer.text, said


@pytest.mark.parametrize("user", PEOPLE)
@pytest.mark.parametrize("which", ["delivery", "cards", "about delivery"])
def test_every_command_by_the_form_of_the_page(redress: World, cases: dict[str, Filed], user: str, which: str) -> None:
    """A form of a page that is no longer true changes nothing: who may is told that, who may not is refused."""
    case, who = cases[which], person(user)
    for command in COMMANDS:
        names = {f"{command.value.replace('/', '_')}_{name}": value for name, value in BODIES[command].items()}
        if command is Action.PROMISE:
            names["promise_due_at"] = "2030-01-01T00:00"
        answer = redress.http.post(
            f"{redress.url('router')}/desk/cases/{case.reference}/{command.value}",
            data=names | {"mark": "0.assigned", "key": str(uuid4())}, headers=redress.staff(user) | PAGE,
        )  # fmt: skip
        said = f"{user} {command}: {answer.status_code}"
        if may(who, command, case.standing):
            assert answer.status_code in {409, 422}, said
        else:
            assert answer.status_code == 403 or _is_answered_already(who, command, case.standing, answer), said


def _is_answered_already(who: Person, action: Action, case: Standing, answer: httpx.Response) -> bool:
    """The owner who takes over or declines what is not offered hears so; that is no question of rights."""
    answers = {Action.TRANSFER_ACCEPT, Action.TRANSFER_DECLINE}
    return action in answers and answer.status_code == 409 and case.owner in who.theirs


@pytest.mark.parametrize("user", PEOPLE)
def test_every_list_holds_what_is_theirs(redress: World, cases: dict[str, Filed], user: str) -> None:
    who, headers = person(user), redress.staff(user)
    lists = {
        "/v1/cases": ("router", {"view": "all", "limit": 200}), "/desk": ("router", {"view": "all"}),
        "/desk.csv": ("router", {"view": "all"}), "/ledger.csv": ("notifier", {}),
    }  # fmt: skip
    for path, (service, asked) in lists.items():
        answer = redress.http.get(redress.url(service) + path, params=asked, headers=headers | PAGE)
        assert answer.status_code == 200, (user, path, answer.text[:200])
        for which, case in cases.items():
            standing = as_known(service, case.standing)
            if case.reference in answer.text:
                assert may(who, Action.LIST, standing), (user, path, which)
            elif service == "router":
                assert not may(who, Action.LIST, standing), (user, path, which)
    board = redress.http.get(redress.url("sla") + "/v1/board", headers=headers).json()
    on_it = {one["department"] for one in board["counts"]}
    for department in ("delivery", "billing", "cards", "complaints-office"):
        standing = Standing(
            pack=(pack := PACKS.pack_of(department)).name,
            owner=department,
            triage=pack.routing.fallback,
            office=pack.routing.office,
        )
        assert (department in on_it) is may(who, Action.LIST, standing), (user, department)
    words = redress.http.get(redress.url("router") + "/v1/cases", params={"q": MARKER}, headers=headers).json()["cases"]
    found = {one["reference"] for one in words}
    for which, case in cases.items():
        if case.reference in found:
            assert may(who, Action.READ, case.standing), (user, which)
    by_reference = redress.http.get(
        redress.url("router") + "/v1/cases", params={"q": cases["delivery"].reference}, headers=headers
    ).json()["cases"]
    assert bool(by_reference) is may(who, Action.STATUS, cases["delivery"].standing), user


@pytest.mark.parametrize("user", PEOPLE)
def test_every_route_by_role(redress: World, user: str) -> None:
    who = person(user)
    for (service, method, path), action in BY_ROLE.items():
        more: dict[str, Any] = {"data": {"phone": "+442071234567"}} if method == "POST" else {}
        answer = redress.http.request(method, redress.url(service) + path, headers=redress.staff(user) | PAGE, **more)
        allowed = may_anywhere(who.role, action)
        assert (answer.status_code == 403) is not allowed, (user, path, answer.status_code)


def test_an_agents_call_is_filed_into_their_own_pack_and_finds_nobody_of_another(
    redress: World, cases: dict[str, Filed]
) -> None:
    known = {
        user: redress.http.post(
            f"{redress.url('intake')}/agent/known", data={"phone": "+442071234567"}, headers=redress.staff(user) | PAGE
        ).text
        for user in ("office", "bank-office", "delivery-lead")
    }
    assert cases["delivery"].reference in known["office"] and cases["cards"].reference not in known["office"]
    assert cases["cards"].reference in known["bank-office"] and cases["delivery"].reference not in known["bank-office"]
    assert cases["about delivery"].reference in known["delivery-lead"]
    form = {
        "channel": "phone", "text": "My card was swallowed by the machine.", "next_step": "call_back", "action": "send",
        "key": str(uuid4()), "customer_language": "en", "phone": "+442071234568",
        "consent": "yes",
    }  # fmt: skip
    answer = redress.http.post(f"{redress.url('intake')}/agent", data=form, headers=redress.staff("bank-office") | PAGE)
    assert answer.status_code == 303, answer.text[:3000]
    rows = redress.database.fetch("SELECT pack FROM intake.complaint ORDER BY complaint_id DESC LIMIT 1")
    assert [row["pack"] for row in rows] == ["bank"]


def test_sign_out_another_role_and_dismissal_are_in_force_in_every_service_within_seconds(redress: World) -> None:
    asked = {"intake": "/agent", "router": "/v1/departments", "sla": "/v1/board", "notifier": "/ledger.csv"}

    def statuses(headers: dict[str, str]) -> set[int]:
        return {redress.http.get(redress.url(name) + path, headers=headers).status_code for name, path in asked.items()}

    def sign_in() -> dict[str, str]:
        sent = {"user": "marketing-lead", "password": "correct horse battery"}
        answer = redress.http.post(f"{redress.url('router')}/v1/sign-in", json=sent).raise_for_status()
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    first, other = sign_in(), sign_in()
    assert statuses(first) == statuses(other) == {200}
    redress.http.post(f"{redress.url('router')}/v1/sign-out", json={}, headers=first).raise_for_status()
    wait_for(lambda: statuses(first) == {401}, "signed out everywhere", 5)
    assert statuses(other) == {200}
    redress.database.execute("UPDATE directory.staff SET role = 'handler' WHERE user_name = 'marketing-lead'")
    wait_for(lambda: statuses(other) == {200, 403}, "a handler takes no calls", 5)
    assert "may not sign in" in redress.operator("staff", "disable", "marketing-lead")
    wait_for(lambda: statuses(other) == {401}, "dismissed everywhere", 5)


def test_who_saw_what_and_was_refused_stands_in_a_log_that_nobody_edits(
    redress: World, cases: dict[str, Filed]
) -> None:
    path = f"{redress.url('router')}/v1/cases/{cases['delivery'].reference}"
    redress.http.get(path, headers=redress.staff("agent"))
    assert redress.http.get(path, headers=redress.staff("cards-handler")).status_code == 403

    def lines(reader: str, **asked: str) -> list[dict[str, Any]]:
        url = f"{redress.url('router')}/v1/security-log"
        return list(redress.http.get(url, params=asked, headers=redress.staff(reader)).json()["lines"])

    about = cases["delivery"].reference
    wait_for(
        lambda: any(one["kind"] == "viewed" for one in lines("operator", user="agent", reference=about)), "a view line"
    )
    wait_for(lambda: any(one["kind"] == "refused" for one in lines("operator", user="cards-handler")), "a refusal")
    assert {one["pack"] for one in lines("bank-office")} <= {"bank"}
    assert MARKER not in str(lines("operator")) and "207123" not in str(lines("operator"))
    told = redress.operator("security-log", "--user", "agent", "--json")
    assert '"kind": "signed_in"' in told and about in told
    run(_nobody_edits_and_what_is_edited_shows(redress))


async def _nobody_edits_and_what_is_edited_shows(redress: World) -> None:
    import asyncpg

    for service, statement in itertools.product(
        ("intake", "router"),
        ("UPDATE security.entry SET actor = 'x'", "DELETE FROM security.entry", "TRUNCATE security.entry"),
    ):
        connection = await asyncpg.connect(redress.database.url_of(service))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        finally:
            await connection.close()
    owner = await asyncpg.connect(redress.database.url)
    try:
        for statement in (
            "UPDATE security.entry SET actor = 'x'",
            "DELETE FROM security.entry",
            "TRUNCATE security.entry",
        ):
            with pytest.raises(asyncpg.RaiseError, match="not changed"):
                await owner.execute(statement)
        assert await owner.fetch("SELECT security.broken()") == []
        for spoiled in (
            "UPDATE security.entry SET actor = 'somebody' WHERE id = 3",
            "DELETE FROM security.entry WHERE id = 3",
            "DELETE FROM security.entry WHERE id = (SELECT max(id) FROM security.entry)",
        ):
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("ALTER TABLE security.entry DISABLE TRIGGER ALL")
            await owner.execute(spoiled)
            assert len(await owner.fetch("SELECT security.broken()")) >= 1, spoiled
            await transaction.rollback()
    finally:
        await owner.close()
