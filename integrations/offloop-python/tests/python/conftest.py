"""Programs and servers that log, run as what they are: processes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"

#: What only a hang reaches.
DEADLINE_S = 60.0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a log file. A line that is none is an error; one that is being written, of which
    a reader may see a part, is waited for.
    """
    written = b""

    def is_whole() -> bool:
        nonlocal written
        with contextlib.suppress(FileNotFoundError):
            written = path.read_bytes()
        return not written or written.endswith(b"\n")

    wait_for(is_whole, f"the end of the last line of {path}")
    return [json.loads(line) for line in written.splitlines()]


def wait_for(condition: Any, what: str = "condition") -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {DEADLINE_S} s")


def free_port() -> int:
    """A port for a server that is told one. It is none of those that systems give to clients: one of
    these may have it before the server listens.
    """
    for port in random.sample(range(10_000, 30_000), 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


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

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url(path), timeout=DEADLINE_S, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(self.url(path), timeout=DEADLINE_S, **options)

    def connect(self, path: str, **options: Any) -> ClientConnection:
        """A connection for WebSocket."""
        url = self.url(path).replace("http", "ws", 1)
        return connect(url, open_timeout=DEADLINE_S, **options)

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
