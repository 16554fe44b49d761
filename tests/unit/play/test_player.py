"""The player files each line once, retries what may be retried, and says what it could not do."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.audit.client_log import ClientLog, read_client_log
from deploy.play.channel import Channel
from deploy.play.journal import Journal
from deploy.play.player import Pace, play
from deploy.play.sources import BadLine, Entry
from deploy.play.tally import Tally, percentile
from deploy.stack.errors import StackError
from shared.events.ids import new_id


class Intake:
    """A small stand-in that keeps the contract: same key, same answer; refuses a text that says so."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, str]] = {}
        self.amended: list[tuple[str, str]] = []
        self.requests = 0
        self.hiccups: list[Response] = []
        self.cut = 0
        self.after: tuple[int, Callable[[], None]] = (0, lambda: None)
        routes = [
            Route("/v1/complaints", self.one, methods=["POST"]),
            Route("/v1/complaints:batch", self.many, methods=["POST"]),
            Route("/v1/complaints/{complaint_id}/amend", self.amend, methods=["POST"]),
        ]
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=routes)), base_url="http://intake")

    def channel(self, **options: object) -> Channel:
        return Channel(self.http, "http://intake", "secret", patience=2.0, **options)  # type: ignore[arg-type]

    async def one(self, request: Request) -> Response:
        self.requests += 1
        if self.requests == self.after[0]:
            self.after[1]()
        if self.cut:
            self.cut -= 1
            raise httpx.ReadError("cut")
        if self.hiccups:
            return self.hiccups.pop(0)
        status, answer = self._file(request.headers["idempotency-key"], await request.json())
        return JSONResponse(answer, status)

    async def many(self, request: Request) -> Response:
        self.requests += 1
        results = []
        for item in (await request.json())["complaints"]:
            key = item.pop("idempotency_key")
            status, answer = self._file(key, item)
            results.append(
                {"idempotency_key": key, "status": status, "complaint" if status == 201 else "problem": answer}
            )
        return JSONResponse({"results": results})

    async def amend(self, request: Request) -> Response:
        self.amended.append((request.path_params["complaint_id"], (await request.json())["text"]))
        return JSONResponse({}, 200)

    def _file(self, key: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        if body["text"] == "refuse me":
            return 422, {"title": "No", "errors": [{"pointer": "/text", "code": "x", "detail": "is refused"}]}
        if key not in self.answers:
            self.answers[key] = {"complaint_id": str(new_id()), "reference": f"R-{len(self.answers)}"}
        return 201, dict(self.answers[key])


def entry(number: int, text: str = "text", channel: str = "web", rest: tuple[str, ...] = ()) -> Entry:
    body = {"channel": channel, "language": "en", "text": text}
    return Entry(line=number, key=UUID(int=number), body=body, rest=rest)


async def run(intake: Intake, lines: list[Entry | BadLine], **options: object) -> Tally:
    journal = options.pop("journal", None)
    again = bool(options.pop("again", False))
    pace = Pace(**options)  # type: ignore[arg-type]
    channel = intake.channel()
    return await play(lines, lambda _: channel, pace, Tally(), journal=journal, again=again)  # type: ignore[arg-type]


@pytest.fixture
def intake() -> Intake:
    return Intake()


async def test_every_line_is_accepted_and_a_bad_one_does_not_stop_the_others(intake: Intake) -> None:
    tally = await run(intake, [entry(1), BadLine(2, "not JSON"), entry(3, "refuse me"), entry(4)])
    assert tally.accepted == 2
    assert tally.failures == [(3, "422 /text is refused")]
    assert tally.bad == [BadLine(2, "not JSON")]
    assert not tally.clean


@pytest.mark.parametrize("status", [429, 503, 409, 500])
async def test_a_busy_intake_is_asked_again_after_the_time_it_names(intake: Intake, status: int) -> None:
    intake.hiccups = [Response(status_code=status, headers={"Retry-After": "0.2"})]
    began = time.perf_counter()
    tally = await run(intake, [entry(1)])
    assert (tally.accepted, intake.requests) == (1, 2)
    assert time.perf_counter() - began >= 0.2


async def test_a_cut_connection_is_tried_again_with_the_same_key(intake: Intake) -> None:
    intake.cut = 2
    tally = await run(intake, [entry(1)])
    assert (tally.accepted, intake.requests, len(intake.answers)) == (1, 3, 1)


async def test_an_intake_that_stays_away_ends_the_run_with_a_clear_error(intake: Intake) -> None:
    intake.cut = 1_000
    with pytest.raises(StackError, match="does not answer"):
        await run(intake, [entry(1)])


async def test_a_refused_key_ends_the_run_at_once(intake: Intake) -> None:
    intake.hiccups = [Response(status_code=401)] * 50
    with pytest.raises(StackError, match="refuses the channel key"):
        await run(intake, [entry(n) for n in range(1, 200)])
    assert intake.requests < 50


async def test_a_batch_holds_one_channel_and_every_entry_gets_its_own_result(intake: Intake) -> None:
    lines = [entry(n, channel="store" if n % 2 else "web", text="refuse me" if n == 3 else "t") for n in range(1, 11)]
    tally = await run(intake, lines, batch=3)
    assert (tally.accepted, len(tally.failures)) == (9, 1)
    assert intake.requests == 4


async def test_long_texts_are_continued_as_amendments(intake: Intake) -> None:
    tally = await run(intake, [entry(1, rest=("second", "third"))])
    assert [text for _, text in intake.amended] == ["second", "third"]
    assert tally.amended == 2


async def test_playing_again_files_nothing_new(intake: Intake, tmp_path: Path) -> None:
    source = tmp_path / "f.jsonl"
    source.write_text("x")
    lines: list[Entry | BadLine] = [entry(n) for n in range(1, 6)]
    journal = Journal(tmp_path / "j", source, "retail", None, "http://intake")
    await run(intake, lines, journal=journal)
    journal.close()
    reopened = Journal(tmp_path / "j", source, "retail", None, "http://intake")
    assert reopened.anchor == journal.anchor
    skipping = await run(intake, lines, journal=reopened)
    assert (skipping.skipped, skipping.accepted, intake.requests) == (5, 0, 5)
    sending = await run(intake, lines, journal=reopened, again=True)
    reopened.close()
    assert (len(intake.answers), intake.requests, sending.failures) == (5, 10, [])


async def test_an_answer_of_an_earlier_run_counts_as_filed_before(intake: Intake) -> None:
    hour_ago = UUID(int=((int(time.time() * 1000) - 3_600_000) << 80) | (0x7 << 76) | (0x2 << 62))
    intake.answers[str(UUID(int=1))] = {"complaint_id": str(hour_ago), "reference": "R-0"}
    tally = await run(intake, [entry(1), entry(2)])
    assert (tally.repeated, tally.accepted) == (1, 1)


async def test_an_interrupted_run_goes_on_where_it_stopped(intake: Intake, tmp_path: Path) -> None:
    source = tmp_path / "f.jsonl"
    source.write_text("x")
    lines: list[Entry | BadLine] = [entry(n) for n in range(1, 21)]
    journal = Journal(tmp_path / "j", source, "retail", None, "http://intake")
    stop = asyncio.Event()
    channel = intake.channel()
    tally = Tally()
    intake.after = (5, stop.set)
    await play(lines, lambda _: channel, Pace(at_once=1), tally, journal=journal, stop=stop)
    assert 5 <= tally.accepted < 20
    rest = await run(intake, lines, journal=journal)
    journal.close()
    assert rest.skipped == tally.accepted
    assert len(intake.answers) == 20


async def test_the_rate_is_kept(intake: Intake) -> None:
    began = time.perf_counter()
    await run(intake, [entry(n) for n in range(1, 22)], rate=100.0)
    assert time.perf_counter() - began >= 0.19


async def test_the_limit_counts_lines_sent(intake: Intake) -> None:
    tally = await run(intake, [entry(1), BadLine(2, "x"), entry(3), entry(4)], limit=2)
    assert tally.accepted == 2


async def test_the_client_log_holds_every_final_answer(intake: Intake, tmp_path: Path) -> None:
    log = ClientLog(tmp_path / "log.jsonl")
    channel = intake.channel(log=log, client="till-1")
    await channel.post(entry(1))
    await channel.post(entry(2, "refuse me"))
    log.close()
    first, second = read_client_log(tmp_path / "log.jsonl")
    assert (first.status, str(first.complaint_id)) == (201, intake.answers[str(UUID(int=1))]["complaint_id"])
    assert (second.status, second.complaint_id, second.client) == (422, None, "till-1")


def test_a_client_log_with_another_kind_of_line_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"idempotency_key": str(UUID(int=1)), "status": 201}) + "\n{}\n")
    with pytest.raises(StackError, match="line 2"):
        list(read_client_log(path))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([3.0], 0.99, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), (list(range(1, 101)), 0.99, 99)],
)
def test_percentiles_use_the_nearest_rank(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


@pytest.mark.parametrize(
    ("tally", "why"),
    [
        (Tally(), "it holds no complaint"),
        (Tally(bad=[BadLine(1, "not JSON")]), "none of its lines could be read"),
        (Tally(failures=[(1, "422")]), "every one was refused"),
        (Tally(accepted=1), None),
        (Tally(skipped=3), None),
    ],
)
def test_a_run_that_files_nothing_says_why(tally: Tally, why: str | None) -> None:
    assert tally.nothing_filed == why
