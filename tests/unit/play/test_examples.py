"""The examples that ship: enough of them, no two alike, the ten stories among them, nobody real in them."""

import re
from collections import Counter
from itertools import combinations

import pytest

from deploy.play.examples import PACKS, Example, load_examples
from services.intake.domain.complaint import Complaint

ALL = [example for pack in PACKS for example in load_examples(pack)]


def grams(example: Example) -> set[str]:
    text = re.sub(r"\s+", " ", f"{example.body.get('title', '')} {example.body['text']}".lower())
    return {text[at : at + 3] for at in range(len(text) - 2)}


def test_there_are_enough_of_them() -> None:
    assert len(load_examples("retail")) >= 84
    assert len(load_examples("bank")) >= 42


def test_no_two_are_near_duplicates() -> None:
    shapes = [(example.id, grams(example)) for example in ALL]
    alike = [
        (one, other, round(len(a & b) / len(a | b), 2))
        for (one, a), (other, b) in combinations(shapes, 2)
        if len(a & b) >= 0.35 * len(a | b)
    ]
    assert alike == []


def test_ids_are_unique_and_say_the_pack() -> None:
    assert len({example.id for example in ALL}) == len(ALL)
    assert all(example.id.startswith(f"{example.pack}-") for example in ALL)


def test_the_ten_stories_are_among_the_retail_ones() -> None:
    assert {example.story for example in load_examples("retail")} >= set(range(1, 11))


@pytest.mark.parametrize(("story", "contacts"), [(1, 3), (2, 2), (3, 2), (5, 2), (7, 3), (9, 2), (10, 3)])
def test_stories_that_go_on_have_their_follow_up_contacts_in_order_of_receipt(story: int, contacts: int) -> None:
    told = [example for example in load_examples("retail") if example.story == story]
    offsets = [example.received_offset for example in told]
    assert len(told) >= contacts
    assert offsets == sorted(offsets, reverse=True)


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.id)
def test_every_example_is_what_intake_accepts(example: Example) -> None:
    complaint = Complaint.model_validate(example.body)
    assert complaint.channel == example.channel


@pytest.mark.parametrize("pack", PACKS)
def test_both_languages_and_all_channels_occur(pack: str) -> None:
    examples = load_examples(pack)
    assert min(Counter(e.body["language"] for e in examples).values()) >= 15
    assert set(Counter(e.channel for e in examples)) == {"web", "phone", "store"}


def test_nobody_in_them_is_real() -> None:
    for example in ALL:
        customer = example.body.get("customer", {})
        assert customer.get("email", "x@example.com").rpartition("@")[2] in {
            "example.com",
            "example.org",
            "example.net",
        }
        phone = customer.get("phone", "+12125550100")
        assert re.fullmatch(r"\+1\d{3}55501\d\d|\+442079460\d{3}|\+8619100000\d{3}", phone), phone


def test_some_leave_no_contact_and_some_only_a_phone() -> None:
    contacts = Counter(("email" in e.body.get("customer", {}), "phone" in e.body.get("customer", {})) for e in ALL)
    assert contacts[False, False] >= 3
    assert contacts[False, True] >= 20


def test_lengths_run_from_a_line_to_a_page() -> None:
    lengths = sorted(len(example.body["text"]) for example in ALL)
    assert lengths[0] < 20
    assert lengths[-1] > 1000
