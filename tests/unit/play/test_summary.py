"""What the demo's summary says at its end."""

from __future__ import annotations

import pytest
from rich.console import Console

from deploy.endpoints import Endpoints
from deploy.play.demo import Played
from deploy.play.summary import view

HERE = {name: f"http://{name}.test" for name in ("intake", "router", "sla", "notifier")}


def shown(**places: str | None) -> str:
    console = Console(width=160)
    endpoints = Endpoints(**HERE, kafka="k:1", postgres="postgresql://p", **places)  # type: ignore[arg-type]
    with console.capture() as capture:
        console.print(view(Played(), endpoints))
    return capture.get()


@pytest.mark.parametrize("absent", [None, ""])
def test_a_part_that_is_switched_off_has_no_row(absent: str | None) -> None:
    said = shown(mail="http://mail.test", traces=absent)
    assert "traces" not in said and "–" not in said
    assert "http://mail.test" in said
    assert "mail" not in shown(mail=absent, traces="http://traces.test")


def test_what_there_is_has_its_address() -> None:
    said = shown(mail="http://mail.test", traces="http://traces.test")
    for address in ("http://router.test/desk", "http://sla.test/board", "http://mail.test", "http://traces.test"):
        assert address in said
