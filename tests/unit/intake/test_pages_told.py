"""From typed fields to a complaint, and from a refusal back to the field it belongs to."""

from pathlib import Path

import pytest

from services.intake.domain.complaint import Complaint
from services.intake.domain.reach import is_lost, reach_of
from services.intake.http.pages import TEMPLATES
from services.intake.http.pages_receipt import Cookies
from services.intake.http.pages_start import progress_link
from services.intake.http.pages_told import WANTED, ToldStore, Understood, from_agent, from_public
from shared.runtime.web import look
from shared.runtime.web.forms import Form
from shared.runtime.web.texts import LANGUAGES, Catalogue

TEXTS = Catalogue.load([Path(look.__file__).parent / "texts", TEMPLATES / "texts"])
PUBLIC = {"text": "The pump failed again.", "email": "Ann@Example.com", "answer_in": "en"}
CALL = {
    "text": "The pump failed again.",
    "channel": "phone",
    "customer_language": "en",
    "next_step": "Rung back today",
    "consent": "yes",
}


def public(**typed: str) -> Form:
    return Form(list((PUBLIC | typed).items()))


def call(**typed: str) -> Form:
    return Form(list((CALL | typed).items()))


def told(form: Form) -> Complaint:
    understood = from_public(form, TEXTS, "en")
    assert understood.errors == {}
    assert understood.complaint is not None
    return understood.complaint


def taken(form: Form) -> Complaint:
    understood = from_agent(form, TEXTS, "zh")
    assert understood.errors == {}
    assert understood.complaint is not None
    return understood.complaint


def test_a_customer_needs_only_a_story_and_a_contact() -> None:
    complaint = told(public())
    assert complaint.channel == "web"
    assert complaint.language == "en"
    assert complaint.consent
    assert complaint.customer.email == "Ann@example.com"
    assert complaint.wanted is None


def test_shop_and_order_become_fields_when_they_are_numbers_and_text_when_they_are_words() -> None:
    numbers = told(public(store="S-012", order="SO-2026/7"))
    assert (numbers.store_id, numbers.order_id, numbers.text) == ("S-012", "SO-2026/7", PUBLIC["text"])
    words = told(public(store="Chaoyang shop", order="第 3 单"))
    assert (words.store_id, words.order_id) == (None, None)
    assert words.text == f"{PUBLIC['text']}\n\nShop: Chaoyang shop\nOrder number: 第 3 单"


STORES = ("SH-021", "CD-005")


@pytest.mark.parametrize(
    ("typed", "store_id", "line", "again"),
    [
        ({"store": "SH-021"}, "SH-021", "", ("SH-021", "")),
        ({"store": ""}, None, "", ("", "")),
        ({"store": "", "store_other": "S-099"}, "S-099", "", ("", "S-099")),
        ({"store": "", "store_other": "人民路那家"}, None, "人民路那家", ("", "人民路那家")),
        ({"store": "SH-021", "store_other": "the counter upstairs"}, "SH-021", "the counter upstairs",
         ("SH-021", "the counter upstairs")),
        ({"store": "SH-021", "store_other": "SH-021"}, "SH-021", "", ("SH-021", "SH-021")),
        ({"store": "the one by the lake"}, None, "the one by the lake", ("", "the one by the lake")),
        ({"store": "S-1", "store_other": "by the lake"}, None, "S-1 · by the lake", ("", "S-1 · by the lake")),
    ],
)  # fmt: skip
def test_a_shop_is_chosen_or_told_in_words_and_nothing_of_it_is_lost(
    typed: dict[str, str], store_id: str | None, line: str, again: tuple[str, str]
) -> None:
    for understood in (
        from_public(public(**typed), TEXTS, "en", stores=STORES),
        from_agent(call(channel="store", **typed), TEXTS, "en", stores=STORES),
    ):
        if understood.complaint is None:
            assert again == ("", "") and "store" in understood.errors, "a counter needs its shop"
            continue
        assert understood.complaint.store_id == store_id
        assert [said for said in understood.complaint.text.split("\n") if "Shop:" in said] == (
            [f"Shop: {line}"] if line else []
        )
    assert ToldStore.of(public(**typed), STORES) == ToldStore(*again), "as the form shows it again"


def test_words_for_a_shop_are_kept_by_the_call_form_of_a_pack_without_a_list() -> None:
    assert "门店：人民路那家" in taken(call(store="人民路那家", customer_language="zh")).text
    assert taken(call(store="S-012")).store_id == "S-012"
    assert taken(call(store="", store_other="S-012")).store_id == "S-012", "the page had a list when it was shown"


def test_without_contact_only_on_purpose() -> None:
    assert from_public(public(email=""), TEXTS, "zh").errors == {
        "email": "请至少留一个邮箱或电话，或者勾选“不留联系方式”"
    }
    complaint = told(public(email="ann@example.com", anonymous="yes"))
    assert complaint.customer.email is None
    assert not complaint.consent


def test_a_customer_may_want_no_messages() -> None:
    assert not told(public(quiet="yes")).consent


def test_hours_without_a_phone_are_no_call_back() -> None:
    assert told(public(hours="evenings")).call_back is None
    complaint = told(public(phone="138 1234 5678", hours="evenings"))
    assert complaint.call_back is not None
    assert (complaint.call_back.number, complaint.call_back.hours) == ("+8613812345678", "evenings")


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"email": "ann@"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"name": "a\nb"}, "name"),
        ({"repeat_of": "R-AAAA-AAAA"}, "repeat_of"),
        ({"wanted": "the moon"}, "wanted"),
        ({"category": "../etc"}, "category"),
        ({"phone": "13812345678", "hours": "x" * 101}, "hours"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_wrong_is_said_at_its_field_in_the_language_of_the_page(
    typed: dict[str, str], field: str, language: str
) -> None:
    understood = from_public(public(**typed), TEXTS, "zh" if language == "zh" else "en")
    assert understood.complaint is None
    assert list(understood.errors) == [field]
    assert understood.errors[field].isascii() == (language == "en") or "“" in understood.errors[field]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"phone": "12"}, {"phone": "Phone: is not a phone number"}),
        ({"phone": "12", "hours": "evenings"}, {"phone": "Phone: is not a phone number"}),
        ({"email": "ann@"}, {"email": "E-mail: is not an e-mail address"}),
        ({"text": "a\x00b"}, {"text": "What happened: has a control character"}),
        ({"repeat_of": "R-1"}, {"repeat_of": "The earlier reference: is not a complaint reference"}),
    ],
)
def test_an_error_of_the_public_form_names_its_field(typed: dict[str, str], said: dict[str, str]) -> None:
    assert_said(from_public(public(**typed), TEXTS, "en"), said)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"phone": "12"}, {"phone": "Caller's number: is not a phone number"}),
        ({"phone": "12", "hours": "evenings"}, {"phone": "Caller's number: is not a phone number"}),
        ({"phone": "13812345678", "call_back": "12"}, {"call_back": "Call-back number: is not a phone number"}),
        (
            {"phone": "12", "call_back": "34"},
            {
                "phone": "Caller's number: is not a phone number",
                "call_back": "Call-back number: is not a phone number",
            },
        ),
    ],
)
def test_an_error_of_the_call_form_names_its_field(typed: dict[str, str], said: dict[str, str]) -> None:
    assert_said(from_agent(call(**typed), TEXTS, "en"), said)
    chinese = from_agent(call(**typed), TEXTS, "zh").errors
    assert {name: text.partition("：")[0] for name, text in chinese.items()} == {
        name: {"phone": "来电号码", "call_back": "回电号码"}[name] for name in said
    }


def assert_said(understood: Understood, said: dict[str, str]) -> None:
    assert understood.complaint is None
    assert list(understood.errors) == list(said)
    for name, beginning in said.items():
        assert understood.errors[name].startswith(beginning)


def test_deciding_facts_and_the_next_step_become_lines_in_the_customers_language() -> None:
    complaint = taken(call(fact_when="Friday", fact_before="in May", order="no idea"))
    assert complaint.text == (
        "The pump failed again.\n\nWhen: Friday\nBefore: in May\nOrder number: no idea\n"
        "Next step told to the customer: Rung back today"
    )


def test_the_next_step_the_form_offers_is_said_in_the_customers_language() -> None:
    offered = TEXTS.say("agent.next_step.default", "zh")
    assert TEXTS.say("agent.next_step.default", "en") in taken(call(next_step=offered, phone="13812345678")).text


def test_no_call_ends_without_a_next_step() -> None:
    assert list(from_agent(call(next_step=""), TEXTS, "en").errors) == ["next_step"]


def test_a_counter_names_its_shop() -> None:
    assert list(from_agent(call(channel="store"), TEXTS, "en").errors) == ["store"]
    assert taken(call(channel="store", store="S-012")).channel == "store"


def test_a_caller_has_agreed_who_said_yes_and_an_agent_who_did_not_ask_is_asked_to() -> None:
    assert taken(call(phone="13812345678")).consent
    assert not taken(call(phone="13812345678", consent="no")).consent
    for contact in ({"phone": "13812345678"}, {"email": "ann@example.com"}, {"call_back": "13812345678"}):
        assert list(from_agent(call(consent="", **contact), TEXTS, "en").errors) == ["consent"]
    assert not taken(call(consent="")).consent, "who leaves no contact cannot be contacted, and is not asked"


@pytest.mark.parametrize(
    ("typed", "heard", "lost"),
    [
        ({"email": "ann@example.com"}, "mail", False),
        ({"phone": "13812345678"}, "ring", False),
        ({"call_back": "13812345678"}, "ring", False),
        ({"phone": "13812345678", "email": "ann@example.com", "consent": "no"}, "self", False),
        ({"email": "ann@example.com", "consent": "no"}, "self", True),
        ({"consent": ""}, "self", True),
        ({"name": "Ann"}, "self", True),
    ],
)
def test_what_is_told_of_the_next_step_is_true_of_who_can_be_reached(
    typed: dict[str, str], heard: str, lost: bool
) -> None:
    offered = TEXTS.say("agent.next_step.default", "zh")
    complaint = taken(call(next_step=offered, **typed))
    assert (reach_of(complaint), is_lost(complaint)) == (heard, lost)
    assert TEXTS.say("agent.next_step.alone" if heard == "self" else "agent.next_step.default", "en") in complaint.text
    assert "Rung back today" in taken(call(**typed)).text, "what the agent wrote stays as it is"


def test_an_agent_files_on_behalf_of_somebody_with_a_call_back() -> None:
    complaint = taken(
        call(
            phone="13812345678",
            on_behalf="王大爷",
            relation="女儿",
            hours="晚上",
            call_back_language="zh",
            consent="yes",
        )
    )
    assert complaint.on_behalf_of is not None
    assert (complaint.on_behalf_of.name, complaint.on_behalf_of.relation) == ("王大爷", "女儿")
    assert complaint.call_back is not None
    assert (complaint.call_back.number, complaint.call_back.language) == ("+8613812345678", "zh")


def test_every_remedy_a_page_offers_is_one_the_contract_knows_and_has_words() -> None:
    for wanted in WANTED:
        assert told(public(wanted=wanted)).wanted == wanted
        assert TEXTS.say(f"wanted.{wanted}", "zh") != wanted


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("http://n.test/c/AbC_d-9", "http://n.test/c/AbC_d-9"),
        ("http://n.test/c/AbC?x=1#y", "http://n.test/c/AbC"),
        ("http://evil.test/c/AbC", None),
        ("http://n.test.evil.test/c/AbC", None),
        ("http://n.test/c/", None),
        ("http://n.test/c/../admin", None),
        ("http://n.test/other", None),
        ("javascript:alert(1)", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_only_our_own_progress_links_are_followed(typed: str, leads_to: str | None) -> None:
    assert progress_link(typed, "http://n.test") == leads_to


class _Browser:
    """A request as far as cookies go."""

    def __init__(self, **cookies: str) -> None:
        self.cookies = cookies


def test_the_same_form_key_in_another_browser_is_another_key() -> None:
    cookies = Cookies(b"k" * 32, "/file")
    mine, yours, nobody = (
        cookies.idempotency_key(_Browser(**held), "form-1")  # type: ignore[arg-type]
        for held in ({"redress_visitor": "a"}, {"redress_visitor": "b"}, {})
    )
    assert len({mine, yours, nobody}) == 3
    assert mine == cookies.idempotency_key(_Browser(redress_visitor="a"), "form-1")  # type: ignore[arg-type]
    assert mine.version == 4


def test_a_call_back_that_no_field_of_the_public_form_holds_is_a_wrong_phone() -> None:
    errors = from_public(public(phone="12", hours="after six", call_back="1"), TEXTS, "en").errors
    assert list(errors) == ["phone"]
    assert errors["phone"].startswith("Phone: ")
