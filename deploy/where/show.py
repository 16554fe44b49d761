"""Where a complaint is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deploy.endpoints import Endpoints
from deploy.where.lookup import Found


def page_of(found: Found, endpoints: Endpoints) -> RenderableType:
    """Owner and reason, clocks, notices, and the addresses to look further."""
    case = found.case
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts.add_row("complaint", Text(str(case["reference"]), style="bold"))
    facts.add_row("", str(case["complaint_id"]))
    facts.add_row("received", f"{_local(case['received_at'])} by {case['channel']}, pack {case['pack']}")
    facts.add_row("state", _state(found))
    facts.add_row("owner", Text(str(case["department"] or "nobody yet"), style="bold"))
    if found.why:
        facts.add_row("why", escape(f"{found.why} ({case['rule']})"))
    if case["offered_to"]:
        facts.add_row("transfer", f"offered to {case['offered_to']}")
    for reason in found.waits:
        facts.add_row("waits", Text(f"{reason.what} [{reason.reason}]"))
        facts.add_row("", Text(f"→ {reason.do}", style="dim"))
    lines: list[RenderableType] = [facts, Text("")]
    if found.clocks:
        lines.append(_clocks(found))
    if found.notices:
        lines += [Text(""), _notices(found)]
    lines += [Text(""), _addresses(found, endpoints)]
    return Group(*lines)


def _state(found: Found) -> str:
    case = found.case
    if case["state"] is None:
        return str(case["told_state"])
    since = f" since {_local(case['since'])}" if case["since"] else ""
    stage = f", stage {case['stage']}" if (case["stage"] or 1) > 1 else ""
    return f"{case['state']}{since}, priority {case['priority']}{stage}"


def _stuck(notice: Mapping[str, Any]) -> tuple[str, str]:
    """Why a notice did not leave, and when it is tried again."""
    return str(notice["reason"] or ""), _local(notice["next_at"]) if notice["next_at"] else ""


def _clocks(found: Found) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("clock", "due", "state", "ended"):
        table.add_column(title)
    for clock in found.clocks:
        due = _local(clock["due_at"]) if clock["due_at"] else "–"
        table.add_row(str(clock["kind"]), due, str(clock["state"]), str(clock["outcome"] or ""))
    return table


def _notices(found: Found) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("notice", "by", "state", "at", "why", "next try"):
        table.add_column(title)
    for notice in found.notices:
        plain = (str(notice[name]) for name in ("kind", "channel", "state"))
        table.add_row(*plain, _local(notice["at"]), *_stuck(notice))
    return table


def _addresses(found: Found, endpoints: Endpoints) -> RenderableType:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    reference = found.case["reference"]
    table.add_row("desk", f"{endpoints.router}/desk/cases/{reference}")
    table.add_row("clocks", f"{endpoints.sla}/cases/{reference}/clocks")
    if found.trace_id:
        table.add_row("trace", endpoints.trace_url(found.trace_id) or found.trace_id)
    return table


def _local(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M %Z")
