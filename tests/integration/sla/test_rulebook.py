"""The rules that complaints are promised are kept before anything refers to them."""

from __future__ import annotations

import pytest

from services.sla.store import Rulebook
from tests.integration.sla.conftest import Running


class Undone(Exception):
    """Rolls a transaction back."""


async def test_rules_written_by_a_transaction_that_was_rolled_back_are_written_again(running: Running) -> None:
    book = Rulebook(running.service.policies, "retail")
    with pytest.raises(Undone):
        async with running.service.transaction() as tx:
            for _ in range(2):  # the second time its own row is there
                await book.in_force(tx, "retail", "delivery")
            raise Undone
    assert await running.rows("SELECT 1 FROM rules") == []
    for _ in range(2):
        async with running.service.transaction() as tx:
            await book.in_force(tx, "retail", "delivery")
        assert len(await running.rows("SELECT 1 FROM rules")) == 1
