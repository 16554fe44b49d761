"""Sealed text opens only for its complaint, field and person; otherwise it is `Erased`, never an error."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from shared.events.envelope import Sealed
from shared.events.ids import new_id
from shared.runtime.vault import ERASED, PersonKey, open_sealed

COMPLAINT = UUID("01930000-0000-7000-8000-000000000001")


def key() -> PersonKey:
    return PersonKey(new_id(), AESGCM(AESGCM.generate_key(256)))


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
def test_what_was_sealed_opens_as_it_was(text):
    from pydantic import TypeAdapter

    person = key()
    sealed = person.seal(COMPLAINT, "text", text)
    assert person.open(COMPLAINT, "text", sealed) == text
    TypeAdapter(Sealed).validate_python(sealed)


def test_it_opens_for_no_other_complaint_field_or_person():
    person = key()
    sealed = person.seal(COMPLAINT, "text", "退款")
    assert person.open(new_id(), "text", sealed) is ERASED
    assert person.open(COMPLAINT, "name", sealed) is ERASED
    assert key().open(COMPLAINT, "text", sealed) is ERASED


@pytest.mark.parametrize("damaged", ["s1.", "s1.AAAA", "s1.!!!", "", "plain text"])
def test_what_is_damaged_opens_as_erased(damaged):
    assert key().open(COMPLAINT, "text", damaged) is ERASED


def test_a_person_without_a_key_is_erased_and_an_absent_field_is_absent():
    sealed = key().seal(COMPLAINT, "text", "x")
    assert open_sealed(None, COMPLAINT, "text", sealed) is ERASED
    assert open_sealed(key(), COMPLAINT, "text", None) is None


def test_no_key_shows_in_a_representation():
    assert "cipher" not in repr(key())
    assert str(ERASED) == "[erased]"
    assert not ERASED


def test_two_seals_of_one_text_differ():
    person = key()
    assert person.seal(COMPLAINT, "text", "x") != person.seal(COMPLAINT, "text", "x")
