"""The catcher's SMTP side, spoken to in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from deploy.stack.mail.smtp import MAX_MESSAGE, SmtpSession


class Wire(asyncio.Transport):
    """Collects what the server says."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += bytes(data)

    def close(self) -> None:
        self.closed = True


Kept = list[tuple[str, tuple[str, ...], bytes]]


@pytest.fixture
def kept() -> Kept:
    return []


@pytest.fixture
def say(kept: Kept) -> Callable[..., list[str]]:
    def keep(sender: str, recipients: tuple[str, ...], content: bytes) -> None:
        kept.append((sender, recipients, content))

    def speak(*chunks: bytes) -> list[str]:
        wire = Wire()
        session = SmtpSession(keep)
        session.connection_made(wire)
        for chunk in chunks:
            session.data_received(chunk)
        return [line[:3].decode() for line in wire.said.split(b"\r\n") if line and line[3:4] != b"-"]

    return speak


MESSAGE = b"EHLO me\r\nMAIL FROM:<a@b.c> SIZE=12\r\nRCPT TO:<x@y.z>\r\nDATA\r\nSubject: s\r\n\r\nhello\r\n.\r\nQUIT\r\n"


def test_whole_session_in_one_packet_is_kept_once(say: Callable[..., list[str]], kept: Kept) -> None:
    assert say(MESSAGE) == ["220", "250", "250", "250", "354", "250", "221"]
    assert kept == [("a@b.c", ("x@y.z",), b"Subject: s\r\n\r\nhello\r\n")]


def test_session_cut_into_single_bytes_is_the_same(say: Callable[..., list[str]], kept: Kept) -> None:
    say(*(bytes([byte]) for byte in MESSAGE))
    assert kept == [("a@b.c", ("x@y.z",), b"Subject: s\r\n\r\nhello\r\n")]


def test_leading_dots_are_restored(say: Callable[..., list[str]], kept: Kept) -> None:
    say(b"MAIL FROM:<>\r\nRCPT TO:<x@y.z>\r\nDATA\r\n..first\r\nmid\r\n...two\r\n.\r\n")
    assert kept[0][2] == b".first\r\nmid\r\n..two\r\n"


def test_two_messages_on_one_connection(say: Callable[..., list[str]], kept: Kept) -> None:
    one = b"MAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nDATA\r\nhi\r\n.\r\n"
    say(one + one)
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (b"DATA\r\n", "503"),
        (b"RCPT TO:<x@y.z>\r\n", "503"),
        (b"MAIL FROM:a@b.c\r\n", "501"),
        (b"MAIL TO:<a@b.c>\r\n", "501"),
        (b"MAIL FROM:<a@b.c>\r\nRCPT TO:<>\r\n", "501"),
        (b"MAIL FROM:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\n", "503"),
        (b"BDAT 12\r\n", "500"),
        (b"\xff\xfe\r\n", "500"),
        (b"x" * 5000, "500"),
    ],
)
def test_wrong_commands_are_answered_not_crashed(say: Callable[..., list[str]], words: bytes, answer: str) -> None:
    assert say(words)[-1] == answer


def test_endless_message_is_refused(say: Callable[..., list[str]], kept: Kept) -> None:
    head = b"MAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nDATA\r\n"
    assert say(head, b"x" * (MAX_MESSAGE + 1))[-1] == "552"
    assert kept == []


def test_full_disk_is_a_temporary_refusal() -> None:
    def keep(*_anything: object) -> None:
        raise OSError(28, "No space left on device")

    wire = Wire()
    session = SmtpSession(keep)
    session.connection_made(wire)
    session.data_received(MESSAGE)
    assert b"452 " in wire.said
