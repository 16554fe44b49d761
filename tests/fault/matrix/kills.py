"""Random kills under load: any process at any instruction (I12)."""

from __future__ import annotations

import random
import time

from deploy.stack.services import NAMES
from tests.fault.matrix.load import all_told, load
from tests.fault.matrix.row import row
from tests.support.world import World

KILLS = 200
SEED = random.SystemRandom().randrange(1 << 32)


@row("kills", f"{KILLS} random SIGKILLs of services, broker and Postgres under load", seconds=330)
def random_kills(world: World) -> str:
    chosen = random.Random(SEED)
    counts: dict[str, int] = {}
    with load(world, rate=30, clients=6) as seen:
        for number in range(KILLS):
            time.sleep(chosen.uniform(0.2, 1.2))
            what = chosen.choice((*NAMES, *NAMES, *NAMES, "kafka", "postgres"))
            counts[what] = counts.get(what, 0) + 1
            if what == "kafka":
                world.broker.kill()
                world.broker.start()
            elif what == "postgres":
                server = world.servers.server
                server.kill()
                server.start()
            elif world.process(what).poll() is None:
                world.kill(what)
                world.launch(what)
            for name in NAMES:  # the supervisor's part: whatever has ended is started again
                if world.process(name).poll() is not None:
                    world.launch(name)
            if number % 50 == 49:
                world.revive()
    world.revive()
    all_told(world, seen, 180)
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f"{len(seen.accepted)} filed, all told; {told}; seed {SEED}"
