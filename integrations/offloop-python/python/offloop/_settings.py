"""Keyword arguments become what the configuration file would say."""

from __future__ import annotations

import difflib
import errno
import json
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from . import _offloop

#: What is said of a pipeline; all else is said of its sink.
_OF_PIPELINE = frozenset(
    {
        "budget",
        "crash_directory",
        "crash_safe",
        "exit_timeout",
        "fields",
        "limits",
        "on_hangup",
        "overflow",
        "panic_hook",
        "rates",
        "redaction",
        "request_detail",
        "requests",
        "rust_log",
        "write_delay",
    }
)

#: What is said of its sink.
_OF_SINK = frozenset({"compression", "mode", "retention", "rotation", "sync"})

#: What is said of lines, beside their format.
_OF_FORMAT = frozenset({"format", "process", "thread"})

#: All keyword arguments of a handler's settings.
_ALL_NAMES = _OF_PIPELINE | _OF_SINK | _OF_FORMAT | {"config", "filter", "stream"}

#: Those of them, and of others, that are dicts.
_DICTS = frozenset({"limits", "redaction", "requests", "retention", "rotation"})

#: Numbers are seconds.
_TIMES = frozenset({"exit_timeout", "slow_after", "stall_after", "write_delay"})

#: How those are written that are dicts.
_EXAMPLES = {
    "limits": '{"field_bytes": "64 KiB"}',
    "redaction": '{"keys": ["iban"]}',
    "requests": '{"slow_after": "500ms"}',
    "retention": '{"files_max": 7}',
    "rotation": '{"every": "day", "at_bytes": "100 MiB"}',
}

#: What Python's own levels let through is wanted, unless a filter says otherwise.
_ALL = "trace"


def pipeline(
    filename: str | os.PathLike[str] | None, location: bool, settings: dict[str, Any]
) -> dict[str, Any] | str:
    """The configuration of a pipeline with one sink, or the path of a file that has one."""
    _check_names(settings)
    settings = {name: value for name, value in settings.items() if value is not None}
    config = settings.pop("config", None)
    if config is not None:
        if filename is not None or settings:
            raise TypeError("config says all: no other settings beside it")
        if isinstance(config, dict):
            return {"level": _ALL, "rust_log": False, **_plain(config)}
        return _existing(config)
    if filename is None and not settings and (path := _configuration_file()):
        return path
    _check_types(filename, location, settings)
    settings = {name: _value(name, value) for name, value in settings.items()}
    config = {name: settings.pop(name) for name in _OF_PIPELINE & settings.keys()}
    config["level"] = settings.pop("filter", _ALL)
    config.setdefault("rust_log", False)
    config["sinks"] = {"main": _sink(filename, location, settings)}
    return config


def _check_names(settings: dict[str, Any]) -> None:
    """Says no to a keyword argument that is none, and which one may be meant."""
    names = _ALL_NAMES | {"filename", "level", "location"}
    for name in settings.keys() - _ALL_NAMES:
        near = difflib.get_close_matches(name, names, n=1)
        question = f"; did you mean {near[0]!r}?" if near else f". There are: {_listed(names)}"
        raise TypeError(f"{name!r} is no setting of a handler{question}")


def _check_types(filename: Any, location: Any, settings: dict[str, Any]) -> None:
    if filename is not None and not os.fspath(filename):
        raise ValueError("filename: it is empty")
    for name, value in ({"location": location} | settings).items():
        if name in _DICTS and not isinstance(value, dict):
            raise TypeError(f"{name}: a dict, as {_EXAMPLES[name]}, not {value!r}")
        if name in ("location", "process", "thread") and not isinstance(value, bool):
            raise TypeError(f"{name}: True or False, not {value!r}")
    stream = settings.get("stream", "stdout")
    if stream not in ("stdout", "stderr"):
        raise ValueError(f"stream: 'stdout' or 'stderr', not {stream!r}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _existing(config: Any) -> str:
    path = os.path.abspath(os.fspath(config))
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, "config: there is no such file", path)
    return path


def has_levels(config: dict[str, Any] | str) -> bool:
    """Whether a configuration says which levels are wanted."""
    if isinstance(config, str) or config["level"] != _ALL:
        return True
    return bool(config["rust_log"] and os.environ.get("RUST_LOG", "").strip())


def _configuration_file() -> str | None:
    """The program's, if it has one."""
    path = os.environ.get("OFFLOOP_CONFIG")
    if path or os.path.exists("offloop.toml"):
        return os.path.abspath(path or "offloop.toml")
    return None


def _sink(
    filename: str | os.PathLike[str] | None, location: bool, settings: dict[str, Any]
) -> dict[str, Any]:
    stream = settings.pop("stream", None)
    if filename is not None and stream is not None:
        raise TypeError("filename and stream: one is enough")
    if filename is not None:
        settings["kind"] = "file"
        settings["path"] = os.path.abspath(os.fsdecode(filename))
    else:
        settings["kind"] = stream or "stdout"
    shape = settings.pop("format", "json")
    shape = dict(shape) if isinstance(shape, dict) else {"shape": shape}
    if location:
        shape.setdefault("location", True)
    for name in ("process", "thread"):
        if settings.pop(name, False):
            shape[name] = True
    settings["format"] = shape
    return settings


def request_log(options: Mapping[str, Any]) -> _offloop.RequestLog:
    """What begins requests by these options."""
    options = {name: _value(name, value) for name, value in options.items() if value is not None}
    return _offloop.RequestLog(json.dumps(options) if options else None)


def _value(name: str, value: Any) -> Any:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if name in _TIMES and isinstance(value, (int, float)):
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name}: seconds, none of them negative, and not without end: {value}")
        return f"{round(value * 1_000_000)}us"
    return _plain(value)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, dict):
        return {name: _value(name, item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value
