"""What `redress up` says when something is in the way: one line with the remedy, and a non-zero exit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.stack.ports import free_base
from deploy.stack.settings import CHECKOUT, load_settings
from tests.support.stack import environment_without_servers

Redress = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def redress(tmp_path: Path) -> Redress:
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        own = {"REDRESS_HOME": str(tmp_path / "state"), "REDRESS_PORT_BASE": str(free_base())}
        cache = {"REDRESS_CACHE": str(load_settings().cache)}
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli.main", *arguments],
            cwd=CHECKOUT,
            env={**environment_without_servers(), **cache, **own, **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    return run


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("redress: ")
    for word in words:
        assert word in lines[0]


def test_taken_port_names_the_port_the_holder_and_the_setting(redress: Redress) -> None:
    base = free_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 2))
        other.listen()
        done = redress("up", REDRESS_PORT_BASE=str(base))
    refused(done, f"Port {base + 2} (for router)", f"pid {os.getpid()}", "REDRESS_PORT_BASE")


def test_full_disk_names_the_folder_and_what_moves_it(redress: Redress, tmp_path: Path) -> None:
    done = redress("up", REDRESS_MIN_FREE_MB="999999999")
    refused(done, str(tmp_path / "state"), "999999999 MB are needed", "REDRESS_HOME")


def test_refused_download_names_the_file_and_the_mirror_setting(redress: Redress, tmp_path: Path) -> None:
    done = redress("up", REDRESS_CACHE=str(tmp_path / "cache"), REDRESS_MAVEN_URL="http://127.0.0.1:9/maven")
    refused(done, "Cannot download ", ".jar", "REDRESS_MAVEN_URL")
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_unsuitable_java_is_named(redress: Redress, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    refused(redress("up", REDRESS_JAVA=str(java)), str(java), "is not a Java 17 or newer", "KAFKA_BOOTSTRAP_SERVERS")


def test_state_of_another_version_is_left_alone(redress: Redress, tmp_path: Path) -> None:
    home = tmp_path / "state"
    home.mkdir()
    (home / "VERSION").write_text('{"format": 0, "postgres": "16", "kafka": "3.9"}')
    refused(redress("up"), "written by another version (format 0, postgres 16, kafka 3.9", "make reset")


def test_state_of_another_user_is_left_alone(redress: Redress, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder that belongs to somebody else")
    home = tmp_path / "state"
    home.mkdir()
    os.chown(home, 12345, 12345)
    refused(redress("up"), "belongs to user 12345, this is root", "REDRESS_HOME")


def test_state_folder_that_cannot_be_made(redress: Redress, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(redress("up", REDRESS_HOME=str(tmp_path / "file" / "state")), "cannot be used", "REDRESS_HOME")


def test_wrong_setting_is_named(redress: Redress) -> None:
    refused(redress("up", REDRESS_PORT_BASE="eighty"), "REDRESS_PORT_BASE", "cannot be used")


def test_existing_servers_that_do_not_answer_are_named(redress: Redress) -> None:
    done = redress("up", DATABASE_URL="postgresql://a:secret@127.0.0.1:9/x", REDRESS_TRACES="0")
    try:
        refused(done, "Postgres at 127.0.0.1:9 does not let us in", "DATABASE_URL")
        assert "secret" not in done.stderr
    finally:
        redress("down")


def test_reset_without_a_terminal_asks_for_yes(redress: Redress, tmp_path: Path) -> None:
    (tmp_path / "state" / "keys").mkdir(parents=True)
    refused(redress("reset"), "redress reset --yes")
    assert redress("reset", "--yes").returncode == 0
    assert not (tmp_path / "state").exists()


def test_reset_leaves_a_folder_alone_that_is_not_ours(redress: Redress, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "diary.txt").write_text("mine")
    refused(redress("reset", "--yes"), "does not look like a state folder of ours")
    assert (tmp_path / "state" / "diary.txt").exists()


@pytest.mark.parametrize(("command", "code"), [("status", 1), ("logs", 1), ("topics", 1), ("audit", 2)])
def test_nothing_running_is_said_in_one_line(redress: Redress, command: str, code: int) -> None:
    done = redress(command)
    assert done.returncode == code
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
    assert "make up" in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["play", "demo"])
def test_a_stack_that_is_down_is_said_at_once(redress: Redress, tmp_path: Path, command: str) -> None:
    (tmp_path / "state").mkdir()
    url, dsn = f"http://127.0.0.1:{free_base()}", f"postgresql://redress:secret@127.0.0.1:{free_base()}/redress"
    known = {"kafka": "127.0.0.1:9", "postgres": dsn, "channel_keys": {"web": "rk_x", "phone": "rk_x", "store": "rk_x"}}
    services = dict.fromkeys(("intake", "router", "sla", "notifier"), url)
    (tmp_path / "state" / "endpoints.json").write_text(json.dumps(services | known))
    story = tmp_path / "story.jsonl"
    story.write_text(json.dumps({"channel": "web", "language": "en", "text": "The lamp flickers.", "customer": {}}))
    began = time.monotonic()
    done = redress(command, *([str(story)] if command == "play" else []))
    assert time.monotonic() - began < 15
    refused(done, f"Redress does not answer at {url}", "make up")


@pytest.mark.parametrize(
    "command",
    [
        ("play", "none.jsonl", "--pack", "zzz"),
        ("channels", "key", "--client", "c", "--channel", "web", "--pack", "zzz"),
    ],
)
def test_unknown_pack_is_refused_before_anything_is_made(
    redress: Redress, tmp_path: Path, command: tuple[str, ...]
) -> None:
    refused(redress(*command), "There is no policy pack 'zzz'. Use one of: bank, retail.")
    assert not (tmp_path / "state").exists()


def test_down_without_a_stack_is_no_error(redress: Redress) -> None:
    done = redress("down")
    assert (done.returncode, done.stdout.strip()) == (0, "Redress is not running.")
