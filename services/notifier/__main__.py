"""`python -m services.notifier [serve|migrate|openapi]`."""

import sys

from services.notifier.app import build
from services.notifier.settings import Settings
from shared.runtime.entry import main

if __name__ == "__main__":
    sys.exit(main("notifier", Settings, build))
