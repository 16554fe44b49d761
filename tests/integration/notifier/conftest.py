"""Puts this folder's own parts on the path; pytest imports tests one by one (importlib mode)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
