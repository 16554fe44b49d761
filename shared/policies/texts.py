"""Words for people, always in both languages, and the shapes of names in policy files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Language = Literal["zh", "en"]
Channel = Literal["web", "phone", "store"]
Priority = Literal["normal", "high", "urgent"]

#: Priorities from the lowest to the highest.
PRIORITIES: tuple[Priority, ...] = ("normal", "high", "urgent")
CHANNELS: tuple[Channel, ...] = ("web", "phone", "store")
LANGUAGES: tuple[Language, ...] = ("zh", "en")

#: An id in a policy file: lower-case letters, digits, `-` and `_`, at most 48 long.
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$", strict=True)]
Wording = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, strict=True)]


class PolicyModel(BaseModel):
    """Frozen, and refuses what it does not know: a misspelt field must never be a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)


class Text(PolicyModel):
    """One wording in Chinese and in English; neither may be missing."""

    zh: Wording
    en: Wording

    def in_(self, language: str) -> str:
        """Return the wording for `language`; anything but `zh` reads English."""
        return self.zh if language == "zh" else self.en
