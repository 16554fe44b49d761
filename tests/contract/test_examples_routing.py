"""The default packs route the examples as a thoughtful person would."""

from pathlib import Path

import pytest

from deploy.play.examples import PACKS, Example, load_examples
from services.router.domain.routing import Decision, Facts, decide
from shared.policies import load_packs

POLICIES = Path(__file__).parents[2] / "deploy" / "policies"
AGREEMENT = 0.9


@pytest.fixture(scope="module")
def packs():
    return load_packs(POLICIES)


def decision_of(example: Example, packs) -> Decision:
    body = example.body
    facts = Facts(
        channel=body["channel"],
        language=body["language"],
        text=body["text"],
        title=body.get("title", ""),
        category=body.get("category"),
        store_id=body.get("store_id"),
        has_order="order_id" in body,
        about_staff=body.get("about_staff", False),
        about_department=body.get("about_department"),
        repeat="repeat_of" in body,
    )
    return decide(facts, packs[example.pack].routing)


@pytest.mark.parametrize("pack", PACKS)
def test_nine_in_ten_go_where_a_thoughtful_person_would_send_them(pack: str, packs) -> None:
    examples = load_examples(pack)
    astray = [
        (example.id, example.expect_department, decision.department, decision.rule)
        for example in examples
        if (decision := decision_of(example, packs)).department != example.expect_department
    ]
    assert len(astray) <= (1 - AGREEMENT) * len(examples), astray


@pytest.mark.parametrize("pack", PACKS)
def test_every_expected_department_exists_in_its_pack(pack: str, packs) -> None:
    assert {example.expect_department for example in load_examples(pack)} <= packs[pack].departments.keys()


@pytest.mark.parametrize("pack", PACKS)
def test_every_category_exists_in_its_pack(pack: str, packs) -> None:
    known = {category.id for category in packs[pack].routing.categories}
    assert {example.body["category"] for example in load_examples(pack) if "category" in example.body} <= known


@pytest.mark.parametrize(
    "name",
    ["retail-powerbank-smoke", "retail-cot-collapse", "retail-gas-stove", "retail-peanut-label", "retail-heater-fire",
     "bank-fr-takeover", "bank-fr-zh-scam"],
)  # fmt: skip
def test_danger_and_money_still_leaving_are_urgent(name: str, packs) -> None:
    (example,) = [e for pack in PACKS for e in load_examples(pack) if e.id == name]
    assert decision_of(example, packs).priority == "urgent"


@pytest.mark.parametrize("story", [1, 2])
def test_anger_threats_and_the_public_raise_the_priority_of_the_first_two_stories(story: int, packs) -> None:
    told = [decision_of(e, packs).priority for e in load_examples("retail") if e.story == story]
    assert {"high", "urgent"} & set(told)
