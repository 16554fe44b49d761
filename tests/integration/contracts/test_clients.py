"""Clients that stock generators make from our OpenAPI documents build, and one of each language files a complaint."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.stack.fetch import cache_of
from deploy.stack.settings import StackSettings
from shared.runtime.bootstrap import SERVICES
from tests.integration.intake.conftest import add_clients, settings_for
from tests.integration.intake.process import IntakeProcess
from tests.support.stack import Servers, run
from tests.support.tools import TOOLS, call, node_modules, program, python_packages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first run on a machine installs and compiles libraries

DOCUMENTS = Path(__file__).parents[3] / "docs" / "contracts" / "openapi"
PROGRAMS = TOOLS / "clients"
KEY = "c" * 40
SAID = re.compile(r"R-\w{4}-\w{4} urn:redress:problem:invalid blank\n")
_WITHOUT = '{apiTests: "false", modelTests: "false", apiDocs: "false", modelDocs: "false"}'
_OPTIONS = {
    "java": "invokerPackage: redress.%s, apiPackage: redress.%s.api, modelPackage: redress.%s.model",
    "go": "packageName: %s, withGoMod: false",
    "typescript-fetch": "importFileExtension: .js",
}
_LIBRARY = {"java": "library: native\n", "go": "", "typescript-fetch": ""}


@pytest.fixture(scope="module")
def intake(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an intake with a channel client whose key is `KEY`."""
    folder = tmp_path_factory.mktemp("intake")
    database = servers.create_database("intake")
    run(add_clients(database, tester={"key": KEY, "channel": "web"}))
    settings_for(database, folder)
    process = IntakeProcess(database, folder)
    process.start()
    yield process.url
    process.stop()
    servers.drop_database(database)


@pytest.fixture(scope="module")
def jars() -> list[str]:
    return [str(jar) for jar in cache_of(StackSettings()).fetch("clients")]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory, jars: list[str]) -> Path:
    """`LANGUAGE/SERVICE` of every language that openapi-generator writes, made by one start of it."""
    folder = tmp_path_factory.mktemp("clients")
    for generator, options in _OPTIONS.items():
        for service in SERVICES:
            filled = options.replace("%s", service)
            (folder / f"{generator}-{service}.yaml").write_text(
                f"generatorName: {generator}\n{_LIBRARY[generator]}"
                f"inputSpec: {DOCUMENTS / f'{service}.json'}\noutputDir: {folder / generator / service}\n"
                f"globalProperties: {_WITHOUT}\nadditionalProperties: {{hideGenerationTimestamp: true, {filled}}}\n"
            )
    java = program("java", "install Java 17 or newer")
    call([java, "-jar", jars[0], "batch", "--threads", "2", "--fail-fast", *map(str, folder.glob("*.yaml"))], folder)
    return folder


def test_java_builds_and_files(generated: Path, jars: list[str], intake: str) -> None:
    javac, java = (program(name, "install a JDK, 17 or newer") for name in ("javac", "java"))
    classes, path = generated / "classes", ":".join(jars[1:])
    sources = [
        str(source) for service in SERVICES for source in (generated / "java" / service / "src/main").rglob("*.java")
    ]
    call([javac, "-nowarn", "-proc:none", "-d", str(classes), "-cp", path, *sources,
          str(PROGRAMS / "FileComplaint.java")], generated)  # fmt: skip
    assert SAID.fullmatch(call([java, "-cp", f"{classes}:{path}", "FileComplaint", intake, KEY], generated))


def test_go_builds_and_files(generated: Path, intake: str) -> None:
    go = program("go", "install Go 1.22 or newer")
    folder = generated / "go"
    (folder / "go.mod").write_text("module redress\n\ngo 1.22\n")
    (folder / "main.go").write_text((PROGRAMS / "main.go").read_text("utf-8"))
    built = {"GOCACHE": str(StackSettings().cache / "tools" / "go"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    call([go, "build", "-o", "file", "."], folder, seconds=600, environment=built)
    call([go, "build", *(f"./{service}" for service in SERVICES)], folder, environment=built)
    said = call([str(folder / "file"), intake, KEY, str(uuid4()), str(uuid4())], folder)
    assert SAID.fullmatch(said)


def test_typescript_builds_and_files(generated: Path, intake: str) -> None:
    node = program("node", "install Node.js 20 or newer")
    folder = generated / "typescript-fetch"
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "file.ts").write_text((PROGRAMS / "file.ts").read_text("utf-8"))
    strict = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--outDir", "built"]
    sources = ["file.ts", *(f"{service}/index.ts" for service in SERVICES)]
    call([node, str(node_modules() / "typescript/bin/tsc"), *strict, *sources], folder)
    assert SAID.fullmatch(call([node, "built/file.js", intake, KEY], folder))


def test_openapi_python_client_drops_nothing_and_files(tmp_path: Path, intake: str) -> None:
    packages = {"PYTHONPATH": f"{python_packages()}:{tmp_path}"}
    (tmp_path / "settings.yaml").write_text("post_hooks: []\n")
    for service in SERVICES:
        call([sys.executable, "-m", "openapi_python_client", "generate", "--path", str(DOCUMENTS / f"{service}.json"),
              "--meta", "none", "--output-path", str(tmp_path / f"{service}_client"), "--config",
              str(tmp_path / "settings.yaml"), "--fail-on-warning"], tmp_path, environment=packages)  # fmt: skip
        call([sys.executable, "-m", "compileall", "-q", f"{service}_client"], tmp_path)
    assert SAID.fullmatch(
        call([sys.executable, str(PROGRAMS / "file.py"), intake, KEY], tmp_path, environment=packages)
    )
