"""The packs that ship: sound, in both languages, with the calendars their countries have."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.policies import Interval, Packs, Text, load_pack, load_packs

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "policies"
RETAIL = {
    "triage", "complaints-office", "store-operations", "online-shop", "delivery", "after-sales", "product-quality",
    "billing", "marketing", "customer-service", "safety",
}  # fmt: skip
BANK = {
    "bank-triage", "bank-complaints-office", "credit-reporting", "debt-collection", "mortgage", "cards",
    "bank-accounts", "student-loans", "consumer-loans", "money-transfers", "fraud",
}  # fmt: skip


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs(FOLDER)


def test_the_packs_have_the_departments_that_everybody_counts_on(packs: Packs) -> None:
    assert set(packs["retail"].departments) == RETAIL
    assert set(packs["bank"].departments) == BANK
    assert packs.department("fraud").name.zh == "反诈中心"
    assert packs.pack_of("delivery").name == "retail"
    assert len(packs.departments) == len(RETAIL) + len(BANK)
    assert packs["bank"].triage.id == "bank-triage"
    assert packs["bank"].office.kind == "office"


def test_a_department_nobody_has_is_a_key_error(packs: Packs) -> None:
    with pytest.raises(KeyError):
        packs.department("nobody")


def every_text(value: Any) -> list[Text]:
    if isinstance(value, Text):
        return [value]
    if isinstance(value, BaseModel):
        return [text for name in type(value).model_fields for text in every_text(getattr(value, name))]
    if isinstance(value, dict):
        return [text for item in value.values() for text in every_text(item)]
    return [text for item in value for text in every_text(item)] if isinstance(value, tuple) else []


def test_every_text_has_chinese_in_zh_and_none_in_en(packs: Packs) -> None:
    for pack in packs.by_name.values():
        texts = [*every_text(pack.routing), *every_text(pack.sla), *every_text(pack.notices)]
        texts += [text for item in (*pack.departments.values(), *pack.calendars.values()) for text in every_text(item)]
        assert len(texts) > 80
        assert [text for text in texts if text.zh.isascii() or not text.en.isascii()] == []


def test_a_policy_cannot_be_changed_once_loaded(packs: Packs) -> None:
    with pytest.raises(ValidationError):
        packs["retail"].routing.fallback = "safety"


def test_the_version_names_the_content(tmp_path: Path, packs: Packs) -> None:
    folder = tmp_path / "retail"
    folder.mkdir()
    for file in (FOLDER / "retail").glob("*.yaml"):
        (folder / file.name).write_bytes(file.read_bytes())
    same = load_pack(folder)
    assert same.version == packs["retail"].version == same.routing.version
    assert same.version.startswith("2026.11+")
    assert len(same.version) == len("2026.11+") + 8
    with (folder / "notices.yaml").open("a") as notices:
        notices.write("# a remark\n")
    assert load_pack(folder).version != same.version


@pytest.mark.parametrize(
    ("calendar", "day", "open_"),
    [
        ("office", date(2026, 2, 13), True),
        ("office", date(2026, 2, 14), True),  # Saturday, worked
        ("office", date(2026, 2, 15), False),
        ("office", date(2026, 2, 23), False),  # Monday, still Spring Festival
        ("office", date(2026, 2, 28), True),  # Saturday, worked
        ("office", date(2026, 9, 20), True),  # Sunday, worked
        ("office", date(2026, 10, 7), False),
        ("office", date(2026, 10, 8), True),
        ("office", date(2026, 10, 10), True),  # Saturday, worked
        ("office", date(2026, 11, 22), False),  # an ordinary Sunday
        ("office", date(2027, 1, 1), False),
        ("shop", date(2026, 10, 1), True),
        ("shop", date(2026, 11, 22), True),
        ("always", date(2026, 2, 17), True),
    ],
)
def test_chinese_offices_keep_the_holidays_of_the_notice_and_work_the_make_up_days(
    packs: Packs, calendar: str, day: date, open_: bool
) -> None:
    assert bool(packs["retail"].calendars[calendar].hours_on(day)) is open_


def test_offices_close_for_lunch_and_the_safety_desk_never(packs: Packs) -> None:
    office = packs["retail"].calendar_of("billing")
    assert office.hours_on(date(2026, 11, 23)) == (Interval(9 * 60, 12 * 60), Interval(13 * 60 + 30, 18 * 60))
    assert packs["retail"].calendar_of("safety").hours_on(date(2026, 11, 22)) == (Interval(0, 24 * 60),)
    assert str(office.zone) == "Asia/Shanghai"


@pytest.mark.parametrize("day", [date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 18), date(2026, 7, 3)])
def test_the_bank_keeps_federal_holidays(packs: Packs, day: date) -> None:
    assert packs["bank"].calendar_of("mortgage").hours_on(day) == ()


def test_the_bank_answers_within_the_regulators_dates(packs: Packs) -> None:
    policy = packs["bank"].sla.choose(priority="normal", category="mortgage", channel="web")
    assert policy.clocks.journey.calendar_days == 15
    assert policy.clocks.journey.amount + policy.extension.amount == 60
    assert policy.max_extensions == 1


@pytest.mark.parametrize(
    ("priority", "category", "channel", "expected"),
    [
        ("urgent", "product_safety", "web", "danger"),
        ("normal", "product_safety", "web", "danger"),
        ("urgent", None, "phone", "urgent"),
        ("high", "refund", "web", "high"),
        ("normal", "refund", "web", "money"),
        ("normal", "store_service", "store", "in-the-shop"),
        ("normal", "store_service", "web", "standard"),
        ("normal", None, "web", "standard"),
    ],
)
def test_each_kind_of_problem_has_its_own_deadlines(
    packs: Packs, priority: str, category: str | None, channel: str, expected: str
) -> None:
    assert packs["retail"].sla.choose(priority=priority, category=category, channel=channel).id == expected


def test_notices_are_on_unless_switched_off(packs: Packs) -> None:
    notices = packs["retail"].notices
    assert notices.is_on("delay")
    assert notices.subject("delay") is None
    assert notices.subject("acknowledgement") == Text(zh="我们已收到您的投诉", en="We have received your complaint")
