"""What only its owner may read: logs, passwords in settings, the caught mail."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from deploy.stack.mail.server import MailCatcher
from deploy.stack.ports import free_ports
from deploy.stack.process import open_private
from deploy.stack.settings import StackSettings
from services.notifier.settings import Settings


def test_a_log_is_its_owners_alone_also_one_of_an_earlier_release(tmp_path: Path) -> None:
    log = tmp_path / "router.log"
    log.write_text("before\n")
    log.chmod(0o644)
    with open_private(log) as file:
        file.write(b"after\n")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.read_text() == "before\nafter\n"


def test_no_password_of_a_server_shows_in_settings(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("5" * 64)
    dsn, smtp = "postgresql://redress:s3cret-db@db.example/x", "smtp://mailer:s3cret-mail@mx.example:587"
    service = Settings(
        database_url=dsn, vault_database_url=dsn, smtp_url=smtp, master_key_file=key, session_key_file=key
    )
    stack = StackSettings(database_url=dsn, vault_database_url=dsn, smtp_url=smtp)
    assert "s3cret" not in repr(service) + str(service) + repr(stack) + str(stack)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("mail", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ],
)
def test_a_name_of_the_internet_that_leads_to_the_mail_catcher_opens_no_mail(
    tmp_path: Path, host: str, status: int
) -> None:
    smtp, web = free_ports(2)
    catcher = MailCatcher(tmp_path, smtp, web)
    catcher.start()
    try:
        answer = httpx.get(f"http://127.0.0.1:{web}/api/messages", headers={"Host": f"{host}:{web}"})
    finally:
        catcher.stop()
    assert answer.status_code == status, answer.text
