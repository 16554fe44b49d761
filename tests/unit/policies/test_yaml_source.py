"""The reader takes less than YAML: nothing that surprises, grows or runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.policies.errors import PolicyError
from shared.policies.yaml_source import MAX_BYTES, read_yaml


def read(tmp_path: Path, content: str | bytes) -> Any:
    path = tmp_path / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path, "x.yaml")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("18:00", "18:00"),
        ("09:00", "09:00"),
        ("no", "no"),
        ("on", "on"),
        ("2026-10-01", "2026-10-01"),
        ("0123", "0123"),
        ("1e3", "1e3"),
        ("'true'", "true"),
        ("true", True),
        ("null", None),
        ("-7", -7),
        ("0.5", 0.5),
        ("2026.11", 2026.11),
        ("起火", "起火"),
    ],
)
def test_only_plain_numbers_true_false_and_null_are_anything_but_text(
    tmp_path: Path, written: str, value: object
) -> None:
    assert read(tmp_path, f"a: {written}\n").data == {"a": value}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice, first in line 1"),
        ("a: &x [1]\nb: *x\n", 1, "anchors and aliases are not taken"),
        ("a: [1]\nb: *x\n", 2, "anchors and aliases are not taken"),
        ("a: 1\n<<: {b: 2}\n", None, None),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tags are not taken"),
        ("a: !!int '3'\n", 1, "tags are not taken"),
        ("? [a]\n: 1\n", 1, "a key must be plain text"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("", 1, "the file is empty"),
        ("# nothing\n", 1, "the file is empty"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a: \x07\n", 1, "not YAML"),
        ("a: 1\nb: \xff\n".encode("latin-1"), 2, "not UTF-8"),
        ("a: 起\n".encode("gb18030"), 1, "not UTF-8"),
        ("[" * 40 + "]" * 40, 1, "nested deeper than"),
        (b"a: " + b"x" * MAX_BYTES, 1, "larger than"),
    ],
)
def test_what_is_refused_says_line_and_reason(
    tmp_path: Path, content: str | bytes, line: int | None, reason: str | None
) -> None:
    if line is None:
        # A merge key is just a key here; the models refuse the unknown field.
        assert "<<" in read(tmp_path, content).data
        return
    with pytest.raises(PolicyError) as refused:
        read(tmp_path, content)
    (problem,) = refused.value.problems
    assert reason is not None and reason in problem.reason
    assert problem.line == line


def test_a_bomb_of_aliases_is_refused_before_it_grows(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10))
    with pytest.raises(PolicyError, match="anchors and aliases"):
        read(tmp_path, f"l0: &l0 [x]\n{levels}")


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  - b: 1\n    c: [x,\n        y]\n")
    assert document.lines[("a",)] == 1
    assert document.lines[("a", 0, "c")] == 3
    assert document.lines[("a", 0, "c", 1)] == 4


def test_a_byte_order_mark_is_taken(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path, "x.yaml")
