"""The catalogue of what pages say: YAML files whose every text has Chinese and English, or it does not load.

A file maps dotted keys (nested mappings work too) to `{zh: ..., en: ...}`. Placeholders are `{name}` and must be the
same in both languages. English may be `{one: "1 case", other: "{n} cases"}`, chosen by the value of `n`. A key that
ends in `_html` may hold tags; what is filled in is escaped.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from markupsafe import Markup, escape

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class TextError(ValueError):
    """A text is missing, half translated or its placeholders differ. Says file, key and what is wrong."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text in both languages."""

    zh: str
    en: str
    en_one: str | None = None

    def fill(self, language: Language, values: Mapping[str, object], *, html: bool) -> str:
        """The text in one language with its placeholders replaced. A missing value is a KeyError."""
        pattern = self.zh if language == "zh" else self.en
        if language == "en" and self.en_one is not None and values.get("n") == 1:
            pattern = self.en_one
        if html:
            return Markup(_PLACEHOLDER.sub(lambda found: str(escape(values[found[1]])), pattern))  # noqa: S704  # ours
        return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), pattern)


class Catalogue:
    """All texts of a process by key."""

    def __init__(self, texts: Mapping[str, Text]) -> None:
        self._texts = dict(texts)

    @classmethod
    def load(cls, folders: Iterable[Path]) -> "Catalogue":
        """Read every `*.yaml` of the folders.

        Raises:
            TextError: a text lacks a language, placeholders differ, or a key occurs twice.
        """
        texts: dict[str, Text] = {}
        for folder in folders:
            for file in sorted(folder.glob("*.yaml")):
                for key, text in _read(file):
                    if key in texts:
                        raise TextError(f"{file.name}: {key}: said twice")
                    texts[key] = text
        return cls(texts)

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with the prefix, in file order."""
        return [key for key in self._texts if key.startswith(prefix)]

    def say(self, key: str, language: Language, **values: object) -> str:
        """The text of a key in a language. An unknown key is a KeyError, so that a page test finds it."""
        return self._texts[key].fill(language, values, html=key.endswith("_html"))


def _read(file: Path) -> Iterable[tuple[str, Text]]:
    tree = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if not isinstance(tree, dict):
        raise TextError(f"{file.name}: not a mapping")
    yield from _walk(file.name, "", tree)


def _walk(file: str, prefix: str, tree: Mapping[object, object]) -> Iterable[tuple[str, Text]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if not isinstance(value, dict):
            raise TextError(f"{file}: {key}: must have zh and en")
        if "zh" in value or "en" in value:
            yield key, _text(file, key, value)
        else:
            yield from _walk(file, f"{key}.", value)


def _text(file: str, key: str, value: Mapping[object, object]) -> Text:
    zh, en = value.get("zh"), value.get("en")
    one: str | None = None
    if isinstance(en, dict):
        one, en = en.get("one"), en.get("other")
    if not isinstance(zh, str) or not zh.strip():
        raise TextError(f"{file}: {key}: zh is missing")
    if not isinstance(en, str) or not en.strip():
        raise TextError(f"{file}: {key}: en is missing")
    if extra := set(value) - {"zh", "en"}:
        raise TextError(f"{file}: {key}: unknown language {sorted(map(str, extra))}")
    if set(_PLACEHOLDER.findall(zh)) != set(_PLACEHOLDER.findall(en)):
        raise TextError(f"{file}: {key}: placeholders differ between zh and en")
    return Text(zh=zh, en=en, en_one=one)
