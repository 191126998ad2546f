"""Requests a second of an application that writes five records for each: `python benches/throughput.py`.

uvicorn with one process, wrk with 32 connections; needs wrk and python-json-logger. The modes take turns;
ratios within one run are what counts.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from modes import set_up

MODES = ("off", "null", "file+json", "queue+json", "handler", "install")
ROUNDS = 3


log = logging.getLogger("bench")


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    for step in range(5):
        log.info("m", extra={"user": 42, "path": "/x/y", "ms": 1.5, "ok": True, "step": step})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def measure(mode: str) -> float:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = ["--port", str(port), "--no-access-log", "--log-level", "critical", "--lifespan", "off"]
    command = [sys.executable, "-m", "uvicorn", "throughput:app", *options]
    directory = os.path.dirname(os.path.abspath(__file__))
    with (
        tempfile.TemporaryDirectory() as logs,
        subprocess.Popen(
            command, env={**os.environ, "MODE": mode, "LOG": f"{logs}/log"}, cwd=directory
        ) as server,
    ):
        url = f"http://127.0.0.1:{port}/"
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        load = ["wrk", "-t1", "-c32", "-d4s", url]
        output = subprocess.run(load, capture_output=True, text=True, check=True).stdout
        server.terminate()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


if __name__ == "__main__":
    rates = {mode: [] for mode in MODES}
    for _ in range(ROUNDS):
        for mode in MODES:
            rates[mode].append(measure(mode))
    for mode, values in rates.items():
        print(f"{mode:12}{statistics.median(values):10.0f} requests/s")
elif "MODE" in os.environ:
    set_up(os.environ["MODE"], os.environ["LOG"])
