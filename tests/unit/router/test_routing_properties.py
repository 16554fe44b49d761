"""What holds for every policy and every complaint."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.routing import Facts, decide
from shared.policies.conditions import Shortlist
from shared.policies.routing import RoutingPolicy

TEXT = {"zh": "因为", "en": "because"}
CATEGORIES = ("c1", "c2", "c3")
DEPARTMENTS = ("d1", "d2", "d3", "desk", "office")
WORDS = ("alpha", "beta", "alph*", "beta alpha", "甲", "乙甲")

word_list = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True).map(lambda words: {"en": words})
words = st.fixed_dictionaries(
    {}, optional={"any": word_list, "also": word_list, "all": word_list, "none": word_list}
).filter(bool)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "category": st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True),
        "channel": st.lists(st.sampled_from(["web", "phone", "store"]), min_size=1, unique=True),
        "language": st.sampled_from([["zh"], ["en"]]),
        "store": st.booleans() | st.just(["S1"]),
        "order": st.booleans(),
        "about_staff": st.booleans(),
        "repeat": st.booleans(),
        "min_priority": st.sampled_from(["normal", "high", "urgent"]),
        "words": words,
    },
).filter(bool)
rule = st.fixed_dictionaries(
    {"when": conditions, "owner": st.sampled_from(DEPARTMENTS), "because": st.just(TEXT)},
    optional={"staff_of": st.sampled_from(DEPARTMENTS), "category": st.sampled_from(CATEGORIES)},
)
priority_rule = st.fixed_dictionaries(
    {
        "when": words.map(lambda given: {"words": given})
        | conditions.filter(lambda given: "min_priority" not in given),
        "points": st.integers(1, 70),
        "because": st.just(TEXT),
    }
)
topic = st.fixed_dictionaries(
    {"owner": st.sampled_from(DEPARTMENTS), "because": st.just(TEXT), "strong": word_list},
)


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    named = lambda kind, items: [{"id": f"{kind}{n}", **item} for n, item in enumerate(items)]  # noqa: E731
    topics = named("t", draw(st.lists(topic, max_size=3)))
    return {
        "categories": [{"id": name, "name": TEXT, "hint": TEXT} for name in CATEGORIES],
        "fallback": "desk",
        "office": "office",
        "second_stage": "office",
        "about_staff": {"category": ["c3"]},
        "priority": {
            "thresholds": {"high": 30, "urgent": 60},
            "rules": named("p", draw(st.lists(priority_rule, max_size=3))),
        },
        "rules": named("r", draw(st.lists(rule, max_size=6))),
        **({"topics": {"choices": topics}} if topics else {}),
    }


text = st.lists(st.sampled_from(["alpha", "beta", "alphas", "甲", "乙甲", "zzz", "，"]), max_size=6).map(" ".join)
all_facts = st.builds(
    Facts,
    channel=st.sampled_from(["web", "phone", "store"]),
    language=st.sampled_from(["zh", "en"]),
    text=text | st.text(max_size=30),
    title=text,
    category=st.none() | st.sampled_from([*CATEGORIES, "unheard-of"]),
    store_id=st.none() | st.sampled_from(["S1", "S2"]),
    has_order=st.booleans(),
    about_staff=st.booleans(),
    about_department=st.none() | st.sampled_from([*DEPARTMENTS, "elsewhere"]),
    repeat=st.booleans(),
)


@settings(deadline=None, max_examples=200)
@given(policies(), all_facts)
def test_every_complaint_has_exactly_one_owner_that_the_policy_names(data: dict[str, Any], facts: Facts) -> None:
    decision = decide(facts, RoutingPolicy.model_validate(data))
    assert decision.department in DEPARTMENTS
    assert decision.why
    assert decision.why[0].code == decision.rule
    assert decision.because.zh


@settings(deadline=None, max_examples=100)
@given(policies(), all_facts)
def test_the_same_facts_get_the_same_decision(data: dict[str, Any], facts: Facts) -> None:
    assert decide(facts, RoutingPolicy.model_validate(data)) == decide(facts, RoutingPolicy.model_validate(data))


@settings(deadline=None, max_examples=200)
@given(policies(), all_facts)
def test_nobody_owns_a_complaint_about_themselves(data: dict[str, Any], facts: Facts) -> None:
    decision = decide(facts, RoutingPolicy.model_validate(data))
    assert decision.department != facts.about_department
    if decision.passed_over is not None:
        assert decision.department in ("desk", "office")
        assert decision.department != decision.passed_over


@settings(deadline=None, max_examples=200)
@given(policies(), all_facts)
def test_the_first_rule_that_would_win_alone_is_the_one_that_wins(data: dict[str, Any], facts: Facts) -> None:
    decision = decide(facts, RoutingPolicy.model_validate(data))
    alone = [
        one["id"]
        for one in data["rules"]
        if one["id"] in {r.code for r in decide(facts, RoutingPolicy.model_validate({**data, "rules": [one]})).why}
    ]
    decided = [reason.code for reason in decision.why if reason.code.startswith("r")]
    assert decided == alone[:1]


@settings(deadline=None, max_examples=300)
@given(policies(), all_facts)
def test_reading_every_rule_instead_of_the_shortlist_decides_the_same(data: dict[str, Any], facts: Facts) -> None:
    policy, thorough = RoutingPolicy.model_validate(data), RoutingPolicy.model_validate(data)
    thorough.__dict__["shortlist"] = Shortlist(frozenset(range(len(thorough.rules))), {}, {})
    every = Shortlist(frozenset(range(len(thorough.priority.rules))), {}, {})
    thorough.priority.__dict__["shortlist"] = every
    assert decide(facts, policy) == decide(facts, thorough)


@settings(deadline=None, max_examples=150)
@given(policies(), all_facts, st.randoms(use_true_random=False))
def test_what_stands_behind_the_rule_that_matched_does_not_matter(
    data: dict[str, Any], facts: Facts, random: Any
) -> None:
    decision = decide(facts, RoutingPolicy.model_validate(data))
    matched = next((reason.code for reason in decision.why if reason.code.startswith("r")), None)
    if matched is None:
        return
    place = next(n for n, one in enumerate(data["rules"]) if one["id"] == matched)
    behind = data["rules"][place + 1 :]
    random.shuffle(behind)
    reordered = {**data, "rules": data["rules"][: place + 1] + behind[: len(behind) // 2]}
    assert decide(facts, RoutingPolicy.model_validate(reordered)) == decision


@settings(deadline=None, max_examples=150)
@given(policies(), all_facts)
def test_priority_is_the_sum_of_the_reasons_shown(data: dict[str, Any], facts: Facts) -> None:
    decision = decide(facts, RoutingPolicy.model_validate(data))
    assert decision.points == sum(reason.points for reason in decision.priority_reasons)
    expected = "urgent" if decision.points >= 60 else "high" if decision.points >= 30 else "normal"
    assert decision.priority == expected
