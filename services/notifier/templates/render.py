"""Turns a letter into subject, text and HTML."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import escape

from services.notifier.domain.kinds import KINDS, NoticeKind
from services.notifier.domain.letter import Letter
from services.notifier.domain.timewords import Language

_HERE = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in words: subject, plain text, HTML."""

    subject: str
    text: str
    html: str


class Renderer:
    """Every template compiled once, at start: a missing or broken one stops the service before it serves."""

    def __init__(self) -> None:
        text, html = _environment("text"), _environment("html")
        self._labels: Mapping[Language, Mapping[str, Any]] = {
            language: yaml.safe_load((_HERE / language / "labels.yaml").read_text(encoding="utf-8"))
            for language in LANGUAGES
        }
        self._templates: Mapping[tuple[NoticeKind, Language], tuple[Template, Template]] = {
            (kind, language): (text.get_template(f"{language}/{kind}.j2"), html.get_template(f"{language}/{kind}.j2"))
            for kind in KINDS
            for language in LANGUAGES
        }

        for environment in (text, html):
            environment.get_template("layout.j2")
        self._frames: dict[tuple[object, ...], Rendered] = {}

    def remedies(self, language: Language) -> Mapping[str, str]:
        """What a remedy is called, by its code."""
        remedies: Mapping[str, str] = self._labels[language]["remedies"]
        return remedies

    def render(self, letter: Letter) -> Rendered:
        """Put a letter into words.

        Most acknowledgements of a minute differ only in name, reference and link. What they share is rendered once,
        with marks in place of the three, and kept: a tenth of the time, the same result (a test compares).
        """
        if letter.text:
            return self._render(letter)
        key = _shared(letter)
        frame = self._frames.get(key)
        if frame is None:
            if len(self._frames) >= _FRAMES:
                self._frames.clear()
            marked = replace(letter, reference=_REFERENCE, link=_LINK, name=letter.name and _NAME)
            frame = self._frames[key] = self._render(marked)
        return Rendered(
            subject=frame.subject.replace(_REFERENCE, letter.reference),
            text=_fill(frame.text, letter.reference, letter.link, letter.name),
            html=_fill(frame.html, letter.reference, escape(letter.link), escape(letter.name)),
        )

    def _render(self, letter: Letter) -> Rendered:
        """Run the templates. The first line of the text template is the subject."""
        text, html = self._templates[letter.kind, letter.language]
        values: dict[str, Any] = {"letter": letter, "labels": self._labels[letter.language]}
        subject, _, body = text.render(values).partition("\n")
        return Rendered(subject=subject, text=body, html=html.render(values))


# Private-use characters: `letter.clean` takes them out of every text, so no customer or handler can write one.
_FRAMES = 2048
_REFERENCE, _LINK, _NAME = "\ue000", "\ue001", "\ue002"


_fields = attrgetter(*(field.name for field in fields(Letter) if field.name not in ("reference", "link", "name")))


def _shared(letter: Letter) -> tuple[object, ...]:
    """What letters have in common that differ only in name, reference and link."""
    return (*_fields(letter), not letter.name)


def _fill(text: str, reference: str, link: str, name: str) -> str:
    return text.replace(_REFERENCE, reference).replace(_LINK, link).replace(_NAME, name)


def _environment(form: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_HERE / form, _HERE]),
        autoescape=form == "html",  # noqa: S701  plain text has nothing to escape
        undefined=StrictUndefined,
        auto_reload=False,
        cache_size=-1,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = _quoted
    return environment


def _quoted(text: str) -> str:
    """Mark the lines of somebody's words as quoted, the way mail programs do."""
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))
