"""Files of complaints become what a channel posts, whatever their shape; bad lines are named, not swallowed."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.play.examples import load_examples
from deploy.play.sources import BadLine, Entry, Reading, read_file
from deploy.stack.errors import StackError
from services.intake.domain.complaint import Complaint

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CSV = (
    "Date received,Product,Sub-product,Issue,Consumer complaint narrative,Company,Submitted via,Complaint ID\n"
    '2024-03-05,Mortgage,,Trouble during payment,"First line,\nsecond line ""quoted""",Some Bank,Web,8801\n'
    "2024-03-06,Debt collection,,Not my debt,,Some Bank,Phone,8802\n"
    "03/07/24,Student loan,,Servicer,They lost 7 payments,Some Bank,Phone,8803\n"
)


def reading(pack: str = "bank", **changes: object) -> Reading:
    return Reading(pack=pack, anchor=NOW, **changes)  # type: ignore[arg-type]


def write(folder: Path, text: str, name: str = "file.jsonl") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def entries(path: Path, how: Reading | None = None) -> list[Entry]:
    return [line for line in read_file(path, how or reading()) if isinstance(line, Entry)]


def bad(path: Path, how: Reading | None = None) -> list[tuple[int, str]]:
    return [(line.line, line.reason) for line in read_file(path, how or reading()) if isinstance(line, BadLine)]


def test_an_issue_shaped_line_is_posted_as_it_stands(tmp_path: Path) -> None:
    body = {"channel": "phone", "language": "zh", "text": "水泵坏了", "customer": {"phone": "+8619100000101"}}
    (entry,) = entries(write(tmp_path, json.dumps(body) + "\n"))
    assert entry.body == body


def test_the_same_line_has_the_same_key_in_every_run_and_another_in_another_pack_or_channel(tmp_path: Path) -> None:
    path = write(tmp_path, '{"channel": "web", "language": "en", "text": "x"}\n')
    first, second = entries(path)[0].key, entries(path)[0].key
    assert first == second
    assert len({first, entries(path, reading("retail"))[0].key, entries(path, reading(channel="store"))[0].key}) == 3


def test_bad_lines_are_reported_with_their_number_and_the_good_ones_are_read(tmp_path: Path) -> None:
    good = '{"channel": "web", "language": "en", "text": "x"}'
    path = write(tmp_path, f'{{oops\n\n{good}\n[1]\n{{"channel": "fax", "text": "y"}}\n{{"channel": "web"}}\n{good}\n')
    assert [entry.line for entry in entries(path)] == [3]
    assert [number for number, _ in bad(path)] == [1, 4, 5, 6, 7]
    assert bad(path)[-1] == (7, "the same as line 3")


def test_the_bureaus_csv_is_understood(tmp_path: Path) -> None:
    path = write(tmp_path, CSV, "complaints.csv")
    first, second = entries(path)
    assert first.body["text"] == 'First line,\nsecond line "quoted"'
    assert (first.body["channel"], first.body["category"], first.body["order_id"]) == ("web", "mortgage", "CFPB-8801")
    assert (second.body["channel"], second.body["category"]) == ("phone", "student_loans")
    assert (first.line, second.line) == (2, 5)
    assert bad(path) == [(4, "no narrative")]
    assert "received_at" not in first.body


def test_published_dates_are_kept_on_demand(tmp_path: Path) -> None:
    path = write(tmp_path, CSV, "complaints.csv")
    received = [entry.body["received_at"] for entry in entries(path, reading(dates=True))]
    assert received == ["2024-03-05T12:00:00+00:00", "2024-03-07T12:00:00+00:00"]


def test_a_label_set_is_played_without_its_label(tmp_path: Path) -> None:
    line = {"id": "cf-1", "lang": "en", "channel": "web", "text": "no", "product": "Mortgage", "label": "mortgage"}
    (entry,) = entries(write(tmp_path, json.dumps(line)))
    assert "mortgage" not in json.dumps(entry.body).lower()
    assert entry.body["customer"]["email"].endswith("@example.com")
    (silent,) = entries(write(tmp_path, json.dumps(line)), reading(contact=False))
    assert "customer" not in silent.body


def test_a_long_text_is_carried_on_in_amendments_and_nothing_is_cut_off(tmp_path: Path) -> None:
    text = "".join(chr(97 + n % 26) for n in range(25_513))
    (entry,) = entries(write(tmp_path, json.dumps({"lang": "en", "text": text, "channel": "web"})))
    assert "".join((entry.body["text"], *entry.rest)) == text
    assert all(len(part) <= 10_000 for part in (entry.body["text"], *entry.rest))


def test_an_example_says_how_long_ago_it_was_received(tmp_path: Path) -> None:
    pump = load_examples("retail")[0]
    (entry,) = entries(write(tmp_path, pump.raw), reading("retail"))
    assert entry.body["received_at"] == "2026-11-18T08:00:00+00:00"
    Complaint.model_validate({k: v for k, v in entry.body.items() if k != "received_at"})


def test_a_compressed_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf{"channel": "web", "language": "en", "text": "x"}\n'))
    assert len(entries(path)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b,c\n1,2,3\n", "no column 'Consumer complaint narrative'"),
        (b"only words\n", "neither JSON Lines nor a CSV"),
        (b"\xff\xfe{\x00\x00\xd8a\x00", "cannot be read"),
    ],
)
def test_a_file_of_no_known_shape_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    with pytest.raises(StackError, match=said):
        list(read_file(path, reading()))


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be read"):
        list(read_file(tmp_path / "nowhere.csv", reading()))


def test_a_csv_row_with_too_few_fields_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, CSV + "2024-03-08,Mortgage\n", "complaints.csv")
    assert bad(path)[-1] == (6, "the number of fields differs from the header")


SEPARATED = [CSV.replace(",", mark) for mark in (";", "\t", "|")]


@pytest.mark.parametrize("text", SEPARATED, ids=["semicolon", "tab", "bar"])
def test_a_table_by_other_marks_is_read_as_well(tmp_path: Path, text: str) -> None:
    first, second = entries(write(tmp_path, text, "complaints.csv"))
    assert (first.body["order_id"], second.body["order_id"]) == ("CFPB-8801", "CFPB-8803")
    assert first.body["text"].endswith('second line "quoted"')


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_table_as_spreadsheets_write_it_is_read(tmp_path: Path, encoding: str, ends: str) -> None:
    path = tmp_path / "complaints.csv"
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path.write_bytes((mark + CSV.replace("\n", ends)).encode(encoding))
    assert [entry.body["order_id"] for entry in entries(path)] == ["CFPB-8801", "CFPB-8803"]


def test_json_whose_text_names_the_column_is_json(tmp_path: Path) -> None:
    told = {"channel": "web", "language": "en", "text": "Your form has a field Consumer complaint narrative, which …"}
    (entry,) = entries(write(tmp_path, json.dumps(told) + "\n"))
    assert entry.body == told


HEAD = "Product,Consumer complaint narrative\n"


@pytest.mark.parametrize(
    ("content", "said", "filed"),
    [
        (HEAD + 'a,one\nb,"two\nc,three\nd,four\n', r"lines 3-5: .*never closed", 1),
        (HEAD + 'a,one\nb,"two\nc,"three"\nd,four\n', r"lines 3-4: .*between a closing quote", 1),
        (HEAD + 'a,"one" more\n', r"line 2: .*between a closing quote", 0),
        (HEAD + 'a,"' + "x" * 1_100_000 + "\n", r"line 2: .*never closed", 0),
        (HEAD, "has a header and no row", 0),
        ("", "is empty", 0),
        ("\ufeff \n", "is empty", 0),
        ("Product,Narrative\na,b\n", r"line 1: no column 'Consumer complaint narrative' among the 2 that commas", 0),
        ("Product;Narrative\na;b\n", r"line 1: no column .* semicolons", 0),
        (HEAD.strip() + ",Consumer complaint narrative\na,b,c\n", "two columns are called", 0),
        ('[{"channel": "web"}]', "is one JSON array", 0),
        ('[\n{"text": "Consumer complaint narrative"},', "begins like a JSON array", 0),
    ],
)
def test_what_cannot_be_read_says_what_where_and_how_to_mend_it(
    tmp_path: Path, content: str, said: str, filed: int
) -> None:
    path, read = write(tmp_path, content, "complaints.csv"), []
    with pytest.raises(StackError, match=said) as refused:
        read.extend(read_file(path, reading()))  # keeps what came before the error
    assert len(read) == filed
    assert refused.value.remedy


@pytest.mark.parametrize("name", ["file.csv.gz", "file.jsonl"])
def test_bytes_that_are_no_text_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    for content in (b"\x1f\x8b broken", b'{"text": "\xff"}', gzip.compress(HEAD.encode() * 9_000)[:-20]):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(StackError):
            list(read_file(path, reading()))
