"""Clients as they come: what they send by themselves files a complaint, once and whole."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.stack.java import find_java
from tests.integration.intake.conftest import BODY, add_clients, settings_for
from tests.integration.intake.process import IntakeProcess
from tests.support.stack import Database, Servers, run

KEY = "k" * 40
TEXT = json.dumps(BODY, ensure_ascii=False)

JAVA = """
import java.net.URI;
import java.net.http.*;
import java.util.UUID;

class File {
    public static void main(String[] told) throws Exception {
        var client = HttpClient.newHttpClient();
        for (int n = 0; n < 3; n++) {
            var body = n < 2 ? HttpRequest.BodyPublishers.ofString(told[2])
                : HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(told[2].getBytes(
                    java.nio.charset.StandardCharsets.UTF_8)));
            var request = HttpRequest.newBuilder(URI.create(told[0] + "/v1/complaints"))
                .header("Authorization", "Bearer " + told[1]).header("Content-Type", "application/json")
                .header("Idempotency-Key", UUID.randomUUID().toString()).POST(body).build();
            var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
"""


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Database]:
    made = servers.create_database("intake")
    run(add_clients(made, tester={"key": KEY, "channel": "web"}))
    yield made
    servers.drop_database(made)


@pytest.fixture(scope="module")
def url(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("intake")
    settings_for(database, folder)
    process = IntakeProcess(database, folder)
    process.start()
    yield process.url
    process.stop()


def filed(database: Database) -> int:
    return int(database.fetch("SELECT count(*) AS n FROM intake.complaint WHERE body = $1", BODY["text"])[0]["n"])


def test_javas_stock_client_files_complaints(url: str, database: Database, tmp_path: Path):
    source = tmp_path / "File.java"
    source.write_text(JAVA, "utf-8")
    before = filed(database)
    done = subprocess.run(
        [str(find_java().path), "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", str(source), url, KEY, json.dumps(BODY)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert [line[:3] for line in done.stdout.splitlines()] == ["201", "201", "201"], done.stdout + done.stderr
    assert filed(database) - before == 3


@pytest.mark.parametrize("options", [("--http2",), ("--http1.1",), ("-H", "Transfer-Encoding: chunked", "--http2")])
def test_curl_files_complaints(url: str, database: Database, options: tuple[str, ...]):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here")
    before = filed(database)
    done = subprocess.run(
        [curl, "-sS", *options, f"{url}/v1/complaints", "-H", f"Authorization: Bearer {KEY}",
         "-H", f"Idempotency-Key: {uuid4()}", "-H", "Content-Type: application/json", "--data-binary", "@-",
         "-w", "\n%{http_code}"],
        input=TEXT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("\n201"), done.stdout + done.stderr
    assert filed(database) - before == 1


@pytest.mark.parametrize("upgrade", [True, False], ids=["with h2c", "plain"])
def test_a_client_that_writes_in_pieces_files_complaints(url: str, database: Database, upgrade: bool):
    """Ktor and Netty write the head, then the body, then go on with the same connection."""
    host, port = url.removeprefix("http://").split(":")
    before = filed(database)
    raw = TEXT.encode()
    asks = (
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n" if upgrade else ""
    )
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):
            head = (
                f"POST /v1/complaints HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n{asks}"
                f"Idempotency-Key: {uuid4()}\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
            ).encode()
            for piece in (head[:60], head[60:], raw[:33], raw[33:]):
                line.sendall(piece)
            answer = http.client.HTTPResponse(line)
            answer.begin()
            assert answer.status == 201, answer.read()
            answer.read()
    assert filed(database) - before == 2
