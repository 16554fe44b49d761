"""The demo: our examples come in through the three channels, and people work them through the real interfaces."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import resources
from uuid import UUID, uuid5

import httpx
from rich.console import Console

from deploy.endpoints import Endpoints, endpoints_file
from deploy.play.channel import Outcome
from deploy.play.examples import PACKS, Example, load_examples
from deploy.play.journal import Journal
from deploy.play.keys import channel_keys
from deploy.play.people import Customers, Staff
from deploy.play.player import Pace, play
from deploy.play.plots import Step, scripts
from deploy.play.run import Channels, must_answer, open_http
from deploy.play.scene import Scene, perform
from deploy.play.show import live
from deploy.play.sources import Entry, Reading, read_lines
from deploy.play.tally import Tally

_AT_ONCE = 10
_BATCH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWish:
    """The options of `redress demo`.

    Attributes:
        rate: complaints per second, slow enough to be watched.
        act: whether handlers and customers do something afterwards.
    """

    packs: Sequence[str] = PACKS
    rate: float = 25.0
    seed: int = 20261122
    act: bool = True


@dataclass(slots=True)
class Played:
    """What the demo did, for the summary."""

    tallies: list[Tally] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    planned: int = 0

    @property
    def states(self) -> Counter[str]:
        """States the cases were left in."""
        return Counter(scene.state for scene in self.scenes)

    @property
    def steps(self) -> Counter[str]:
        """What was done how often, whoever did it."""
        return Counter(step.partition(" ")[2] for scene in self.scenes for step in scene.done)


async def demo(
    endpoints: Endpoints,
    wish: DemoWish,
    console: Console,
    told: Callable[[Scene, str], None] = lambda _scene, _line: None,
    stop: asyncio.Event | None = None,
) -> Played:
    """File the examples, then let the people act. Doing it again files and changes nothing.

    Raises:
        StackError: a service refuses us or stays away.
    """
    played = Played()
    async with open_http(_AT_ONCE * 2) as http:
        await must_answer(http, endpoints.intake)
        for pack in wish.packs:
            tally = Tally(keep=True)
            played.tallies.append(tally)
            channels = Channels(http, endpoints.intake, pack, await channel_keys(endpoints, pack), tally)
            examples = load_examples(pack)
            receipts = await _file(console, endpoints, pack, examples, channels, wish, tally, stop)
            if not wish.act or (stop is not None and stop.is_set()):
                continue
            staff = Staff(http, endpoints)
            desk = await staff.desks(pack)
            scenes = [Scene(example=e, receipt=receipts[e.id], desk=desk) for e in examples if e.id in receipts]
            played.planned += len(scenes)
            await _act(http, scenes, scripts(examples, wish.seed), staff, channels, played, told)
    return played


async def _file(
    console: Console,
    endpoints: Endpoints,
    pack: str,
    examples: Sequence[Example],
    channels: Channels,
    wish: DemoWish,
    tally: Tally,
    stop: asyncio.Event | None,
) -> Mapping[str, dict[str, object]]:
    """File every example; answers the receipts by example id.

    Stores that were offline (those that say when they received it) deliver by the batch endpoint, everybody else one by
    one. Follow-ups of a story name the reference of the contact before, so they are filed in order.
    """
    with ExitStack() as stack:
        path = stack.enter_context(resources.as_file(resources.files("deploy.play") / "examples" / f"{pack}.jsonl"))
        journal = Journal(endpoints_file().parent / "play", path, pack, None, endpoints.intake)
        stack.callback(journal.close)
        entries = _entries(examples, pack, journal.anchor)
        example_of = {entry.key: example_id for example_id, entry in entries.items()}
        receipts: dict[str, dict[str, object]] = {}

        async def send(chosen: Iterable[Entry], pace: Pace) -> None:
            before = len(tally.receipts)
            await play(list(chosen), channels, pace, tally, journal=journal, again=True, stop=stop)
            for outcome in tally.receipts[before:]:
                receipts[_named(outcome, example_of)] = outcome.receipt or {}

        stories, offline, others = _sorted(examples)
        async with live(console, tally, f"Filing the {pack} examples through web, phone and store"):
            for example, earlier in stories:
                entry = entries[example.id]
                if earlier is not None and earlier.id in receipts:
                    entry = _follow_up(entry, str(receipts[earlier.id]["reference"]))
                    example_of[entry.key] = example.id
                await send([entry], Pace(at_once=1))
            await send((entries[example.id] for example in others), Pace(rate=wish.rate, at_once=_AT_ONCE))
            await send((entries[example.id] for example in offline), Pace(batch=_BATCH, at_once=1))
    return receipts


def _entries(examples: Sequence[Example], pack: str, anchor: datetime) -> dict[str, Entry]:
    reading = Reading(pack=pack, anchor=anchor)
    read = read_lines([example.raw for example in examples], reading)
    return {example.id: entry for example, entry in zip(examples, read, strict=True) if isinstance(entry, Entry)}


def _named(outcome: Outcome, example_of: Mapping[UUID, str]) -> str:
    return example_of[outcome.entry.key]


def _follow_up(entry: Entry, reference: str) -> Entry:
    """The entry that says which complaint it follows; another body, so another key."""
    return replace(entry, key=uuid5(entry.key, reference), body={**entry.body, "repeat_of": reference})


def _sorted(
    examples: Sequence[Example],
) -> tuple[list[tuple[Example, Example | None]], list[Example], list[Example]]:
    """Stories with the contact before of the same customer, complaints of offline stores, and the others."""
    stories: list[tuple[Example, Example | None]] = []
    last: dict[tuple[int, str], Example] = {}
    for example in examples:
        if example.story is not None:
            mark = (example.story, str(example.body.get("customer", {}).get("name")))
            stories.append((example, last.get(mark)))
            last[mark] = example
    rest = [example for example in examples if example.story is None]
    offline = [example for example in rest if example.channel == "store" and example.received_offset is not None]
    others = [example for example in rest if example not in offline]
    return stories, offline, others


async def _act(
    http: httpx.AsyncClient,
    scenes: Sequence[Scene],
    scripts_of: Mapping[str, tuple[Step, ...]],
    staff: Staff,
    channels: Channels,
    played: Played,
    told: Callable[[Scene, str], None],
) -> None:
    """Play all scripts, a few at a time."""
    free = asyncio.Semaphore(_AT_ONCE)
    customers = Customers(http)

    async def one(scene: Scene) -> None:
        async with free:
            channel = channels(scene.example.channel)
            await perform(scene, scripts_of[scene.example.id], staff, customers, channel, told)
            played.scenes.append(scene)

    await asyncio.gather(*(one(scene) for scene in scenes))


def as_json(played: Played) -> str:
    """The summary for programs."""
    return json.dumps(
        {
            "accepted": sum(tally.accepted for tally in played.tallies),
            "repeated": sum(tally.repeated for tally in played.tallies),
            "failed": [reason for tally in played.tallies for _, reason in tally.failures],
            "states": dict(played.states),
            "steps": dict(played.steps),
            "left_alone": sum(scene.left_alone for scene in played.scenes),
            "ended_early": {scene.example.id: scene.ended for scene in played.scenes if scene.ended},
        },
        ensure_ascii=False,
    )
