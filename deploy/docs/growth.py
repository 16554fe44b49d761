"""The runbook's table of what is kept how long, from `shared/runtime/kept.py`."""

from pathlib import Path

from shared.runtime.kept import TABLES

BEGIN = "<!-- spans: written by `make docs` -->"
END = "<!-- end of spans -->"


def table_of_spans() -> str:
    """One line per table, those that are pruned first."""
    lines = ["| table | kept | why |", "|---|---|---|"]
    for kept in sorted(TABLES, key=lambda kept: kept.days is None):
        span = "as long as the case or the installation" if kept.days is None else f"{kept.days} days"
        lines.append(f"| `{kept.name}` | {span} | {kept.why} |")
    return "\n".join(lines)


def write_spans(runbook: Path) -> list[Path]:
    """Bring the table in the runbook up to date; answers the file when it changed."""
    text = runbook.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    wanted = f"{head}{BEGIN}\n{table_of_spans()}\n{END}{tail}"
    if wanted == text:
        return []
    runbook.write_text(wanted, "utf-8")
    return [runbook]
