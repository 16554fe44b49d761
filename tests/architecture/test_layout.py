"""The shape of the code is a promise too: a newcomer can guess where a thing is."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("intake", "router", "sla", "notifier")
TRACKED = [
    Path(line)
    for line in subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if (ROOT / line).exists()
]
SOURCES = [p for p in TRACKED if p.parts[0] in {"shared", "services", "deploy"}]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_source_files_stay_small(path):
    assert len((ROOT / path).read_text("utf-8").splitlines()) <= 400


def test_no_file_has_a_name_that_says_nothing():
    vague = re.compile(r"(^|/)(utils?|helpers?|common|misc|base|manager)\.py$")
    assert [str(p) for p in TRACKED if vague.search(str(p))] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_parts(service):
    folder = ROOT / "services" / service
    for part in ("__init__.py", "__main__.py", "settings.py", "app.py", "queries.sql", "domain", "http", "migrations"):
        assert (folder / part).exists(), f"services/{service}/{part}"
    for part in ("handlers", "store"):
        assert (folder / part).is_dir() or (folder / f"{part}.py").exists(), f"services/{service}/{part}"


@pytest.mark.parametrize("path", [p for p in SOURCES if "domain" in p.parts], ids=str)
def test_the_domain_is_pure(path):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{path}:{node.lineno} is asynchronous"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            forbidden = {"datetime.now", "time.time", "uuid4", "uuid.uuid4", "open", "print", "new_id"}
            assert called not in forbidden, f"{path}:{node.lineno} calls {called}"
            assert not called.startswith(("random.", "secrets.", "os.")), f"{path}:{node.lineno} calls {called}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_it_owns_consumes_and_emits(service):
    from shared.events.topics import TOPICS, types_read_by

    told = importlib.import_module(f"services.{service}").__doc__ or ""
    for heading in ("Owns:", "Consumes:", "Emits:"):
        assert heading in told
    consumes = told.split("Consumes:")[1].split("Emits:")[0]
    emits = told.split("Emits:")[1]
    for kinds in types_read_by(service).values():
        for kind in kinds:
            assert kind.removesuffix(".v1") in consumes, f"{service} reads {kind}"
    own = next(t for t in TOPICS if t.writer == service)
    for event in own.events:
        assert str(event.model_fields["type"].default).removesuffix(".v1") in emits


def test_import_rules_hold():
    answer = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout[-3000:]


def test_only_this_distribution_provides_our_packages():
    import shared

    assert Path(shared.__file__ or "").resolve().is_relative_to(ROOT)
    for lock in (ROOT / "requirements").glob("*.txt"):
        names = {line.split("==")[0].strip().lower() for line in lock.read_text().splitlines() if "==" in line}
        assert not names & {"shared", "services", "deploy"}


def test_only_the_relay_publishes():
    senders = [
        str(path)
        for path in SOURCES
        if re.search(r"producer\.send|\.publish\(|send_and_wait", (ROOT / path).read_text("utf-8"))
        and path.parts[0] in {"services", "shared"}
    ]
    assert senders == ["shared/runtime/relay/sending.py"]


def test_nothing_names_a_registry_or_a_path_of_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    bad = re.compile(r"pypi\.org/simple|files\.pythonhosted|repo1?\.maven|registry\.npmjs|/root/|/work/main")
    named = []
    for name in tracked:
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".txt", ".in", ".toml", ".md", ".yaml", ".json", ".sql", ""}:
            text = path.read_text("utf-8", errors="ignore")
            if bad.search(text) and name != "tests/architecture/test_layout.py":
                named.append(name)
    assert named == []
