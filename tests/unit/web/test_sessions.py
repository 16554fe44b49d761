"""Who may come in, for how long, and from whose pages."""

from dataclasses import replace

import httpx
import pytest

from shared.runtime.web.sessions import EXPIRY_SECONDS, Sessions, Staff, safe_next
from tests.unit.web.conftest import ANN, URLS, Clock

OWN = "http://intake.test"
HTML = {"accept": "text/html,application/xhtml+xml"}


def signed_in(http: httpx.AsyncClient, sessions: Sessions, staff: Staff = ANN) -> httpx.AsyncClient:
    http.cookies.set("redress_session", sessions.issue(staff), domain="intake.test")
    return http


def test_a_token_brings_back_who_it_was_issued_to(sessions: Sessions) -> None:
    assert sessions.read(sessions.issue(ANN)) == ANN


def test_a_token_ends_after_a_shift(sessions: Sessions, clock: Clock) -> None:
    token = sessions.issue(ANN)
    clock.now += EXPIRY_SECONDS
    assert sessions.read(token) == ANN
    clock.now += 1
    assert sessions.read(token) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 500, "eyJ1IjoxfQ.aaaa.bbbb"])
def test_a_forged_token_is_nobody(sessions: Sessions, token: str) -> None:
    assert sessions.read(token) is None


def test_every_changed_character_of_a_token_is_noticed(sessions: Sessions) -> None:
    token = sessions.issue(ANN)
    for place, sign in enumerate(token):
        other = token[:place] + ("A" if sign != "A" else "B") + token[place + 1 :]
        assert sessions.read(other) in (None, ANN), place  # base64 has spare bits in its last character
    assert sessions.read(token[:-5]) is None


def test_a_token_of_another_key_is_nobody(sessions: Sessions, clock: Clock) -> None:
    assert sessions.read(Sessions(b"o" * 32, clock).issue(ANN)) is None


def test_an_unknown_role_is_nobody(sessions: Sessions) -> None:
    assert sessions.read(sessions.issue(replace(ANN, role="emperor"))) is None  # type: ignore[arg-type]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sessions(b"short")


def test_staff_act_for_their_own_departments() -> None:
    assert ANN.may_act_for("delivery")
    assert ANN.may_act_for("repair")
    assert not ANN.may_act_for("billing")


async def test_a_page_without_a_session_leads_to_sign_in_and_back(http: httpx.AsyncClient) -> None:
    answer = await http.get("/staff?state=open", headers=HTML)
    assert answer.status_code == 303
    assert (
        answer.headers["location"] == "http://router.test/sign-in?next=http%3A%2F%2Fintake.test%2Fstaff%3Fstate%3Dopen"
    )


async def test_htmx_is_sent_to_sign_in_with_the_whole_page(http: httpx.AsyncClient) -> None:
    headers = HTML | {"hx-request": "true", "hx-current-url": "http://intake.test/desk"}
    answer = await http.get("/staff", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].endswith("next=http%3A%2F%2Fintake.test%2Fdesk")


async def test_a_program_without_a_session_gets_401(http: httpx.AsyncClient) -> None:
    answer = await http.get("/staff")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:redress:problem:not-authorised"


async def test_cookie_and_bearer_open_the_same_door(http: httpx.AsyncClient, sessions: Sessions) -> None:
    bearer = await http.get("/staff", headers={"Authorization": f"Bearer {sessions.issue(ANN)}"})
    assert bearer.json() == {"user": "ann"}
    assert (await signed_in(http, sessions).get("/staff")).json() == {"user": "ann"}


async def test_a_bad_bearer_does_not_fall_back_to_the_cookie(http: httpx.AsyncClient, sessions: Sessions) -> None:
    answer = await signed_in(http, sessions).get("/staff", headers={"Authorization": "Bearer forged"})
    assert answer.status_code == 401


async def test_another_role_is_refused(http: httpx.AsyncClient, sessions: Sessions) -> None:
    answer = await signed_in(http, sessions).get("/office")
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:redress:problem:not-allowed"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": OWN}, 200),
        ({"origin": "http://router.test"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 200),
        ({"origin": "http://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://evil.test"}, 403),
        ({}, 403),
    ],
)
async def test_a_cookie_acts_only_from_our_own_pages(
    http: httpx.AsyncClient, sessions: Sessions, headers: dict[str, str], status: int
) -> None:
    assert (await signed_in(http, sessions).post("/staff", headers=headers)).status_code == status


async def test_a_bearer_needs_no_origin(http: httpx.AsyncClient, sessions: Sessions) -> None:
    headers = {"Authorization": f"Bearer {sessions.issue(ANN)}", "origin": "http://evil.test"}
    assert (await http.post("/staff", headers=headers)).status_code == 200


@pytest.mark.parametrize(("origin", "status"), [(None, 200), (OWN, 200), ("http://evil.test", 403), ("null", 403)])
async def test_a_public_form_refuses_foreign_pages_but_not_programs(
    http: httpx.AsyncClient, origin: str | None, status: int
) -> None:
    answer = await http.post("/public", data={"a": "b"}, headers={"origin": origin} if origin else {})
    assert answer.status_code == status


DEFAULT = "http://router.test/desk"


@pytest.mark.parametrize(
    ("wish", "where"),
    [
        ("http://intake.test/agent?x=1", "http://intake.test/agent?x=1"),
        ("HTTP://SLA.TEST/board", "HTTP://SLA.TEST/board"),
        ("/desk", "/desk"),
        (None, DEFAULT),
        ("", DEFAULT),
        ("//evil.test", DEFAULT),
        ("/\\evil.test", DEFAULT),
        ("http://evil.test/", DEFAULT),
        ("http://intake.test@evil.test/", DEFAULT),
        ("http://intake.test:81/", DEFAULT),
        ("http://intake.test.evil.test/", DEFAULT),
        ("https://intake.test/", DEFAULT),
        ("javascript:alert(1)", DEFAULT),
        ("data:text/html,x", DEFAULT),
        ("http:intake.test", DEFAULT),
        ("desk", DEFAULT),
        ("/desk\r\nSet-Cookie: a=b", DEFAULT),
        ("/" + "a" * 3000, DEFAULT),
        ("http://[bad", DEFAULT),
    ],
)
def test_sign_in_leads_back_only_to_our_own_services(wish: str | None, where: str) -> None:
    assert safe_next(wish, URLS.own, DEFAULT) == where
