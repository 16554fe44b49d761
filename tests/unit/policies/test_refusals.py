"""Every bad pack is refused with the line where the mistake stands. `# here` marks that line in the spoilt text."""

from __future__ import annotations

from typing import Protocol

import pytest

from shared.policies import Problem, load_packs


class Pack(Protocol):
    folder: object

    def spoil(self, file: str, old: str, new: str) -> None: ...
    def problems(self) -> tuple[Problem, ...]: ...
    def path(self, file: str, pack: str = "small") -> object: ...
    def add(self, name: str) -> None: ...


REFUSED = {
    # departments
    "a department that a rule names does not exist": (
        "routing", "    owner: repair\n", "    owner: repairs # here\n", "unknown department 'repairs'"),
    "a misspelt department gets the nearest one suggested": (
        "routing", "    owner: repair\n", "    owner: repiar # here\n", "did you mean repair?"),
    "a topic's owner does not exist": (
        "routing", "      owner: repair\n", "      owner: nobody # here\n", "unknown department 'nobody'"),
    "the fallback does not exist": ("routing", "fallback: desk", "fallback: dusk # here", "unknown department 'dusk'"),
    "there is no fallback": ("routing", "fallback: desk", "# here", "fallback is missing"),
    "the fallback is no triage desk": (
        "routing", "fallback: desk", "fallback: repair # here", "of kind ordinary"),
    "the office is no complaints office": ("routing", "office: office", "office: repair # here", "of kind ordinary"),
    "the second stage does not exist": (
        "routing", "second_stage: office", "second_stage: upstairs # here", "unknown department 'upstairs'"),
    "an escalation goes to a department that does not exist": (
        "departments", "{at_percent: 100, to: office}", "{at_percent: 100, to: boss} # here", "unknown department 'boss'"),
    "an escalation ladder leads back to where it began": (
        "departments", "{after_breach: {working_hours: 4}, to: lead}",
        "{after_breach: {working_hours: 4}, to: desk} # here", "cycle: desk → office → desk"),
    "a ladder leads to its own department": (
        "departments", "{after_breach: {working_hours: 4}, to: lead}",
        "{after_breach: {working_hours: 4}, to: office} # here", "cycle: office → office"),
    "a rung has two moments": (
        "departments", "{at_percent: 80, to: lead}", "{at_percent: 80, after_breach: {minutes: 5}, to: lead} # here",
        "either at_percent or after_breach"),
    "rungs do not climb": (
        "departments", "  - id: desk\n", "  - id: desk # here\n", None),
    "a percentage is out of range": (
        "departments", "{at_percent: 80, to: lead}", "{at_percent: 180, to: lead} # here", "less than or equal to 100"),
    "two departments share an id": ("departments", "  - id: repair", "  - id: office # here", "'office' is given twice"),
    "a department is called lead": ("departments", "  - id: repair", "  - id: lead # here", "'lead' is no department id"),
    "there are two triage desks": (
        "departments", "  - id: repair\n", "  - id: repair\n    kind: triage\n", "2 departments of kind triage"),
    "a department works by a calendar that does not exist": (
        "departments", "    calendar: days", "    calendar: nights # here", "unknown calendar 'nights'"),
    "a name is in one language only": (
        "departments", "name: {zh: 维修, en: Repair}", "name: {zh: 维修} # here", "name.en is missing"),
    "a name is empty": (
        "departments", "name: {zh: 维修, en: Repair}", "name: {zh: 维修, en: ''} # here", "at least 1 character"),
    "a field is misspelt": (
        "departments", "    duty: {zh: 分拣, en: Sorts}", "    duty: {zh: 分拣, en: Sorts}\n    dutty: x # here",
        "unknown field departments[0].dutty"),
    # routing
    "a rule repeats an earlier one": (
        "routing", "  - id: last\n    when: {category: [repair]}",
        "  - id: last # here\n    when: {words: {any: {en: [repairs]}}}", "whatever it catches, mended catches before"),
    "a rule asks more than an earlier one": (
        "routing", "  - id: last\n    when: {category: [repair]}",
        "  - id: last # here\n    when: {category: [repair], words: {any: {zh: [上门维修]}}}", "can never be reached"),
    "a longer word is listed for a word that no rule has": (
        "routing", "fallback: desk", "not_in:\n  火: [火车] # here\nfallback: desk", "unknown word '火'"),
    "a longer word does not hold the word": (
        "routing", "fallback: desk", "not_in:\n  repair*: [fixed] # here\nfallback: desk", "does not contain"),
    "a denial names a rule that does not exist": (
        "routing", "fallback: desk", "denial:\n  rules: [danger] # here\n  zh: {before: [没有]}\nfallback: desk",
        "unknown rule 'danger'"),
    "a denial is given in no language": (
        "routing", "fallback: desk", "denial: {rules: [mended]} # here\nfallback: desk", "denial needs zh or en"),
    "a denial without words": (
        "routing", "fallback: desk", "denial: {rules: [mended], zh: {through: [有]}} # here\nfallback: desk",
        "give before or after"),
    "an empty condition would catch everything": (
        "routing", "when: {category: [repair]}", "when: {} # here", "would catch everything"),
    "words without words": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {zh: []}}} # here", "no words in either language"),
    "a star inside a word": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {en: [re*pair]}}} # here", "only stand at the very end"),
    "a star behind two letters": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {en: [re*]}}} # here", "at least 3 letters"),
    "a Chinese word with punctuation": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {zh: [不，能]}}} # here", "no *, space or punctuation"),
    "a word that is only punctuation": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {en: ['!']}}} # here", "no letter"),
    "a word given twice": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {en: [fix, FIX]}}} # here", "'fix' is given twice"),
    "words that forbid themselves": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {en: [fixed]}, none: {en: [fix*]}}} # here",
        "can never match"),
    "more words asked for than there are": (
        "routing", "when: {category: [repair]}", "when: {words: {any: {en: [fix]}, at_least: 2}} # here",
        "more words than words.any has"),
    "a rule for a category that does not exist": (
        "routing", "when: {category: [repair]}", "when: {category: [repairs]} # here", "unknown category 'repairs'"),
    "two rules share an id": ("routing", "  - id: last", "  - id: mended # here", "rule 'mended' is given twice"),
    "two categories share an id": (
        "routing", "{id: other, name: {zh: 其他, en: Other}, hint: {zh: 其他, en: Other}}",
        "{id: repair, name: {zh: 其他, en: Other}, hint: {zh: 其他, en: Other}} # here", "category 'repair' is given twice"),
    "a topic has a rule's id": ("routing", "    - id: machines", "    - id: last # here", "also the id of a rule"),
    "a word is strong and ordinary": (
        "routing", "    - id: machines\n", "    - id: machines # here\n      words: {zh: [机器]}\n", "both a strong word"),
    "a department answers for its own staff": (
        "routing", "when: {category: [repair]}\n    owner: repair", "when: {about_staff: true}\n    owner: repair # here",
        "would answer a complaint about its own staff"),
    "staff_of is the owner": (
        "routing", "when: {category: [repair]}\n    owner: repair",
        "when: {category: [repair]}\n    staff_of: repair\n    owner: repair # here", "about its own staff"),
    "a priority rule asks for a priority": (
        "routing", "- id: fire\n      when: {words: {any: {zh: [起火], en: [fire]}}}",
        "- id: fire # here\n      when: {min_priority: high}",
        "depend on the priority it helps to find"),
    "thresholds are the wrong way round": (
        "routing", "{high: 30, urgent: 60}", "{high: 60, urgent: 30} # here", "fewer points"),
    "a channel that does not exist": (
        "routing", "when: {category: [repair]}", "when: {channel: [fax]} # here", "'web', 'phone' or 'store'"),
    "a version in the wrong file": ("routing", "fallback: desk", "version: x # here\nfallback: desk", "not given here"),
    # sla
    "no policy holds for all": (
        "sla", "  - id: rest\n    name: {zh: 一般, en: Rest}\n",
        "  - id: rest\n    name: {zh: 一般, en: Rest}\n    when: {priority: [high]} # here\n", "no policy for all other"),
    "a policy after the one for all": (
        "sla", "    when: {priority: [urgent]}\n", "", "policy 'rest' can never be reached"),
    "a policy for a category that does not exist": (
        "sla", "when: {priority: [urgent]}", "when: {category: [none]} # here", "unknown category 'none'"),
    "a policy counts in a calendar that does not exist": (
        "sla", "    calendar: days", "    calendar: night # here", "unknown calendar 'night'"),
    "two measures in one span": (
        "sla", "journey: {working_days: 7}", "journey: {working_days: 7, minutes: 3} # here", "exactly one of"),
    "a span of nothing": ("sla", "journey: {working_days: 7}", "journey: {working_days: 0} # here", "greater than 0"),
    "a clock is missing": ("sla", "      owner: {working_days: 5}\n", "", "clocks.owner is missing"),
    "a warning at 100 percent": (
        "sla", "    extension: {working_days: 2}", "    warn_at: [50, 100] # here\n    extension: {working_days: 2}",
        "less than or equal to 99"),
    "warnings out of order": (
        "sla", "  - id: urgent\n", "  - id: urgent # here\n    warn_at: [80, 50]\n", "warn_at must ascend"),
    "an escalation of a clock that does not exist": (
        "sla", "    extension: {working_days: 2}", "    escalate: [lunch] # here\n    extension: {working_days: 2}", "'journey'"),
    # calendars
    "a calendar never opens": (
        "calendars", '    week:\n      mon: ["09:00-12:00", "13:00-18:00"]\n      fri: ["09:00-18:00"]\n', "    week: {}\n",
        "never opens"),
    "intervals overlap": (
        "calendars", '"09:00-12:00", "13:00-18:00"]', '"09:00-13:30", "13:00-18:00"] # here', "overlap"),
    "an interval closes before it opens": ("calendars", '"09:00-18:00"]', '"18:00-09:00"] # here', "close after it opens"),
    "a time of day that does not exist": ("calendars", '"09:00-18:00"]', '"09:00-24:30"] # here', "no time of day"),
    "an interval without an end": ("calendars", '"09:00-18:00"]', '"09:00"] # here', "an interval reads"),
    "a time zone that does not exist": ("calendars", "tz: Asia/Shanghai", "tz: Asia/Peking # here", None),
    "a weekday that does not exist": ("calendars", "      fri:", "      fry:", "'mon'"),
    "a day is holiday and make-up day": (
        "calendars", "dates: [2026-02-14]", "dates: [2026-02-17]", "both a make-up working day and a holiday"),
    "a make-up day is worked like a closed day": (
        "calendars", "like: mon", "like: sun", "worked like sun, which has no hours"),
    "a date that does not exist": ("calendars", "day: 2026-10-01", "day: 2026-02-30", "date"),
    "a run of holidays backwards": (
        "calendars", "{first: 2026-02-16, last: 2026-02-18", "{first: 2026-02-18, last: 2026-02-16", "end after it begins"),
    "a country the library is not asked for": (
        "calendars", "    tz: Asia/Shanghai",
        "    tz: Asia/Shanghai\n    country: {code: XX, first_year: 2026, last_year: 2027} # here", "'CN' or 'US'"),
    # notices
    "a notice kind that does not exist": ("notices", "  delay: {on: true}", "  delayed: {on: true} # here", "'acknowledgement'"),
    "a sender that is no address": (
        "notices", "complaints@small.example", "complaints@small.example,other@x.example # here", "no plain mail address"),
    "a signature in one language": (
        "notices", "signature: {zh: 办公室, en: The office}", "signature: {en: The office} # here", "signature.zh is missing"),
}  # fmt: skip
SPECIAL = {
    "rungs do not climb": ("departments", "      - {at_percent: 80, to: lead}\n      - {at_percent: 100, to: office}\n",
                           "      - {at_percent: 90, to: lead}\n      - {at_percent: 50, to: office}\n", "rungs must climb", 5),
    "a time zone that does not exist": ("calendars", "tz: Asia/Shanghai", "tz: Asia/Atlantis", "no IANA time zone", 2),
}  # fmt: skip


@pytest.mark.parametrize("case", [name for name in REFUSED if name not in SPECIAL])
def test_a_pack_is_refused_with_line_and_reason_when(case: str, pack: Pack) -> None:
    file, old, new, reason = REFUSED[case]
    pack.spoil(file, old, new)
    problems = pack.problems()
    matching = [problem for problem in problems if reason in str(problem)]
    assert matching, "\n".join(map(str, problems))
    assert matching[0].file == f"small/{file}.yaml"
    assert matching[0].mend
    lines = pack.path(file).read_text(encoding="utf-8").splitlines()
    marked = [number for number, line in enumerate(lines, 1) if "# here" in line]
    if marked and "is missing" not in reason:
        assert matching[0].line == marked[0]


@pytest.mark.parametrize("case", list(SPECIAL))
def test_a_pack_is_refused_at_the_thing_that_holds_the_mistake_when(case: str, pack: Pack) -> None:
    file, old, new, reason, line = SPECIAL[case]
    pack.spoil(file, old, new)
    (problem,) = pack.problems()
    assert reason in problem.reason
    assert problem.line == line


def test_the_sound_pack_is_sound(pack: Pack) -> None:
    assert load_packs(pack.folder)["small"].version.startswith("7+")


def test_all_problems_of_all_files_are_told_at_once(pack: Pack) -> None:
    pack.spoil("departments", "calendar: days", "calendar: never")
    pack.spoil("routing", "owner: repair", "owner: nobody")
    pack.spoil("sla", "calendar: days", "calendar: never")
    assert {problem.file for problem in pack.problems()} == {
        f"small/{name}.yaml" for name in ("departments", "routing", "sla")
    }


def test_problems_inside_several_files_are_told_at_once(pack: Pack) -> None:
    pack.spoil("calendars", "tz: Asia/Shanghai", "tz: Nowhere")
    pack.spoil("notices", "delay:", "later:")
    assert [problem.file for problem in pack.problems()] == ["small/calendars.yaml", "small/notices.yaml"]


def test_a_department_id_in_two_packs_is_refused_at_its_line(pack: Pack) -> None:
    pack.add("twin")
    pack.path("departments", "twin").write_text(
        pack.path("departments").read_text(encoding="utf-8").replace("pack: small", "pack: twin"), encoding="utf-8"
    )
    problems = pack.problems()
    assert ("twin/departments.yaml", 5) in {(problem.file, problem.line) for problem in problems}
    assert "department 'desk' is also in pack small" in str(problems[0])


def test_a_pack_name_in_two_folders_is_refused(pack: Pack) -> None:
    pack.add("twin")
    assert "pack 'small' is also in folder small" in {problem.reason for problem in pack.problems()}


def test_a_missing_file_is_told_by_name(pack: Pack) -> None:
    pack.path("sla").unlink()
    assert str(pack.problems()[0]).startswith("small/sla.yaml:1: cannot be read: No such file")


def test_a_problem_reads_file_line_reason_and_remedy(pack: Pack) -> None:
    pack.spoil("routing", "    owner: repair\n", "    owner: repiar\n")
    assert str(pack.problems()[0]) == "small/routing.yaml:17: unknown department 'repiar' (did you mean repair?)"


def test_a_customers_words_or_secrets_cannot_leak_from_a_refusal(pack: Pack) -> None:
    pack.spoil("departments", "pack: small", "pack: [secret-value]")
    assert "secret-value" not in "".join(map(str, pack.problems()))
