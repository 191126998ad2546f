"""What a log call with five extra fields costs its caller: `python benches/call.py`.

Each row is a process of its own; ratios within one run are what counts. Needs python-json-logger.
"""

from __future__ import annotations

import gc
import logging
import logging.handlers
import queue
import subprocess
import sys
import tempfile
import time
from pathlib import Path


CALLS = 50_000
ROWS = ("empty", "disabled", "null", "file+json", "queue+json", "handler", "logger", "keywords")


def measure(row: str) -> None:
    path = Path(tempfile.mkdtemp()) / "log"
    log = logging.getLogger("bench.app")
    logging.root.setLevel(logging.ERROR if row == "disabled" else logging.INFO)
    if row == "null":
        logging.root.addHandler(logging.NullHandler())
    elif row.endswith("json"):
        from pythonjsonlogger.json import JsonFormatter

        file = logging.FileHandler(path)
        file.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        if row.startswith("file"):
            logging.root.addHandler(file)
        else:
            records: queue.Queue[logging.LogRecord] = queue.Queue()
            logging.root.addHandler(logging.handlers.QueueHandler(records))
            logging.handlers.QueueListener(records, file).start()
    elif row == "handler":
        import offloop

        logging.root.addHandler(offloop.Handler(path))
    elif row in ("logger", "keywords"):
        import offloop

        offloop.install(path)
    call = calls(row, log)
    call(2000)
    gc.disable()
    times = sorted(call(CALLS))
    shares = [times[int(CALLS * share)] / 1000 for share in (0.5, 0.9, 0.99, 0.999)]
    print(f"{row:12}" + "".join(f"{value:9.2f}" for value in shares) + f"{times[-1] / 1000:9.0f}")


def calls(row: str, log: logging.Logger):
    now = time.perf_counter_ns

    def empty(_: str, extra: object) -> None:
        pass

    def standard(count: int) -> list[int]:
        info = empty if row == "empty" else log.info
        times = []
        for _ in range(count):
            began = now()
            info("m", extra={"user": 42, "path": "/x/y", "ms": 1.5, "ok": True, "plan": "gold"})
            times.append(now() - began)
        return times

    def keywords(count: int) -> list[int]:
        import offloop

        info = offloop.get_logger("bench.app").info
        times = []
        for _ in range(count):
            began = now()
            info("m", user=42, path="/x/y", ms=1.5, ok=True, plan="gold")
            times.append(now() - began)
        return times

    return keywords if row == "keywords" else standard


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(sys.argv[1])
        sys.exit()
    print(f"{'us':12}{'p50':>9}{'p90':>9}{'p99':>9}{'p99.9':>9}{'max':>9}")
    for name in ROWS:
        subprocess.run([sys.executable, __file__, name], check=False)
