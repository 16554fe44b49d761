"""Read packs from folders, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from shared.policies.calendars import Calendar, Calendars, is_beyond
from shared.policies.crosschecks import Sources, check_pack, check_packs
from shared.policies.departments import Department, Departments
from shared.policies.errors import PolicyError, Problem
from shared.policies.notices import NoticePolicy
from shared.policies.routing import RoutingPolicy
from shared.policies.sla import SlaRules
from shared.policies.stores import Store, Stores
from shared.policies.texts import PolicyModel, Text
from shared.policies.wording import explain
from shared.policies.yaml_source import Document, parse_yaml, read_yaml

#: The files of a pack, in the order they are read and hashed.
FILES: Mapping[str, type[PolicyModel]] = {
    "departments.yaml": Departments,
    "calendars.yaml": Calendars,
    "routing.yaml": RoutingPolicy,
    "sla.yaml": SlaRules,
    "notices.yaml": NoticePolicy,
    "stores.yaml": Stores,
}
#: Those of them that a pack need not have.
OPTIONAL = frozenset({"stores.yaml"})
Model = TypeVar("Model", bound=PolicyModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One company's policies, validated.

    Attributes:
        version: the declared one + `+` + eight hex digits over all files.
        stores: by id, in the order of the file; none: a shop is told in words.
    """

    name: str
    title: Text
    version: str
    departments: Mapping[str, Department]
    calendars: Mapping[str, Calendar]
    routing: RoutingPolicy
    sla: SlaRules
    notices: NoticePolicy
    stores: Mapping[str, Store] = field(default_factory=dict)
    phone_region: str = "CN"
    second_person_erases: bool = True

    @property
    def triage(self) -> Department:
        """The department that owns what no rule catches."""
        return self.departments[self.routing.fallback]

    @property
    def office(self) -> Department:
        """The complaints office."""
        return self.departments[self.routing.office]

    def calendar_of(self, department: str) -> Calendar:
        """Return the calendar a department works by."""
        return self.calendars[self.departments[department].calendar]

    @property
    def known_until(self) -> date | None:
        """The last day whose holidays are known in every calendar that has holidays; none where there is no such end."""
        return min((one.known_until for one in self.calendars.values() if one.known_until is not None), default=None)

    def is_beyond_known_holidays(self, at: datetime, zone: tzinfo) -> bool:
        """Whether customers who are told a date have to be told too that the holidays of that time are not known yet.

        It asks all calendars: a department that knows no holidays may work by a policy whose calendar has some.
        """
        return is_beyond(self.known_until, at, zone)


@dataclass(frozen=True, slots=True)
class Packs:
    """All packs of one folder; department ids are unique over all of them.

    Attributes:
        own_addresses: in lower case, from which the packs' mails come and at which their customers reach the companies.
    """

    by_name: Mapping[str, Pack]
    own_addresses: frozenset[str] = field(init=False, repr=False)
    _owners: Mapping[str, Pack] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        owners = {department: pack for pack in self.by_name.values() for department in pack.departments}
        object.__setattr__(self, "_owners", owners)
        own = frozenset(address.lower() for pack in self.by_name.values() for address in pack.notices.own_addresses)
        object.__setattr__(self, "own_addresses", own)

    @property
    def departments(self) -> tuple[Department, ...]:
        """Every department of every pack."""
        return tuple(department for pack in self.by_name.values() for department in pack.departments.values())

    def days_left(self, now: datetime) -> Iterator[tuple[str, str, int]]:
        """Pack, calendar, and for how many days from now on its holidays are known; calendars without an end not."""
        for pack in self.by_name.values():
            for name, calendar in pack.calendars.items():
                if calendar.known_until is not None:
                    yield pack.name, name, (calendar.known_until - now.astimezone(calendar.zone).date()).days

    def __getitem__(self, name: str) -> Pack:
        return self.by_name[name]

    def pack_of(self, department: str) -> Pack:
        """Return the pack a department belongs to; KeyError where there is no such department."""
        return self._owners[department]

    def department(self, department: str) -> Department:
        """Return a department by id; KeyError where there is none."""
        return self._owners[department].departments[department]

    def zone_of(self, department: str) -> ZoneInfo:
        """Return the zone of a department's calendar; KeyError where there is no such department."""
        return self._owners[department].calendar_of(department).zone


def load_packs(folder: Path) -> Packs:
    """Read every pack below `folder` (a sub-folder is a pack).

    Raises:
        PolicyError: with every problem of every file; nothing is loaded then.
    """
    sources: list[Sources] = []
    problems: list[Problem] = []
    for name in _folders(folder):
        try:
            sources.append(_read_pack(folder / name, f"{name}/"))
        except PolicyError as error:
            problems += error.problems
    problems += check_packs(sources)
    if problems:
        raise PolicyError(problems)
    return Packs({source.departments.pack: _pack(source) for source in sources})


@dataclass(frozen=True, slots=True)
class KeptPack:
    """The files of a pack that was good, as they were.

    Attributes:
        folder: the name of its sub-folder.
        version: as `Pack.version`.
        since: when it was first found good; none: just now.
    """

    folder: str
    version: str
    files: Mapping[str, bytes] = field(repr=False)
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What can be used of a folder.

    Attributes:
        packs: the sound ones, and of those that are refused the last good ones.
        good: their files by sub-folder.
        stale: the sub-folders whose last good files are used.
        problems: everything that is wrong in the files on disk.
        held: departments that the files on disk leave out and that stay because of their open cases.
    """

    packs: Packs
    good: Mapping[str, KeptPack]
    stale: frozenset[str]
    problems: tuple[Problem, ...]
    held: frozenset[str] = frozenset()


_NOBODY: Mapping[str, int] = MappingProxyType({})


def load_sound(folder: Path, kept: Mapping[str, KeptPack], owning: Mapping[str, int] = _NOBODY) -> Loaded:
    """Read every pack below `folder`; one that is refused refuses no other, and gives way to its last good files.

    Args:
        folder: as for `load_packs`.
        kept: the last good files by sub-folder. All of them are used when the folder cannot be read at all.
        owning: department → how many open cases it has. A pack that leaves out one of them is refused: nobody could
            work those cases any more.
    """
    problems: list[Problem] = []
    found: dict[str, Sources] = {}
    stale: set[str] = set()
    try:
        names = _folders(folder)
    except PolicyError as error:
        problems += error.problems
        names = sorted(kept)
    gone = [name for name in kept if name not in names and _left_out(kept[name], frozenset(), owning)]
    held: set[str] = set()
    # Those that are as they were come first: of two packs that cannot be together the new one has to give way.
    for name in sorted([*names, *gone], key=lambda one: (one not in kept, one)):
        sources, wrong = _fitting(lambda name=name: _read_pack(folder / name, f"{name}/"), found)  # type: ignore[misc]
        problems += wrong
        left = frozenset(sources.departments.by_id) if sources else frozenset()
        if (sources or name in gone) and (without := _left_out(kept.get(name), left, owning)):
            problems += [_owned(name, department, owning[department]) for department in without]
            held.update(without)
            sources = None
        if sources is None and name in kept:
            sources, _ = _fitting(lambda name=name: _parse_pack(kept[name]), found)  # type: ignore[misc]
            stale.add(name)
        if sources is not None:
            found[name] = sources
    packs = {name: _pack(sources) for name, sources in sorted(found.items())}
    good = {
        name: kept[name] if name in kept and kept[name].version == pack.version else _kept(found[name], pack.version)
        for name, pack in packs.items()
    }
    by_name = {pack.name: pack for pack in packs.values()}
    return Loaded(Packs(by_name), good, frozenset(stale & packs.keys()), tuple(sorted(set(problems))), frozenset(held))


def _left_out(kept: KeptPack | None, left: frozenset[str], owning: Mapping[str, int]) -> list[str]:
    """The departments of a pack as it was that are not left and have open cases."""
    if kept is None or not owning:
        return []
    try:
        before = _parse_pack(kept).departments.by_id
    except PolicyError:
        return []
    return sorted(one for one in before if one not in left and owning.get(one))


def _owned(folder: str, department: str, cases: int) -> Problem:
    reason = f"department {department} is left out and has {cases} open case{'s' if cases > 1 else ''}"
    return Problem(f"{folder}/departments.yaml", 1, reason, "put it back until they are handed over or closed")


def _fitting(
    read: Callable[[], Sources], beside: Mapping[str, Sources]
) -> tuple[Sources | None, tuple[Problem, ...] | list[Problem]]:
    """A pack that is sound and fits to the others, or what is wrong with it."""
    try:
        sources = read()
    except PolicyError as error:
        return None, error.problems
    wrong = check_packs([*beside.values(), sources])
    return (None, wrong) if wrong else (sources, [])


def _kept(sources: Sources, version: str) -> KeptPack:
    return KeptPack(sources.folder, version, {name: document.raw for name, document in sources.documents.items()})


def load_pack(folder: Path) -> Pack:
    """Read the one pack whose files lie in `folder`; refuses like `load_packs`."""
    return _pack(_read_pack(folder, ""))


def _folders(folder: Path) -> list[str]:
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
    except OSError as error:
        raise PolicyError([_no_packs(folder, error.strerror or type(error).__name__)]) from None
    if not names:
        raise PolicyError([_no_packs(folder, "no pack in it")])
    return names


def _no_packs(folder: Path, reason: str) -> Problem:
    mend = "point POLICIES_DIR at a folder with one sub-folder per pack"
    return Problem(folder.name or ".", 1, f"no policies: {reason}", mend)


def _read_pack(folder: Path, prefix: str) -> Sources:
    there = [name for name in FILES if name not in OPTIONAL or os.path.lexists(folder / name)]
    return _compile(folder.name, there, lambda name: read_yaml(folder / name, f"{prefix}{name}"))


def _parse_pack(kept: KeptPack) -> Sources:
    there = [name for name in FILES if name not in OPTIONAL or name in kept.files]
    return _compile(kept.folder, there, lambda name: parse_yaml(kept.files.get(name, b""), f"{kept.folder}/{name}"))


def _compile(folder: str, there: Sequence[str], read: Callable[[str], Document]) -> Sources:
    documents: dict[str, Document] = {}
    models: dict[str, PolicyModel] = {}
    problems: list[Problem] = []
    for name in there:
        try:
            documents[name] = read(name)
            models[name] = _validate(FILES[name], documents[name])
        except PolicyError as error:
            problems += error.problems
    if problems:
        # References are checked only between files that can be read; a broken file would look like missing ids.
        raise PolicyError(problems)
    sources = Sources(
        folder=folder,
        documents=documents,
        departments=cast(Departments, models["departments.yaml"]),
        calendars=cast(Calendars, models["calendars.yaml"]),
        routing=cast(RoutingPolicy, models["routing.yaml"]),
        sla=cast(SlaRules, models["sla.yaml"]),
        notices=cast(NoticePolicy, models["notices.yaml"]),
        stores=cast(Stores | None, models.get("stores.yaml")),
    )
    if problems := check_pack(sources):
        raise PolicyError(problems)
    return sources


def _validate(model: type[Model], document: Document) -> Model:
    data: Any = document.data
    if not isinstance(data, dict):
        raise PolicyError([document.problem((), "the file must be a mapping", "begin with `key: value` lines")])
    if "version" in data and model is RoutingPolicy:
        raise PolicyError(
            [document.problem(("version",), "version is not given here", "it stands in departments.yaml")]
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise PolicyError(explain(error, document)) from None


def _pack(sources: Sources) -> Pack:
    digest = hashlib.sha256()
    for name, document in sources.documents.items():
        raw = document.raw
        digest.update(f"{name} {len(raw)}\n".encode() + raw)
    version = f"{sources.departments.version}+{digest.hexdigest()[:8]}"
    routing = sources.routing.model_copy(update={"version": version})
    # Built now, so that the first complaint does not wait for it.
    _ = routing.index, routing.shortlist, routing.priority.shortlist, routing.topics and routing.topics.points_of
    return Pack(
        name=sources.departments.pack,
        title=sources.departments.name,
        version=version,
        departments=sources.departments.by_id,
        calendars=sources.calendars.calendars,
        routing=routing,
        sla=sources.sla,
        notices=sources.notices,
        stores=sources.stores.by_id if sources.stores else {},
        phone_region=sources.departments.phone_region,
        second_person_erases=sources.departments.second_person_erases,
    )
