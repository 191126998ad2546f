"""structlog's records: a processor for the end of its chain.

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, offloop.structlog.Emit()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
"""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping
from typing import Any, NoReturn

import structlog

from ._loggers import get_logger
from ._offloop import KeywordLogger, pass_by

# The place of an event is that of who calls structlog.
pass_by(os.path.join(os.path.dirname(structlog.__file__), ""))

#: Names of structlog's methods that `logging` does not know, or knows by another.
_LEVELS = {"warn": 30, "exception": 40, "fatal": 50, "msg": 20, "trace": 5, "notset": 0}

#: What each line tells by itself.
_TOLD = ("timestamp", "level")


class Emit:
    """Passes events on; nothing comes after it.

    It goes by the levels and handlers of a logger of `logging`: the one that the event names as
    `logger`, as `structlog.stdlib.add_logger_name` has it; else the one that structlog wraps, as
    `structlog.stdlib.LoggerFactory` has it; else the one of this `name`.
    """

    def __init__(self, name: str = "structlog") -> None:
        self._name = name
        self._loggers: dict[str, KeywordLogger] = {}

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        name = event.pop("logger", None) or getattr(logger, "name", None) or self._name
        known = self._loggers.get(name)
        if known is None:
            known = self._loggers[name] = get_logger(name)
        for told in _TOLD:
            event.pop(told, None)
        level = _LEVELS.get(method, getattr(logging, method.upper(), 20))
        if method == "exception":
            event.setdefault("exc_info", True)
        message = event.pop("event", "")
        known.log(level, message, **{str(key): value for key, value in event.items()})
        raise structlog.DropEvent
