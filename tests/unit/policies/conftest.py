"""A small pack that is sound, and a way to spoil one line of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.policies import PolicyError, Problem, load_packs

DEPARTMENTS = """\
pack: small
version: "7"
name: {zh: 小, en: Small}
departments:
  - id: desk
    kind: triage
    name: {zh: 分拣, en: Desk}
    duty: {zh: 分拣, en: Sorts}
    calendar: days
    escalation:
      - {at_percent: 80, to: lead}
      - {at_percent: 100, to: office}
  - id: office
    kind: office
    name: {zh: 办公室, en: Office}
    duty: {zh: 裁决, en: Decides}
    calendar: days
    escalation:
      - {after_breach: {working_hours: 4}, to: lead}
  - id: repair
    name: {zh: 维修, en: Repair}
    duty: {zh: 维修, en: Repairs}
    calendar: days
    escalation:
      - {at_percent: 100, to: office}
"""
CALENDARS = """\
calendars:
  days:
    name: {zh: 白天, en: Days}
    tz: Asia/Shanghai
    week:
      mon: ["09:00-12:00", "13:00-18:00"]
      fri: ["09:00-18:00"]
    holidays:
      - {day: 2026-10-01, name: {zh: 国庆, en: National Day}}
      - {first: 2026-02-16, last: 2026-02-18, name: {zh: 春节, en: Spring Festival}}
    make_up_days:
      - {notice: a notice, like: mon, dates: [2026-02-14]}
"""
ROUTING = """\
fallback: desk
office: office
second_stage: office
categories:
  - {id: repair, name: {zh: 维修, en: Repair}, hint: {zh: 维修, en: Repair}}
  - {id: other, name: {zh: 其他, en: Other}, hint: {zh: 其他, en: Other}}
priority:
  thresholds: {high: 30, urgent: 60}
  rules:
    - id: fire
      when: {words: {any: {zh: [起火], en: [fire]}}}
      points: 60
      because: {zh: 起火, en: Fire}
rules:
  - id: mended
    when: {words: {any: {zh: [维修], en: [repair*]}}}
    owner: repair
    because: {zh: 维修, en: A repair}
  - id: last
    when: {category: [repair]}
    owner: repair
    because: {zh: 选择, en: It was chosen}
topics:
  choices:
    - id: machines
      owner: repair
      because: {zh: 机器, en: Machines}
      strong: {zh: [机器], en: [machine]}
"""
SLA = """\
policies:
  - id: urgent
    name: {zh: 紧急, en: Urgent}
    when: {priority: [urgent]}
    calendar: days
    clocks: &no
    extension: {working_days: 2}
  - id: rest
    name: {zh: 一般, en: Rest}
    calendar: days
    clocks: &no
    extension: {working_days: 5}
""".replace(
    "clocks: &no",
    """clocks:
      journey: {working_days: 7}
      owner: {working_days: 5}
      first_response: {working_hours: 4}
      silence: {working_hours: 16}
      confirmation: {calendar_days: 7}
      answer: {calendar_days: 5}""",
)
NOTICES = """\
site_name: {zh: 投诉, en: Complaints}
sender:
  name: {zh: 投诉, en: Complaints}
  address: complaints@small.example
signature: {zh: 办公室, en: The office}
kinds:
  delay: {on: true}
"""
FILES = {"departments": DEPARTMENTS, "calendars": CALENDARS, "routing": ROUTING, "sla": SLA, "notices": NOTICES}


class SmallPack:
    """A folder with one sound pack; `spoil` changes it, `problems` reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.add("small")

    def add(self, name: str) -> None:
        (self.folder / name).mkdir(parents=True)
        for file, text in FILES.items():
            self.path(file, name).write_text(text, encoding="utf-8")

    def path(self, file: str, pack: str = "small") -> Path:
        return self.folder / pack / f"{file}.yaml"

    def spoil(self, file: str, old: str, new: str) -> None:
        text = self.path(file).read_text(encoding="utf-8")
        assert text.count(old) >= 1, f"{old!r} is not in {file}.yaml"
        self.path(file).write_text(text.replace(old, new, 1), encoding="utf-8")

    def problems(self) -> tuple[Problem, ...]:
        with pytest.raises(PolicyError) as refused:
            load_packs(self.folder)
        return refused.value.problems


@pytest.fixture
def pack(tmp_path: Path) -> SmallPack:
    return SmallPack(tmp_path / "policies")
