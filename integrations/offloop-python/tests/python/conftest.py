"""Programs and servers that log, run as what they are: processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"

#: What only a hang reaches.
DEADLINE_S = 60.0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a log file. A line that is none is an error."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for(condition: Any, what: str = "condition") -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {DEADLINE_S} s")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_program(text: str, directory: Path, *, check: bool = True, **options: Any) -> Any:
    """Runs a Python program to its end."""
    program = directory / "program.py"
    program.write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        **options,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


class Server:
    """A server in a process of its own."""

    def __init__(self, command: list[str], directory: Path, port: int, **environment: str) -> None:
        self.port = port
        self.output = directory / "output.txt"
        paths = [str(HERE / "apps"), str(EXAMPLES), *sys.path[1:2]]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        wait_for(self.is_up, f"{command[0]} to listen")

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        # Its workers, too.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)


def is_dead(pages: Path) -> bool:
    return not Path("/proc", pages.name.split("-")[0]).exists()


@pytest.fixture(autouse=True)
def pages(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where programs keep records that wait. Nothing is left there by those of a test unless it is
    about a kill.
    """
    directory = Path(f"/dev/shm/offloop-{os.geteuid()}")
    before = set(directory.glob("*.pages"))
    yield directory
    left = [path.name for path in set(directory.glob("*.pages")) - before if is_dead(path)]
    assert not left or request.node.get_closest_marker("kills"), left


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    servers: list[Server] = []

    def start(*command: str, **environment: str) -> Server:
        port = free_port()
        arguments = [argument.replace("{port}", str(port)) for argument in command]
        environment.setdefault("OFFLOOP_TEST_LOG", str(tmp_path / "app.jsonl"))
        server = Server(arguments, tmp_path, port, **environment)
        servers.append(server)
        return server

    yield start
    for server in servers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.stop()
        server.kill()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.jsonl"
