"""Ends of the process of which no exit handler hears: by a signal, or as multiprocessing has it."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

End = Callable[[], object]

#: Signals that end a process unless it handles them, and that others send to have it end.
_ENDING = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})


def watch(end: End) -> None:
    """Has `end` called before such an end. It may be called more than once."""
    _watch_sigterm(end)
    _watch_raised_signals(end)
    _watch_multiprocessing(end)


def _watch_sigterm(end: End) -> None:
    """SIGTERM without a handler ends a process at once. Servers that put theirs in its place restore
    what was there and raise the signal again when they are done, so their last lines come first.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end_and_die(number: int, frame: FrameType | None) -> None:
        end()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end_and_die)


def _watch_raised_signals(end: End) -> None:
    """Where such a server was first, as uvicorn's workers are, nobody's handler is what it restores."""
    standard = signal.raise_signal

    @functools.wraps(standard)
    def raise_signal(number: int, /) -> None:
        if number in _ENDING and signal.getsignal(number) is signal.SIG_DFL:
            end()
        standard(number)

    signal.raise_signal = raise_signal


def _watch_multiprocessing(end: End) -> None:
    """A process that multiprocessing has forked ends by `os._exit`, after its finalizers.

    This imports nothing of it: where it is loaded, `logging` asks it for the name of the process with
    each record.
    """

    def finalize(_: object) -> None:
        from multiprocessing import util

        util.Finalize(None, end, exitpriority=-100)

    def watch_child() -> None:
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # Its finalizers are the parent's still; it calls back when it has removed them.
            util.register_after_fork(end, finalize)

    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        finalize(None)
    os.register_at_fork(after_in_child=watch_child)
