"""One spelling per contact, and agreement with the libraries that judge contacts."""

from email.headerregistry import Address

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from services.intake.domain.contact import customers_email, lookup_email, normalise_email, normalise_phone


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("13812345678", "+8613812345678"),
        ("138 1234 5678", "+8613812345678"),
        ("+86 138-1234-5678", "+8613812345678"),
        ("008613812345678", "+8613812345678"),
        ("１３８１２３４５６７８", "+8613812345678"),
        ("(021) 6288 1234", "+862162881234"),
        ("400-820-8820", "+864008208820"),
        ("+1 202 555 0175", "+12025550175"),
        ("+852 9123 4567", "+85291234567"),
        ("+44 20 7946 0018", "+442079460018"),
        ("13812345678 ext 5", "+8613812345678;ext=5"),
        ("+1 212 456 7890 x12", "+12124567890;ext=12"),
        ("+12124567890;ext=12", "+12124567890;ext=12"),
    ],
)
def test_a_number_is_kept_in_e164(typed: str, kept: str):
    assert normalise_phone(typed) == kept


def test_a_number_without_a_country_code_is_one_of_the_region():
    """D11: a bank's (212) 456-7890 became a number in Shanghai, and its owner another person."""
    assert normalise_phone("(212) 456-7890", "US") == "+12124567890"
    assert normalise_phone("+86 138 1234 5678", "US") == "+8613812345678"
    with pytest.raises(PydanticCustomError):
        normalise_phone("13812345678", "US")


@pytest.mark.parametrize("typed", ["", "1", "95588", "12345678901", "+1 23", "phone", "138123456789", "+86 +86 1"])
def test_a_number_that_cannot_exist_is_refused(typed: str):
    with pytest.raises(PydanticCustomError):
        normalise_phone(typed)


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_the_quick_pattern_agrees_with_the_library(number: str):
    valid = phonenumbers.is_valid_number(phonenumbers.parse(number, "CN"))
    try:
        assert normalise_phone(number) == f"+86{number}"
        assert valid
    except PydanticCustomError:
        assert not valid


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("wang@example.com", "wang@example.com"),
        (" O'Brien+x@Example.CO.uk ", "O'Brien+x@example.co.uk"),
        ("ｗａｎｇ＠ｅｘａｍｐｌｅ.com", "wang@example.com"),
        ("a@xn--fiq228c.xn--fiqs8s", "a@xn--fiq228c.xn--fiqs8s"),
    ],
)
def test_an_address_is_kept_with_its_domain_in_lower_case(typed: str, kept: str):
    assert normalise_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "a", "a@b", "@b.cn", "a@", "a@b..cn", ".a@b.cn", "a.@b.cn", "a..b@c.cn", "a b@c.cn", "a@b.c1", "a@-b.cn",
        "a@b.cn,x@y.cn", "a@b.cn x@y.cn", "<a@b.cn>", '"a"@b.cn', "a@[127.0.0.1]", "a@b.cn\r\nBcc: x@y.cn",
        "用户@例子.中国", "x" * 65 + "@b.cn", "a@" + "b" * 64 + ".cn", "a@" + ("b" * 60 + ".") * 5 + "cn", "x> AUTH=<@b.cn",
    ],
    ids=repr,
)  # fmt: skip
def test_an_address_that_is_not_one_plain_address_is_refused(typed: str):
    with pytest.raises(PydanticCustomError):
        normalise_email(typed)


@given(st.emails())
def test_what_is_accepted_the_mail_library_accepts_unchanged(address: str):
    try:
        kept = normalise_email(address)
    except PydanticCustomError:
        return
    assert Address(addr_spec=kept).addr_spec == kept


@given(st.text(alphabet="1234567890+-() ", max_size=20))
def test_normalising_a_number_twice_changes_nothing(text: str):
    try:
        once = normalise_phone(text)
    except PydanticCustomError:
        return
    assert normalise_phone(once) == once


def test_addresses_that_differ_in_case_are_looked_up_as_one():
    assert lookup_email("Wang@example.com") == lookup_email("wang@example.com")


OWN = frozenset({"complaints@retail.example"})


@pytest.mark.parametrize(
    "typed",
    [
        "complaints@retail.example", "Complaints@RETAIL.example", "complaints+1@retail.example", "ｃomplaints@retail.example",
        "MAILER-DAEMON@example.com", "mailer-daemon+x@example.com", "postmaster@example.com",
    ],
)  # fmt: skip
def test_neither_we_nor_a_mail_system_are_customers(typed: str):
    """D9: our own mails and the answers of mail systems were written to as if a customer had asked for them."""
    with pytest.raises(PydanticCustomError) as refused:
        customers_email(typed, OWN)
    assert refused.value.type == "not_a_customers_email"
    assert normalise_email(typed), "whoever was filed so before can still be looked up"


@pytest.mark.parametrize("typed", ["complaints@other.example", "post@retail.example", "daemon@example.com"])
def test_others_are_customers(typed: str):
    assert customers_email(typed, OWN) == typed
