"""The mail catcher as a process."""

from __future__ import annotations

import contextlib
import smtplib
import threading
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.stack.mail.server import MailCatcher
from deploy.stack.ports import free_ports
from tests.support.world import wait_for


def send(mail_catcher: MailCatcher, to: str, html: str = "<p>hello</p>") -> None:
    message = EmailMessage()
    message["From"] = "no-reply@redress.example"
    message["To"] = to
    message["Subject"] = "您的投诉已受理"
    message.set_content("你好\n")
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", urlsplit(mail_catcher.smtp_url).port or 0) as client:
        client.send_message(message)


def test_messages_are_listed_newest_first_and_survive_a_kill(mail_catcher: MailCatcher) -> None:
    send(mail_catcher, "one@example.com")
    send(mail_catcher, "two@example.com")
    mail_catcher.kill()
    mail_catcher.start()
    messages = httpx.get(f"{mail_catcher.web_url}/api/messages").json()
    assert [message["to"] for message in messages] == ["two@example.com", "one@example.com"]
    assert messages[0]["subject"] == "您的投诉已受理"
    assert messages[0]["text"] == "你好\n"
    assert messages[0]["headers"]["From"] == "no-reply@redress.example"
    only = httpx.get(f"{mail_catcher.web_url}/api/messages", params={"to": "one@example.com", "limit": "1"}).json()
    assert [message["to"] for message in only] == ["one@example.com"]


@pytest.mark.fault
def test_no_acknowledged_message_is_lost_by_kills_under_load(tmp_path: Path) -> None:
    server = MailCatcher(tmp_path, *free_ports(2), keep=4_000)
    port = urlsplit(server.smtp_url).port or 0
    acknowledged: list[str] = []
    enough = threading.Event()

    def keep_sending(sender: int) -> None:
        number = 0
        while not enough.is_set():
            with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP("127.0.0.1", port) as client:
                while not enough.is_set():
                    number += 1
                    address = f"{sender}-{number}@example.com"
                    client.sendmail("no-reply@redress.example", [address], f"Subject: {number}\r\n\r\nhello\r\n")
                    acknowledged.append(address)

    server.start()
    senders = [threading.Thread(target=keep_sending, args=(sender,)) for sender in range(4)]
    for thread in senders:
        thread.start()
    try:
        for kill in range(1, 7):
            wait_for(lambda kill=kill: len(acknowledged) >= kill * 300, "acknowledged messages")
            server.kill()
            server.start()
    finally:
        enough.set()
        for thread in senders:
            thread.join()
    try:
        messages = httpx.get(f"{server.web_url}/api/messages", timeout=60).json()
    finally:
        server.stop()
    assert len(acknowledged) < 4_000, "more than are kept"
    caught = {message["to"] for message in messages}
    assert set(acknowledged) <= caught


def test_page_shows_messages_in_both_languages_and_escapes_them(mail_catcher: MailCatcher) -> None:
    send(mail_catcher, '"<script>alert(1)</script>"@example.com')
    english = httpx.get(mail_catcher.web_url, headers={"Accept-Language": "en"}).text
    chinese = httpx.get(mail_catcher.web_url, headers={"Accept-Language": "zh-CN,en"}).text
    assert "Mail catcher" in english
    assert "邮件收集器" in chinese
    assert "<script>alert" not in english


def test_html_of_a_message_may_run_nothing(mail_catcher: MailCatcher) -> None:
    send(mail_catcher, "x@example.com", html="<script>fetch('/clear')</script><b>hi</b>")
    answer = httpx.get(f"{mail_catcher.web_url}/messages/1/html")
    assert answer.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "allow-scripts" not in answer.headers["content-security-policy"]
    assert "sandbox" in httpx.get(f"{mail_catcher.web_url}/messages/1").text


def test_delete_empties_the_mailbox(mail_catcher: MailCatcher) -> None:
    send(mail_catcher, "x@example.com")
    assert httpx.delete(f"{mail_catcher.web_url}/api/messages").status_code == 204
    assert httpx.get(f"{mail_catcher.web_url}/api/messages").json() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/messages?limit=many", 400),
        ("GET", "/messages/99", 404),
        ("GET", "/messages/99999999999999999999", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/clear", 403),
    ],
)
def test_wrong_requests_get_a_clear_answer(mail_catcher: MailCatcher, method: str, path: str, status: int) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    assert httpx.request(method, mail_catcher.web_url + path, headers=headers).status_code == status
