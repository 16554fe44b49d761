"""The catcher's store and its decoding."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.mail.decode import decode
from deploy.stack.mail.mailbox import Entry, Mailbox, matching


def test_messages_survive_a_restart_in_order(tmp_path: Path) -> None:
    first = Mailbox(tmp_path, 100)
    for number in range(60):
        first.add("a@b.c", (f"c{number}@x.y",), b"message %d" % number)
    second = Mailbox(tmp_path, 100)
    assert [second.content(entry) for entry in second.entries()] == [b"message %d" % n for n in reversed(range(60))]
    assert second.add("a@b.c", ("z@x.y",), b"next") == 61
    second.close()
    first.close()


def test_half_written_message_is_cut_away(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 100)
    box.add("a@b.c", ("x@y.z",), b"whole")
    box.add("a@b.c", ("x@y.z",), b"this one is cut")
    box.close()
    (segment,) = tmp_path.glob("*.mail")
    segment.write_bytes(segment.read_bytes()[:-4])
    again = Mailbox(tmp_path, 100)
    assert [again.content(entry) for entry in again.entries()] == [b"whole"]
    again.add("a@b.c", ("x@y.z",), b"after")
    assert again.content(again.entries()[0]) == b"after"
    again.close()


def test_oldest_messages_make_room(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 40)
    for number in range(200):
        box.add("a@b.c", ("x@y.z",), b"%d" % number)
    entries = box.entries()
    assert 40 <= len(entries) <= 50
    assert box.content(entries[0]) == b"199"
    assert len(list(tmp_path.glob("*.mail"))) <= 5
    box.close()


def test_restarts_do_not_shorten_what_is_kept(tmp_path: Path) -> None:
    total = 0
    for _ in range(8):
        box = Mailbox(tmp_path, 40)
        for _ in range(5):
            total += 1
            box.add("a@b.c", ("x@y.z",), b"%d" % total)
        box.close()
    box = Mailbox(tmp_path, 40)
    assert [box.content(entry) for entry in box.entries()] == [b"%d" % number for number in range(40, 0, -1)]
    for _ in range(100):
        box.add("a@b.c", ("x@y.z",), b"more")
    assert 40 <= len(box.entries()) <= 50
    box.close()


def test_message_that_did_not_fit_on_the_disk_hides_none_that_come_after(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 40)
    box.add("a@b.c", ("x@y.z",), b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            box.add("a@b.c", ("x@y.z",), b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    box.add("a@b.c", ("x@y.z",), b"after")
    box.close()
    again = Mailbox(tmp_path, 40)
    assert [again.content(entry) for entry in again.entries()] == [b"after", b"before"]
    again.close()


def test_numbers_go_on_after_clear_and_restart(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 40)
    box.add("a@b.c", ("x@y.z",), b"1")
    box.clear()
    box.close()
    again = Mailbox(tmp_path, 40)
    assert again.add("a@b.c", ("x@y.z",), b"2") == 2
    again.close()


def test_clear_forgets_everything_and_ids_go_on(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 40)
    box.add("a@b.c", ("x@y.z",), b"1")
    box.clear()
    assert box.entries() == []
    assert box.add("a@b.c", ("x@y.z",), b"2") == 2
    box.close()


def test_filter_by_recipient_ignores_case(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 40)
    box.add("a@b.c", ("Wang@Example.com",), b"1")
    box.add("a@b.c", ("li@example.com",), b"2")
    found = matching(box.entries(), to="wang@example.COM", since=0, limit=None)
    assert [entry.id for entry in found] == [1]
    assert [entry.id for entry in matching(box.entries(), to=None, since=1, limit=5)] == [2]
    box.close()


ENTRY = Entry(1, "bounce@r.example", ("x@y.z",), 1_780_000_000.0, 1, 0, 0)


def test_encoded_words_and_bodies_are_decoded() -> None:
    content = (
        b"From: =?utf-8?b?5oqV6K+J?= <no-reply@r.example>\r\nSubject: =?utf-8?b?5oKo55qE?=\r\n =?utf-8?b?5oqV6K+J?=\r\n"
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=gb18030\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nxOO6ww==\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n--b--\r\n"
    )
    message = decode(ENTRY, content)
    assert (message["from"], message["to"], message["subject"]) == ("no-reply@r.example", "x@y.z", "您的投诉")
    assert (message["text"], message["html"].strip()) == ("你好", "<p>hi</p>")


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_decoded(content: bytes) -> None:
    assert decode(ENTRY, content)["to"] == "x@y.z"


def _about(reference: str, number: int) -> bytes:
    return f"Subject: =?utf-8?q?It_is_settled_=28{reference}=29?=\r\nTo: a@b.c\r\n\r\nwords {number}\r\n".encode()


def test_messages_about_forgotten_complaints_go_and_none_comes_any_more(tmp_path: Path) -> None:
    box = Mailbox(tmp_path, 8)  # segments of two
    for number in range(1, 8):
        box.add("a@b.c", ("x@y.z",), _about("R-4K7M-2XA9" if number % 3 == 1 else "R-5ACE-7777", number))
    assert box.forget(["R-4K7M-2XA9"]) == [1, 4, 7]
    kept = [2, 3, 5, 6]
    assert [(e.id, box.content(e)) for e in reversed(box.entries())] == [(n, _about("R-5ACE-7777", n)) for n in kept]
    assert box.add("a@b.c", ("x@y.z",), _about("R-4K7M-2XA9", 8)) and [e.id for e in box.entries()] == kept[::-1]
    assert box.add("a@b.c", ("x@y.z",), _about("R-5ACE-7777", 8)) == 8
    box.close()
    again = Mailbox(tmp_path, 8)
    assert [e.id for e in again.entries()] == [8, *kept[::-1]], "the others keep their numbers, after a restart too"
    again.add("a@b.c", ("x@y.z",), _about("R-4K7M-2XA9", 9))
    assert len(again.entries()) == 5
    assert not [f for f in tmp_path.iterdir() if b"words 1" in f.read_bytes() or b"words 9" in f.read_bytes()]
    again.close()
