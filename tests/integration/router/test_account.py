"""One's own sign-in: ended here or everywhere, by a button and not by an address; another password (D2, D7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.integration.router.conftest import PASSWORD, Running, hire

PAGE = {"accept": "text/html"}
OWN = {"origin": "http://127.0.0.1:8102", **PAGE}
NEW = "another 电池 password"


async def token(running: Running, password: str = PASSWORD, expect: int = 200) -> str:
    async with running.client() as client:
        answer = await client.post("/v1/sign-in", json={"user": "li.delivery", "password": password})
    assert answer.status_code == expect, answer.text
    return str(answer.json().get("token", ""))


@asynccontextmanager
async def browser(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with running.client(**OWN) as client:
        answer = await client.post("/sign-in", data={"user": "li.delivery", "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


async def until(running: Running, bearer: str, status: int) -> None:
    async with asyncio.timeout(5), running.client(authorization=f"Bearer {bearer}") as client:
        while (await client.get("/v1/cases?department=delivery")).status_code != status:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_an_address_signs_nobody_out_and_the_button_ends_the_session_for_good(running: Running) -> None:
    async with browser(running) as client:
        held = client.cookies["redress_session"]
        page = await client.get("/sign-out")
        assert page.status_code == 200 and 'action="/sign-out' in page.text
        assert (await client.get("/desk")).status_code == 200
        foreign = await client.post("/sign-out", headers={"origin": "http://evil.test"})
        assert foreign.status_code == 403
        answer = await client.post("/sign-out")
        assert answer.status_code == 303 and "redress_session" not in client.cookies
        client.cookies["redress_session"] = held  # kept by whoever copied it
        assert (await client.get("/desk")).status_code == 303
    async with running.client(authorization=f"Bearer {held}") as program:
        assert (await program.get("/v1/departments")).status_code == 401


async def test_signing_out_ends_one_session_and_everywhere_ends_all(running: Running) -> None:
    one, other = await token(running), await token(running)
    async with running.client(authorization=f"Bearer {one}") as client:
        assert (await client.post("/v1/sign-out", json={})).json() == {"ended": "session"}
    await until(running, one, 401)
    async with running.client(authorization=f"Bearer {other}") as client:
        assert (await client.get("/v1/departments")).status_code == 200
        assert (await client.post("/v1/sign-out", json={"everywhere": True})).json() == {"ended": "all"}
    await until(running, other, 401)
    assert (await token(running)) != ""


async def test_another_password_ends_all_other_sessions(running: Running) -> None:
    try:
        other = await token(running)
        async with browser(running) as client:
            form = {"password": PASSWORD, "new_password": NEW, "again": NEW}
            answer = await client.post("/account/password", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=password")
            page = await client.get("/account?done=password&lang=en")
            assert "Your password is changed" in page.text
        await until(running, other, 401)
        await token(running, PASSWORD, expect=401)
        async with running.client(authorization=f"Bearer {await token(running, NEW)}") as client:
            answer = await client.post("/v1/password", json={"password": NEW, "new_password": PASSWORD})
        await until(running, answer.json()["token"], 200)
    finally:
        await hire(running.database)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"password": "not this one", "new_password": NEW, "again": NEW}, "This is not the password now"),
        ({"password": PASSWORD, "new_password": "short", "again": "short"}, "8 to 200 characters"),
        ({"password": PASSWORD, "new_password": NEW, "again": PASSWORD}, "typed differently"),
        ({"again": ""}, "8 to 200 characters"),
    ],
)
async def test_a_password_form_that_does_not_do_says_why_and_repeats_no_password(
    running: Running, form: dict[str, str], said: str
) -> None:
    async with browser(running) as client:
        answer = await client.post("/account/password?lang=en", data=form)
    assert answer.status_code == 422 and said in answer.text
    assert NEW not in answer.text and PASSWORD not in answer.text
    await token(running)
