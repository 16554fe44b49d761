"""Who owns a complaint and how urgent it is, rule by rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.router.domain.routing import Facts, decide, second_stage_owner
from shared.policies import Packs, load_packs
from shared.policies.routing import RoutingPolicy

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "policies"
TEXT = {"zh": "因为", "en": "because"}


def policy(*rules: dict[str, Any], **more: Any) -> RoutingPolicy:
    return RoutingPolicy.model_validate(
        {
            "categories": [{"id": name, "name": TEXT, "hint": TEXT} for name in ("repair", "refund", "staff")],
            "fallback": "desk",
            "office": "office",
            "second_stage": "office",
            "about_staff": {"category": ["staff"], "words": {"any": {"en": ["clerk"]}, "also": {"en": ["rude"]}}},
            "priority": {"thresholds": {"high": 30, "urgent": 60}, "rules": []},
            "rules": [{"because": TEXT, **rule} for rule in rules],
            "version": "1+abc",
            **more,
        }
    )


def facts(text: str = "", **more: Any) -> Facts:
    return Facts(channel="web", language="en", text=text, **more)


REPAIR = {"id": "repair", "when": {"words": {"any": {"en": ["repair*"], "zh": ["维修"]}}}, "owner": "workshop"}
REFUND = {"id": "refund", "when": {"category": ["refund"]}, "owner": "money"}


def test_the_first_rule_that_holds_decides_and_says_why() -> None:
    decision = decide(facts("please repair it", category="refund"), policy(REPAIR, REFUND))
    assert (decision.department, decision.rule, decision.category) == ("workshop", "repair", "refund")
    assert decision.why[0].found == ("repair*",)
    assert decision.because.en == "because"
    assert decision.policy_version == "1+abc"


def test_what_no_rule_catches_goes_to_the_triage_desk() -> None:
    decision = decide(facts("hello"), policy(REPAIR))
    assert (decision.department, decision.rule) == ("desk", "no-rule")


def test_the_title_counts_like_the_text() -> None:
    assert decide(facts(title="Repair"), policy(REPAIR)).department == "workshop"


def test_an_empty_complaint_has_an_owner_too() -> None:
    assert decide(facts(), policy()).department == "desk"


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        ({"category": ["refund"]}, {"category": "refund"}, {"category": None}),
        ({"channel": ["phone"]}, {"channel": "phone"}, {"channel": "store"}),
        ({"language": ["zh"]}, {"language": "zh"}, {"language": "en"}),
        ({"store": True}, {"store_id": "S1"}, {"store_id": None}),
        ({"store": False}, {"store_id": None}, {"store_id": "S1"}),
        ({"store": ["S1"]}, {"store_id": "S1"}, {"store_id": "S2"}),
        ({"order": True}, {"has_order": True}, {"has_order": False}),
        ({"repeat": True}, {"repeat": True}, {"repeat": False}),
        ({"words": {"any": {"en": ["a1", "b1"]}, "at_least": 2}}, {"text": "b1 a1"}, {"text": "a1 a1"}),
        ({"words": {"any": {"en": ["a1"]}, "also": {"en": ["b1"]}}}, {"text": "b1 a1"}, {"text": "a1"}),
        ({"words": {"all": {"en": ["a1", "b1"], "zh": ["甲"]}}}, {"text": "b1 a1"}, {"text": "a1"}),
        ({"words": {"all": {"en": ["a1", "b1"], "zh": ["甲"]}}}, {"text": "甲"}, {"text": "乙"}),
        ({"words": {"none": {"en": ["a1"]}}}, {"text": "b1"}, {"text": "a1"}),
        ({"words": {"any": {"en": ["a1"]}}, "order": True}, {"text": "a1", "has_order": True}, {"text": "a1"}),
    ],
)  # fmt: skip
def test_a_rule_holds_only_if_all_its_conditions_do(
    when: dict[str, Any], yes: dict[str, Any], no: dict[str, Any]
) -> None:
    rules = policy({"id": "x", "when": when, "owner": "there"})
    assert decide(facts()._replace(**yes), rules).department == "there"
    assert decide(facts()._replace(**no), rules).department == "desk"


# Staff never answer for themselves (S13, fourth story).


@pytest.mark.parametrize(
    "told",
    [
        {"about_staff": True},
        {"about_department": "workshop"},
        {"category": "staff"},
        {"text": "repair: the clerk was rude"},
    ],
)
def test_a_complaint_about_a_departments_own_staff_goes_to_the_office(told: dict[str, Any]) -> None:
    decision = decide(facts("repair")._replace(**told), policy(REPAIR))
    assert (decision.department, decision.rule) == ("office", "own-staff")
    assert decision.passed_over == "workshop"
    assert [reason.code for reason in decision.why] == ["own-staff", "repair"]


def test_staff_of_another_department_do_not_take_the_matter_from_its_owner() -> None:
    decision = decide(facts("repair", about_staff=True, about_department="shop"), policy(REPAIR))
    assert (decision.department, decision.passed_over) == ("workshop", None)


def test_a_rule_may_know_that_the_staff_work_elsewhere() -> None:
    rule = {**REPAIR, "staff_of": "shop"}
    assert decide(facts("repair", about_staff=True), policy(rule)).department == "workshop"
    assert decide(facts("repair", about_department="workshop"), policy(rule)).department == "office"


def test_a_complaint_about_the_office_itself_goes_to_the_triage_desk() -> None:
    rules = policy({"id": "staff", "when": {"about_staff": True}, "owner": "office"})
    assert decide(facts(about_staff=True), rules).department == "office"
    assert decide(facts(about_department="office"), rules).department == "desk"


def test_a_complaint_about_the_triage_desk_goes_to_the_office() -> None:
    assert decide(facts("hello", about_department="desk"), policy()).department == "office"


def test_a_clerk_or_a_bad_word_alone_is_no_complaint_about_a_person() -> None:
    assert decide(facts("repair, said the clerk"), policy(REPAIR)).department == "workshop"


# Priority: points, each with its reason.


def with_points(*rules: tuple[str, dict[str, Any], int]) -> RoutingPolicy:
    listed = [{"id": name, "when": when, "points": points, "because": TEXT} for name, when, points in rules]
    return policy(
        {"id": "hot", "when": {"min_priority": "high"}, "owner": "fast"},
        priority={"thresholds": {"high": 30, "urgent": 60}, "rules": listed},
    )


@pytest.mark.parametrize(
    ("text", "priority", "points", "owner"),
    [
        ("nothing", "normal", 0, "desk"),
        ("press", "normal", 20, "desk"),
        ("press child", "high", 35, "fast"),
        ("press child fire", "urgent", 95, "fast"),
    ],
)
def test_points_add_up_to_a_priority_that_rules_may_ask_for(text: str, priority: str, points: int, owner: str) -> None:
    rules = with_points(
        ("fire", {"words": {"any": {"en": ["fire"]}}}, 60),
        ("press", {"words": {"any": {"en": ["press"]}}}, 20),
        ("child", {"words": {"any": {"en": ["child"]}}}, 15),
    )
    decision = decide(facts(text), rules)
    assert (decision.priority, decision.points, decision.department) == (priority, points, owner)
    assert sum(reason.points for reason in decision.priority_reasons) == points
    assert {reason.found[0] for reason in decision.priority_reasons} == set(text.split()) - {"nothing"}


# Topics: weighed when no rule holds.

TOPICS = {
    "minimum": 2,
    "lead": 2,
    "choices": [
        {"id": "t1", "owner": "workshop", "category": "repair", "because": TEXT, "strong": {"en": ["motor"]}, "words": {"en": ["noise", "hot"]}},
        {"id": "t2", "owner": "money", "because": TEXT, "strong": {"en": ["invoice"]}, "words": {"en": ["price", "hot"]}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "owner", "rule"),
    [
        ("the motor", "workshop", "t1"),
        ("noise and hot", "desk", "no-rule"),  # 2 against 1: no lead of two
        ("noise", "desk", "no-rule"),  # below the minimum
        ("motor invoice", "desk", "no-rule"),  # a draw
        ("motor noise invoice", "desk", "no-rule"),
        ("motor noise hot price", "workshop", "t1"),
        ("motor noise noise noise", "workshop", "t1"),
    ],
)
def test_the_topic_with_a_clear_lead_owns_what_no_rule_catches(text: str, owner: str, rule: str) -> None:
    decision = decide(facts(text), policy(topics=TOPICS))
    assert (decision.department, decision.rule) == (owner, rule)


def test_a_topic_gives_category_and_reason_with_points() -> None:
    decision = decide(facts("motor noise"), policy(topics=TOPICS))
    assert decision.category == "repair"
    assert (decision.why[0].found, decision.why[0].points) == (("motor", "noise"), 4)


def test_a_draw_shows_the_triage_desk_what_was_weighed() -> None:
    decision = decide(facts("motor invoice"), policy(topics=TOPICS))
    assert [(reason.code, reason.points) for reason in decision.why] == [("no-rule", 0), ("t1", 3), ("t2", 3)]


def test_a_rule_goes_before_every_topic() -> None:
    assert decide(facts("motor repair"), policy(REPAIR, topics=TOPICS)).rule == "repair"


def test_a_topic_is_passed_over_for_its_own_staff_too() -> None:
    decision = decide(facts("motor", about_staff=True), policy(topics=TOPICS))
    assert (decision.department, decision.passed_over) == ("office", "workshop")


def test_a_reopened_complaint_goes_to_somebody_who_did_not_answer_it() -> None:
    rules = policy(second_stage="senior")
    assert second_stage_owner(rules, ["workshop"]) == "senior"
    assert second_stage_owner(rules, ["workshop", "senior"]) == "office"
    assert second_stage_owner(rules, ["senior", "office"]) == "office", "which has the last word"
    assert second_stage_owner(rules, ["senior", "office", "desk"]) == "office"


# The shipped packs, on the stories of the service rules.


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs(FOLDER)


def test_second_story_danger_anger_and_a_crowd_raise_the_priority(packs: Packs) -> None:
    text = "孩子在酸奶里喝出苍蝇，值班经理态度恶劣，要打消费者协会电话，很多顾客围观"
    decision = decide(Facts(channel="store", language="zh", text=text), packs["retail"].routing)
    assert (decision.department, decision.priority) == ("safety", "urgent")
    assert {"minor", "foreign-matter", "consumer-association", "crowd"} <= {r.code for r in decision.priority_reasons}


def test_fourth_story_the_cashier_does_not_answer_for_the_cashier(packs: Packs) -> None:
    told = Facts(
        channel="store",
        language="en",
        text="The cashier looked me up and down and refused the parking stamp.",
        about_department="store-operations",
    )
    assert decide(told, packs["retail"].routing).department == "complaints-office"


def test_fifth_story_a_repeat_is_raised(packs: Packs) -> None:
    told = Facts(channel="phone", language="zh", text="对讲机星期三刚维修过，星期五又坏了", repeat=True)
    decision = decide(told, packs["retail"].routing)
    assert (decision.department, decision.priority) == ("after-sales", "high")
    assert "told-before" in {reason.code for reason in decision.priority_reasons}


def test_reasons_repeat_the_policys_words_never_the_customers(packs: Packs) -> None:
    secret = "my name is Zebulon Quux and my refund of 812.55 is missing"
    decision = decide(facts(secret), packs["retail"].routing)
    told = " ".join([*decision.why[0].found, decision.because.en, decision.because.zh])
    assert decision.department == "billing"
    assert not {"Zebulon", "zebulon", "Quux", "812"} & set(told.replace(",", " ").split())
