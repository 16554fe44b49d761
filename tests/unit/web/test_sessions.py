"""Who may come in, for how long, and from whose pages."""

import asyncio
import html
import re
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from itsdangerous import URLSafeTimedSerializer

from shared.runtime.directory import FRESH_SECONDS, USABLE_SECONDS, Directory, Member, View
from shared.runtime.web.forms import Form
from shared.runtime.web.install import install_web
from shared.runtime.web.look import Look
from shared.runtime.web.problems import Problem
from shared.runtime.web.resuming import carried_of, onward_of
from shared.runtime.web.sessions import EXPIRY_SECONDS, IDLE_SECONDS, Sessions, Staff, _Signer, safe_next
from tests.support.staff import known
from tests.unit.web.conftest import ANN, URLS, Clock, SignedIn

OWN = "http://intake.test"
HTML = {"accept": "text/html,application/xhtml+xml"}


MEMBER = Member(user="ann", name="Ann Lee", role="handler", department="delivery", departments=("repair",))


class Held:
    """A directory that a test changes, and whose clock it moves."""

    def __init__(self, *members: Member) -> None:
        self.view: View | None = View.of(members)
        self.now = 1_000.0
        self.reads = 0
        self.directory = Directory(self._load, lambda: self.now)

    async def _load(self) -> View:
        self.reads += 1
        if self.view is None:
            raise TimeoutError
        return self.view


def signed_in(http: httpx.AsyncClient, sessions: Sessions, staff: Staff = ANN) -> httpx.AsyncClient:
    http.cookies.set("redress_session", sessions.issue(staff.user), domain="intake.test")
    return http


async def test_a_token_brings_back_who_it_was_issued_to(sessions: Sessions) -> None:
    assert await sessions.read(sessions.issue(ANN.user)) == ANN


async def test_a_token_ends_after_a_shift(sessions: Sessions, clock: Clock) -> None:
    token = sessions.issue(ANN.user)
    clock.now += EXPIRY_SECONDS
    assert await sessions.read(token) == ANN
    clock.now += 2
    assert await sessions.read(token) is None


async def test_a_browser_left_alone_is_signed_out_and_a_program_is_not(sessions: Sessions, clock: Clock) -> None:
    browser, program = sessions.issue(ANN.user, browser=True), sessions.issue(ANN.user)
    clock.now += IDLE_SECONDS
    assert await sessions.read(browser) == ANN
    clock.now += 1
    assert await sessions.read(browser) is None
    assert await sessions.read(program) == ANN


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 500, "eyJ1IjoxfQ.aaaa.bbbb"])
async def test_a_forged_token_is_nobody(sessions: Sessions, token: str) -> None:
    assert await sessions.read(token) is None


async def test_every_changed_character_of_a_token_is_noticed(sessions: Sessions) -> None:
    token = sessions.issue(ANN.user)
    for place, sign in enumerate(token):
        other = token[:place] + ("A" if sign != "A" else "B") + token[place + 1 :]
        assert await sessions.read(other) in (None, ANN), place  # base64 has spare bits in its last character
    assert await sessions.read(token[:-5]) is None


async def test_a_token_of_another_key_is_nobody(sessions: Sessions, clock: Clock) -> None:
    assert await sessions.read(Sessions(b"o" * 32, known(ANN), clock).issue(ANN.user)) is None


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(None, id="not in the directory"),
        pytest.param({"active": False}, id="dismissed"),
        pytest.param({"session_epoch": 2}, id="another password"),
        pytest.param({"role": "emperor"}, id="an unknown role"),
    ],
)
async def test_what_the_directory_says_now_decides_and_not_the_token(
    clock: Clock, now: dict[str, object] | None
) -> None:
    sessions = Sessions(b"k" * 32, Held(*([] if now is None else [replace(MEMBER, **now)])).directory, clock)
    assert await sessions.read(sessions.issue(ANN.user)) is None


async def test_a_signed_out_session_is_nobodys_and_another_of_the_same_person_goes_on(clock: Clock) -> None:
    held = Held(MEMBER)
    sessions = Sessions(b"k" * 32, held.directory, clock)
    ended, other = sessions.issue(ANN.user), sessions.issue(ANN.user)
    staff = await sessions.read(ended)
    assert staff is not None and staff.session_id is not None
    held.view = View.of([MEMBER], [staff.session_id])
    held.directory.changed()
    assert await sessions.read(ended) is None
    assert await sessions.read(other) == staff


async def test_while_the_directory_is_away_the_last_view_counts_for_a_minute_and_then_nobody_can_say(
    clock: Clock,
) -> None:
    held = Held(MEMBER)
    sessions = Sessions(b"k" * 32, held.directory, clock)
    token = sessions.issue(ANN.user)
    assert await sessions.read(token) is not None
    held.view = None
    held.now += USABLE_SECONDS
    assert await sessions.read(token) is not None
    held.now += 1
    with pytest.raises(Problem) as refused:
        await sessions.read(token)
    assert (refused.value.status, refused.value.code) == (503, "unavailable")


async def test_the_directory_is_read_once_for_many_requests_and_anew_for_somebody_new(clock: Clock) -> None:
    held = Held(MEMBER)
    sessions = Sessions(b"k" * 32, held.directory, clock)
    token = sessions.issue(ANN.user)
    await asyncio.gather(*(sessions.read(token) for _ in range(50)))
    held.now += FRESH_SECONDS
    await sessions.read(token)
    assert held.reads == 1
    held.view = View.of([MEMBER, replace(MEMBER, user="bob")])
    assert await sessions.read(sessions.issue("bob")) is not None
    assert held.reads == 2


async def test_a_token_of_the_release_before_holds_until_the_users_sessions_end(clock: Clock) -> None:
    held = Held(MEMBER)
    sessions = Sessions(b"k" * 32, held.directory, clock)
    signer = {"clock": clock}
    earlier = URLSafeTimedSerializer(b"k" * 32, salt="redress-session-v1", signer=_Signer, signer_kwargs=signer)
    token = str(earlier.dumps(
        {"user": "ann", "name": "Ann", "role": "office", "department": "x", "departments": ["x"]}
    ))  # fmt: skip
    assert await sessions.read(token) == ANN  # what they are now, not what the token says
    held.view = View.of([replace(MEMBER, session_epoch=2)])
    held.directory.changed()
    assert await sessions.read(token) is None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sessions(b"short", known())


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


async def test_an_open_page_is_told_that_its_session_is_over_and_not_left(http: httpx.AsyncClient) -> None:
    """htmx says what it takes by no header; to be led away would lose what is being typed (trial, E5)."""
    answer = await http.get("/staff", headers={"hx-request": "true"})
    assert answer.status_code == 401 and answer.headers["hx-trigger"] == "signed-out"
    assert "hx-redirect" not in answer.headers


async def test_what_is_sent_without_a_session_goes_through_sign_in_and_comes_back(http: httpx.AsyncClient) -> None:
    typed = {"text": 'one\n"two" <b>', "writer": "ann"}
    back = "http://intake.test/staff?done=accept&state=open"
    answer = await http.post("/staff", data=typed, headers=HTML | {"referer": back})
    assert answer.status_code == 401 and "http://router.test/sign-in" in answer.text
    page = answer.text
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', page, re.S)
    }
    assert fields == {"kept_to": "http://intake.test/staff", "kept.text": 'one\n"two" <b>', "kept.writer": "ann"}
    assert carried_of(Form(list(fields.items()))) == fields
    form = Form([*fields.items(), ("password", "secret")])
    to, kept = onward_of(form, "ann", URLS.own)  # type: ignore[misc]
    assert to == "http://intake.test/staff" and kept == {**typed, "resumed": "yes"}
    assert onward_of(form, "bob", URLS.own) is None, "nobody gets another's words"
    elsewhere = Form([*((n, v) for n, v in fields.items() if n != "kept_to"), ("kept_to", "https://evil.example/x")])
    assert onward_of(elsewhere, "ann", URLS.own) is None


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
async def test_words_of_a_foreign_page_do_not_go_through_sign_in(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await http.post("/staff", data={"text": "not mine"}, headers=HTML | headers)
    assert answer.status_code == 303 and "not mine" not in answer.text


async def test_what_was_done_is_not_said_again_behind_sign_in(http: httpx.AsyncClient) -> None:
    answer = await http.get("/staff?done=accept&state=open", headers=HTML)
    assert answer.headers["location"].endswith("next=http%3A%2F%2Fintake.test%2Fstaff%3Fstate%3Dopen")


async def test_a_program_without_a_session_gets_401(http: httpx.AsyncClient) -> None:
    answer = await http.get("/staff")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:redress:problem:not-authorised"


async def test_cookie_and_bearer_open_the_same_door(http: httpx.AsyncClient, sessions: Sessions) -> None:
    bearer = await http.get("/staff", headers={"Authorization": f"Bearer {sessions.issue(ANN.user)}"})
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
    headers = {"Authorization": f"Bearer {sessions.issue(ANN.user)}", "origin": "http://evil.test"}
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


async def test_a_browser_that_is_used_stays_signed_in_and_an_open_page_alone_does_not_count(
    http: httpx.AsyncClient, sessions: Sessions, clock: Clock
) -> None:
    http.cookies.set("redress_session", sessions.issue(ANN.user, browser=True), domain="intake.test")
    assert "set-cookie" not in (await http.get("/staff")).headers  # within the first minute
    clock.now += IDLE_SECONDS - 1
    assert "set-cookie" not in (await http.get("/staff", headers={"hx-request": "true"})).headers
    renewed = (await http.get("/staff")).headers["set-cookie"]
    assert renewed.startswith("redress_session=") and f"Max-Age={EXPIRY_SECONDS - IDLE_SECONDS + 1}" in renewed
    clock.now += IDLE_SECONDS - 1
    assert (await http.get("/staff")).status_code == 200
    for _ in range(8):  # however much it is used, a shift is the end of it
        clock.now += IDLE_SECONDS - 1
        last = await http.get("/staff")
    assert last.status_code == 401


async def test_over_https_the_cookie_is_bound_to_the_host(look: Look, clock: Clock) -> None:
    sessions = Sessions(b"k" * 32, known(ANN), clock, secure=True)
    app = FastAPI()
    install_web(app, look, sessions)

    @app.get("/in")
    async def sign_in(request: Request) -> Response:
        response = Response()
        sessions.keep(request, response, "ann", 1)
        return response

    @app.get("/staff")
    async def staff(who: SignedIn) -> str:
        return who.user

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://intake.test") as client:
        set_cookie = (await client.get("/in")).headers["set-cookie"]
        assert set_cookie.startswith("__Host-redress_session=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(set_cookie.split("; ")) and "Domain" not in set_cookie
        assert (await client.get("/staff")).json() == "ann"
        client.cookies.clear()
        client.cookies.set("redress_session", sessions.issue("ann"))  # one that any host of the domain could set
        assert (await client.get("/staff")).status_code == 401
