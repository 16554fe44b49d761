"""`python -m deploy.docs` writes the documents; `--check` only tells what is out of date (exit 1)."""

import json
import sys

from deploy.docs.events import event_schemas
from deploy.docs.golden import write_missing
from deploy.docs.growth import write_spans
from deploy.docs.write import ROOT, stale, write


def main() -> int:
    """Run; answers the exit code."""
    if "--check" in sys.argv[1:]:
        old = stale()
        for path in old:
            print(f"docs/contracts/{path} is out of date: run `make docs` and commit the result", file=sys.stderr)
        return 1 if old else 0
    contract_tests = ROOT / "tests" / "contract"
    changed = [*write(), *write_missing(contract_tests / "golden")]
    changed += write_spans(ROOT / "docs" / "runbook.md")
    for kind, schema in event_schemas().items():
        first = contract_tests / "released" / f"{kind}.json"
        if not first.exists():
            first.parent.mkdir(parents=True, exist_ok=True)
            first.write_text(json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")
            changed.append(first)
    print(f"{len(changed)} documents written" if changed else "documents are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
