"""Where a request begins and ends: no body is lost, none runs as a request, and nothing is read in two ways."""

from __future__ import annotations

import pytest

from tests.integration.door.conftest import Opening

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
WS = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
INNER = b"GET /probe/inner HTTP/1.1\r\nHost: h\r\n\r\n"


def post(headers: bytes = b"", body: bytes = INNER, name: bytes = b"one", length: bool = True) -> bytes:
    framing = b"Content-Length: %d\r\n" % len(body) if length else b""
    return b"POST /probe/%b HTTP/1.1\r\nHost: h\r\n%b%b\r\n%b" % (name, headers, framing, body)


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def bytes_of(raw: bytes) -> tuple[bytes, ...]:
    return tuple(raw[n : n + 1] for n in range(len(raw)))


@pytest.mark.parametrize("upgrade", [H2C, WS, b"Connection: upgrade\r\nUpgrade: TLS/1.0\r\n"], ids=["h2c", "ws", "tls"])
@pytest.mark.parametrize("cut", ["whole", "head and body", "in the body", "in the head", "byte by byte"])
async def test_a_request_that_would_rather_upgrade_is_read_to_its_end(opened: Opening, upgrade: bytes, cut: str):
    raw = post(upgrade)
    head = raw.index(b"\r\n\r\n") + 4
    pieces = {
        "whole": (raw,),
        "head and body": (raw[:head], raw[head:]),
        "in the body": (raw[: head + 5], raw[head + 5 :]),
        "in the head": (raw[:40], raw[40:]),
        "byte by byte": bytes_of(raw),
    }[cut]
    async with opened() as door:
        answers = await door.ask(*pieces, pause=0.02 if len(pieces) < 5 else 0)
        assert door.ran == [("POST", "one", INNER)]
        assert [status for status, _, _ in answers] == [200]


async def test_we_are_no_proxy(opened: Opening, caplog: pytest.LogCaptureFixture):
    """`CONNECT` broke the connection without an answer, and left an error with its stack in the log."""
    async with opened() as door:
        for target in (b"evil.example:443", b"127.0.0.1:22"):
            tunnelled = b"CONNECT " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n" + INNER
            assert [status for status, _, _ in await door.ask(tunnelled)] == [400]
        assert door.ran == []
        assert not [line for line in caplog.records if line.levelname == "ERROR"]


async def test_a_connection_goes_on_after_an_upgrade_that_was_ignored(opened: Opening):
    async with opened() as door:
        line = await door.connect()
        for name in (b"one", b"two"):
            await line.send(post(H2C, name=name))
            assert (await line.answer(5) or (0,))[0] == 200
        await line.send(b"GET /probe/three HTTP/1.1\r\nHost: h\r\n" + H2C + b"\r\n")
        assert (await line.answer(5) or (0,))[0] == 200
        await line.send(post(H2C + b"Transfer-Encoding: chunked\r\n", chunked(b"ab", b"cd"), b"four", length=False))
        assert (await line.answer(5) or (0,))[0] == 200
        await line.send(post(name=b"five"))
        assert (await line.answer(5) or (0,))[0] == 200
        line.close()
        assert [(name, body) for _, name, body in door.ran] == [
            ("one", INNER), ("two", INNER), ("three", b""), ("four", b"abcd"), ("five", INNER),
        ]  # fmt: skip


async def test_pipelined_requests_are_answered_in_order_whatever_they_ask_for(opened: Opening):
    raw = post(name=b"1") + post(H2C, name=b"2") + b"GET /probe/3 HTTP/1.1\r\nHost: h\r\n\r\n" + post(WS, name=b"4")
    async with opened() as door:
        answers = await door.ask(raw, wait=4)
        assert [name for _, name, _ in door.ran] == ["1", "2", "3", "4"]
        assert [body for _, _, body in door.ran] == [INNER, INNER, b"", INNER]
        assert [status for status, _, _ in answers] == [200] * 4


async def test_a_body_is_asked_for_where_the_client_waits_for_it(opened: Opening):
    async with opened() as door:
        line = await door.connect()
        await line.send(b"POST /probe/one HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await line.answer(5) or (0,))[0] == 100
        await line.send(b"abc")
        assert (await line.answer(5) or (0,))[0] == 200
        line.close()
        assert door.ran == [("POST", "one", b"abc")]
        answers = await door.ask(
            b"POST /probe/one HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 300000\r\n\r\n"
        )
        assert [status for status, _, _ in answers] == [413]  # and not asked for before


CHUNKS = chunked(b"abc")
AMBIGUOUS = {
    "both lengths": post(b"Transfer-Encoding: chunked\r\n", CHUNKS + INNER),
    "both lengths, the other order": b"POST /probe/one HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "two lengths": post(b"Content-Length: 3\r\n"),
    "two lengths in one": post(b"Content-Length: 3, 40\r\n", length=False),
    "a signed length": post(b"Content-Length: +40\r\n", length=False),
    "a length that is none": post(b"Content-Length: 4O\r\n", length=False),
    "a length beyond counting": post(b"Content-Length: 99999999999999999999999\r\n", length=False),
    "an unknown coding": post(b"Transfer-Encoding: xchunked\r\n", CHUNKS, length=False),
    "chunked not last": post(b"Transfer-Encoding: chunked, identity\r\n", CHUNKS, length=False),
    "a coding twice": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", CHUNKS, length=False),
    "a blank before the colon": post(b"Content-Length : 3\r\n"),
    "a folded line": post(b"X-One: a\r\n Transfer-Encoding: chunked\r\n"),
    "a folded length": post(b"Content-Length:\r\n 3\r\n", length=False),
    "a line that ends in CR alone": post(b"X-One: a\rTransfer-Encoding: chunked\r\n"),
    "a line that ends in LF alone": post(b"X-One: a\nTransfer-Encoding: chunked\r\n"),
    "a NUL": post(b"X-One: a\x00b\r\n"),
    "a chunk of negative size": post(b"Transfer-Encoding: chunked\r\n", b"-1\r\nabc\r\n0\r\n\r\n", length=False),
    "a chunk of no size": post(b"Transfer-Encoding: chunked\r\n", b"\r\nabc\r\n0\r\n\r\n", length=False),
    "a chunk of a size beyond counting": post(
        b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n", length=False
    ),
    "a chunk that is longer than it says": post(
        b"Transfer-Encoding: chunked\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", length=False
    ),
    "no host": b"GET /probe/one HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /probe/one HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000001fc0303") + b"\x00" * 40,
    "a tunnel": b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n" + INNER,
    "no path": b"GET  HTTP/1.1\r\nHost: h\r\n\r\n",
    "a version that is none": b"GET /probe/one HTTP/9.9\r\nHost: h\r\n\r\n",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
async def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(opened: Opening, what: str):
    async with opened() as door:
        line = await door.connect()
        answers = await line.talk(AMBIGUOUS[what])
        assert [status for status, _, _ in answers] == [400], answers
        assert b"application/problem+json" in answers[0][1]
        assert await line.wait_closed(5)
        line.close()
        assert all(name != "inner" for _, name, _ in door.ran)


async def test_what_follows_a_request_that_closes_is_no_request(opened: Opening):
    async with opened() as door:
        answers = await door.ask(post(b"Connection: close\r\n", b"abc") + INNER)
        assert door.ran == [("POST", "one", b"abc")] and len(answers) == 1


async def test_junk_behind_a_request_spoils_only_itself(opened: Opening):
    async with opened() as door:
        answers = await door.ask(post(body=b"abc") + b"\x00\x01junk\r\n\r\n")
        assert [status for status, _, _ in answers] == [200]
        assert door.ran == [("POST", "one", b"abc")]


async def test_a_trailer_is_no_header(opened: Opening):
    body = b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    async with opened(trusted_proxies="127.0.0.1") as door:
        answers = await door.ask(post(b"Transfer-Encoding: chunked\r\n", body, length=False))
        assert [status for status, _, _ in answers] == [200]
        assert door.ran == [("POST", "one", b"abc")] and door.addresses == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("trusted", "seen"), [("", "127.0.0.1"), ("127.0.0.0/8", "198.51.100.7"), ("192.0.2.1", "127.0.0.1")]
)
async def test_only_a_trusted_proxy_says_whom_it_speaks_for(opened: Opening, trusted: str, seen: str):
    async with opened(trusted_proxies=trusted) as door:
        await door.ask(b"GET /probe/one HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1, 198.51.100.7\r\n\r\n")
        assert door.addresses == [seen]
