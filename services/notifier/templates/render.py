"""Turns a letter into subject, text and HTML."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import escape

from services.notifier.channels.mail import wired
from services.notifier.domain.kinds import KINDS, NoticeKind
from services.notifier.domain.letter import Letter
from services.notifier.domain.timewords import Language

_HERE = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class Rendered(NamedTuple):
    """A message in words: subject, plain text, HTML; the two bodies as mails carry them, which frames hold ready."""

    subject: str
    text: bytes
    html: bytes


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
        self._frames: dict[tuple[object, ...], _Frame | None] = {}

    def remedies(self, language: Language) -> Mapping[str, str]:
        """What a remedy is called, by its code."""
        remedies: Mapping[str, str] = self._labels[language]["remedies"]
        return remedies

    def render(self, letter: Letter) -> Rendered:
        """Put a letter into words.

        Most acknowledgements of a minute differ only in name, reference and link. What they share is rendered once,
        with marks in place of the three, and kept: a tenth of the time, the same result (a property test compares).
        """
        if letter.text or "\r" in letter.name + letter.link + letter.reference:  # half a line end joins its neighbours
            return self._render(letter)
        key = _shared(letter)
        frame = self._frames.get(key, _MISSING)
        if frame is _MISSING:
            if len(self._frames) >= _FRAMES:
                self._frames.clear()
            frame = self._frames[key] = self._frame(letter)
        return frame.filled(letter) if frame is not None else self._render(letter)

    def _frame(self, letter: Letter) -> "_Frame | None":
        """What letters like this one share; none when a policy's wording has one of the marks itself."""
        marked = replace(letter, reference=_REFERENCE, link=_LINK, name=letter.name and _NAME, subject=_subject(letter))
        if any(_MARKS.search(str(value)) for value in (*_fields(letter), letter.subject)):
            return None
        return _Frame(self._render(marked))

    def _render(self, letter: Letter) -> Rendered:
        """Run the templates. The first line of the text template is the subject."""
        text, html = self._templates[letter.kind, letter.language]
        values: dict[str, Any] = {"letter": letter, "labels": self._labels[letter.language]}
        subject, _, body = text.render(values).partition("\n")
        return Rendered(subject=subject, text=wired(body), html=wired(html.render(values)))


# Private-use characters: `letter.clean` takes them out of every text, so no customer or handler can write one.
_FRAMES = 2048
_REFERENCE, _LINK, _NAME = "\ue000", "\ue001", "\ue002"
_MARKS = re.compile(f"([{_REFERENCE}{_LINK}{_NAME}])")
_CODED = tuple(mark.encode() for mark in (_REFERENCE, _LINK, _NAME))
_CODED_MARKS = re.compile(b"(" + b"|".join(_CODED) + b")")
_SPECIAL = re.compile("[&<>'\"]")
_MISSING: Any = object()
_OWN = frozenset({"reference", "link", "name", "subject"})
_fields = attrgetter(*(field.name for field in fields(Letter) if field.name not in _OWN))


class _Frame:
    """A rendered letter cut at its marks."""

    __slots__ = ("_html", "_subject", "_text")

    def __init__(self, marked: Rendered) -> None:
        self._subject = tuple(_MARKS.split(marked.subject))
        self._text, self._html = (tuple(_CODED_MARKS.split(body)) for body in (marked.text, marked.html))

    def filled(self, letter: Letter) -> Rendered:
        """The letter's own three values in the places of the marks."""
        own = {_REFERENCE: letter.reference, _LINK: letter.link, _NAME: letter.name}
        plain = dict(zip(_CODED, map(wired, own.values()), strict=True))
        safe = plain
        if _SPECIAL.search(letter.reference + letter.link + letter.name):
            safe = {mark.encode(): wired(str(escape(value))) for mark, value in own.items()}
        return Rendered(
            subject="".join([own.get(part, part) for part in self._subject]),
            text=b"".join([plain.get(part, part) for part in self._text]),
            html=b"".join([safe.get(part, part) for part in self._html]),
        )


def _shared(letter: Letter) -> tuple[object, ...]:
    """What letters have in common that differ only in name, reference and link."""
    return (*_fields(letter), not letter.name, _subject(letter))


def _subject(letter: Letter) -> str:
    """The company's own subject, which names the reference, with the mark in its place."""
    return letter.subject.replace(letter.reference, _REFERENCE)


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
