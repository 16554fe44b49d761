"""The demo's scripts: the same every time, made of steps that exist, in words of the customer's language."""

from collections import Counter
from pathlib import Path

import pytest

from deploy.play.examples import PACKS, load_examples
from deploy.play.plots import (
    NEIGHBOUR,
    PLOTS,
    STAFF,
    Step,
    phrases,
    scripts,
    stories,
    target_of,
    words_for,
)
from services.router.http.bodies import BODY_OF
from shared.policies import load_packs

SEED = 20261122
CUSTOMER = {"reply", "add", "confirm", "dispute", "rate"}
SPEECHLESS = {"accept", "transfer/accept", "confirm"}
ALL = {pack: load_examples(pack) for pack in PACKS}
STEPS = [
    (example, step) for examples in ALL.values() for example in examples for step in scripts(examples, SEED)[example.id]
]


@pytest.fixture(scope="module")
def departments() -> dict[str, str]:
    packs = load_packs(Path(__file__).parents[3] / "deploy" / "policies")
    return {department: name for name, pack in packs.by_name.items() for department in pack.departments}


@pytest.mark.parametrize("pack", PACKS)
def test_the_same_seed_gives_the_same_scripts_and_another_seed_others(pack: str) -> None:
    assert scripts(ALL[pack], SEED) == scripts(ALL[pack], SEED)
    assert scripts(ALL[pack], SEED) != scripts(ALL[pack], SEED + 1)


def test_every_story_is_about_an_example_that_exists() -> None:
    assert stories().keys() <= {example.id for examples in ALL.values() for example in examples}


def test_all_ten_stories_have_a_script() -> None:
    told = {example.story for example in ALL["retail"] if example.id in stories()}
    assert told >= set(range(1, 11))


def test_every_way_a_case_can_go_is_played() -> None:
    played = Counter(map(tuple, scripts(ALL["retail"], SEED).values()))
    assert set(PLOTS.values()) <= played.keys()


@pytest.mark.parametrize("pack", PACKS)
def test_who_rang_and_left_no_email_is_called_back(pack: str) -> None:
    silent = [e for e in ALL[pack] if e.channel == "phone" and "email" not in e.body.get("customer", {})]
    steps = Counter((step.who, step.action) for e in silent for step in scripts(ALL[pack], SEED)[e.id])
    assert {action for who, action in steps if who == "customer"} <= {"add", "rate"}, (
        "nobody answers a letter they never got"
    )
    assert steps["owner", "record/answer"] and steps["office", "record/confirmation"]
    for example in silent:
        proposer = example.expect_department
        for step in scripts(ALL[pack], SEED)[example.id]:
            if step.action == "record/dispute":
                proposer = "office"
            assert step.action != "record/confirmation" or not proposer.endswith("office"), "four eyes"


def test_every_action_exists_where_it_is_posted() -> None:
    for _, step in STEPS:
        if step.who in STAFF:
            assert step.action == "keeps" or step.action in BODY_OF, step
        elif step.who == "customer":
            assert step.action in CUSTOMER, step
        else:
            assert (step.who, step.action) == ("channel", "withdraw")


def test_something_is_said_in_every_step_that_has_words() -> None:
    for example, step in STEPS:
        if step.action not in SPEECHLESS:
            assert words_for(step, example).strip(), (example.id, step)


def test_words_are_in_the_language_of_the_example() -> None:
    for example, step in STEPS:
        if step.action not in SPEECHLESS and step.action not in {"transfer", "transfer/decline"}:
            chinese = any("\u4e00" <= letter <= "\u9fff" for letter in words_for(step, example))
            assert chinese == (example.body["language"] == "zh"), (example.id, step)


def test_every_department_named_exists_in_the_pack_of_its_example(departments: dict[str, str]) -> None:
    for example, step in STEPS:
        if step.action in {"transfer", "assign"} and (step.to in {"service"} or step.to not in {None, "neighbour"}):
            assert departments[target_of(step, example, example.expect_department)] == example.pack
    for department, neighbour in NEIGHBOUR.items():
        assert departments[department] == departments[neighbour]


def test_a_second_promise_says_sorry() -> None:
    (example,) = [e for e in ALL["retail"] if e.id == "retail-zipper"]
    step = Step(who="owner", action="promise", hours=20)
    assert words_for(step, example, renewed=True) != words_for(step, example)
    assert "抱歉" in words_for(step, example, renewed=True)


def test_every_phrase_is_there_in_both_languages() -> None:
    assert all(set(choices) == {"zh", "en"} and all(choices.values()) for choices in phrases().values())
