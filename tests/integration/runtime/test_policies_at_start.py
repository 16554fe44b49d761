"""Broken policy files plus a restart stop no service that has once been well: it says so and works on (H4, fault row 51)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.stack.ports import free_ports
from tests.integration.notifier.waiting import until
from tests.support.stack import Database, DatabaseFactory

ROOT = Path(__file__).parents[3]
SERVICES = ("intake", "router", "sla", "notifier")


class Process:
    """One service as a process of its own, without Kafka."""

    def __init__(self, service: str, database: Database, folder: Path) -> None:
        self.service = service
        self.port = free_ports(1)[0]
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database.url_of(service),
            "MASTER_KEY_FILE": str(folder / "key"),
            "EVENT_KEYS_FILE": os.environ["EVENT_KEYS_FILE"],
            "SESSION_KEY_FILE": str(folder / "key"),
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "POLICIES_DIR": str(folder / "policies"),
            "HTTP_PORT": str(self.port),
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        process = await self._start()
        try:
            yield self
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.communicate(), 30)

    async def ended(self) -> tuple[int, str]:
        """Exit code and what it says on standard error."""
        process = await self._start()
        _, told = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, told.decode()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{self.service}", env=self.environment, cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def get(self, path: str) -> str:
        """The body of a page, whatever its status, as soon as the process answers."""
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(ConnectionError, urllib.error.URLError):
                    return await asyncio.to_thread(self._get, path)
                await asyncio.sleep(0.05)

    def _get(self, path: str, beside: int = 0) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port + beside}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    async def metrics(self) -> str:
        return await asyncio.to_thread(self._get, "/metrics", 10)

    async def readiness(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.get("/readyz"))
        return told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_bytes(os.urandom(32))
    shutil.copytree(ROOT / "deploy" / "policies", tmp_path / "policies")
    return tmp_path


def break_it(folder: Path) -> None:
    path = folder / "policies" / "retail" / "routing.yaml"
    path.write_text(path.read_text("utf-8") + "\nnonsense: [", "utf-8")


async def kept(database: Database, service: str) -> bool:
    rows = await asyncio.to_thread(database.fetch, f"SELECT folder FROM {service}.policy_kept")
    return len(rows) == 2


@pytest.mark.parametrize("service", SERVICES)
async def test_a_restart_with_broken_files_goes_on_with_the_last_good_ones_and_says_so(
    fresh_database: DatabaseFactory, folder: Path, service: str
) -> None:
    database = fresh_database(service)
    first = Process(service, database, folder)
    async with first.running():
        assert (await first.readiness())["checks"]["policies"]
        await until(lambda: kept(database, service))
    break_it(folder)
    again = Process(service, database, folder)
    async with again.running():
        told = await again.readiness()
        assert told["reasons"]["policies"].startswith("last good of 20")
        refused = f'config_last_reload_successful{{service="{service}"}} 0.0'

        async def told_by_the_metric() -> bool:
            return refused in await again.metrics()

        await until(told_by_the_metric)


async def test_a_brand_new_copy_that_was_never_good_ends_with_file_line_and_mend(
    fresh_database: DatabaseFactory, folder: Path
) -> None:
    break_it(folder)
    code, told = await Process("sla", fresh_database("sla"), folder).ended()
    assert code == 78
    assert "retail/routing.yaml:" in told and "not YAML" in told
    assert "Traceback" not in told


async def test_without_database_and_with_broken_files_it_names_both(
    fresh_database: DatabaseFactory, folder: Path
) -> None:
    break_it(folder)
    process = Process("sla", fresh_database("sla"), folder)
    process.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    code, told = await process.ended()
    assert code == 78 and "retail/routing.yaml:" in told and "database" in told


async def test_a_department_that_owns_cases_is_not_left_out_while_a_service_runs_nor_at_its_start(
    fresh_database: DatabaseFactory, folder: Path
) -> None:
    """Sound files that leave it out are refused with the count, and taken once the cases are gone (G4)."""
    database = fresh_database("intake")
    owned = "INSERT INTO intake.standing (complaint_id, state, department, seen_version) VALUES ($1, 'assigned', $2, 1)"
    for _ in range(2):
        await asyncio.to_thread(database.execute, owned, uuid4(), "marketing")
    first = Process("intake", database, folder)
    async with first.running():
        await until(lambda: kept(database, "intake"))
        for path in (folder / "policies" / "retail").iterdir():
            path.write_text(re.sub(r"\bmarketing\b", "promotion", path.read_text("utf-8")), "utf-8")

        async def refused() -> bool:
            return "last good" in (await first.readiness()).get("reasons", {}).get("policies", "")

        await until(refused)
    again = Process("intake", database, folder)
    async with again.running():
        assert await again.readiness() and (await again.readiness())["reasons"]["policies"].startswith("last good")
    await asyncio.to_thread(database.execute, "DELETE FROM intake.standing")
    after = Process("intake", database, folder)
    async with after.running():
        assert (await after.readiness())["checks"]["policies"]
