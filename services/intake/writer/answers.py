"""The answer to a filing as it is kept under its key: everything but the private link, which is kept sealed.

The link opens the customer's page, and keys are kept for more than a year. So no table holds it in clear: the token is
sealed under the customer's key, and whoever erases the customer takes the link out of the kept answers too.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.intake.store import Stored
from shared.runtime.vault import PersonKey, Vault

TOKEN: Final = "progress_token"  # noqa: S105  a name
"""The name the token is sealed by, in the event and here."""
_NOBODY: Final = "erased"
"""Stands where an erased customer's token was; such a link leads to "nothing behind this link", as all of theirs do."""


def answers_of(
    complaint_id: UUID,
    reference: str,
    progress_url: str,
    sealed_token: str,
    received_at: datetime,
    warnings: str | None,
) -> tuple[str, str]:
    """The body of a 201, the same bytes for every retry, and what is stored of it.

    Written out, because no value holds a character that JSON escapes: `Settings` checks the address.

    Args:
        warnings: as JSON; none where it is not known any more what they were.
    """
    moment = received_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    begin = f'{{"complaint_id":"{complaint_id}","reference":"{reference}",'
    end = f'","received_at":"{moment}"{_warned(warnings)}}}'
    return f'{begin}"progress_url":"{progress_url}{end}', f'{begin}"sealed_token":"{sealed_token}{end}'


def sealed_again(answer: str, key: PersonKey | None) -> str:
    """A stored answer that holds the link in clear, with the token sealed; of an erased customer it is dropped."""
    held = json.loads(answer)
    complaint_id, token = UUID(held["complaint_id"]), held["progress_url"].rpartition("/")[2]
    sealed = key.seal(complaint_id, TOKEN, token) if key is not None else ""
    moment = datetime.fromisoformat(held["received_at"])
    return answers_of(complaint_id, held["reference"], "", sealed, moment, _warnings_in(held))[1]


async def answers_again(stored: Sequence[Stored | None], vault: Vault, progress_base: str) -> list[str]:
    """The bodies that were answered under keys, in order; "" where nothing is stored.

    One that is stored as it was answered (an amendment; a filing by code from before links were sealed) is that.
    """
    held = [json.loads(one.answer) if one is not None else {} for one in stored]
    sealed = [place for place, answer in enumerate(held) if "sealed_token" in answer]
    persons = {place: one.person_id for place in sealed if (one := stored[place]) is not None and one.person_id}
    keys = await vault.keys_of(persons.values())
    answers = [one.answer if one is not None else "" for one in stored]
    for place in sealed:
        answers[place] = _again(held[place], keys.get(persons[place]) if place in persons else None, progress_base)
    return answers


def _again(held: dict[str, Any], key: PersonKey | None, progress_base: str) -> str:
    complaint_id = UUID(held["complaint_id"])
    token = key.open(complaint_id, TOKEN, held["sealed_token"]) if key is not None else None
    warnings = _warnings_in(held)
    return (
        f'{{"complaint_id":"{complaint_id}","reference":"{held["reference"]}",'
        f'"progress_url":"{progress_base}{token or _NOBODY}","received_at":"{held["received_at"]}"{_warned(warnings)}}}'
    )


def _warnings_in(held: Mapping[str, Any]) -> str | None:
    found = held.get("warnings")
    return None if found is None else json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _warned(warnings: str | None) -> str:
    return "" if warnings is None else f',"warnings":{warnings}'
