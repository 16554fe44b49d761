"""Erasing a person with the rights of intake's own role."""

from services.intake.handlers.erasing import Erasing
from services.intake.store import erasures
from shared.events.ids import new_id
from tests.integration.intake.conftest import Running


async def _nothing(_references) -> None:
    return None


def erasing_of(intake: Running) -> Erasing:
    service = intake.service
    return Erasing(
        database=service.database,
        transaction=service.transaction,
        beside=True,
        shred=service.vault.shred,
        forget=_nothing,
    )


async def erase(intake: Running, reference: str) -> object:
    """Asked for and carried out."""
    complaint_id, person_id, _ = await erasures.person_with(intake.service.database, reference)
    made = new_id()
    await erasures.ask(
        intake.service.database, made, person_id, complaint_id, state="approved", why="asked", by="staff:office"
    )
    return await erasing_of(intake).carry_out(made)
