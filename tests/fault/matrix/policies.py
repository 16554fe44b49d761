"""Row 51: policy files that break while everything runs, and a restart with them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.row import row
from tests.support.world import World, wait_for


@row("51", "broken policy file on reload, and every service restarted with it", seconds=40)
def broken_policies(world: World) -> str:
    folder = world.home / "policies"
    shutil.copytree(Path(__file__).parents[3] / "deploy" / "policies", folder)
    names = ("intake", "router", "sla", "notifier")

    def start_with_copy(name: str) -> None:
        spec = world.spec(name)
        world.adopt(name, replace(spec, env={**spec.env, "POLICIES_DIR": str(folder)}).spawn())

    try:
        for name in names:
            world.kill(name)
            start_with_copy(name)
        world.wait_ready()
        (folder / "retail" / "routing.yaml").write_text("rules: [ {", "utf-8")
        wait_for(lambda: not _policies_are_fresh(world), "the broken file is refused, loudly", 30)
        for name in names:
            world.kill(name)
            start_with_copy(name)
        world.wait_ready()
        with load(world, rate=10) as seen:
            wait_for(lambda: len(seen.accepted) >= 10, "complaints are accepted")
        all_told(world, seen, 60)
    finally:
        for name in names:
            world.kill(name)
            world.launch(name)
        world.wait_ready()
        shutil.rmtree(folder)
    return f"refused loudly; after a restart the last good ones are in force, {len(seen.accepted)} filed"


def _policies_are_fresh(world: World) -> bool:
    lines = world.http.get(f"{world.ops('router')}/metrics").text.splitlines()
    return any("config_last_reload_successful{" in line and line.endswith(" 1.0") for line in lines)
