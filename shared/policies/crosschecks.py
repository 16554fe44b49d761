"""What no single file can know: references between files, totality, cycles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from shared.policies.calendars import Calendars
from shared.policies.conditions import WordList, Words
from shared.policies.departments import LEAD, DepartmentKind, Departments
from shared.policies.doubts import check_longer
from shared.policies.errors import Problem
from shared.policies.notices import NoticePolicy
from shared.policies.reachability import implies, shadowed_policies, shadowed_rules
from shared.policies.routing import PriorityRule, RoutingPolicy, Rule
from shared.policies.sla import SlaRules
from shared.policies.stores import Stores
from shared.policies.words import fold
from shared.policies.yaml_source import Document, Place

_NAMED = 30  # of the ids there are, as many as a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The files of a pack: as models, and as documents with lines; `stores` is none where the pack has no such file."""

    folder: str
    documents: Mapping[str, Document]
    departments: Departments
    calendars: Calendars
    routing: RoutingPolicy
    sla: SlaRules
    notices: NoticePolicy
    stores: Stores | None = None

    def problem(self, file: str, place: Place, reason: str, mend: str) -> Problem:
        """Return a problem at a place of one of the files."""
        return self.documents[f"{file}.yaml"].problem(place, reason, mend)

    def unknown(self, file: str, place: Place, what: str, name: str, known: Collection[str]) -> list[Problem]:
        """Return a problem if `name` is not among `known`, suggesting the nearest one."""
        if name in known:
            return []
        near = get_close_matches(name, known, 1)
        some = ", ".join(sorted(known)[:_NAMED]) + (" …" if len(known) > _NAMED else "")
        mend = f"did you mean {near[0]}?" if near else f"use one of: {some}"
        return [self.problem(file, place, f"unknown {what} {name!r}", mend)]

    def doubles(self, file: str, list_name: Place, what: str, ids: Sequence[str]) -> list[Problem]:
        """Return a problem for each id of a list that was used before in it."""
        return [
            self.problem(
                file, (*list_name, place, "id"), f"{what} {name!r} is given twice", "give one of them another id"
            )
            for place, name in enumerate(ids)
            if name in ids[:place]
        ]


def check_pack(sources: Sources) -> list[Problem]:
    """Return every problem between the files of one pack."""
    return [
        *_departments(sources),
        *_ladders(sources),
        *_stores(sources),
        *_routing(sources),
        *_rules(sources),
        *_sla(sources),
    ]


def check_packs(all_sources: Sequence[Sources]) -> list[Problem]:
    """Return problems between packs: ids used twice."""
    problems = []
    seen: dict[str, str] = {}
    packs: dict[str, str] = {}
    for sources in all_sources:
        name = sources.departments.pack
        if name in packs:
            reason = f"pack {name!r} is also in folder {packs[name]}"
            problems.append(sources.problem("departments", ("pack",), reason, "give each pack its own name"))
        packs[name] = sources.folder
        for place, department in enumerate(sources.departments.departments):
            if seen.setdefault(department.id, name) != name:
                where: Place = ("departments", place, "id")
                reason = f"department {department.id!r} is also in pack {seen[department.id]}"
                problems.append(sources.problem("departments", where, reason, "ids are unique over all packs"))
    return problems


def _departments(sources: Sources) -> Iterable[Problem]:
    departments = sources.departments.departments
    yield from sources.doubles("departments", ("departments",), "department", [item.id for item in departments])
    for place, department in enumerate(departments):
        here: Place = ("departments", place)
        if department.id == LEAD:
            yield sources.problem("departments", (*here, "id"), f"{LEAD!r} is no department id", "choose another id")
        yield from sources.unknown(
            "departments", (*here, "calendar"), "calendar", department.calendar, sources.calendars.calendars
        )
    kinds = Counter(department.kind for department in departments)
    needed: tuple[DepartmentKind, ...] = ("triage", "office")
    for kind in needed:
        if kinds[kind] != 1:
            reason = f"{kinds[kind]} departments of kind {kind}"
            yield sources.problem("departments", ("departments",), reason, "a pack has exactly one")


def _ladders(sources: Sources) -> Iterable[Problem]:
    known = sources.departments.by_id
    upward: dict[str, dict[str, Place]] = {department: {} for department in known}
    for place, department in enumerate(sources.departments.departments):
        for number, rung in enumerate(department.escalation):
            here: Place = ("departments", place, "escalation", number, "to")
            if rung.to == LEAD:
                continue
            if rung.to not in known:
                yield from sources.unknown("departments", here, "department", rung.to, [*known, LEAD])
                continue
            upward[department.id].setdefault(rung.to, here)
    for circle in _circles(upward):
        climb = upward[circle[-2]][circle[-1]]
        reason = f"the escalation ladders form a cycle: {' → '.join(circle)}"
        yield sources.problem("departments", climb, reason, f"end one of them with to: {LEAD}")


def _circles(upward: Mapping[str, Mapping[str, object]]) -> list[list[str]]:
    """Return each cycle once, as the path that leads back to its first department."""
    circles: list[list[str]] = []
    finished: set[str] = set()

    def climb(path: list[str]) -> None:
        for above in upward[path[-1]]:
            if above in path:
                circles.append([*path[path.index(above) :], above])
            elif above not in finished:
                climb([*path, above])
        finished.add(path[-1])

    for department in upward:
        if department not in finished:
            climb([department])
    return circles


def _stores(sources: Sources) -> Iterable[Problem]:
    if sources.stores is None:
        return
    ids = [store.id for store in sources.stores.stores]
    yield from sources.doubles("stores", ("stores",), "store", ids)
    first: dict[str, str] = {}
    for place, store_id in enumerate(ids):
        if (other := first.setdefault(store_id.casefold(), store_id)) != store_id:
            reason = f"store {store_id!r} differs from {other!r} by capital letters only"
            yield sources.problem("stores", ("stores", place, "id"), reason, "give one of them another id")


def _routing(sources: Sources) -> Iterable[Problem]:
    routing, departments = sources.routing, sources.departments.by_id
    needed: tuple[tuple[str, str, DepartmentKind | None], ...] = (
        ("fallback", routing.fallback, "triage"),
        ("office", routing.office, "office"),
        ("second_stage", routing.second_stage, None),
    )
    for name, department, kind in needed:
        yield from sources.unknown("routing", (name,), "department", department, departments)
        if kind and department in departments and departments[department].kind != kind:
            reason = f"{name} {department!r} is a department of kind {departments[department].kind}"
            yield sources.problem("routing", (name,), reason, f"name the department of kind {kind}")
    categories = [category.id for category in routing.categories]
    yield from sources.doubles("routing", ("categories",), "category", categories)
    for place, category in enumerate(routing.about_staff.category):
        yield from sources.unknown("routing", ("about_staff", "category", place), "category", category, categories)
    if routing.about_staff.words:
        yield from _words(sources, ("about_staff", "words"), routing.about_staff.words)


def _rules(sources: Sources) -> Iterable[Problem]:
    routing, departments = sources.routing, sources.departments.by_id
    categories = [category.id for category in routing.categories]
    lists: tuple[tuple[Place, Sequence[Rule | PriorityRule]], ...] = (
        (("rules",), routing.rules),
        (("priority", "rules"), routing.priority.rules),
    )
    for list_name, rules in lists:
        yield from sources.doubles("routing", list_name, "rule", [rule.id for rule in rules])
        for place, rule in enumerate(rules):
            here: Place = (*list_name, place, "when")
            for number, category in enumerate(rule.when.category or ()):
                yield from sources.unknown("routing", (*here, "category", number), "category", category, categories)
            yield from _tested_stores(sources, (*here, "store"), rule.when.store)
            if rule.when.words:
                yield from _words(sources, (*here, "words"), rule.when.words)
    for place, owned in enumerate(routing.rules):
        here = ("rules", place)
        yield from sources.unknown("routing", (*here, "owner"), "department", owned.owner, departments)
        if owned.staff_of is not None:
            yield from sources.unknown("routing", (*here, "staff_of"), "department", owned.staff_of, departments)
        if owned.category is not None:
            yield from sources.unknown("routing", (*here, "category"), "category", owned.category, categories)
        answers_itself = owned.staff_of == owned.owner or (
            owned.when.about_staff is True
            and owned.staff_of is None
            and owned.owner not in (routing.office, routing.fallback)
        )
        if answers_itself:
            reason = f"{owned.owner!r} would answer a complaint about its own staff"
            yield sources.problem(
                "routing", (*here, "owner"), reason, "let the complaints office own it, or name staff_of"
            )
    yield from _topics(sources)
    yield from _doubts(sources)
    for place, earlier in shadowed_rules(routing):
        reason = (
            f"rule {routing.rules[place].id!r} can never be reached: whatever it catches, {earlier} catches before it"
        )
        yield sources.problem(
            "routing", ("rules", place, "id"), reason, "move it up, narrow the earlier rule, or remove it"
        )


def _tested_stores(sources: Sources, place: Place, asked: bool | tuple[str, ...] | None) -> Iterable[Problem]:
    if sources.stores is None or not isinstance(asked, tuple):
        return
    for number, store_id in enumerate(asked):
        yield from sources.unknown("routing", (*place, number), "store", store_id, sources.stores.by_id)


def _topics(sources: Sources) -> Iterable[Problem]:
    routing = sources.routing
    topics = routing.topics.choices if routing.topics else ()
    rules = [rule.id for rule in routing.rules]
    yield from sources.doubles("routing", ("topics", "choices"), "topic", [topic.id for topic in topics])
    for place, topic in enumerate(topics):
        here: Place = ("topics", "choices", place)
        if topic.id in rules:
            reason = f"topic {topic.id!r} is also the id of a rule"
            yield sources.problem("routing", (*here, "id"), reason, "a decision names one of them; rename it")
        yield from sources.unknown("routing", (*here, "owner"), "department", topic.owner, sources.departments.by_id)
        if topic.category is not None:
            known = [category.id for category in routing.categories]
            yield from sources.unknown("routing", (*here, "category"), "category", topic.category, known)
        for name, given in (("strong", topic.strong), ("words", topic.words)):
            yield from _twice(sources, (*here, name), given)


def _doubts(sources: Sources) -> Iterable[Problem]:
    routing = sources.routing
    written = {word.written for word in routing.words}
    for word, longer in routing.not_in.items():
        if word not in written:
            yield from sources.unknown("routing", ("not_in", word), "word", word, written)
        elif wrong := check_longer(word, longer):
            mend = "list longer words in which it means something else"
            yield sources.problem("routing", ("not_in", word), f"not_in: {wrong}", mend)
    known = [rule.id for rule in routing.rules] + [rule.id for rule in routing.priority.rules]
    for place, name in enumerate(routing.denial.rules if routing.denial else ()):
        yield from sources.unknown("routing", ("denial", "rules", place), "rule", name, known)


def _twice(sources: Sources, place: Place, given: WordList) -> Iterable[Problem]:
    for language, listed in (("zh", given.zh), ("en", given.en)):
        folded = [fold(written) for written in listed]
        for number, written in enumerate(folded):
            if written in folded[:number]:
                where: Place = (*place, language, number)
                yield sources.problem("routing", where, f"word {written!r} is given twice", "keep one")


def _words(sources: Sources, place: Place, words: Words) -> Iterable[Problem]:
    doubted = sources.routing.doubts.words
    for name in ("any", "also", "all", "none"):
        given: WordList | None = getattr(words, name)
        if given is not None:
            yield from _twice(sources, (*place, name), given)
    if words.none:
        for required in (words.any, words.also, words.all):
            if required and all(
                any(implies(word, bad, doubted) for bad in words.none.words) for word in required.words
            ):
                reason = "the words can never match: each one that is asked for is also forbidden by none"
                yield sources.problem("routing", (*place, "none"), reason, "take words out of none")


def _sla(sources: Sources) -> Iterable[Problem]:
    policies = sources.sla.policies
    categories = [category.id for category in sources.routing.categories]
    yield from sources.doubles("sla", ("policies",), "policy", [policy.id for policy in policies])
    for place, policy in enumerate(policies):
        here: Place = ("policies", place)
        yield from sources.unknown("sla", (*here, "calendar"), "calendar", policy.calendar, sources.calendars.calendars)
        for number, category in enumerate((policy.when.category if policy.when else None) or ()):
            where: Place = (*here, "when", "category", number)
            yield from sources.unknown("sla", where, "category", category, categories)
    if policies[-1].when is not None:
        reason = "no policy for all other complaints: the last one has conditions"
        yield sources.problem("sla", ("policies", len(policies) - 1, "when"), reason, "end with a policy without when")
    for place, earlier in shadowed_policies(sources.sla):
        reason = f"policy {policies[place].id!r} can never be reached: {earlier} holds before it"
        yield sources.problem("sla", ("policies", place, "id"), reason, "move it up, or remove it")
