"""Plays one script on one complaint through the real interfaces, waiting for the services to catch up between steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from deploy.play.channel import Channel
from deploy.play.examples import Example
from deploy.play.people import Customers, Desk, Refused, Staff
from deploy.play.plots import STAFF, Step, target_of, words_for

T = TypeVar("T")
PATIENCE = 20.0
_PAUSE = 0.15


@dataclass(slots=True, kw_only=True)
class Scene:
    """One complaint on the stage.

    Attributes:
        receipt: intake's answer.
        done: the steps that were carried out, such as `delivery accept`.
        ended: why the script was left before its end, if it was.
        left_alone: somebody had worked on the case before, so nothing was done.
    """

    example: Example
    receipt: dict[str, Any]
    desk: Desk
    done: list[str] = field(default_factory=list)
    ended: str | None = None
    left_alone: bool = False
    state: str = "submitted"
    department: str = ""
    offered_to: str = ""

    @property
    def reference(self) -> str:
        """What the customer was told."""
        return str(self.receipt["reference"])


async def perform(
    scene: Scene,
    script: tuple[Step, ...],
    staff: Staff,
    customers: Customers,
    channel: Channel,
    told: Callable[[Scene, str], None] = lambda _scene, _line: None,
) -> None:
    """Play the script; a step that stays impossible ends it, and the scene says why."""
    try:
        case = await _until(lambda: staff.case(scene.reference, scene.desk.office), "the case did not arrive")
        _look(scene, case)
        if not _fresh(case):
            scene.left_alone = True
            return
        for step in script:
            await _step(scene, step, staff, customers, channel)
            told(scene, scene.done[-1])
        case = await staff.case(scene.reference, scene.desk.office) or case
        _look(scene, case)
    except Refused as refusal:
        scene.ended = str(refusal)
    except httpx.HTTPError as error:
        scene.ended = f"a service answered with an error ({type(error).__name__})"


def _fresh(case: dict[str, Any]) -> bool:
    """Whether no person has worked on it, so that a second demo leaves the first one's cases alone."""
    people = {line["who"] for line in case["history"] if line["what"] != "submitted"} - _MACHINES
    return not people and case["epoch"] == 1


_MACHINES = frozenset({"policy", "clock"})


async def _step(scene: Scene, step: Step, staff: Staff, customers: Customers, channel: Channel) -> None:
    if step.who in STAFF:
        await _staff_step(scene, step, staff)
    elif step.who == "customer":
        await _customer_step(scene, step, staff, customers)
    else:
        status = await channel.withdraw(str(scene.receipt["complaint_id"]), words_for(step, scene.example))
        if status >= 400:
            raise Refused(f"{step.action}: {status}")
        scene.done.append(f"channel {step.action}")


async def _staff_step(scene: Scene, step: Step, staff: Staff) -> None:
    action = "progress" if step.action == "keeps" else step.action

    async def possible() -> tuple[str, dict[str, Any]] | None:
        department = _acting(scene, step)
        seen = await staff.case(scene.reference, department) if department else None
        if seen is None or action not in seen["actions"]:
            # Somebody else may have it by now; the complaints office sees every case.
            seen = await staff.case(scene.reference, scene.desk.office)
            if seen is not None:
                _look(scene, seen)
            return None
        return department, seen

    department, case = await _until(possible, lambda: f"{step.who} could not {step.action} in state {scene.state}")
    after = await staff.act(scene.reference, department, action, _body(scene, step, case))
    if "state" in after:  # whoever gave the case away may not read it any more
        _look(scene, after)
    scene.done.append(f"{department} {step.action}")


def _acting(scene: Scene, step: Step) -> str:
    """The department that acts, as far as is known."""
    match step.who:
        case "office":
            return scene.desk.office
        case "triage":
            return scene.desk.triage
        case "receiver":
            return scene.offered_to
        case _:
            return scene.department


def _body(scene: Scene, step: Step, case: dict[str, Any]) -> dict[str, Any]:
    """What a step posts to the staff API."""
    renewed = step.action == "promise" and case.get("promise") is not None
    words = words_for(step, scene.example, renewed) if step.action not in {"accept", "transfer/accept"} else ""
    match step.action:
        case "accept" | "transfer/accept":
            return {}
        case "ask":
            return {"question": words}
        case "promise":
            due_at = datetime.now(UTC) + timedelta(hours=step.hours or 24)
            return {"due_at": due_at.replace(minute=0, second=0, microsecond=0).isoformat(), "text": words}
        case "transfer":
            return {"to": target_of(step, scene.example, str(case["department"])), "reason": words}
        case "transfer/decline":
            return {"reason": words}
        case "assign":
            return {"department": target_of(step, scene.example, str(case["department"])), "reason": words}
        case "keeps":
            return {"text": words, "keeps_promise": True}
        case "record/answer":
            return {"answer": words}
        case "record/confirmation":
            return {"note": words}
        case _:
            return {"text": words}


_AFTER: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "confirm": lambda case: case["state"] == "closed",
    "dispute": lambda case: case["stage"] > 1,
    "reply": lambda case: case["state"] != "waiting_for_customer",
}


async def _customer_step(scene: Scene, step: Step, staff: Staff, customers: Customers) -> None:
    words = words_for(step, scene.example) if step.action in {"reply", "add", "dispute", "rate"} else ""
    bodies: dict[str, dict[str, Any]] = {
        "reply": {"answer": words},
        "add": {"text": words},
        "dispute": {"text": words},
        "confirm": {},
        "rate": {"rating": step.rating or 4, "comment": words},
    }
    body = bodies[step.action]
    url = str(scene.receipt["progress_url"])
    why = "the page did not get there"

    async def post() -> bool | None:
        nonlocal why
        try:
            await customers.act(url, step.action, body)
        except Refused as refusal:
            why = str(refusal)
            return None
        return True

    await _until(post, lambda: why)
    scene.done.append(f"customer {step.action}")
    after = _AFTER.get(step.action)
    if after is not None:

        async def arrived() -> dict[str, Any] | None:
            case = await staff.case(scene.reference, scene.desk.office)
            return case if case is not None and after(case) else None

        _look(scene, await _until(arrived, f"the customer's {step.action} did not reach the router"))


def _look(scene: Scene, case: dict[str, Any]) -> None:
    scene.state, scene.department = str(case["state"]), str(case["department"])
    scene.offered_to = str(case["offered_to"] or "")


async def _until(look: Callable[[], Awaitable[T | None]], why: str | Callable[[], str]) -> T:
    """Ask until there is an answer.

    Raises:
        Refused: there is none in time.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = await look()
        except httpx.TransportError as error:
            found, why = None, f"a service does not answer ({type(error).__name__})"
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise Refused(why if isinstance(why, str) else why())
        await asyncio.sleep(_PAUSE)
