"""How often what is open to everybody may be used: the public form."""

from pathlib import Path
from typing import Any

from services.intake.http.limits import FormLimits
from services.intake.settings import Settings


def limits(folder: Path, now: list[float], **changes: Any) -> FormLimits:
    key = folder / "key"
    key.write_bytes(b"k" * 32)
    settings = Settings(database_url="postgresql://x", master_key_file=key, session_key_file=key, **changes)
    return FormLimits(settings, clock=lambda: now[0])


def test_one_address_files_a_burst_and_then_slowly(tmp_path: Path):
    now = [0.0]
    form = limits(tmp_path, now, intake_file_per_hour=60, intake_file_burst=3)
    assert sum(form.file("192.0.2.1", None) == 0 for _ in range(300)) == 3
    assert form.file("192.0.2.2", None) == 0
    now[0] = 60.0
    assert form.file("192.0.2.1", None) == 0


def test_one_mailbox_is_written_to_a_few_times_however_many_addresses_ask(tmp_path: Path):
    now = [0.0]
    form = limits(tmp_path, now, intake_mailbox_per_hour=5)
    spelt = ("victim@example.com", "Victim@EXAMPLE.com")
    assert sum(form.file(f"192.0.2.{n}", spelt[n % 2]) == 0 for n in range(200)) == 5
    assert form.file("192.0.2.250", "other@example.com") == 0
    now[0] = 3600.0
    assert sum(form.file(f"198.51.100.{n}", spelt[0]) == 0 for n in range(200)) == 5


def test_all_addresses_together_have_a_rate(tmp_path: Path):
    form = limits(tmp_path, [0.0], intake_file_rate=2)
    assert sum(form.file(f"10.0.{n >> 8}.{n & 255}", None) == 0 for n in range(1_000)) == 20


def test_what_was_not_filed_does_not_count(tmp_path: Path):
    form = limits(tmp_path, [0.0], intake_mailbox_per_hour=1)
    for _ in range(5):
        assert form.file("192.0.2.1", "a@example.com") == 0
        form.not_filed("192.0.2.1", "a@example.com")
    assert form.file("192.0.2.1", "a@example.com") == 0
    assert form.file("192.0.2.1", "a@example.com") > 0
