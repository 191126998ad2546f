"""Logs of Python's async servers, written off the event loop.

A log call copies its values into memory and goes on; threads that never take the interpreter's lock
make lines of them and write them. When the disk or the reader of a pipe stalls, requests go on.

    import offloop

    offloop.install("logs/app.jsonl")
"""

from ._handler import Handler
from ._install import install
from ._loggers import Logger, adopt, get_logger
from ._offloop import Context, KeywordLogger, __version__, add, add_error, current
from ._pipelines import flush, reload, reopen, rotate, shutdown, stats
from .context import carry, run_in_executor

__all__ = [
    "Context",
    "Handler",
    "KeywordLogger",
    "Logger",
    "__version__",
    "add",
    "add_error",
    "adopt",
    "carry",
    "current",
    "flush",
    "get_logger",
    "install",
    "reload",
    "reopen",
    "rotate",
    "run_in_executor",
    "shutdown",
    "stats",
]