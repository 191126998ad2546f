"""One line that makes all of a program's logs ours."""

from __future__ import annotations

import logging
import logging.config
import os
from typing import Any

from . import _loggers
from ._handler import Handler

#: The loggers of servers, which have handlers of their own unless told otherwise.
SERVERS = (
    "_granian",
    "asyncio",
    "granian",
    "granian.access",
    "gunicorn",
    "gunicorn.access",
    "gunicorn.error",
    "hypercorn",
    "hypercorn.access",
    "hypercorn.error",
    "sanic.access",
    "sanic.error",
    "sanic.root",
    "sanic.server",
    "sanic.websockets",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.asgi",
    "uvicorn.error",
)

#: Handlers that write where the caller waits.
_WAITING = (logging.StreamHandler, logging.FileHandler)

_installed: Handler | None = None

#: The level that the root logger got from the configuration of what is installed. None if the program
#: said which one.
_level_followed: int | None = None


def install(
    filename: str | os.PathLike[str] | None = None,
    *,
    level: int | str | None = None,
    logger_class: bool = True,
    capture_warnings: bool = True,
    **settings: Any,
) -> Handler:
    """Has one `offloop.Handler` take the place of what handlers for streams and files there are, those
    of the root logger and those of servers. Nothing has changed if it raises.

    - `level`: the level of the root logger. By default it is the least that any directive of the
      configuration file or of `filter` wants, and INFO if there are none.
    - `logger_class`: whether loggers become `offloop.Logger`, whose calls cost an eighth.
    - `capture_warnings`: whether `warnings.warn` comes along.
    - All else is passed to `offloop.Handler`.

    Servers that set up their logs later find them taken over again. Handlers of other kinds stay, as
    those of tools and of a program's own classes are; while there are any, calls take the standard
    library's way.
    """
    global _installed, _level_followed
    # Says no to what is no level, before anything has changed.
    logging.Logger("root", logging.INFO if level is None else level)
    handler = Handler(filename, **settings)
    _installed = handler
    handler._pipeline.take_requests()
    root = logging.getLogger()
    _remove_waiting(root)
    root.addHandler(handler)
    _level_followed = handler._level_min() if level is None else None
    root.setLevel(handler._level_min() if level is None else level)
    handler._pipeline.on_other_levels(_follow_levels)
    if logger_class:
        _loggers.adopt_all()
    logging.captureWarnings(capture_warnings)
    take_over_servers()
    if logging.config.dictConfig is not _dict_config:
        logging.config.dictConfig = _dict_config
        # Workers of gunicorn's are given its loggers' handlers, of which we have left none.
        os.register_at_fork(after_in_child=take_over_again)
    return handler


def _follow_levels() -> None:
    """The configuration may want other levels than before. Where somebody has set the root logger's
    meanwhile, it stays.
    """
    global _level_followed
    if _installed is None or logging.root.level != _level_followed:
        return
    _level_followed = _installed._level_min()
    logging.root.setLevel(_level_followed)


def take_over_servers() -> None:
    """Has the servers' loggers pass their records to the root logger."""
    for name in SERVERS:
        logger = logging.root.manager.loggerDict.get(name)
        if not isinstance(logger, logging.Logger):
            continue
        _remove_waiting(logger)
        if not logger.handlers:
            logger.propagate = True


def _remove_waiting(logger: logging.Logger) -> None:
    """Removes what would write where the caller waits, and what of ours was there before."""
    for handler in logger.handlers[:]:
        if type(handler) in _WAITING or isinstance(handler, Handler):
            logger.removeHandler(handler)


def take_over_again() -> None:
    """The same, for servers that have set up their logs since `install` was called."""
    if _installed is not None:
        take_over_servers()


_standard_dict_config = logging.config.dictConfig


def _dict_config(config: Any) -> None:
    _standard_dict_config(config)
    if _installed is not None:
        if not logging.root.handlers:
            logging.root.addHandler(_installed)
        take_over_servers()


def installed() -> Handler | None:
    """The handler that `install` made, if it was called."""
    return _installed
