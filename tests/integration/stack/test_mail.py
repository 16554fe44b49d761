"""The mail catcher as a process."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.stack.mail.server import MailCatcher


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
