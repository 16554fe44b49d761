"""Find rules that can never win because earlier ones catch everything they could catch.

What is detected, exactly. A complaint is a choice of plain facts (category, channel, language, shop, order, staff,
repeat, priority) and a text. Rule B is reported when, for **every** choice of plain facts that B accepts, some one
earlier rule accepts the choice too and asks of the text nothing that B's words do not already guarantee. That covers the
single wider rule before B, and the several rules that together leave nothing (one per channel, say).

Word conditions are compared soundly, not completely: a rule is never reported that could still win; one whose texts are
used up by several earlier word lists together, or by how facts depend on each other, is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from shared.policies.conditions import Conditions, WordList, Words
from shared.policies.routing import RoutingPolicy
from shared.policies.sla import SlaConditions, SlaRules
from shared.policies.texts import CHANNELS, LANGUAGES, PRIORITIES
from shared.policies.words import Word

#: What a rule asks of the plain facts: fact to the value or values it accepts.
Asked = Mapping[str, Any]
#: A shop that no rule names, and no shop at all.
_OTHER, _NONE = object(), None


def shadowed_rules(routing: RoutingPolicy) -> Iterator[tuple[int, str]]:
    """Yield the position of each rule that can never be reached, with the ids of the rules that catch all of it."""
    categories = [category.id for category in routing.categories]
    asked = [_asked(rule.when) for rule in routing.rules]
    words = [rule.when.words for rule in routing.rules]
    for place, rule in enumerate(asked):
        rivals = {
            n: asked[n] for n in range(place) if words_implied(words[n], by=words[place], doubted=routing.doubts.words)
        }
        if used := _cover(rule, rivals, categories):
            yield place, " and ".join(routing.rules[n].id for n in sorted(used))


def shadowed_policies(rules: SlaRules) -> Iterator[tuple[int, str]]:
    """Yield the position of each SLA policy that can never be chosen, with the ids of those chosen instead."""
    categories = sorted({item for policy in rules.policies if policy.when for item in policy.when.category or ()})
    asked = [_asked(policy.when) for policy in rules.policies]
    for place, policy in enumerate(asked):
        if used := _cover(policy, dict(enumerate(asked[:place])), categories):
            yield place, " and ".join(rules.policies[n].id for n in sorted(used))


def _asked(when: Conditions | SlaConditions | None) -> Asked:
    given = {} if when is None else {name: getattr(when, name) for name in type(when).model_fields}
    return {fact: value for fact, value in given.items() if fact != "words" and value is not None}


def _cover(rule: Asked, rivals: Mapping[int, Asked], categories: Iterable[str]) -> set[int]:
    """Return the rivals that together accept all plain facts that `rule` accepts; empty if something is left."""
    used: set[int] = set()
    universe: dict[str, list[Any]] = {
        "category": [*categories, None],
        "channel": list(CHANNELS),
        "language": list(LANGUAGES),
        "store": [*_named_stores([rule, *rivals.values()]), _OTHER, _NONE],
        "priority": list(PRIORITIES),
        "min_priority": list(PRIORITIES),
        "order": [True, False],
        "about_staff": [True, False],
        "repeat": [True, False],
    }
    facts = [fact for fact in universe if any(fact in rival for rival in rivals.values())]
    accepted = [[value for value in universe[fact] if _accepts(rule, fact, value)] for fact in facts]
    for choice in product(*accepted):
        chosen = dict(zip(facts, choice, strict=True))
        first = next((n for n, rival in rivals.items() if all(_accepts(rival, *item) for item in chosen.items())), None)
        if first is None:
            return set()
        used.add(first)
    return used


def _named_stores(rules: Iterable[Asked]) -> list[str]:
    return sorted({store for rule in rules if isinstance(named := rule.get("store"), tuple) for store in named})


def _accepts(rule: Asked, fact: str, value: Any) -> bool:
    if fact not in rule:
        return True
    asked = rule[fact]
    if fact == "store":
        return (value is not _NONE) == asked if isinstance(asked, bool) else value in asked
    if fact == "min_priority":
        return PRIORITIES.index(value) >= PRIORITIES.index(asked)
    return value in asked if isinstance(asked, tuple) else bool(value == asked)


def words_implied(asked: Words | None, *, by: Words | None, doubted: frozenset[str] = frozenset()) -> bool:
    """Tell whether every text that meets `by` also meets `asked`; false where that is not certain.

    Args:
        doubted: words that do not count everywhere they stand; only the very same word implies such a one.
    """
    if asked is None:
        return True
    if by is None:
        return False
    return (
        _some_implied(asked.any, asked.at_least, by, doubted)
        and _some_implied(asked.also, 1, by, doubted)
        and (asked.all is None or _group_implied(asked.all, by.all, doubted))
        and (asked.none is None or _absence_implied(asked.none, by.none, doubted))
    )


def implies(word: Word, other: Word, doubted: frozenset[str]) -> bool:
    """Tell whether every text in which one word counts has the other one, which counts there too."""
    return word == other or (other.written not in doubted and word.implies(other))


def _some_implied(asked: WordList | None, at_least: int, by: Words, doubted: frozenset[str]) -> bool:
    if asked is None:
        return True
    if at_least > 1:
        # Two words of `by` may stand for one asked word, so beyond one only the very same words count.
        listed = by.any is not None and by.any.written <= asked.written and by.at_least >= at_least
        grouped = by.all is not None and all(len(group & asked.written) >= at_least for group in by.all.groups)
        return listed or grouped
    each_leads = any(
        given is not None and all(any(implies(word, other, doubted) for other in asked.words) for word in given.words)
        for given in (by.any, by.also)
    )
    return each_leads or (by.all is not None and _each_group_leads(by.all, asked, doubted))


def _each_group_leads(by: WordList, asked: WordList, doubted: frozenset[str]) -> bool:
    words = {word.written: word for word in by.words}
    return all(
        any(implies(words[written], other, doubted) for written in group for other in asked.words)
        for group in by.groups
    )


def _group_implied(asked: WordList, by: WordList | None, doubted: frozenset[str]) -> bool:
    if by is None:
        return False
    have = {word.written: word for word in by.words}
    want = {word.written: word for word in asked.words}
    return all(
        any(all(any(implies(have[h], want[w], doubted) for h in group) for w in wanted) for wanted in asked.groups)
        for group in by.groups
    )


def _absence_implied(asked: WordList, by: WordList | None, doubted: frozenset[str]) -> bool:
    return by is not None and all(any(implies(word, other, doubted) for other in by.words) for word in asked.words)
