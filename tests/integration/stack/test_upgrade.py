"""`make up` over a running installation of an older release, while complaints are being filed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.stack.ports import free_base
from deploy.stack.settings import CHECKOUT, load_settings
from tests.support.stack import Servers, environment_without_servers
from tests.support.world import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: In this release intake does not read `complaints.sla` yet.
OLDER = "e7bbe6e"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the older release."""
    folder = tmp_path_factory.mktemp("older")
    archive = subprocess.run(["git", "archive", OLDER], cwd=CHECKOUT, capture_output=True, check=False)
    if archive.returncode != 0:
        why = archive.stderr.decode().strip().splitlines()[-1:]
        pytest.fail(f"the upgrade is proved from commit {OLDER}, which this clone lacks ({why}): fetch the history")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


class Filing:
    """A channel that files ten complaints a second, each under one key until it is answered with 201."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        self.receipts: list[dict[str, Any]] = []
        self.away: list[float] = []
        self.failed: BaseException | None = None
        self._url = endpoints["intake"]
        self._key = endpoints["channel_keys"]["web"]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Filing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.failed is not None:
            raise self.failed

    def _run(self) -> None:
        try:
            with httpx.Client(timeout=20) as http:
                while not self._stop.wait(0.1):
                    self.receipts.append(self._file(http, len(self.receipts)))
        except BaseException as error:
            self.failed = error

    def _file(self, http: httpx.Client, number: int) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": str(uuid.uuid4())}
        customer = {"email": f"customer-{number}@example.com"}
        text = f"The parcel number {number} never came."
        body = {"channel": "web", "language": "en", "category": "delivery", "text": text, "customer": customer}
        began = time.monotonic()
        while True:
            try:
                answer = http.post(f"{self._url}/v1/complaints", json=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 201:
                self.away.append(time.monotonic() - began)
                return dict(answer.json())
            assert answer is None or answer.status_code == 503, answer.text
            assert time.monotonic() - began < 60, "intake does not come back"
            self._stop.wait(0.1)


def redress(checkout: Path, home: Path, variables: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        cwd=checkout,
        env={**environment_without_servers(), "REDRESS_HOME": str(home), "REDRESS_TRACES": "0", **variables},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def variables(servers: Servers) -> Iterator[dict[str, str]]:
    """Servers that stay: the older release could not run Postgres for root in a closed folder."""
    postgres, broker = servers.new_postgres(), servers.new_broker()
    postgres.start()
    broker.start()
    try:
        yield {
            "DATABASE_URL": postgres.url("complaints"),
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "REDRESS_PORT_BASE": str(free_base()),
            "REDRESS_CACHE": str(load_settings().cache),
        }
    finally:
        broker.stop()
        postgres.stop()


def test_new_code_takes_over_under_load_and_reads_everything(
    older: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "state"
    try:
        redress(older, home, variables, "up", "--no-first")
        endpoints = json.loads((home / "endpoints.json").read_text())
        with Filing(endpoints) as filing:
            wait_for(lambda: filing.failed or len(filing.receipts) >= 20, "complaints filed with the older release")
            told = redress(CHECKOUT, home, {"REDRESS_CACHE": variables["REDRESS_CACHE"]}, "up")
            before = len(filing.receipts)
            wait_for(lambda: filing.failed or len(filing.receipts) >= before + 20, "complaints filed with the new one")
        assert "replacing notifier, sla, router, intake, one at a time" in told
        assert f"REDRESS_PORT_BASE={variables['REDRESS_PORT_BASE']}" in told
        assert _phases_are_complete(home, variables)
        undated = Undated(endpoints, filing)
        # The place of the old copy in the group lapses only 45 s after the new one joined: rebalance, then session.
        wait_for(undated.none_left, undated, 120)
        redress(CHECKOUT, home, variables, "audit")
        keys = json.loads(redress(CHECKOUT, home, variables, "keys", "list", "--json"))
        assert keys["signatures_required"] is True, (
            "the older release did not sign; nobody is believed unsigned any more"
        )
        print(f"{len(filing.receipts)} complaints, the longest wait {max(filing.away):.1f} s")
    except AssertionError:
        print(*_troubles_in(home), sep="\n")
        raise
    finally:
        redress(CHECKOUT, home, {}, "down")


def _troubles_in(home: Path) -> Iterator[str]:
    """What the services wrote above the level of information."""
    for log in sorted((home / "logs").glob("*.log")):
        lines = [line for line in log.read_text().splitlines() if re.search(r'"level": ?"(?!info|debug)', line, re.I)]
        yield from (f"{log.name}: {line}" for line in lines[-20:])


class Undated:
    """The complaints of which intake has not read the clock, which only `complaints.sla` tells."""

    def __init__(self, endpoints: dict[str, Any], filing: Filing) -> None:
        self._url = endpoints["intake"]
        self._key = endpoints["channel_keys"]["web"]
        self._left = {receipt["complaint_id"]: receipt for receipt in filing.receipts}

    def __str__(self) -> str:
        return f"intake knows the date of every complaint; it lacks {len(self._left)}: {list(self._left.values())[:3]}"

    def none_left(self) -> bool:
        with httpx.Client(timeout=20, headers={"Authorization": f"Bearer {self._key}"}) as http:
            for complaint_id in list(self._left):
                answer = http.get(f"{self._url}/v1/complaints/{complaint_id}")
                assert answer.status_code == 200, answer.text
                if answer.json().get("due_at"):
                    del self._left[complaint_id]
                else:
                    self._left[complaint_id] = answer.json()
        return not self._left


def _phases_are_complete(home: Path, variables: dict[str, str]) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "services.intake", "migrate"],
        cwd=CHECKOUT,
        env={**os.environ, "DATABASE_URL": variables["DATABASE_URL"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return "nothing to migrate" in done.stdout
