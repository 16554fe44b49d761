"""What makes a new event schema unreadable to an old reader, or an old event unreadable to a new one."""

from collections.abc import Iterator
from typing import Any

_NARROWING = ("maxLength", "maximum", "maxItems")
_RAISING = ("minLength", "minimum", "minItems", "exclusiveMinimum")


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every change between two JSON Schemas of one event type that is not compatible both ways.

    Allowed: new optional fields, wider limits, new event types. Refused: a removed or renamed field, a new required
    field, another type, fewer allowed values, tighter limits, another pattern.
    """
    return sorted(set(_compare("", old, new, old.get("$defs", {}), new.get("$defs", {}))))


def _compare(
    where: str, old: dict[str, Any], new: dict[str, Any], old_defs: dict[str, Any], new_defs: dict[str, Any]
) -> Iterator[str]:
    old, new = _resolve(old, old_defs), _resolve(new, new_defs)
    spot = where or "(event)"
    for keyword in ("type", "const", "pattern", "format"):
        if keyword in old and old[keyword] != new.get(keyword):
            yield f"{spot}: {keyword} was {old[keyword]!r}, is {new.get(keyword)!r}"
        if keyword in new and keyword not in old and keyword != "format":
            yield f"{spot}: {keyword} {new[keyword]!r} is new"
    if "enum" in old and (gone := set(old["enum"]) - set(new.get("enum", ()))):
        yield f"{spot}: no longer allows {sorted(gone)}"
    yield from _limits(spot, old, new)
    yield from _fields(where, old, new, old_defs, new_defs)
    yield from _branches(where, old, new, old_defs, new_defs)
    if "items" in old and isinstance(old["items"], dict) and isinstance(new.get("items"), dict):
        yield from _compare(f"{where}[]", old["items"], new["items"], old_defs, new_defs)


def _limits(spot: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for keyword in _NARROWING:
        if keyword in new and new[keyword] < old.get(keyword, float("inf")):
            yield f"{spot}: {keyword} is tighter: {new[keyword]}"
    for keyword in _RAISING:
        if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
            yield f"{spot}: {keyword} is tighter: {new[keyword]}"


def _fields(
    where: str, old: dict[str, Any], new: dict[str, Any], old_defs: dict[str, Any], new_defs: dict[str, Any]
) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        path = f"{where}.{name}".lstrip(".")
        if name not in after:
            yield f"{path}: removed"
        else:
            yield from _compare(path, before[name], after[name], old_defs, new_defs)
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{where}.{name}".lstrip(".") + ": is required now"


def _branches(
    where: str, old: dict[str, Any], new: dict[str, Any], old_defs: dict[str, Any], new_defs: dict[str, Any]
) -> Iterator[str]:
    for keyword in ("anyOf", "oneOf"):
        if keyword not in old:
            continue
        after = [_resolve(branch, new_defs) for branch in new.get(keyword, ())]
        for branch in (_resolve(b, old_defs) for b in old[keyword]):
            same = [b for b in after if b.get("type") == branch.get("type") and b.get("title") == branch.get("title")]
            if not same:
                yield f"{where or '(event)'}: no longer allows {branch.get('title') or branch.get('type')}"
            else:
                yield from _compare(where, branch, same[0], old_defs, new_defs)


def _resolve(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return {**defs[reference.rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
