"""The pipelines of the process: one for each set of settings, shared by all who ask for the same.

They live as long as the process. What waits at its end is written by an exit handler of the C
library, so also after the interpreter has gone; the ends that pass it by are seen to here.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from types import FrameType
from typing import Any

from ._offloop import Pipeline

#: How long the end of the process, or a flush without a time-out, waits for what is not written yet.
PATIENCE_S = 5.0

_pipelines: dict[str, Pipeline] = {}
_lock = threading.Lock()
#: What was written when the latest flush without a time-out gave up: until that advances, others
#: need not wait for the same.
_given_up_at: dict[int, int] = {}


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
            _pipelines[key] = known
            _watch_ends()
    return known


def flush_one(pipeline: Pipeline, timeout: float | None = None) -> int:
    """Waits until all is written; says how many records are left."""
    if timeout is not None:
        return pipeline.flush(timeout)
    stats = pipeline.stats()
    if stats["waiting"] and _given_up_at.get(id(pipeline)) == stats["written"]:
        # Nothing has moved since somebody waited in vain.
        return stats["waiting"]
    left = pipeline.flush(PATIENCE_S)
    if left:
        _given_up_at[id(pipeline)] = pipeline.stats()["written"]
    return left


def flush(timeout: float | None = None) -> int:
    """Waits until all that was logged before is written, `timeout` seconds at most (by default 5).

    Returns how many records are left.
    """
    return sum(flush_one(pipeline, timeout) for pipeline in list(_pipelines.values()))


def reopen() -> None:
    """Has all log files opened anew by their paths."""
    for pipeline in list(_pipelines.values()):
        pipeline.reopen()


def rotate() -> None:
    """Ends all log files, and begins new ones."""
    for pipeline in list(_pipelines.values()):
        pipeline.rotate()


def stats() -> dict[str, Any]:
    """What became of the records of this process, over all pipelines."""
    total: dict[str, Any] = {"accepted": 0, "written": 0, "waiting": 0, "lost": 0}
    total["lost_by_reason"] = {}
    for pipeline in list(_pipelines.values()):
        own = pipeline.stats()
        for name in ("accepted", "written", "waiting", "lost"):
            total[name] += own[name]
        for reason, count in own["lost_by_reason"].items():
            reasons = total["lost_by_reason"]
            reasons[reason] = reasons.get(reason, 0) + count
    return total


def _watch_ends() -> None:
    _watch_sigterm()
    _watch_multiprocessing()


def _watch_sigterm() -> None:
    """SIGTERM without a handler ends a process at once. Servers that put theirs in its place restore
    what was there and raise the signal again when they are done, so their last lines come first.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _flush_and_die)


def _flush_and_die(number: int, frame: FrameType | None) -> None:
    flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _watch_multiprocessing() -> None:
    """A process that multiprocessing has forked ends by `os._exit`, after its finalizers."""
    from multiprocessing import util

    util.register_after_fork(_pipelines_marker, _flush_at_exit_of_child)


class _Marker:
    """multiprocessing refers weakly to what it calls back about."""


_pipelines_marker = _Marker()


def _flush_at_exit_of_child(_: _Marker) -> None:
    from multiprocessing import util

    util.Finalize(None, flush, exitpriority=-100)
