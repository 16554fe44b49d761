"""`redress policies check|explain`: is a policy folder sound, and what would it decide."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.router.domain.routing import Decision, Facts, Reason
    from shared.policies.doubts import SetAside
    from shared.policies.packs import Pack, Packs

HOLIDAYS_SOON = 183
DEFAULT_FOLDER = Path(__file__).resolve().parent.parent / "policies"

app = typer.Typer(
    name="policies",
    help="Policy folders: check them, and explain what they decide.",
    no_args_is_help=True,
    add_completion=False,
)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(help="Folder with one sub-folder per pack.")] = DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Validate every pack of FOLDER together. Exit 0: sound. Exit 1: refused; each problem is a line on stderr.

    Where a stack runs, its open cases are looked at too: no department that owns some may be left out.
    """
    packs = _load(folder)
    known_until = {
        pack.name: {name: str(one.known_until) for name, one in pack.calendars.items() if one.known_until is not None}
        for pack in packs.by_name.values()
    }
    summary: list[dict[str, object]] = [
        {
            "pack": pack.name,
            "version": pack.version,
            "departments": len(pack.departments),
            "stores": len(pack.stores),
            "rules": len(pack.routing.rules),
            "topics": len(pack.routing.topics.choices) if pack.routing.topics else 0,
            "sla_policies": len(pack.sla.policies),
            "calendars": len(pack.calendars),
            "holidays_known_until": known_until[pack.name],
        }
        for pack in packs.by_name.values()
    ]
    if left_out := _left_out(packs):
        typer.echo("\n".join(left_out), err=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(summary))
        return
    for line in summary:
        pack, version, _ = str(line.pop("pack")), line.pop("version"), line.pop("holidays_known_until")
        counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in line.items())
        typer.echo(f"{pack} {version}: sound ({counts})")
        for calendar, until in known_until[pack].items():
            typer.echo(f"  {calendar}: holidays are known until {until}; later dates count holidays as working days")
    for name, calendar, days in packs.days_left(datetime.now(UTC)):
        if days < HOLIDAYS_SOON:
            mend = f"add those of the next year to {name}/calendars.yaml"
            typer.echo(f"warning: the holidays of {name}/{calendar} are known for {days} days only: {mend}", err=True)


@app.command("explain")
def explain(
    text: Annotated[str, typer.Option(help="What the customer says; - reads standard input.")],
    pack: Annotated[str, typer.Option(help="Which pack.")] = "retail",
    folder: Annotated[Path, typer.Option("--dir", help="Folder with one sub-folder per pack.")] = DEFAULT_FOLDER,
    title: Annotated[str, typer.Option(help="Title, if any.")] = "",
    category: Annotated[str | None, typer.Option(help="Category chosen on the form.")] = None,
    channel: Annotated[str, typer.Option(help="web, phone or store.")] = "web",
    language: Annotated[str, typer.Option(help="zh or en; the language of the answer.")] = "en",
    store: Annotated[str | None, typer.Option(help="Shop, if one is named: its id, or words.")] = None,
    order: Annotated[bool, typer.Option("--order", help="An order number was given.")] = False,
    about: Annotated[str | None, typer.Option(help="Department whose staff it is about.")] = None,
    repeat: Annotated[bool, typer.Option("--repeat", help="Reported before.")] = False,
    as_json: Json = False,
) -> None:
    """Show who would own a complaint, how urgent it is, by when it is answered, and why."""
    from services.router.domain.routing import Facts, decide

    chosen = _choose(_load(folder), pack)
    _one_of("--channel", channel, ("web", "phone", "store"))
    _one_of("--language", language, ("zh", "en"))
    if category is not None:
        _one_of("--category", category, [known.id for known in chosen.routing.categories])
    facts = Facts(
        channel=channel,  # type: ignore[arg-type]  # checked above
        language=language,  # type: ignore[arg-type]
        text=typer.get_text_stream("stdin").read() if text == "-" else text,
        title=title,
        category=category,
        store_id=store,
        has_order=order,
        about_department=about,
        repeat=repeat,
    )
    decision = decide(facts, chosen.routing)
    typer.echo(
        json.dumps(_as_json(decision, facts, chosen), ensure_ascii=False) if as_json else _page(decision, facts, chosen)
    )


def _load(folder: Path) -> Packs:
    from shared.policies import PolicyError, load_packs

    try:
        return load_packs(folder)
    except PolicyError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        count = len(error.problems)
        typer.echo(f"refused: {count} problem{'s' if count > 1 else ''}; nothing of this folder is used", err=True)
        raise typer.Exit(1) from None


def _choose(packs: Packs, name: str) -> Pack:
    _one_of("--pack", name, list(packs.by_name))
    return packs[name]


def _one_of(option: str, value: str, known: tuple[str, ...] | list[str]) -> None:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is none of: {', '.join(known)}", param_hint=option)


def _as_json(decision: Decision, facts: Facts, pack: Pack) -> dict[str, object]:
    policy = pack.sla.choose(priority=decision.priority, category=decision.category, channel=facts.channel)
    return {
        "department": decision.department,
        "rule": decision.rule,
        "because": decision.because.model_dump(),
        "why": [_reason(reason) for reason in decision.why],
        "priority": decision.priority,
        "points": decision.points,
        "priority_reasons": [_reason(reason) for reason in decision.priority_reasons],
        "category": decision.category,
        "store": _store(facts, pack),
        "sla_policy": policy.id,
        "policy_version": decision.policy_version,
        "not_counted": [one._asdict() for one in _set_aside(facts, pack)],
    }


def _store(facts: Facts, pack: Pack) -> dict[str, object] | None:
    """The shop that was named; without a name where the pack has no such id, so that only `store: true` sees it."""
    if facts.store_id is None:
        return None
    store = pack.stores.get(facts.store_id)
    return {"id": facts.store_id, "name": store.name.model_dump() if store else None}


def _set_aside(facts: Facts, pack: Pack) -> list[SetAside]:
    """The policy's words that stand in the text and mean something else there, or are denied."""
    return pack.routing.set_aside(f"{facts.title}\n{facts.text}")


def _reason(reason: Reason) -> dict[str, object]:
    return {"code": reason.code, **reason.text.model_dump(), "found": list(reason.found), "points": reason.points}


def _page(decision: Decision, facts: Facts, pack: Pack) -> str:
    speak = facts.language
    policy = pack.sla.choose(priority=decision.priority, category=decision.category, channel=facts.channel)
    department = pack.departments[decision.department]
    lines = [f"owner     {department.id}  {department.name.in_(speak)}"]
    lines += [f"  because {reason.text.in_(speak)}{_words(reason)}" for reason in decision.why]
    lines.append(f"priority  {decision.priority}  ({decision.points} points)")
    lines += [
        f"  +{reason.points:<3}    {reason.text.in_(speak)}{_words(reason)}" for reason in decision.priority_reasons
    ]
    lines += [
        f"not heard {one.written}  ({'in ' + one.inside if one.inside else 'the text denies it'})"
        for one in _set_aside(facts, pack)
    ]
    lines.append(f"category  {decision.category or '-'}")
    lines += _store_line(facts, pack)
    journey = policy.clocks.journey
    lines.append(f"deadlines {policy.id}: answer within {journey.amount:g} {journey.kind.replace('_', ' ')}")
    lines.append(f"policy    {decision.policy_version}, rule {decision.rule}")
    return "\n".join(lines)


def _store_line(facts: Facts, pack: Pack) -> list[str]:
    from shared.policies.stores import store_told

    if facts.store_id is None:
        return []
    unknown = "  (not in stores.yaml: a shop is named, and no rule that names shops holds)"
    listed = not pack.stores or facts.store_id in pack.stores
    return [f"store     {store_told(pack.stores, facts.store_id, facts.language)}{'' if listed else unknown}"]


def _words(reason: Reason) -> str:
    points = f"; {reason.points} points" if reason.points else ""
    return f"  [{', '.join(reason.found)}{points}]" if reason.found else ""


_OWNED = """
SELECT pack, department, count(*)::int AS n, (array_agg(reference ORDER BY complaint_id DESC))[1:5] AS newest
FROM router.cases WHERE state <> 'closed' GROUP BY pack, department ORDER BY pack, department
"""


def _left_out(packs: Packs) -> list[str]:
    """A line per department that owns open cases of the running stack and is not in the packs; none where nothing runs."""
    import asyncio

    from deploy.database import operator_connection
    from deploy.endpoints import endpoints_file, load_endpoints
    from deploy.stack.errors import StackError

    if not endpoints_file().exists():
        return []

    async def owned() -> list[tuple[str, str, int, list[str]]]:
        async with operator_connection(load_endpoints().dsn) as connection:
            return [tuple(row) for row in await connection.fetch(_OWNED)]

    try:
        rows = asyncio.run(owned())
    except StackError:
        return []  # nothing answers: the files alone are judged
    known = {department.id for department in packs.departments}
    return [
        f"{pack}/departments.yaml:1: department {department} is left out and has {n} open case{'s' if n > 1 else ''}: "
        f"{', '.join(newest)}{' …' if n > len(newest) else ''} (put it back until they are handed over or closed)"
        for pack, department, n, newest in rows
        if department not in known
    ]
