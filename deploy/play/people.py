"""The people of the demo behind their HTTP interfaces: staff at the router's API, customers at notifier's page."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.endpoints import Endpoints, SignIn
from deploy.stack.errors import StackError


class Refused(Exception):
    """A step was not possible; says why, fit to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The deciding desks of a pack."""

    office: str
    triage: str


class Staff:
    """Everybody who may sign in, each signed in when first needed."""

    def __init__(self, http: httpx.AsyncClient, endpoints: Endpoints) -> None:
        self._http = http
        self._url = endpoints.router.rstrip("/")
        self._people = {p.department: p for p in reversed(endpoints.sign_ins) if p.role in {"handler", "office"}}
        self._tokens: dict[str, str] = {}
        self._signing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def departments(self) -> frozenset[str]:
        """Departments somebody can sign in for."""
        return frozenset(self._people)

    async def desks(self, pack: str) -> Desk:
        """The triage desk and the complaints office of a pack.

        Raises:
            StackError: nobody of that pack can sign in.
        """
        known: dict[str, tuple[str, str]] = {}
        for department in self._people:
            if department in known:
                continue  # a colleague of the same pack was asked
            answer = await _patiently(
                self._http.get, f"{self._url}/v1/departments", headers=await self._headers(department)
            )
            answer.raise_for_status()
            known |= {d["id"]: (d["pack"], d["kind"]) for d in answer.json()["departments"]}
            kinds = {kind: name for name, (owner, kind) in known.items() if owner == pack}
            if {"triage", "office"} <= kinds.keys():
                return Desk(office=kinds["office"], triage=kinds["triage"])
        raise StackError(f"Nobody of the pack {pack} can sign in", "See sign_ins in .redress/endpoints.json")

    async def case(self, reference: str, department: str) -> dict[str, Any] | None:
        """The case as that department sees it; None while it does not exist or is not theirs to read."""
        answer = await _patiently(
            self._http.get, f"{self._url}/v1/cases/{reference}", headers=await self._headers(department)
        )
        if answer.status_code in {403, 404}:
            return None
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def act(self, reference: str, department: str, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Do something to a case.

        Raises:
            Refused: the router says no, with its words.
        """
        headers = await self._headers(department)
        answer = await _patiently(
            self._http.post, f"{self._url}/v1/cases/{reference}/{action}", json=body, headers=headers
        )
        if answer.status_code >= 400:
            raise Refused(f"{department} {action}: {said(answer)}")
        found: dict[str, Any] = answer.json()
        return found

    async def _headers(self, department: str) -> dict[str, str]:
        person = self._people.get(department)
        if person is None:
            raise Refused(f"nobody can sign in for {department}")
        async with self._signing[department]:  # one try each: many at once look like somebody who guesses
            if department not in self._tokens:
                self._tokens[department] = await self._sign_in(person)
        return {"Authorization": f"Bearer {self._tokens[department]}"}

    async def _sign_in(self, person: SignIn) -> str:
        credentials = {"user": person.user, "password": person.password.get_secret_value()}
        answer = await _patiently(self._http.post, f"{self._url}/v1/sign-in", json=credentials)
        if answer.status_code != 200:
            raise StackError(f"The sign-in {person.user} is refused ({answer.status_code})", "See `make status`")
        return str(answer.json()["token"])


class Customers:
    """Customers, each with the private link from the receipt."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def act(self, progress_url: str, action: str, body: Mapping[str, Any]) -> None:
        """Post on the progress page.

        Raises:
            Refused: the page says no, with its words.
        """
        answer = await _patiently(self._http.post, f"{progress_url.rstrip('/')}/{action}", json=body)
        if answer.status_code >= 400:
            raise Refused(f"customer {action}: {said(answer)}")


async def _patiently(send: Callable[..., Awaitable[httpx.Response]], url: str, **more: Any) -> httpx.Response:
    """Ask again while a service is too busy or asks for patience (503, 429: nothing was done), at most ten times."""
    answer = await send(url, **more)
    for _ in range(10):
        if answer.status_code not in {429, 503}:
            break
        await asyncio.sleep(float(answer.headers.get("retry-after") or 1))
        answer = await send(url, **more)
    return answer


def said(answer: httpx.Response) -> str:
    """Status and the words of the problem document."""
    try:
        problem = answer.json()
    except ValueError:
        return str(answer.status_code)
    faults = "; ".join(str(fault.get("detail")) for fault in problem.get("errors") or ())
    return f"{answer.status_code} {faults or problem.get('detail') or problem.get('title') or ''}".strip()
