"""The ways of logging that benches of servers compare."""

from __future__ import annotations

import logging
import logging.handlers
import queue


def set_up(mode: str, path: str) -> None:
    """Has the root logger log to a file in one of these ways: `off`, `null`, `file+json`, `queue+json`,
    `handler` or `install`. What is not offloop's needs python-json-logger."""
    root = logging.getLogger()
    root.setLevel(logging.CRITICAL if mode == "off" else logging.INFO)
    if mode == "null":
        root.addHandler(logging.NullHandler())
    elif mode.endswith("json"):
        root.addHandler(_in_queue(_file(path)) if mode.startswith("queue") else _file(path))
    elif mode == "handler":
        import offloop

        root.addHandler(offloop.Handler(path))
    elif mode == "install":
        import offloop

        offloop.install(path)


def _file(path: str) -> logging.Handler:
    from pythonjsonlogger.json import JsonFormatter

    file = logging.FileHandler(path, mode="w")
    file.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return file


def _in_queue(handler: logging.Handler) -> logging.Handler:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    logging.handlers.QueueListener(records, handler).start()
    return logging.handlers.QueueHandler(records)
