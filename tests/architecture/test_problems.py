"""One table of problems: whoever refuses takes name and status from it, each name has words, and the document is it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.intake.domain.wording import FAULTS
from services.intake.domain.wording import PROBLEMS as CHANNEL_WORDS
from services.router.domain.case import REFUSAL_TEXTS, Refusal
from shared.problems import _CODES, PROBLEMS, STATES, status_of
from shared.runtime.web.texts import Catalogue

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "shared/runtime/web/texts", *ROOT.glob("services/*/http/templates/texts")]


def test_every_problem_that_is_raised_has_the_status_of_the_table() -> None:
    found = list(_raised())
    assert len(found) > 20
    assert [(place, status, name) for place, status, name in found if status_of(name) != status] == []


def test_every_name_has_words_in_both_languages() -> None:
    said = {key.split(".")[1] for folder in TEXTS for key in Catalogue.load([folder]).keys("problem.")}
    refused = {reason.value.replace("_", "-") for reason in REFUSAL_TEXTS}
    assert set(STATES) <= refused
    assert {*PROBLEMS} <= said | refused | {*CHANNEL_WORDS}
    assert {reason.value.replace("_", "-") for reason in Refusal} <= {*PROBLEMS, *STATES}
    assert {*CHANNEL_WORDS} <= {*PROBLEMS}


def test_every_code_of_a_field_has_words_in_the_channel_api_and_everywhere_else() -> None:
    elsewhere = {key.removeprefix("problem.why.") for key in Catalogue.load([TEXTS[0]]).keys("problem.why.")}
    codes = set(_CODES.values())
    assert codes <= elsewhere
    # The channel API takes no numbers.
    assert codes - {"not_a_number", "out_of_range"} <= set(FAULTS)


def test_the_document_is_the_table() -> None:
    rows = re.findall(
        r"^\| (\d{3}) \| `([a-z-]+)` \| (.+) \| (.+) \|$", (ROOT / "docs/problems.md").read_text("utf-8"), re.M
    )
    written = {name: (int(status), means, do) for status, name, means, do in rows}
    assert written == {name: tuple(kind) for name, kind in PROBLEMS.items()}
    listed = re.search(r"^Also 409[^:]*: (.*?)\.$", (ROOT / "docs/problems.md").read_text("utf-8"), re.M | re.S)
    assert listed and tuple(re.findall(r"`([a-z-]+)`", listed[1])) == STATES


def _raised() -> Iterator[tuple[str, int, str]]:
    """Every `Problem(STATUS, "NAME", …)` in the code, with its place."""
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/runtime/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem" and len(node.args) >= 2:
                status, name = node.args[:2]
                if isinstance(status, ast.Constant) and isinstance(name, ast.Constant):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", status.value, name.value
