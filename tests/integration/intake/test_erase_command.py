"""`redress erase` and `redress hold`, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.intake.conftest import BODY, Running
from tests.support.commands import redress, settle_in
from tests.support.traces_left import in_tables

PHONE = "13812345678"


def _run(intake: Running, home: Path, *arguments: str):
    settle_in(home, intake.database.url)
    return redress(home, *arguments, MASTER_KEY_FILE=str(home / "master.key"))


async def _filed(intake: Running, **customer: str) -> str:
    return (await intake.post({**BODY, "customer": {"name": "MARKNAME", **customer}})).json()["reference"]


async def test_without_yes_it_tells_what_would_go_and_changes_nothing(everything: Running, tmp_path: Path) -> None:
    first, second = await _filed(everything, phone=PHONE), await _filed(everything, phone=PHONE)
    before = list(in_tables(everything.database))
    for arguments in (
        (first,),
        (first.lower().replace("-", ""),),
        ("--contact", "138 1234 5678"),
        ("--contact", f"+86{PHONE}"),
    ):
        done = _run(everything, tmp_path, "erase", *arguments)
        assert done.returncode == 0, done.stderr
        for word in (first, second, "2 complaints", "open", "Nothing was changed"):
            assert word in done.stdout, (word, done.stdout)
        assert "MARKNAME" not in done.stdout and PHONE not in done.stdout
    assert list(in_tables(everything.database)) == before
    assert "Nobody gave" in _run(everything, tmp_path, "erase", "--contact", "nobody@example.com").stdout


async def test_several_persons_are_erased_only_when_each_is_meant(everything: Running, tmp_path: Path) -> None:
    by_phone = await _filed(everything, phone=PHONE, email="li@example.com")
    by_mail = await _filed(everything, email="Li@Example.com")
    done = _run(everything, tmp_path, "erase", "--contact", "li@example.com", "--yes")
    assert (done.returncode, "Several persons" in done.stderr) == (1, True)
    assert by_phone in done.stdout and by_mail in done.stdout
    assert everything.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 2
    assert _run(everything, tmp_path, "erase", "--contact", "li@example.com", "--yes", "--all").returncode == 0
    assert everything.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 0
    left = b"".join(content for _, content in in_tables(everything.database))
    assert b"MARKNAME" not in left and b"li@" not in left.lower()
    assert "Nobody gave" in _run(everything, tmp_path, "erase", "--contact", "li@example.com").stdout


async def test_a_hold_refuses_with_its_reason_until_it_is_lifted(everything: Running, tmp_path: Path) -> None:
    held, other = await _filed(everything, phone=PHONE), await _filed(everything, phone=PHONE)
    assert _run(everything, tmp_path, "hold", held, "--why", "court file 7 of 2026").returncode == 0
    assert "court file 7" in _run(everything, tmp_path, "hold").stdout
    shown = _run(everything, tmp_path, "erase", other)
    assert (shown.returncode, "court file 7" in shown.stdout) == (0, True)
    done = _run(everything, tmp_path, "erase", other, "--yes")
    assert (done.returncode, held in done.stderr) == (1, True), "a hold on one complaint holds the person"
    assert everything.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 1
    assert everything.count("erasure") == 0 and everything.count("outbox") == 2
    assert _run(everything, tmp_path, "hold", held, "--lift").returncode == 0
    assert _run(everything, tmp_path, "erase", other, "--yes").returncode == 0
    assert everything.rows("SELECT count(*) AS n FROM vault.person")[0]["n"] == 0
    kinds = [row["kind"] for row in everything.rows("SELECT kind FROM security.entry ORDER BY id")]
    assert kinds == ["held", "hold_lifted", "erased", "erased"]
    late = _run(everything, tmp_path, "hold", held, "--why", "x")
    assert (late.returncode, "erased already" in late.stderr) == (1, True)


async def test_what_cannot_be_meant_is_said(everything: Running, tmp_path: Path) -> None:
    for arguments, word in (
        (("erase",), "Whom"),
        (("erase", "R-4K7M-2XA9"), "R-4K7M-2XA9"),
        (("erase", "nonsense"), "no reference"),
        (("erase", "--contact", "12"), "no phone number"),
        (("erase", "--contact", "a@"), "no e-mail address"),
        (("hold", "R-4K7M-2XA9"), "Set or lift"),
    ):
        done = _run(everything, tmp_path, *arguments)
        assert (done.returncode, word in done.stderr) == (1, True), (arguments, done.stdout, done.stderr)


async def test_a_persons_data_are_written_as_json_and_pdf(everything: Running, tmp_path: Path) -> None:
    first = await _filed(everything, phone=PHONE, email="li@example.com")
    second = (await everything.post({**BODY, "language": "en", "text": "王小明 wrote <b>this</b> & \U00030000 مرحبا", "title": "Ünique",
                                     "order_id": "MARK-7", "store_id": "SH-021", "customer": {"name": "MARKNAME", "phone": PHONE}})).json()  # fmt: skip
    other = await _filed(everything, phone="13800001111")
    out = tmp_path / "copies" / "of"
    done = _run(everything, tmp_path, "export-person", second["reference"], "--out", str(out))
    assert done.returncode == 0, done.stderr
    as_json, as_pdf = (Path(line) for line in done.stdout.split())
    told = json.loads(as_json.read_text("utf-8"))
    assert [one["reference"] for one in told["complaints"]] == [first, second["reference"]]
    assert told["complaints"][1]["text"].startswith("王小明 wrote <b>this</b>")
    assert told["complaints"][1]["order_id"] == "MARK-7" and told["complaints"][0]["email"] == "li@example.com"
    assert [one["store"] for one in told["complaints"]] == [None, {"zh": "上海徐家汇店", "en": "Shanghai Xujiahui"}]
    assert other not in as_json.read_text("utf-8")
    assert as_pdf.read_bytes().startswith(b"%PDF-") and as_pdf.read_bytes().rstrip().endswith(b"%%EOF")
    assert [path.stat().st_mode & 0o077 for path in (as_json, as_pdf)] == [0, 0]
    assert _run(everything, tmp_path, "erase", first, "--yes").returncode == 0
    gone = _run(everything, tmp_path, "export-person", first, "--out", str(out))
    assert (gone.returncode, "was erased" in gone.stderr) == (1, True)
