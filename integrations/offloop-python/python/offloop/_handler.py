"""A handler for `logging`."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from typing import Any

from . import _settings
from ._offloop import Emitter, FastLogger
from ._pipelines import flush_one, pipeline_for

#: Attributes on which it depends whether a log call may take the quick way.
_WATCHED = frozenset({"emit", "filter", "filters", "handle", "level"})

#: Methods in whose place there may be a native one, as long as none is a program's own.
_PLAIN = ("emit", "filter", "handle")


class Handler(logging.Handler):
    """Hands records over to threads that write them. Never waits, never raises.

    Lines are JSON objects, or what `format` says; formatters are not asked. Handlers with the same
    settings share one pipeline, in one process or in several: a file may be written to by many.

    - `filename`: the log file. Without one, lines go to `stream`: `"stdout"` (the default) or
      `"stderr"`.
    - `format`: `"json"` (the default), `"text"`, or another shape of the configuration file; also a
      dict with its options.
    - `location`: whether lines tell file, line and function (by default they do); `process`, `thread`:
      whether they tell these (by default not).
    - `rotation`, `retention`, `compression`, `mode`, `sync`: as in the configuration file, such as
      `rotation={"every": "day", "at_bytes": "100 MiB"}`, `retention={"files_max": 7}`,
      `compression="gzip"`.
    - `filter`: directives such as `"info,sqlalchemy=warn"`, beside the levels of `logging`.
    - `rust_log`: whether the variable `RUST_LOG` takes the place of `filter` where it is set (by default
      not: it is set for libraries that are written in Rust).
    - `budget`: how many bytes may wait to be written (by default 64 MiB); what finds no room is
      counted, see `offloop.stats()`.
    - `exit_timeout`: how many seconds the end of the process waits for the sink (by default 5).
    - `crash_safe`: whether records survive a kill (by default they do, for files).
    - `config`: a configuration file, or a dict with what one would say, in place of the others.

    Without any setting it is the program's configuration file, if there is one: what `OFFLOOP_CONFIG`
    names, or `offloop.toml` in the current directory.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        *,
        level: int | str = logging.NOTSET,
        location: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(level)
        self._location = location
        config = _settings.pipeline(filename, location, settings)
        self._has_levels = _settings.has_levels(config)
        self._pipeline = pipeline_for(config)
        self._connect()

    def _connect(self) -> None:
        refers = _filtered(weakref.ref(self))
        self._emitter = Emitter(self._pipeline, self.filters, refers, self._location)
        own = type(self)
        is_plain = all(getattr(own, name) is getattr(Handler, name) for name in _PLAIN)
        if is_plain and not self.__dict__.keys() & set(_PLAIN):
            # Native, and without a lock: it comes before the class's own.
            self.__dict__["handle"] = self._emitter.handle

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _WATCHED and name != "level":
            self._disconnect()
        super().__setattr__(name, value)
        if name in _WATCHED:
            FastLogger.changed()
        if name == "filters" and "_pipeline" in self.__dict__:
            self._connect()

    def _level_min(self) -> int:
        """The least level that any directive of its settings wants; INFO if there are none."""
        return self._pipeline.level_min() if self._has_levels else logging.INFO

    def _disconnect(self) -> None:
        if self._quick_emitter() is not None:
            del self.__dict__["handle"]

    def _quick_emitter(self) -> Emitter | None:
        """Where a log call may go at once, if nothing of this handler's has been replaced."""
        emitter: Emitter | None = self.__dict__.get("_emitter")
        is_native = emitter is not None and self.__dict__.get("handle") == emitter.handle
        return emitter if is_native else None

    def handle(self, record: logging.LogRecord) -> Any:
        passed = self.filter(record)
        if isinstance(passed, logging.LogRecord):
            record = passed
        if passed:
            self.emit(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        self._emitter.emit(record)

    def flush(self, timeout: float | None = None) -> int:  # type: ignore[override]
        """Waits until all is written, `timeout` seconds at most (by default 5). Returns how many
        records are left; they are not lost, and go on waiting.
        """
        if "_pipeline" not in self.__dict__:
            return 0
        return flush_one(self._pipeline, timeout)

    def close(self, timeout: float | None = None) -> int:  # type: ignore[override]
        """Flushes. The file stays open for others, and for what is logged later."""
        left = self.flush(timeout)
        super().close()
        return left

    def reopen(self) -> None:
        """Has the file opened anew by its path."""
        self._pipeline.reopen()

    def stats(self) -> dict[str, Any]:
        """What became of the records, as `offloop.stats()` tells it of all."""
        return self._pipeline.stats()

    def __repr__(self) -> str:
        level = logging.getLevelName(self.level)
        return f"<{type(self).__name__} ({level})>"


def _filtered(handler: weakref.ref[Handler]) -> Callable[[logging.LogRecord], Any]:
    def handle_filtered(record: logging.LogRecord) -> Any:
        present = handler()
        return False if present is None else type(present).handle(present, record)

    return handle_filtered
