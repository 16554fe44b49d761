"""What the demo leaves behind: numbers, and addresses worth looking at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deploy.endpoints import Endpoints
from deploy.play.demo import Played
from deploy.play.scene import Scene

_WORTH_A_LOOK = {
    "retail-pump-3": "the pump nobody owned: promise, apology, one owner",
    "retail-yogurt-1": "question, answer, promised call",
    "retail-vanilla-2": "an absurd report that was a defect; settled by a call-back and rated",
    "retail-voucher-en": "not settled: reopened at the second stage",
    "retail-afternoon-1": "a promise that slipped and was renewed in time",
    "retail-owners-3": "the complaints office decided who owns it",
    "bank-fr-zh-scam": "urgent: money still leaving",
}
_SHORT = {"in_progress": "working", "waiting_for_customer": "waiting", "resolution_proposed": "proposed"}


def view(played: Played, endpoints: Endpoints) -> RenderableType:
    """The summary."""
    lines: list[RenderableType] = []
    if played.scenes:
        lines += [_states(played.scenes), Text(""), _looks(played, endpoints), Text("")]
        ended = [scene for scene in played.scenes if scene.ended]
        if ended:
            lines.append(Text(f"{len(ended)} scripts ended early:", style="yellow"))
            lines += [
                Text(f"  {scene.reference} {scene.example.id}: {escape(scene.ended or '')}") for scene in ended[:10]
            ]
        before = sum(scene.left_alone for scene in played.scenes)
        if before:
            lines.append(Text(f"{before} cases had been worked on before and were left alone"))
    lines.append(_addresses(endpoints))
    return Group(*lines)


def _states(scenes: Sequence[Scene]) -> RenderableType:
    states = sorted({scene.state for scene in scenes})
    counts = Counter((scene.department, scene.state) for scene in scenes)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("owner", no_wrap=True)
    for state in states:
        table.add_column(_SHORT.get(state, state), justify="right")
    for department in sorted({scene.department for scene in scenes}):
        table.add_row(department, *(str(counts[department, state] or "") for state in states))
    return table


def _looks(played: Played, endpoints: Endpoints) -> RenderableType:
    lines: list[RenderableType] = [Text("worth a look", style="bold")]
    for scene in played.scenes:
        why = _WORTH_A_LOOK.get(scene.example.id)
        if why:
            lines += [
                Text(f"  {why}"),
                Text(f"    desk  {endpoints.router}/desk/cases/{scene.reference}", style="dim"),
                Text(f"    page  {scene.receipt['progress_url']}", style="dim"),
            ]
    return Group(*lines)


def _addresses(endpoints: Endpoints) -> RenderableType:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = [
        ("desk", f"{endpoints.router}/desk", "queues; sign-ins are printed by `make up`"),
        ("board", f"{endpoints.sla}/board", "what is late or at risk"),
        ("mail", endpoints.mail, "every message that was sent"),
        ("traces", endpoints.traces, "one trace per complaint"),
    ]
    for name, address, what in rows:
        if address:  # a part that is switched off has none
            table.add_row(name, address, what)
    return table
