"""What log calls cost the event loop's own thread while nobody reads the log: `python benches/stalled_call.py`.

Five records every 4 ms for 3 s, to a pipe whose reader stands still. Beside the time it is told how
often the thread waited for anything during the calls, and how many pages of memory it took anew: these
do not depend on what else the machine does, as the latencies of `stall.py` do.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time

from modes import set_up

MODES = ("null", "handler", "install")
STALL_S = 3.0
PAUSE_S = 0.004
WARM_UP = 100


def measure(mode: str) -> None:
    pipe = os.path.join(tempfile.mkdtemp(), "pipe")
    os.mkfifo(pipe)
    # Held open, and never read: it is full soon.
    os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    set_up(mode, pipe)
    log = logging.getLogger("bench")
    rows: list[tuple[int, int, int]] = []

    def log_five() -> None:
        before, began = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time_ns()
        for step in range(5):
            log.info("m", extra={"user": 42, "path": "/x/y", "ms": 1.5, "ok": True, "step": step})
        took, after = time.thread_time_ns() - began, resource.getrusage(resource.RUSAGE_THREAD)
        waits = after.ru_nvcsw - before.ru_nvcsw
        rows.append((took, waits, after.ru_minflt - before.ru_minflt))

    async def run() -> None:
        end = time.monotonic() + STALL_S
        while time.monotonic() < end:
            log_five()
            await asyncio.sleep(PAUSE_S)

    for _ in range(WARM_UP):
        log_five()
    rows.clear()
    asyncio.run(run())
    times = sorted(took / 1000 for took, _, _ in rows)
    shares = [times[int(len(times) * share)] for share in (0.5, 0.99)]
    waits, pages = (sum(row[place] for row in rows) for place in (1, 2))
    texts = "".join(f"{value:9.0f}" for value in (*shares, times[-1], waits, pages))
    print(f"{mode:12}{texts}", flush=True)
    # The sink would be waited for.
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(sys.argv[1])
    print(f"{'5 calls, us':12}{'p50':>9}{'p99':>9}{'max':>9}{'waits':>9}{'pages':>9}")
    for name in MODES:
        subprocess.run([sys.executable, __file__, name], check=True)
