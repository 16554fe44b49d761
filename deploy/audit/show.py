"""The report as people read it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deploy.audit.report import Report

PROMISES = {
    "I1": "answered 2xx: exists exactly once, same key same answer",
    "I2": "exactly one owner at any time",
    "I3": "one clock of a kind, the journey never restarts",
    "I4": "no event lost",
    "I5": "each cause takes effect once",
    "I6": "order kept, the newest state wins",
    "I7": "each deadline fires once and in time",
    "I8": "nothing fires when stopped, the time ledger sums up",
    "I9": "one message per cause, recipient and channel",
    "I10": "no message to whom must not be written to",
    "I11": "poison reaches the dead letters once, with its bytes",
    "I15": "private links are private",
    "I16": "of an erased person nothing is kept",
    "I17": "no personal data in what is carried on",
    "I19": "one connected trace",
    "I21": "nothing of the security log changed or removed",
}
_MOST = 50


def view(report: Report) -> RenderableType:
    """A line per promise, then what is broken."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", "promise", "looked at", "broken"):
        table.add_column(title, justify="right" if title in {"looked at", "broken"} else "left")
    for invariant, looked_at in report.checked.items():
        broken = report.counts[invariant]
        mark = (
            Text("✗", style="bold red") if broken else Text("✓", style="green") if looked_at else Text("–", style="dim")
        )
        table.add_row(mark, f"{invariant} {PROMISES[invariant]}", str(looked_at), str(broken) if broken else "")
    lines: list[RenderableType] = [table]
    for violation in report.violations[:_MOST]:
        about = f" {violation.complaint_id}" if violation.complaint_id else ""
        lines.append(Text(f"{violation.invariant}{about}: {escape(violation.what)}", style="red"))
    if len(report.violations) > _MOST:
        lines.append(Text(f"… and {len(report.violations) - _MOST} more", style="red"))
    lines += [Text(f"note: {note}", style="dim") for note in report.notes]
    lines.append(Text("Nothing is broken.", style="bold green") if report.ok else Text("Broken.", style="bold red"))
    return Group(*lines)
