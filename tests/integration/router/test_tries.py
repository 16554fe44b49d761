"""Guessing passwords is slow however many guess at once, and locks out neither the right person nor an address (D7)."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.integration.router.conftest import PASSWORD, Running

OWN = {"origin": "http://127.0.0.1:8102", "accept": "text/html"}


async def attempt(client: httpx.AsyncClient, password: str, user: str = "li.delivery") -> int:
    return (await client.post("/v1/sign-in", json={"user": user, "password": password})).status_code


async def by_form(client: httpx.AsyncClient, password: str) -> int:
    return (await client.post("/sign-in", data={"user": "li.delivery", "password": password})).status_code


async def test_many_tries_at_once_have_no_more_passwords_looked_at_than_one_after_the_other(running: Running) -> None:
    async with running.client() as client:
        answers = Counter(await asyncio.gather(*(attempt(client, f"guess {n}") for n in range(50))))
        assert answers == {401: 5, 429: 45}
        refused = await client.post("/v1/sign-in", json={"user": "li.delivery", "password": "guess"})
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        await running.service.security.flush()
        lines = running.database.fetch("SELECT kind, actor, pack, address FROM security.entry ORDER BY id")
        assert Counter(tuple(line.values()) for line in lines) == {
            ("sign_in_failed", "li.delivery", "retail", "203.0.113.7"): 5,
            ("sign_in_throttled", "li.delivery", "retail", "203.0.113.7"): 1,  # of 46: nobody fills the log
        }
        assert await attempt(client, PASSWORD, "wang.billing") == 200  # a colleague behind the same address


async def test_the_right_person_signs_in_where_they_are_known_whatever_others_try(running: Running) -> None:
    async with running.client(**OWN) as known, running.client("198.51.100.9") as program, running.client() as stranger:
        assert await by_form(known, PASSWORD) == 303
        assert await attempt(program, PASSWORD) == 200
        assert [await attempt(stranger, "guess") for _ in range(6)] == [401] * 5 + [429]  # behind the same address
        for number in range(20):  # and from everywhere
            async with running.client(f"192.0.2.{number}") as elsewhere:
                await attempt(elsewhere, "guess")
        async with running.client("192.0.2.99") as elsewhere:
            assert await attempt(elsewhere, "guess") == 429
        assert await by_form(known, PASSWORD) == 303
        assert await attempt(program, PASSWORD) == 200


async def test_a_known_browser_has_five_tries_too_and_waits_longer_each_time(running: Running) -> None:
    async with running.client(**OWN) as known:
        assert await by_form(known, PASSWORD) == 303
        assert [await by_form(known, "guess") for _ in range(6)] == [401] * 5 + [429]
        subject = "SELECT last_at FROM sign_in_failure WHERE subject LIKE 'device:%'"
        [before] = await running.rows(subject)
        assert await by_form(known, PASSWORD) == 429
        assert await running.rows(subject) == [before]  # who has to wait does not make the wait longer
        past = (
            "UPDATE router.sign_in_failure SET last_at = last_at - interval '3 seconds' WHERE subject LIKE 'device:%'"
        )
        running.database.execute(past)
        assert await by_form(known, PASSWORD) == 303
        assert await by_form(known, "guess") == 401  # and the count begins anew


async def test_a_browser_is_known_for_those_who_signed_in_from_it_alone(running: Running) -> None:
    async with running.client(**OWN) as known:
        assert await by_form(known, PASSWORD) == 303
        cookie = known.cookies["redress_device"]
        known.cookies.set("redress_device", cookie[:-3] + "AAA", domain="127.0.0.1")
        assert await by_form(known, "guess") == 401
    [row] = await running.rows("SELECT count(*) AS n FROM sign_in_failure WHERE subject LIKE 'device:%'")
    assert row["n"] == 0


@pytest.mark.parametrize("user", ["a\x00b", "\x00", "\u202e", "é" * 48, "a" * 49, "x" * 5000])
async def test_an_odd_user_name_is_refused_as_a_wrong_one(running: Running, user: str) -> None:
    async with running.client(**OWN) as client:
        page = await client.post("/sign-in", data={"user": user, "password": "guess"})
        answer = await client.post("/v1/sign-in", json={"user": user, "password": "guess"})
    assert page.status_code == 401 and "\x00" not in page.text
    assert answer.status_code in {401, 422}
