"""Runs the external auditor on a test's world."""

import json
import subprocess
import sys

from tests.support.world import World


def violations(world: World, *markers: str, wait: int = 45) -> list[dict[str, object]]:
    """What `redress audit` finds; it polls until the system is quiet or the time is over."""
    command = [sys.executable, "-m", "deploy.cli.main", "audit", "--json", "--wait", str(wait)]
    command += ["--client-log", str(world.write_client_log())]
    for marker in markers:
        command += ["--marker", marker]
    world.endpoints()
    done = subprocess.run(
        command,
        env={**world.spec("intake").env, "REDRESS_HOME": str(world.home)},
        cwd=world.spec("intake").cwd,
        capture_output=True,
        text=True,
        timeout=wait + 120,
        check=False,
    )
    assert done.returncode in {0, 1}, f"the auditor itself failed ({done.returncode})\n{done.stderr[-3000:]}"
    report = json.loads(done.stdout)
    assert report["checked"], "an audit that checked nothing proves nothing"
    assert report["ok"] == (done.returncode == 0) == (not report["violations"])
    return list(report["violations"])
