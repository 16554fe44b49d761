"""`python -m services.sla [serve|migrate|openapi]`."""

import sys

from services.sla.app import build
from services.sla.settings import Settings
from shared.runtime.entry import main

if __name__ == "__main__":
    sys.exit(main("sla", Settings, build))
