"""Size, time and connections are bounded before any work is done, on each service."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import psutil
import pytest

from tests.integration.door.conftest import SERVICES, Line, Opening

HEALTH = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"POST /probe/one HTTP/1.1\r\nHost: h\r\n"


def filler(size: int) -> bytes:
    """Headers of so many bytes in all."""
    line = b"X-Filler: " + b"x" * 4000 + b"\r\n"
    return line * (size // len(line)) + b"X-Rest: " + b"x" * max(0, size % len(line) - 10) + b"\r\n"


async def flood(line: Line, piece: bytes, total: int) -> tuple[int, int]:
    """Send a piece again and again until the server answers; its status, and how much had been sent by then."""
    answering = asyncio.create_task(line.answer(20))
    sent = 0
    try:
        while sent < total and not answering.done():
            async with asyncio.timeout(10):
                await line.send(piece)
            sent += len(piece)
    except ConnectionError:
        pass
    answer = await answering
    line.close()
    return (answer[0] if answer else 0), sent


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_has_the_same_door(opened: Opening, service: str):
    async with opened(service) as door:
        ((status, head, body),) = await door.ask(HEAD + filler(40_000) + b"\r\n")
        assert status == 431 and b"connection: close" in head.lower()
        assert json.loads(body)["type"] == "urn:redress:problem:headers-too-large"
        ((status, _, _),) = await door.ask(b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status == 414
        ((status, head, body),) = await door.ask(
            b"POST /v1/sign-in HTTP/1.1\r\nHost: h\r\nAccept-Language: en\r\nContent-Length: 262145\r\n\r\n"
        )
        assert status == 413 and b"connection: close" in head.lower()
        said = json.loads(body)
        assert said["type"] == "urn:redress:problem:too-large" and said["title"] == "That is too large"
        ((status, _, body),) = await door.ask(HEAD + b"Content-Length: 262144\r\n\r\n" + b"x" * 262_144)
        assert status == 200 and json.loads(body)["size"] == 262_144
        assert (await door.ask(HEAD + filler(30_000) + b"\r\n"))[0][0] == 200


async def test_what_a_browser_sends_too_large_is_answered_with_a_page(opened: Opening):
    async with opened("intake") as door:
        ((status, head, body),) = await door.ask(
            b"POST /file HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nContent-Length: 300000\r\n\r\n"
        )
        assert status == 413 and b"text/html" in head and "内容太长" in body.decode()
        assert b"content-security-policy" in head.lower()


async def test_only_the_batch_may_bring_more(opened: Opening):
    async with opened("intake") as door:
        for path, expected in ((b"/v1/complaints:batch", 401), (b"/v1/complaints%3Abatch", 401), (b"/file", 413)):
            line = await door.connect()
            await line.send(b"POST " + path + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
            answer = await line.answer(5)
            assert answer is not None and answer[0] in {expected, 503 if expected == 401 else expected}, path
            line.close()
        answers = await door.ask(b"POST /v1/complaints:batch HTTP/1.1\r\nHost: h\r\nContent-Length: 4194305\r\n\r\n")
        assert answers[0][0] == 413


async def test_many_small_headers_are_too_many(opened: Opening):
    async with opened() as door:
        assert (await door.ask(HEAD + b"a: b\r\n" * 300 + b"\r\n"))[0][0] == 431


@pytest.mark.parametrize("shape", ["one header", "many headers", "the address"])
async def test_a_flood_of_headers_is_cut_off_and_health_answers(opened: Opening, shape: str):
    begin, piece = {
        "one header": (HEAD + b"X-Flood: ", b"x" * 65_536),
        "many headers": (HEAD, b"X-Flood: " + b"x" * 990 + b"\r\n"),
        "the address": (b"GET /", b"x" * 65_536),
    }[shape]
    async with opened() as door:
        line = await door.connect()
        await line.send(begin)
        flooding = asyncio.create_task(flood(line, piece, 100_000_000))
        assert (await door.ask(HEALTH))[0][0] == 200
        status, sent = await flooding
        assert status == (414 if shape == "the address" else 431)
        assert sent < 20_000_000


async def test_a_body_without_a_length_is_counted_while_it_comes(opened: Opening):
    async with opened() as door:
        line = await door.connect()
        await line.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        status, sent = await flood(line, b"8000\r\n" + b"x" * 0x8000 + b"\r\n", 100_000_000)
        assert status == 413 and sent < 20_000_000
        assert door.ran == []


@pytest.mark.parametrize("weight", [b"1;" + b"e" * 60_000 + b"\r\nx\r\n", b"0\r\n" + b"T: " + b"t" * 60_000 + b"\r\n"])
async def test_chunks_that_weigh_more_than_they_bring_are_cut_off(opened: Opening, weight: bytes):
    async with opened(http_body_bytes=65_536) as door:
        line = await door.connect()
        await line.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + weight)
        status, sent = await flood(line, weight.removeprefix(b"0\r\n"), 100_000_000)
        assert status == 413 and sent < 20_000_000


async def test_half_a_head_and_half_a_body_do_not_stay(opened: Opening):
    async with opened(http_head_seconds=1, http_body_seconds=1) as door:
        halves = [b"", b"\r\n\r\n", b"POST /probe", HEAD, HEAD + b"Content-Length: 10\r\n\r\n12345"]
        lines = [await door.connect() for _ in halves]
        for line, half in zip(lines, halves, strict=True):
            await line.send(half)
        said = [await line.answer(10) for line in lines]
        assert [answer and answer[0] for answer in said] == [None, None, 408, 408, 408]
        assert all([await line.wait_closed(5) for line in lines])
        assert door.ran == []
        for line in lines:
            line.close()


async def test_a_kept_connection_that_begins_again_and_stops_does_not_stay(opened: Opening):
    async with opened(http_head_seconds=1, http_idle_seconds=1) as door:
        for then in (b"", b"\r\n", b"GET /probe/two HT"):
            line = await door.connect()
            await line.send(HEALTH)
            assert (await line.answer(5) or (0,))[0] == 200
            await line.send(then)
            assert await line.wait_closed(8), then
            line.close()


async def test_a_body_that_dribbles_is_cut_off_and_one_that_comes_steadily_is_not(opened: Opening):
    async with opened(http_body_seconds=1, http_body_rate=10_000) as door:
        slow, steady = await door.connect(), await door.connect()
        for line in (slow, steady):
            await line.send(HEAD + b"Content-Length: 60000\r\n\r\n")

        async def drip(line: Line, size: int) -> None:
            try:
                for _ in range(60_000 // size):
                    await line.send(b"x" * size)
                    await asyncio.sleep(0.05)  # the rate is what is tried here
            except ConnectionError:
                pass

        dripping = [asyncio.create_task(drip(slow, 10)), asyncio.create_task(drip(steady, 1_000))]
        first, second = await slow.answer(15), await steady.answer(15)
        assert first is not None and first[0] == 408
        assert second is not None and second[0] == 200 and json.loads(second[2])["size"] == 60_000
        for task in dripping:
            task.cancel()
        slow.close()
        steady.close()


async def test_three_hundred_half_open_connections_hold_up_nobody_and_go(opened: Opening):
    async with opened(http_head_seconds=2) as door:
        lines = [await door.connect() for _ in range(300)]
        for line in lines:
            await line.send(b"POST /v1/sign-in HTTP/1.1\r\nHost: h\r\n")
        began = time.monotonic()
        assert (await door.ask(HEALTH))[0][0] == 200
        assert (await door.ask(HEAD + b"Content-Length: 1\r\n\r\nx"))[0][0] == 200
        assert all(await asyncio.gather(*(line.wait_closed(15) for line in lines)))
        assert time.monotonic() - began < 15
        for line in lines:
            line.close()


async def test_beyond_the_limit_idle_connections_make_room_and_busy_ones_do_not(opened: Opening):
    async with opened(http_connections=8, http_head_seconds=60) as door:
        kept = [await door.connect() for _ in range(8)]
        for line in kept:
            await line.send(HEALTH)
            assert (await line.answer(5) or (0,))[0] == 200
        assert (await door.ask(HEAD + b"Content-Length: 1\r\n\r\nx"))[0][0] == 200
        busy = [await door.connect() for _ in range(8)]
        for line in busy:
            await line.send(HEAD + b"Content-Length: 2\r\n\r\nx")
        await asyncio.gather(*(line.wait_closed(5) for line in kept))
        ((status, head, body),) = await door.ask(HEAD + b"Content-Length: 1\r\n\r\nx")
        assert status == 503 and b"retry-after: 2" in head.lower() and b"connection: close" in head.lower()
        assert json.loads(body)["type"] == "urn:redress:problem:unavailable"
        for path in (b"/livez", b"/readyz"):
            ((status, head, body),) = await door.ask(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            assert json.loads(body)["service"] == "sla" and b"connection: close" in head.lower()
        for line in busy:
            await line.send(b"y")
            assert (await line.answer(5) or (0,))[0] == 200
            line.close()


async def test_half_open_connections_make_room_too(opened: Opening):
    async with opened(http_connections=8, http_head_seconds=60) as door:
        lines = [await door.connect() for _ in range(8)]
        for line in lines:
            await line.send(HEAD)

        async def served() -> bool:
            answers: list[Any] = await door.ask(HEAD + b"Content-Length: 1\r\n\r\nx")
            return bool(answers) and answers[0][0] == 200

        async with asyncio.timeout(10):
            while not await served():
                pass
        for line in lines:
            line.close()


async def test_a_body_that_comes_after_the_answer_gets_no_second_one(opened: Opening):
    async with opened("router") as door:
        line = await door.connect()
        await line.send(b"POST /sign-in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await line.answer(5) or (0,))[0] == 415
        await line.send(b"50000\r\n" + b"x" * 0x50000 + b"\r\n0\r\n\r\n" + HEALTH)
        assert await line.answer(2) is None
        assert await line.wait_closed(5)
        line.close()


@pytest.mark.parametrize("framing", [b"Content-Length: 200000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
async def test_two_hundred_megabytes_for_the_sign_in_take_no_memory(opened: Opening, framing: bytes):
    piece = b"x" * 0x10000 if b"Length" in framing else b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    async with opened("router") as door:
        await door.ask(HEALTH)
        process = psutil.Process()
        before = peak = process.memory_info().rss
        for path in (b"/v1/sign-in", b"/sign-in", b"/desk", b"/nothing"):
            line = await door.connect()
            await line.send(b"POST " + path + b" HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + framing)
            status, sent = await flood(line, piece, 200_000_000)
            assert 400 <= status < 500 and sent < 30_000_000
            peak = max(peak, process.memory_info().rss)
        assert peak - before < 30_000_000
