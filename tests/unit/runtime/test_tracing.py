"""Recording spans must not cost a service more than it is told to, whatever becomes of the trace viewer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.runtime import telemetry
from shared.runtime.settings import CommonSettings
from shared.runtime.telemetry import Tracing


@pytest.fixture
def viewer_that_hangs() -> Iterator[str]:
    """It accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api/v2/spans"


def tracing(folder: Path, url: str, traces_per_second: int = 0) -> Tracing:
    key = folder / "key"
    key.write_bytes(b"k" * 32)
    return Tracing(
        "intake",
        CommonSettings(
            database_url="postgresql://x",
            master_key_file=key,
            session_key_file=key,
            traces_url=url,
            traces_per_second=traces_per_second,
        ),
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_viewer_that_hangs_holds_up_no_shutdown(tmp_path: Path, viewer_that_hangs: str) -> None:
    recorder = tracing(tmp_path, viewer_that_hangs)
    for _ in range(5_000):
        span, _ = recorder.start_root("work")
        assert span is not None
        span.end()
    began = time.monotonic()
    recorder.shutdown()
    assert time.monotonic() - began < 6


def test_under_load_the_first_traces_of_each_second_are_recorded(
    tmp_path: Path, viewer_that_hangs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = tracing(tmp_path, viewer_that_hangs, traces_per_second=10)
    now = [1_000.0]
    monkeypatch.setattr(telemetry.time, "monotonic", lambda: now[0])
    drawn = []
    for second in range(3):
        now[0] = 1_000.0 + second
        drawn.append([recorder._is_drawn() for _ in range(50)])
    assert drawn == [[True] * 10 + [False] * 40] * 3
