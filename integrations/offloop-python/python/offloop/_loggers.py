"""Loggers whose calls take a quick way where that makes no difference."""

from __future__ import annotations

import logging
import os
from typing import Any

from ._offloop import FastLogger, KeywordLogger, pass_by

# What is called here on behalf of others is no place of theirs.
pass_by(os.path.join(os.path.dirname(__file__), ""))

#: What the quick way takes the place of.
_METHODS = ("critical", "debug", "error", "exception", "info", "log", "warning")

#: What a record goes through then.
_INNER = ("_log", "callHandlers", "findCaller", "handle", "isEnabledFor", "makeRecord")

#: What a logger's class must not have replaced for that.
_INHERITED = (*_METHODS, *_INNER)

#: Attributes on which it depends whether the quick way may be taken.
_WATCHED = frozenset({"disabled", "filters", "handlers", "level", "parent", "propagate", *_INNER})


class _Watched:
    _advances_epoch = True

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _WATCHED:
            FastLogger.changed()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        if name in _WATCHED:
            FastLogger.changed()


class Logger(_Watched, logging.Logger):
    """A `logging.Logger` whose calls do without a `LogRecord` where nobody would see it: where its
    records go to one `offloop.Handler` alone, through no filter. Else they go as ever.
    """

    def __init__(self, name: str, level: int = logging.NOTSET) -> None:
        super().__init__(name, level)
        _quicken(self)


class RootLogger(_Watched, logging.RootLogger):
    """The same for the root of all loggers."""


def _quicken(logger: logging.Logger) -> None:
    own = type(logger)
    if all(getattr(own, name) is getattr(logging.Logger, name) for name in _INHERITED):
        quick = FastLogger(logger)
        logger.__dict__.update({name: getattr(quick, name) for name in _METHODS})


def log_within_a_frame(
    logger: logging.Logger, level: int, message: object, arguments: Any, **options: Any
) -> None:
    """The standard way, where it counts on a frame that native methods do not have."""
    logger._log(level, message, arguments, **options)


FastLogger.log_within(log_within_a_frame)


def adopt(logger: logging.Logger) -> None:
    """Makes an existing logger a quick one, unless its class is a program's own."""
    if type(logger) is logging.Logger:
        logger.__class__ = Logger
    elif type(logger) is logging.RootLogger:
        logger.__class__ = RootLogger
    else:
        return
    _quicken(logger)


def adopt_all() -> None:
    """Makes all loggers quick ones, those that come later as well."""
    if logging.getLoggerClass() is logging.Logger:
        logging.setLoggerClass(Logger)
    adopt(logging.root)
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            adopt(logger)
    FastLogger.changed()


def get_logger(name: str | None = None, **fields: Any) -> KeywordLogger:
    """A logger whose keyword arguments are fields: `log.info("signed in", user=42)`.

    It goes by the levels and handlers of `logging.getLogger(name)`. `fields` are those of all its
    records.
    """
    logger = logging.getLogger(name)
    return KeywordLogger(logger, fields)
