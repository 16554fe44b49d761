"""The `redress` command. A subcommand's module is imported when it is called, so that `--help` is quick.

To add a command: write `deploy/cli/<name>.py` with a function `command` or a Typer `app`, and add a line to `COMMANDS`.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from deploy.stack.errors import StackError


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of `redress --help`: where the command lives and what it does."""

    module: str
    does: str
    attribute: str = "command"


COMMANDS = {
    "up": Entry("deploy.cli.stack", "Start everything locally; changes nothing where it runs already.", "up"),
    "down": Entry("deploy.cli.stack", "Stop everything; complaints stay.", "down"),
    "status": Entry("deploy.cli.stack", "Show what runs, how often it was restarted, and why.", "status"),
    "logs": Entry("deploy.cli.logs", "Show the logs of one process or all."),
    "reset": Entry("deploy.cli.stack", "Stop everything and delete all state.", "reset"),
    "fetch": Entry("deploy.cli.stack", "Download what the local stack and the tests need.", "fetch"),
    "topics": Entry("deploy.cli.topics", "Show the topics, who writes and reads them, and what they hold.", "app"),
    "where": Entry("deploy.cli.where", "Show one complaint: owner, why, clocks, notices."),
    "audit": Entry("deploy.cli.audit", "Check every promise against schemas, topics and mailbox."),
    "channels": Entry("deploy.cli.channels", "Manage the clients that file complaints, and their keys.", "app"),
    "staff": Entry("deploy.cli.staff", "List, add, disable and reset who may sign in.", "app"),
    "security-log": Entry(
        "deploy.cli.security_log", "Show who signed in, saw, exported, was refused and changed staff."
    ),
    "keys": Entry("deploy.cli.keys", "List the master keys, and wrap persons' keys by the current one.", "app"),
    "dead-letters": Entry("deploy.cli.dead_letters", "List, show and replay what could not be processed.", "app"),
    "suppressions": Entry(
        "deploy.cli.suppressions", "List mailboxes that are not written to; write to one again.", "app"
    ),
    "erase": Entry("deploy.cli.erase", "Erase a person; without --yes, tell what would go."),
    "export-person": Entry("deploy.cli.export_person", "Write what is held of a person, as JSON and PDF."),
    "hold": Entry("deploy.cli.hold", "Keep the person of a complaint from being erased; list and lift holds."),
    "skip": Entry("deploy.cli.skip", "Let readers pass a record that stops them."),
    "recover": Entry("deploy.cli.recover", "Mend what a lost log, a deleted topic or a restored database left behind."),
    "policies": Entry("deploy.cli.policies", "Check policy packs and explain a decision.", "app"),
    "play": Entry("deploy.cli.play", "Play a file of complaints through the channels."),
    "demo": Entry("deploy.cli.demo", "Play the examples through the three channels and work them."),
    "bench": Entry("deploy.cli.bench", "Measure complaints per second against the floor."),
}


class _LazyGroup(TyperGroup):
    """Lists commands from the table; imports one when it is to run."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return [name for name, entry in COMMANDS.items() if _exists(entry)]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]
        """What help shows of a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None or not _exists(entry):
            return None
        return TyperCommand(name=cmd_name, help=entry.does, callback=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is to run, for real."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is None or command is None:
            return name, command, rest
        return name, load(name, COMMANDS[name]), rest


def load(name: str, entry: Entry) -> TyperCommand:
    """Import a command's module and make the command."""
    found = getattr(importlib.import_module(entry.module), entry.attribute)
    if isinstance(found, typer.Typer):
        app = found
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(help=found.__doc__ or entry.does)(found)
    command = typer.main.get_command(app)
    command.name = name
    return command  # type: ignore[return-value]


def _exists(entry: Entry) -> bool:
    return importlib.util.find_spec(entry.module) is not None


app = typer.Typer(
    cls=_LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Redress: every complaint has one owner, a date, and an answer.",
)


@app.callback()
def _root() -> None:
    """Redress: every complaint has one owner, a date, and an answer."""


def main() -> None:
    """Run the command; what went wrong is one line on standard error."""
    # Python prints what libraries log when nobody listens; our own line says it better.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        app(prog_name="redress")
    except StackError as error:
        sys.stderr.write(f"redress: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("redress: interrupted\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(141) from None


if __name__ == "__main__":
    main()
