"""The pipelines of the process: one for each set of settings, shared by all who ask for the same.

They live as long as the process. What waits at its end is written by an exit handler of the C
library, so also after the interpreter has gone; `_ends` sees to the ends that pass it by.
"""

from __future__ import annotations

import atexit
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from . import _ends
from ._offloop import Pipeline, end_in_flight

#: How long the end of the process, or a flush without a time-out, waits for what is not written yet.
PATIENCE_S = 5.0

#: The same for the end of a server.
_SERVER_PATIENCE_S = 2.0

_pipelines: dict[str, Pipeline] = {}
_lock = threading.Lock()
#: What was written when the latest flush without a time-out gave up: until that advances, others
#: need not wait for the same.
_given_up_at: dict[int, int] = {}
#: Whether the interpreter is coming down. The exit handler waits for the sinks, once for all.
_is_ending = False
#: How many servers run in this process, of those that tell when they begin and end.
_servers = 0


def pipeline_for(settings: dict[str, Any] | str) -> Pipeline:
    """The pipeline of these settings. The first of the process gets the records of requests, too,
    unless another is installed.
    """
    key = settings if isinstance(settings, str) else json.dumps(settings, sort_keys=True)
    with _lock:
        known = _pipelines.get(key)
        if known is None:
            start = Pipeline.load if isinstance(settings, str) else Pipeline
            known = start(key)
            if not _pipelines:
                known.take_requests()
                _ends.watch(shutdown)
            _pipelines[key] = known
    return known


def flush_one(pipeline: Pipeline, timeout: float | None = None) -> int:
    """Waits until all is written; says how many records are left."""
    if timeout is not None:
        return pipeline.flush(timeout)
    stats = pipeline.stats()
    if _is_ending or (stats["waiting"] and _given_up_at.get(id(pipeline)) == stats["written"]):
        # Waited for later, or nothing has moved since somebody waited in vain.
        return stats["waiting"]
    left = pipeline.flush(PATIENCE_S)
    if left:
        _given_up_at[id(pipeline)] = pipeline.stats()["written"]
    return left


def flush(timeout: float | None = None) -> int:
    """Waits until all that was logged before is written, `timeout` seconds at most (by default 5).

    Returns how many records are left.
    """
    left = _countdown(timeout)
    return sum(pipeline.flush(left()) for pipeline in list(_pipelines.values()))


def shutdown(timeout: float | None = None) -> int:
    """Prepares for an end of the process that nobody hears of, such as `os._exit`: writes all that was
    logged, and has each later log call write its record itself, so that it costs more.

    Waits `timeout` seconds at most (by default 5), and later calls wait no longer than that, all
    together: if they do, the process has not ended, and all goes on as before. Returns how many
    records are left; if there are any, nothing has changed.

    Called by itself where a server says that it is done, and at SIGTERM.
    """
    left = _countdown(timeout)
    return sum(pipeline.expect_end(left()) for pipeline in list(_pipelines.values()))


def _countdown(timeout: float | None) -> Callable[[], float]:
    """One deadline for all pipelines: tells how many seconds are left."""
    deadline = time.monotonic() + (PATIENCE_S if timeout is None else timeout)
    return lambda: max(0.0, deadline - time.monotonic())


def server_began() -> None:
    """A server begins to take requests."""
    global _servers
    _servers += 1
    for pipeline in list(_pipelines.values()):
        pipeline.go_on()


def server_ended() -> None:
    """A server has answered its last request, or has given up on it. It may say a last word, and end
    by a signal.
    """
    global _servers
    _servers = max(0, _servers - 1)
    if _servers == 0:
        end_in_flight()
        shutdown(_SERVER_PATIENCE_S)


def reopen() -> None:
    """Has all log files opened anew by their paths."""
    for pipeline in list(_pipelines.values()):
        pipeline.reopen()


def reload() -> None:
    """Reads the configuration files of the handlers that have one anew. What is refused raises, and
    changes nothing.

    A SIGHUP does the same where the file says `on_hangup = "reload"`, and a change of the file where it
    says `watch = true`.
    """
    for pipeline in list(_pipelines.values()):
        pipeline.reload()


def rotate() -> None:
    """Ends all log files, and begins new ones."""
    for pipeline in list(_pipelines.values()):
        pipeline.rotate()


def stats() -> dict[str, Any]:
    """What became of the records of this process, over all pipelines.

    `accepted` counts each record once; `written`, `filtered` (by a sink's own level), `waiting` and `lost`
    are sums over the sinks. `sinks` has the figures of each: what it accepted is the sum of the others.
    """
    names = ("accepted", "written", "filtered", "waiting", "lost")
    total: dict[str, Any] = {**dict.fromkeys(names, 0), "lost_by_reason": {}, "sinks": []}
    for pipeline in list(_pipelines.values()):
        own = pipeline.stats()
        for name in names:
            total[name] += own[name]
        total["sinks"] += own["sinks"]
        for reason, count in own["lost_by_reason"].items():
            reasons = total["lost_by_reason"]
            reasons[reason] = reasons.get(reason, 0) + count
    return total


# It runs before `logging.shutdown`, which was registered earlier.
@atexit.register
def _note_end() -> None:
    global _is_ending
    _is_ending = True
