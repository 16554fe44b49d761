"""Migrations beside copies that run."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from shared.runtime.migrate import migrate
from tests.support.stack import DatabaseFactory, run


def test_what_a_migration_makes_may_be_used_as_soon_as_it_is_there(
    fresh_database: DatabaseFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrated_by_test" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "0001_pre_made.sql").write_text("CREATE TABLE made (x int);")
    (folder / "0002_pre_refused.sql").write_text("SELECT 1 / 0;")
    monkeypatch.syspath_prepend(tmp_path)
    database = fresh_database("intake")
    with pytest.raises(asyncpg.DivisionByZeroError):  # stands for a process that ends between the two
        run(migrate(database.url, "intake", ("migrated_by_test",)))
    may = "SELECT has_table_privilege('redress_intake', 'intake.made', 'INSERT') AS may"
    assert database.fetch(may)[0]["may"]
