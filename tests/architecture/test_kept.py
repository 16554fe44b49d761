"""Whoever makes a table says how long its rows are kept; the runbook tells what the code does."""

import re
from pathlib import Path

import pytest

from deploy.docs.growth import BEGIN, END, table_of_spans
from shared.runtime.kept import EVERY, INBOX_DAYS, TABLES, TOPIC_DAYS, kept_by, refuse_spans

ROOT = Path(__file__).parents[2]
SERVICES = ("intake", "router", "sla", "notifier")
_CREATED = re.compile(r"^\s*CREATE TABLE (?:IF NOT EXISTS )?(?!\w+ PARTITION OF)(\w+)(?! PARTITION OF)", re.MULTILINE)
_DROPPED = re.compile(r"^\s*DROP TABLE (?:IF EXISTS )?(\w+)", re.MULTILINE)


def tables_in(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text("utf-8")
        found |= set(_CREATED.findall(text))
        found -= set(_DROPPED.findall(text))
    return found


@pytest.mark.parametrize("service", [EVERY, *SERVICES])
def test_every_table_says_how_long_its_rows_are_kept(service: str) -> None:
    folder = ROOT / ("shared/runtime/migrations" if service == EVERY else f"services/{service}/migrations")
    made = tables_in(folder) | ({"migration"} if service == EVERY else set())
    said = {kept.table for kept in TABLES if kept.service == service}
    assert made - said == set(), "say in shared/runtime/kept.py how long these rows are kept, and why"
    assert said - made == set(), "these tables are gone"


def test_every_span_has_rows_a_reason_and_a_floor() -> None:
    for kept in TABLES:
        assert kept.why
        assert (kept.days is None) == (kept.old == "")
        assert kept.days is None or kept.days >= kept.least


def test_the_inbox_remembers_longer_than_anything_can_come_again() -> None:
    assert all(
        kept.least > TOPIC_DAYS for kept in TABLES if kept.table in {"inbox", "inbox_late", "dead_letter"} and kept.days
    )
    assert INBOX_DAYS > TOPIC_DAYS


def test_a_setting_changes_a_span_but_not_below_what_is_safe() -> None:
    (notice,) = (kept for kept in kept_by("notifier", {"notifier.notice": 200}) if kept.table == "notice")
    assert notice.days == 200
    with pytest.raises(ValueError, match="at least 45"):
        refuse_spans({"inbox": 7})
    with pytest.raises(ValueError, match="choose from"):
        refuse_spans({"cases": 7})


def test_the_runbook_tells_the_spans_of_the_code() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    assert runbook.split(BEGIN)[1].split(END)[0].strip() == table_of_spans().strip(), "run `make docs`"
