"""A rule is reported as unreachable only if it is, and the plain cases are all reported."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.routing import Facts, decide
from shared.policies.reachability import shadowed_rules
from shared.policies.routing import RoutingPolicy

TEXT = {"zh": "因为", "en": "because"}
VOCABULARY = ("alpha", "beta", "alpha beta", "alph*", "甲", "甲乙")
TEXTS = ("", "alpha", "beta", "alpha beta", "beta alpha", "alphas", "甲", "甲乙", "乙", "alpha 甲", "beta 甲乙 alpha")


def policy(*whens: dict[str, Any]) -> RoutingPolicy:
    rules = [{"id": f"r{n}", "when": when, "owner": f"d{n}", "because": TEXT} for n, when in enumerate(whens)]
    return RoutingPolicy.model_validate(
        {
            "categories": [{"id": "c1", "name": TEXT, "hint": TEXT}, {"id": "c2", "name": TEXT, "hint": TEXT}],
            "fallback": "desk",
            "office": "office",
            "second_stage": "office",
            "priority": {
                "thresholds": {"high": 1, "urgent": 2},
                "rules": [
                    {"id": "p1", "when": {"repeat": True}, "points": 1, "because": TEXT},
                    {"id": "p2", "when": {"order": True}, "points": 2, "because": TEXT},
                ],
            },
            "rules": rules,
        }
    )


def shadowed(*whens: dict[str, Any]) -> dict[int, str]:
    return dict(shadowed_rules(policy(*whens)))


ANY = lambda *words: {"words": {"any": {"en": list(words)}}}  # noqa: E731


@pytest.mark.parametrize(
    ("whens", "expected"),
    [
        ([{"category": ["c1"]}, {"category": ["c1"]}], {1: "r0"}),
        ([{"category": ["c1", "c2"]}, {"category": ["c1"], "channel": ["web"]}], {1: "r0"}),
        ([{"category": ["c1"]}, {"category": ["c1", "c2"]}], {}),
        ([{"channel": ["web"]}, {"channel": ["phone", "store"]}, {"category": ["c1"]}], {2: "r0 and r1"}),
        ([{"order": True}, {"order": False}, ANY("alpha")], {2: "r0 and r1"}),
        ([{"store": True}, {"store": ["S1"]}], {1: "r0"}),
        ([{"store": ["S1"]}, {"store": True}], {}),
        ([{"store": ["S1", "S2"]}, {"store": ["S2"]}], {1: "r0"}),
        ([{"store": True}, {"store": False}, {"category": ["c1"]}], {2: "r0 and r1"}),
        ([{"min_priority": "high"}, {"min_priority": "urgent"}], {1: "r0"}),
        ([{"min_priority": "urgent"}, {"min_priority": "high"}], {}),
        ([{"min_priority": "normal"}, {"category": ["c1"]}], {1: "r0"}),
        ([ANY("alpha"), ANY("alpha beta")], {1: "r0"}),
        ([ANY("alph*"), ANY("alpha")], {1: "r0"}),
        ([ANY("alpha"), ANY("alph*")], {}),
        ([ANY("alpha", "beta"), {"words": {"all": {"en": ["alpha", "beta"]}}}], {1: "r0"}),
        ([{"words": {"any": {"en": ["alpha", "beta"]}, "at_least": 2}}, ANY("alpha", "beta")], {}),
        ([ANY("alpha", "beta"), {"words": {"any": {"en": ["alpha", "beta"]}, "at_least": 2}}], {1: "r0"}),
        ([{"words": {"none": {"en": ["alph*"]}}}, {"words": {"none": {"en": ["alph*", "beta"]}}}], {1: "r0"}),
        ([{"words": {"none": {"en": ["alpha", "beta"]}}}, {"words": {"none": {"en": ["alpha"]}}}], {}),
        ([{"words": {"any": {"zh": ["甲"]}}}, {"words": {"any": {"zh": ["甲乙"]}}}], {1: "r0"}),
        ([{**ANY("alpha"), "language": ["zh"]}, {**ANY("alpha"), "language": ["en"]}, ANY("alpha beta")], {2: "r0 and r1"}),
    ],
)  # fmt: skip
def test_rules_that_can_never_win_are_found(whens: list[dict[str, Any]], expected: dict[int, str]) -> None:
    assert shadowed(*whens) == expected


WORDLIST = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3, unique=True).map(lambda words: {"en": words})
WORDS = st.fixed_dictionaries({}, optional={"any": WORDLIST, "also": WORDLIST, "all": WORDLIST, "none": WORDLIST})
WHEN = st.fixed_dictionaries(
    {},
    optional={
        "category": st.sampled_from([["c1"], ["c2"], ["c1", "c2"]]),
        "channel": st.sampled_from([["web"], ["phone", "store"]]),
        "store": st.sampled_from([True, False, ["S1"], ["S1", "S2"]]),
        "order": st.booleans(),
        "repeat": st.booleans(),
        "min_priority": st.sampled_from(["normal", "high", "urgent"]),
        "words": WORDS.filter(bool),
    },
).filter(bool)


@settings(deadline=None, max_examples=150)
@given(st.lists(WHEN, min_size=2, max_size=4))
def test_no_rule_is_reported_that_some_complaint_would_reach(whens: list[dict[str, Any]]) -> None:
    reported = set(shadowed(*whens))
    if not reported:
        return
    rules = policy(*whens)
    choices = product((None, "c1", "c2"), ("web", "phone"), (None, "S1", "S3"), (True, False), (True, False), TEXTS)
    for category, channel, store, order, repeat, text in choices:
        facts = Facts(
            channel=channel, language="en", text=text, category=category, store_id=store, has_order=order, repeat=repeat
        )
        decision = decide(facts, rules)
        assert decision.rule not in {f"r{place}" for place in reported}


def test_a_rule_behind_a_word_that_does_not_always_count_can_still_win() -> None:
    """`甲` does not count in 甲乙, so a later rule for 甲乙 is reached; and a word that can be denied leads to no other."""
    wide, narrow = {"words": {"any": {"zh": ["甲"]}}}, {"words": {"any": {"zh": ["甲乙"]}}}
    assert list(shadowed_rules(policy(wide, narrow)))
    doubted = policy(wide, narrow).model_copy(update={"not_in": {"甲": ("甲乙",)}})
    assert not list(shadowed_rules(doubted))
    assert decide(Facts(channel="web", language="zh", text="甲乙"), doubted).department == "d1"
    assert list(shadowed_rules(policy(wide, wide).model_copy(update={"not_in": {"甲": ("甲乙",)}})))
