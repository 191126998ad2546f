"""A reader of the log that stops for 3 s: how late is the event loop, and how long do requests take?

    python benches/stall.py [ROUNDS]

uvicorn with FastAPI, 200 requests/s (half of them to a `def` endpoint, half to an `async def`), 5
records for each, to a pipe whose reader stops. Latency counts from the moment at which a request was
to be sent. The modes take turns: those of one run are to be compared. Needs python-json-logger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from modes import set_up

MODES = ("off", "file+json", "queue+json", "handler", "install")
ROUNDS = 5
REQUESTS_A_SECOND = 200
CONNECTIONS = 16
LEAD_S = 1.0
STALL_S = 3.0


def application():
    from fastapi import FastAPI

    log = logging.getLogger("bench")
    worst_ms = 0.0

    async def measure() -> None:
        nonlocal worst_ms
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            worst_ms = max(worst_ms, (time.perf_counter() - before - 0.005) * 1000)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI):
        task = asyncio.create_task(measure())
        yield
        task.cancel()

    api = FastAPI(lifespan=lifespan)

    def log_five() -> None:
        for step in range(5):
            log.info("m", extra={"user": 42, "path": "/x/y", "ms": 1.5, "ok": True, "step": step})

    @api.get("/sync")
    def in_thread() -> str:
        log_five()
        return "ok"

    @api.get("/async")
    async def in_async() -> str:
        log_five()
        return "ok"

    @api.get("/drift")
    async def drift() -> float:
        """How late the loop was at most since this was asked last."""
        nonlocal worst_ms
        worst, worst_ms = worst_ms, 0.0
        return worst

    return api


class Reader(threading.Thread):
    """Counts the lines of a pipe, with a break."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self.may_read = threading.Event()
        self.may_read.set()
        self.is_over = False
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def run(self) -> None:
        while not self.is_over:
            if select.select([self._pipe], [], [], 0.05)[0]:
                self.may_read.wait()
                data = os.read(self._pipe, 1 << 16)
                self.count += data.count(b"\n")
                if not data:
                    time.sleep(0.01)


class Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def get(self, path: str) -> bytes:
        async with self._turn:
            self._writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            return await self._reader.readexactly(int(length))


async def load(port: int, reader: Reader) -> tuple[dict[str, list[float]], float]:
    """Latencies in ms by path, and how late the server's event loop was."""
    connections = [Connection(port) for _ in range(CONNECTIONS)]
    for connection in connections:
        await connection.open()
    latencies: dict[str, list[float]] = {"/sync": [], "/async": []}

    async def request(number: int, at: float, is_measured: bool) -> None:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        path = ("/sync", "/async")[number % 2]
        await connections[number % CONNECTIONS].get(path)
        if is_measured:
            latencies[path].append((time.perf_counter() - at) * 1000)

    async def run(seconds: float, is_measured: bool) -> None:
        began = time.perf_counter()
        count = int(seconds * REQUESTS_A_SECOND)
        times = (began + number / REQUESTS_A_SECOND for number in range(count))
        await asyncio.gather(*(request(n, at, is_measured) for n, at in enumerate(times)))

    await run(LEAD_S, is_measured=False)
    await connections[0].get("/drift")
    reader.may_read.clear()
    # The pipe is read again after the break, whether requests are through by then or not.
    asyncio.get_running_loop().call_later(STALL_S, reader.may_read.set)
    await run(STALL_S, is_measured=True)
    return latencies, float(await connections[0].get("/drift"))


def measure(mode: str, directory: Path) -> dict[str, float]:
    pipe = directory / "pipe"
    os.mkfifo(pipe)
    reader = Reader(pipe)
    reader.start()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = ["--port", str(port), "--no-access-log", "--log-level", "critical", "--factory"]
    command = [sys.executable, "-m", "uvicorn", "stall:application", *options]
    environment = {**os.environ, "MODE": mode, "LOG": str(pipe)}
    with subprocess.Popen(
        command, env=environment, cwd=Path(__file__).parent, stderr=subprocess.PIPE
    ) as server:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        latencies, drift_ms = asyncio.run(load(port, reader))
        reader.may_read.set()
        server.terminate()
        errors = server.stderr.read().count(b"\n")
    reader.is_over = True
    reader.join()
    emitted = 0 if mode == "off" else 5 * int((LEAD_S + STALL_S) * REQUESTS_A_SECOND)
    row = {"drift_max": drift_ms, "lost": emitted - reader.count, "stderr": errors}
    for path, times in latencies.items():
        times.sort()
        row[f"{path[1:]}_p50"] = times[len(times) // 2]
        row[f"{path[1:]}_p99"] = times[int(len(times) * 0.99)]
        row[f"{path[1:]}_max"] = times[-1]
    return row


def main() -> None:
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    rows: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    for _ in range(rounds):
        for mode in MODES:
            with tempfile.TemporaryDirectory() as directory:
                rows[mode].append(measure(mode, Path(directory)))
            print(mode, json.dumps({k: round(v, 1) for k, v in rows[mode][-1].items()}), flush=True)
    names = list(rows["off"][0])
    print(f"\n{'median, ms':12}" + "".join(f"{name:>11}" for name in names))
    for mode, values in rows.items():
        middle = [statistics.median(row[name] for row in values) for name in names]
        print(f"{mode:12}" + "".join(f"{value:11.1f}" for value in middle))


if __name__ == "__main__":
    main()
elif "MODE" in os.environ:
    set_up(os.environ["MODE"], os.environ["LOG"])
