"""A backup from before an erasure brings nobody back (I16): the topics know who was erased, and so does a list that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.test_recovery import _admin, _recover, _start, _stop
from tests.support.audited import violations
from tests.support.lives import Life
from tests.support.stack import execute, run
from tests.support.traces_left import left_of
from tests.support.world import World, wait_for, world

pytestmark = [pytest.mark.fault, pytest.mark.timeout(400)]


@pytest.fixture
def own(servers, tmp_path_factory):
    with world(servers, tmp_path_factory.mktemp("restored")) as made:
        yield made


def test_whoever_was_erased_since_the_backup_is_erased_again(own: World, tmp_path: Path) -> None:
    known, late = Life(own), Life(own)
    known.closed()
    _stop(own)
    name, backup = own.database.name, f"{own.database.name}_backup"
    run(execute(_admin(own), f"CREATE DATABASE {backup} TEMPLATE {name}"))
    try:
        _start(own)
        late.assigned()
        for life in (known, late):
            life.erase()
            life.is_gone()
        kept = own.operator("erase", "--list")
        assert len(kept.split()) == 2
        _stop(own)
        for by_list in (True, False):
            run(execute(_admin(own), f"DROP DATABASE {name} WITH (FORCE)"))
            run(execute(_admin(own), f"CREATE DATABASE {name} TEMPLATE {backup}"))
            assert left_of(own, known.words), "the backup brings everything back, key and all"
            if by_list:  # as where the topics do not reach back
                (tmp_path / "erased").write_text(kept)
                assert "1 complaints" in own.operator("erase", "--replay", str(tmp_path / "erased"))
                assert "0 complaints" in own.operator("erase", "--replay", str(tmp_path / "erased"))
                assert not own.database.fetch("SELECT 1 FROM vault.person")
            else:
                assert "2 persons were erased since" in _recover(own, "--dry-run")
                _recover(own)
                assert not own.database.fetch("SELECT 1 FROM vault.person")
                assert own.operator("erase", "--list").split() == kept.split()
        _start(own)
        for life in (known, late):
            wait_for(lambda life=life: not left_of(own, life.words), f"{life.reference}: nothing left", 40)
        assert own.database.fetch("SELECT count(*) FROM router.case_text WHERE NOT erased")[0][0] == 0
        # Versions of notifier's own events begin again behind what the backup knew: that is recovery's matter.
        blamed = [one for one in violations(own, wait=60) if one["invariant"] in {"I15", "I16", "I17"}]
        assert blamed == []
    finally:
        run(execute(_admin(own), f"DROP DATABASE IF EXISTS {backup} WITH (FORCE)"))
