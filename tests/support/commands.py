"""`redress …` as an operator types it, in a home of its own."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.stack import environment_without_servers


def settle_in(home: Path, postgres: str) -> None:
    """Make a home whose servers are nobody's, but for Postgres."""
    told = dict.fromkeys(("intake", "router", "sla", "notifier"), "http://127.0.0.1:9")
    (home / "endpoints.json").write_text(json.dumps(told | {"kafka": "", "postgres": postgres}), "utf-8")


def redress(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a home; `more` is added to its environment."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        env=environment_without_servers() | {"REDRESS_HOME": str(home)} | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
