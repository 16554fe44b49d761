"""A notifier's pipeline in a process of its own that kills itself (SIGKILL) at a named crash point."""

import asyncio
import os
import signal
import sys

from services.notifier.app import build
from services.notifier.settings import Settings


def main(point: str) -> None:
    def reached(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        service = build(Settings(), reached)
        await service._tasks["pipeline"](asyncio.Event())

    asyncio.run(run())


if __name__ == "__main__":
    main(sys.argv[1])
