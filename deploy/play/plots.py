"""Who does what to which complaint in the demo. Pure: the same examples and seed give the same scripts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from deploy.play.examples import Example

Who = Literal["owner", "receiver", "office", "triage", "customer", "channel"]
STAFF = frozenset({"owner", "receiver", "office", "triage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing somebody does.

    Attributes:
        who: the owning department, the one a transfer was offered to, a deciding desk, the customer, or the channel.
        action: an action of the staff API (`transfer/accept` …) or of the customer's page; `keeps` is a progress update
            that keeps the promise, `withdraw` goes through the channel.
        words: what is said; None for a phrase that fits.
        to: the department a transfer is offered to or the case is assigned to.
        hours: from now until a promise is due.
        rating: 1 to 5.
    """

    who: Who
    action: str
    words: str | None = None
    to: str | None = None
    hours: float | None = None
    rating: int | None = None


def _owner(*actions: str) -> tuple[Step, ...]:
    return tuple(Step(who="owner", action=action) for action in actions)


def _customer(*actions: str, rating: int | None = None) -> tuple[Step, ...]:
    return tuple(Step(who="customer", action=action, rating=rating if action == "rate" else None) for action in actions)


_ACCEPT, _PROGRESS, _RESOLVE = _owner("accept", "progress", "resolve")
_PROMISE = Step(who="owner", action="promise", hours=26)
_OFFER = Step(who="owner", action="transfer", to="neighbour")
_TAKE = Step(who="receiver", action="transfer/accept")
_REFUSE = Step(who="receiver", action="transfer/decline")

PLOTS: Mapping[str, tuple[Step, ...]] = {
    "settled": (_ACCEPT, _PROGRESS, _RESOLVE, *_customer("confirm", "rate", rating=5)),
    "untouched": (),
    "asked": (_ACCEPT, *_owner("ask")),
    "handed over": (_ACCEPT, _OFFER, _TAKE, _PROGRESS),
    "working": (_ACCEPT, _PROGRESS),
    "disputed": (_ACCEPT, _RESOLVE, *_customer("dispute")),
    "answered": (_ACCEPT, *_owner("ask"), *_customer("reply"), _PROGRESS, _RESOLVE),
    "promised": (_ACCEPT, _PROMISE),
    "declined": (_OFFER, _REFUSE, _ACCEPT, _PROGRESS),
    "proposed": (_ACCEPT, _PROGRESS, _RESOLVE),
    "second time right": (
        _ACCEPT, _RESOLVE, *_customer("dispute"), _ACCEPT, _PROGRESS, _RESOLVE, *_customer("confirm", "rate", rating=3),
    ),
    "noted": (_ACCEPT, *_owner("note")),
    "kept": (_ACCEPT, _PROMISE, *_owner("keeps"), _RESOLVE, *_customer("confirm", "rate", rating=4)),
    "offered": (_ACCEPT, _OFFER),
    "withdrawn": (Step(who="channel", action="withdraw"),),
    "slipped": (_ACCEPT, _PROMISE, Step(who="owner", action="promise", hours=50)),
    "arbitrated": (_OFFER, _REFUSE, _OFFER, Step(who="office", action="assign", to="neighbour"), _ACCEPT, _PROGRESS),
    "added": (_ACCEPT, *_customer("add"), _PROGRESS),
    "untouched too": (),
}  # fmt: skip
"""Ways a case can go, in the order they are dealt out."""
_OF_OFFICE = ("working", "asked", "settled", "untouched", "proposed", "noted", "disputed")
_OF_TRIAGE: Sequence[tuple[Step, ...]] = (
    (),
    (Step(who="triage", action="assign", to="service"), _ACCEPT, _PROGRESS),
    (Step(who="triage", action="ask"),),
)
NEIGHBOUR: Mapping[str, str] = {
    "after-sales": "product-quality",
    "product-quality": "after-sales",
    "delivery": "online-shop",
    "online-shop": "delivery",
    "billing": "online-shop",
    "marketing": "store-operations",
    "store-operations": "marketing",
    "customer-service": "after-sales",
    "safety": "product-quality",
    "credit-reporting": "debt-collection",
    "debt-collection": "credit-reporting",
    "mortgage": "bank-accounts",
    "cards": "bank-accounts",
    "bank-accounts": "cards",
    "student-loans": "credit-reporting",
    "consumer-loans": "debt-collection",
    "money-transfers": "bank-accounts",
    "fraud": "money-transfers",
}
"""Whom a department would ask to take over."""
SERVICE = {"retail": "customer-service", "bank": "bank-accounts"}


def scripts(examples: Sequence[Example], seed: int) -> Mapping[str, tuple[Step, ...]]:
    """The script of every example, by its id: a story of its own, else a plot dealt out in turn within its department."""
    told = stories()
    dealt = random.Random(seed)  # noqa: S311  a script, not a secret
    found: dict[str, tuple[Step, ...]] = {}
    turns: dict[str, int] = {}
    for example in examples:
        if example.id in told:
            found[example.id] = _reaching(example, told[example.id])
            continue
        department = example.expect_department
        turn = turns[department] = turns.get(department, dealt.randrange(len(PLOTS))) + 1
        found[example.id] = _reaching(example, _plot(example, department, turn))
    return found


def _reaching(example: Example, script: tuple[Step, ...]) -> tuple[Step, ...]:
    """The script as it goes for this customer: who rang and left no e-mail is called back (回访) instead of written to.

    Staff record what they say. The confirmation is heard by the complaints office, which proposed nothing; where it
    did, there is nobody else in the demo, and the customer's word stays open.
    """
    if example.channel != "phone" or "email" in example.body.get("customer", {}):
        return script
    by_office = example.expect_department.endswith("office")
    settled = False
    steps: list[Step] = []
    for step in script:
        if step.who != "customer" or step.action == "add":
            steps.append(step)
        elif step.action == "reply":
            steps.append(replace(step, who="owner", action="record/answer"))
        elif step.action == "dispute":
            steps.append(replace(step, who="owner", action="record/dispute"))
            by_office = True
        elif step.action == "confirm" and not by_office:
            steps.append(replace(step, who="office", action="record/confirmation"))
            settled = True
        elif step.action == "rate" and settled:
            steps.append(step)
    return tuple(steps)


def _plot(example: Example, department: str, turn: int) -> tuple[Step, ...]:
    if department.endswith("triage"):
        return _OF_TRIAGE[turn % len(_OF_TRIAGE)]
    if department.endswith("office"):
        return PLOTS[_OF_OFFICE[turn % len(_OF_OFFICE)]]
    name = list(PLOTS)[turn % len(PLOTS)]
    return PLOTS[name]


@cache
def stories() -> Mapping[str, tuple[Step, ...]]:
    """The scripts of `stories.yaml`."""
    return {name: tuple(map(_step, steps)) for name, steps in _read("stories.yaml").items()}


def _step(written: Sequence[Any]) -> Step:
    who, action, *words = written
    said = words[0] if words else None
    if isinstance(action, str):
        return Step(who=who, action=action, words=said)
    ((name, value),) = action.items()
    match name:
        case "promise":
            return Step(who=who, action=name, words=said, hours=value)
        case "rate":
            return Step(who=who, action=name, words=said, rating=value)
        case _:
            return Step(who=who, action=name, words=said, to=value)


def words_for(step: Step, example: Example, renewed: bool = False) -> str:
    """What is said in a step, in the language of the example; always the same."""
    if step.words is not None:
        return step.words
    kind = "renew" if renewed else _PHRASES.get(step.action, step.action)
    choices = phrases()[kind][example.body["language"]]
    digest = hashlib.sha256(f"{example.id}|{kind}".encode()).digest()
    return str(choices[digest[0] % len(choices)])


_PHRASES: Mapping[str, str] = {
    "transfer/decline": "decline",
    "record/answer": "reply",
    "record/confirmation": "called_back",
    "record/dispute": "dispute",
}


def target_of(step: Step, example: Example, department: str) -> str:
    """The department a transfer or an assignment names."""
    if step.to == "service":
        return SERVICE[example.pack]
    if step.to == "neighbour" or step.to is None:
        return NEIGHBOUR[department]
    return step.to


@cache
def phrases() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """The phrases of `phrases.yaml`."""
    found: Mapping[str, Mapping[str, Sequence[str]]] = _read("phrases.yaml")
    return found


def _read(name: str) -> Any:
    return yaml.safe_load(resources.files("deploy.play").joinpath(name).read_text(encoding="utf-8"))
