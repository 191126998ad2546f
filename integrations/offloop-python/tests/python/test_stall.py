"""A reader that stops for 3 s under load: nobody waits, nothing is lost."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from conftest import DEADLINE_S

#: Their records are many times what the pipe takes, and what its reader may have in hand.
REQUESTS = 400


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

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    server = serve("uvicorn", "stall_app:app", "--port", "{port}", OFFLOOP_TEST_LOG=str(fifo))
    with httpx.Client(timeout=DEADLINE_S) as client:
        for path in ("/sync", "/async"):
            client.get(server.url(path))
        # The pipe's own 64 KiB are full soon.
        may_read.clear()
        # Whoever waited for the reader would now do so for ever.
        began = time.monotonic()
        for _ in range(REQUESTS // 2):
            for path in ("/sync", "/async"):
                assert client.get(server.url(path)).status_code == 200
        took = time.monotonic() - began
        drift_ms = client.get(server.url("/drift")).json()
        lost = client.get(server.url("/lost")).json()
    may_read.set()
    server.stop()
    reader.join(DEADLINE_S)
    steps = [json.loads(line) for line in lines]
    steps = [line for line in steps if line["target"] == "stall"]
    assert len(steps) == 5 * (REQUESTS + 2) and lost == 0
    # Nor did they wait a little each time.
    assert took < DEADLINE_S and drift_ms < 1000 * DEADLINE_S / 2, (took, drift_ms)
    assert "Traceback" not in server.output.read_text()
