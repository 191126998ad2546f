"""A reader that stops for 3 s under load: nobody waits, nothing is lost."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import httpx

STALL_S = 3.0


def test_a_reader_that_stops_holds_up_nobody_and_loses_nothing(
    serve: Any, tmp_path: Path
) -> None:
    fifo = tmp_path / "log.fifo"
    os.mkfifo(fifo)
    lines: list[bytes] = []
    may_read = threading.Event()
    may_read.set()

    def read() -> None:
        rest = b""
        with open(fifo, "rb", buffering=0) as reader:
            while data := reader.read(65536):
                *whole, rest = (rest + data).split(b"\n")
                lines.extend(whole)
                may_read.wait()

    reader = threading.Thread(target=read)
    reader.start()
    server = serve("uvicorn", "stall_app:app", "--port", "{port}", OFFLOOP_TEST_LOG=str(fifo))
    worst = 0.0
    answered = 0
    with httpx.Client() as client:
        for path in ("/sync", "/async"):
            client.get(server.url(path))
        # The pipe's own 64 KiB are full soon.
        may_read.clear()
        end = time.monotonic() + STALL_S
        while time.monotonic() < end:
            for path in ("/sync", "/async"):
                began = time.perf_counter()
                assert client.get(server.url(path)).status_code == 200
                worst = max(worst, time.perf_counter() - began)
                answered += 1
        drift_ms = client.get(server.url("/drift")).json()
        lost = client.get(server.url("/lost")).json()
    may_read.set()
    server.stop()
    reader.join(60)
    steps = [json.loads(line) for line in lines]
    steps = [line for line in steps if line["target"] == "stall"]
    assert len(steps) == 5 * (answered + 2) and lost == 0
    # Each would be as long as the stall if anybody waited.
    assert worst < STALL_S / 2 and drift_ms < 1000 * STALL_S / 2, (worst, drift_ms)
    assert "Traceback" not in server.output.read_text()
