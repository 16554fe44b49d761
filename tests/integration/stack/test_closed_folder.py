"""Postgres for root in a folder that only root may enter (as `/root`, mode 700): the usual folder of a container."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from deploy.stack import account, postgres
from deploy.stack.errors import StackError
from deploy.stack.ports import free_ports
from deploy.stack.postgres import PostgresServer
from tests.support.stack import execute, fetch, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs Postgres as itself")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of mode 700 with a blank and letters beyond ASCII in its name, in which the wheel is installed too."""
    folder = Path(mkdtemp(prefix="redress-closed 密-"))
    package = postgres._binaries().parents[1]
    shutil.copytree(package, folder / "site" / package.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / "site" / libraries.name)
    folder.chmod(0o700)
    binaries = folder / "site" / postgres._binaries().relative_to(package.parent)
    monkeypatch.setattr(postgres, "_binaries", lambda: binaries)
    yield folder
    shutil.rmtree(folder)


def test_postgres_starts_and_keeps_its_data_where_its_account_may_not_enter(closed: Path) -> None:
    server = PostgresServer(closed / "state", free_ports(1)[0])
    server.start()
    try:
        run(execute(server.url(), "CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)"))
        server.kill()
        server.start()
        assert run(fetch(server.url(), "SELECT x FROM kept"))[0]["x"] == 7
        assert (closed / "state" / "postgres" / "PG_VERSION").exists()
        assert closed.stat().st_mode & 0o777 == 0o700
        assert _effective_capabilities(server.pid) == 0
    finally:
        server.stop()


def test_data_that_root_put_back_is_given_to_the_account(closed: Path) -> None:
    server = PostgresServer(closed / "state", free_ports(1)[0])
    server.start()
    server.stop()
    for path in (closed / "state" / "postgres", *(closed / "state" / "postgres").rglob("*")):
        os.chown(path, 0, 0)
    server.start()
    server.stop()


def test_a_copy_that_lost_a_file_is_made_anew(closed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    public = Path(mkdtemp(prefix="redress-public-"))
    public.chmod(0o755)
    try:
        who = account.ordinary_account()
        find = account.runnable.__wrapped__
        copy = find(postgres._binaries(), who, (str(public),))
        assert copy.is_relative_to(public / "redress")
        lost = next(copy.parent.rglob("postgres.bki"))
        lost.unlink()
        assert find(postgres._binaries(), who, (str(public),)) == copy
        assert lost.exists()
        assert [path.name for path in (public / "redress").iterdir()] == [copy.parents[2].name]
    finally:
        shutil.rmtree(public)


def test_a_public_folder_that_others_may_write_is_not_trusted(closed: Path) -> None:
    public = Path(mkdtemp(prefix="redress-public-"))
    public.chmod(0o755)
    (public / "redress").mkdir()
    (public / "redress").chmod(0o777)
    try:
        with pytest.raises(StackError, match=r"is not ours alone to write.*DATABASE_URL"):
            account.runnable.__wrapped__(postgres._binaries(), account.ordinary_account(), (str(public),))
    finally:
        shutil.rmtree(public)


def _effective_capabilities(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff")), 16)
