"""A reference can be read out on the phone: one slip is always noticed, and no two are equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.reference import ALPHABET, SPACE, BadReference, parse_reference, reference_of, spell

numbers = st.integers(0, SPACE - 1)


@given(numbers)
def test_a_reference_is_read_back_in_any_case_and_spacing(number):
    reference = reference_of(number)
    code = reference.replace("-", "")[1:]
    assert parse_reference(reference) == reference
    assert parse_reference(f" r {code[:3].lower()} {code[3:]} ") == reference
    assert parse_reference(code) == reference


@given(numbers, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_noticed(number, place, character):
    code = reference_of(number).replace("-", "")[1:]
    wrong = code[:place] + character + code[place + 1 :]
    if wrong != code:
        with pytest.raises(BadReference):
            parse_reference(wrong)


@given(numbers, st.integers(0, 6))
def test_every_swap_of_neighbours_is_noticed(number, place):
    code = reference_of(number).replace("-", "")[1:]
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if swapped != code:
        with pytest.raises(BadReference):
            parse_reference(swapped)


@given(numbers, numbers)
def test_two_numbers_never_share_a_reference(one, other):
    assert (reference_of(one) == reference_of(other)) == (one == other)


@pytest.mark.parametrize("text", ["", "R-1234-5678", "R-2222-222", "R-2222-22222", "退货", "R-2222-222O"])
def test_what_is_no_reference_is_refused_with_a_reason(text):
    with pytest.raises(BadReference) as refusal:
        parse_reference(text)
    assert str(refusal.value)


def test_a_reference_outside_the_space_is_refused():
    with pytest.raises(BadReference):
        reference_of(SPACE)


def test_a_reference_is_spelled_character_by_character():
    assert spell("R-2345-6789") == "R, 2, 3, 4, 5, 6, 7, 8, 9"
