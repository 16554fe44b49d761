"""The policy packs that operators may name."""

from __future__ import annotations

from deploy.stack.errors import StackError
from deploy.stack.settings import load_settings


def check_pack(pack: str) -> None:
    """Refuse a pack that does not exist, before anything is made for it.

    Raises:
        StackError: the policies have no such pack; names those there are.
    """
    packs = sorted(path.parent.name for path in load_settings().policies_dir.glob("*/departments.yaml"))
    if packs and pack not in packs:
        raise StackError(f"There is no policy pack {pack!r}", f"Use one of: {', '.join(packs)}")
