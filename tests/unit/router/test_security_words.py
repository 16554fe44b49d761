"""The security log has words for everything that can stand in it, in both languages."""

from pathlib import Path

import pytest

from services.router import http
from shared.runtime.security_log import Kind
from shared.runtime.web import texts
from shared.runtime.web.texts import Catalogue, Language

CATALOGUE = Catalogue.load([Path(texts.__file__).parent / "texts", Path(http.__file__).parent / "templates" / "texts"])
DETAILS = {
    "what",
    "found",
    "state",
    "department",
    "view",
    "searched",
    "everywhere",
    "user",
    "role_given",
    "client",
    "erasure",
    "by",
}
"""What `SecurityLog.note` and the operator's commands write beside the line itself."""


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words(kind: Kind) -> None:
    """A hold or an erasure that was asked for made the page fail."""
    assert f"security.kind.{kind.value}" in CATALOGUE


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", sorted(DETAILS))
def test_every_detail_has_words(name: str, language: Language) -> None:
    assert CATALOGUE.say(f"security.detail.{name}", language, value="x")
