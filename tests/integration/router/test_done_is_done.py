"""503 means that nothing was done: a command that is committed is answered as done, even when the case cannot be read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.router.settings import Settings
from services.router.store.reading import Reading
from tests.integration.router.conftest import Running
from tests.integration.router.test_api import do, filed, see
from tests.integration.router.test_desk import browser, marks


async def _away(*_: Any) -> Any:
    raise TimeoutError  # what the pool says when no connection comes free in time


async def test_the_staff_api_says_done_when_the_database_goes_away_after_the_commit(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await filed(running)
    with monkeypatch.context() as broken:
        broken.setattr(Reading, "case", _away)
        answer = await do(running, "li.delivery", told, "accept")
    assert answer == {"reference": told.reference, "actions": []}
    assert (await see(running, "li.delivery", told))["state"] == "accepted"


async def test_the_desk_goes_on_to_the_case_when_the_database_goes_away_after_the_commit(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await filed(running)
    async with browser(running, "li.delivery") as client:
        form = marks((await client.get(f"/desk/cases/{told.reference}")).text)
        with monkeypatch.context() as broken:
            broken.setattr(Reading, "case", _away)
            answer = await client.post(f"/desk/cases/{told.reference}/accept", data=form)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"/desk/cases/{told.reference}?done=accept"
    assert (await see(running, "li.delivery", told))["state"] == "accepted"


async def test_more_people_act_at_once_than_there_are_connections(running: Running) -> None:
    """A command must not hold a connection while it waits for a second one: all would wait for each other."""
    cases = [await filed(running) for _ in range(2 * Settings.model_fields["database_pool"].default)]
    async with await running.as_user("li.delivery") as client:
        answers = await asyncio.gather(*(client.post(f"/v1/cases/{c.reference}/accept", json={}) for c in cases))
    assert [answer.status_code for answer in answers] == [200] * len(cases)
