"""Give every complaint exactly one owner and one priority, with the reasons: a pure reading of the policy."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from shared.policies.conditions import Conditions, Words
from shared.policies.routing import RoutingPolicy, Topic
from shared.policies.texts import PRIORITIES, Channel, Language, Priority, Text

#: Told when no rule of the policy catches a complaint.
NO_RULE = Text(
    zh="没有规则能判定责任部门，由人工分拣阅读后派单",
    en="No rule names an owner, so the triage desk reads it and assigns it",
)
#: Told when the owner a rule names would answer for its own people (S13, fourth story).
OWN_STAFF = Text(
    zh="投诉涉及责任部门自己的员工，不由该部门处理",
    en="The complaint is about that department's own staff, so somebody else handles it",
)


class Facts(NamedTuple):
    """What the decision may look at.

    Attributes:
        title, text: the customer's words in clear; nothing of them is repeated in the decision.
        store_id: the shop, where one is named.
        about_staff: the form said that it is about a person who works here; words may say so too.
        about_department: the department that person works in, where known.
        repeat: the customer says, or intake found, that the matter was reported before.
    """

    channel: Channel
    language: Language
    text: str
    title: str = ""
    category: str | None = None
    store_id: str | None = None
    has_order: bool = False
    about_staff: bool = False
    about_department: str | None = None
    repeat: bool = False


class Reason(NamedTuple):
    """Why: a rule's code, its wording from policy, which of the policy's words were found, and points if any."""

    code: str
    text: Text
    found: tuple[str, ...] = ()
    points: int = 0


class Decision(NamedTuple):
    """One owner, one priority, and everything needed to explain them later.

    Attributes:
        rule: id of the rule or topic that decided; `no-rule` for the fallback, `own-staff` where the named owner was passed over.
        why: reasons for the owner, the deciding one first.
        points: sum over `priority_reasons`.
        category: as the customer chose it, or as the rule sees it.
        passed_over: the department that was named first but whose own staff the complaint is about.
    """

    department: str
    rule: str
    why: tuple[Reason, ...]
    priority: Priority
    priority_reasons: tuple[Reason, ...]
    points: int
    category: str | None
    policy_version: str
    passed_over: str | None = None

    @property
    def because(self) -> Text:
        """The sentence for customer and desk."""
        return self.why[0].text


def decide(facts: Facts, policy: RoutingPolicy) -> Decision:
    """Return the decision for these facts: total, deterministic, the first rule that matches wins.

    A complaint about staff never goes to the department they work in: it goes to the complaints office, and one about
    the office itself to the triage desk.
    """
    found = policy.index.found_in(f"{facts.title}\n{facts.text}")
    facts = _with_staff_signs(facts, policy, found)
    priority_reasons = tuple(
        Reason(rule.id, rule.because, _words_behind(rule.when, found), rule.points)
        for rule in map(policy.priority.rules.__getitem__, policy.priority.shortlist.called_by(found, facts.category))
        if _holds(rule.when, facts, found, "normal")
    )
    points = sum(reason.points for reason in priority_reasons)
    priority = _priority(points, policy)
    named = _named(facts, policy, found, priority)
    department, why = _somebody_else(facts, policy, named)
    return Decision(
        department=department,
        rule=why[0].code,
        why=why,
        priority=priority,
        priority_reasons=priority_reasons,
        points=points,
        category=facts.category or named.category,
        policy_version=policy.version,
        passed_over=None if department == named.owner else named.owner,
    )


def second_stage_owner(policy: RoutingPolicy, earlier_owners: Collection[str]) -> str:
    """Return who handles a reopened complaint: not one of those who answered it before. The office has the last word,
    also where it answered before; the fallback, which only sorts, answers nothing.
    """
    candidates = (policy.second_stage, policy.office)
    return next((department for department in candidates if department not in earlier_owners), policy.office)


def _with_staff_signs(facts: Facts, policy: RoutingPolicy, found: frozenset[str]) -> Facts:
    signs = policy.about_staff
    seen = (
        facts.about_department is not None
        or facts.category in signs.category
        or (signs.words is not None and _words_hold(signs.words, found))
    )
    return facts._replace(about_staff=True) if seen and not facts.about_staff else facts


def _priority(points: int, policy: RoutingPolicy) -> Priority:
    thresholds = policy.priority.thresholds
    if points >= thresholds.urgent:
        return "urgent"
    return "high" if points >= thresholds.high else "normal"


class _Named(NamedTuple):
    """The owner that rules, topics or the fallback name, before anybody is passed over."""

    owner: str
    why: tuple[Reason, ...]
    category: str | None = None
    staff_of: str | None = None


def _named(facts: Facts, policy: RoutingPolicy, found: frozenset[str], priority: Priority) -> _Named:
    for place in policy.shortlist.called_by(found, facts.category):
        rule = policy.rules[place]
        if _holds(rule.when, facts, found, priority):
            words = _words_behind(rule.when, found) + (_staff_words(policy, found) if rule.when.about_staff else ())
            return _Named(rule.owner, (Reason(rule.id, rule.because, words),), rule.category, rule.staff_of)
    weighed = weigh(policy, found)
    if policy.topics and weighed and weighed[0][1].points >= policy.topics.minimum:
        (topic, first), second = weighed[0], weighed[1][1].points if len(weighed) > 1 else 0
        if first.points - second >= policy.topics.lead:
            return _Named(topic.owner, (first,), topic.category)
    return _Named(policy.fallback, (Reason("no-rule", NO_RULE), *(reason for _, reason in weighed)))


def weigh(policy: RoutingPolicy, found: frozenset[str]) -> list[tuple[Topic, Reason]]:
    """Return the three topics the found words speak of most, most points first, in the policy's order among equals."""
    if policy.topics is None:
        return []
    points: dict[int, int] = {}
    for written in found & policy.topics.points_of.keys():
        for place, worth in policy.topics.points_of[written]:
            points[place] = points.get(place, 0) + worth
    best = sorted(points.items(), key=lambda item: (-item[1], item[0]))[:3]
    topics = [(policy.topics.choices[place], total) for place, total in best]
    return [(topic, Reason(topic.id, topic.because, _spoken(topic, found), total)) for topic, total in topics]


def _spoken(topic: Topic, found: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted((found & topic.strong.written) | (found & topic.words.written)))


def _somebody_else(facts: Facts, policy: RoutingPolicy, named: _Named) -> tuple[str, tuple[Reason, ...]]:
    """Pass over the department whose own staff the complaint is about."""
    employer = facts.about_department or named.staff_of
    if employer is None and named.owner not in (policy.office, policy.fallback):
        # Nothing says where the person works: in the department whose matter it is, until somebody knows better.
        employer = named.owner
    if not facts.about_staff or employer != named.owner:
        return named.owner, named.why
    somebody_else = policy.fallback if named.owner == policy.office else policy.office
    return somebody_else, (Reason("own-staff", OWN_STAFF), *named.why)


def _holds(when: Conditions, facts: Facts, found: frozenset[str], priority: Priority) -> bool:
    return (
        (when.category is None or facts.category in when.category)
        and (when.words is None or _words_hold(when.words, found))
        and (when.channel is None or facts.channel in when.channel)
        and (when.language is None or facts.language in when.language)
        and (when.store is None or _store_fits(when.store, facts.store_id))
        and (when.order is None or when.order == facts.has_order)
        and (when.about_staff is None or when.about_staff == facts.about_staff)
        and (when.repeat is None or when.repeat == facts.repeat)
        and (when.min_priority is None or PRIORITIES.index(priority) >= PRIORITIES.index(when.min_priority))
    )


def _store_fits(asked: bool | tuple[str, ...], store_id: str | None) -> bool:
    return (store_id is not None) == asked if isinstance(asked, bool) else store_id in asked


def _words_hold(words: Words, found: frozenset[str]) -> bool:
    return (
        (words.any is None or _enough(words.any.written, words.at_least, found))
        and (words.also is None or not found.isdisjoint(words.also.written))
        and (words.none is None or found.isdisjoint(words.none.written))
        and (words.all is None or any(group <= found for group in words.all.groups))
    )


def _enough(listed: frozenset[str], at_least: int, found: frozenset[str]) -> bool:
    if at_least == 1:
        return not found.isdisjoint(listed)
    return len(found & listed) >= at_least


def _words_behind(when: Conditions, found: frozenset[str]) -> tuple[str, ...]:
    """Return the policy's words that made a rule hold, in a fixed order."""
    return _met(when.words, found) if when.words else ()


def _staff_words(policy: RoutingPolicy, found: frozenset[str]) -> tuple[str, ...]:
    signs = policy.about_staff.words
    return _met(signs, found) if signs and _words_hold(signs, found) else ()


def _met(words: Words, found: frozenset[str]) -> tuple[str, ...]:
    asked = (words.any, words.also, words.all)
    return tuple(sorted({written for given in asked if given is not None for written in found & given.written}))
