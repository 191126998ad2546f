"""What is said where an option is wrong: which one, what is wrong with it, and what is meant."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import offloop
import pytest
from offloop.asgi import RequestLog


def handler(**options: Any) -> Callable[[Path], Any]:
    return lambda log: offloop.Handler(log, **options)


def requests(**options: Any) -> Callable[[Path], Any]:
    return lambda log: RequestLog(lambda: None, **options)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (handler(rotaton={"every": "day"}), TypeError, ["'rotaton'", "mean 'rotation'"]),
        (handler(encoding="utf-8"), TypeError, ["'encoding'", "There are:", "exit_timeout"]),
        (handler(rotation="daily"), TypeError, ["rotation:", "dict", '{"every": "day"', "'daily'"]),
        (handler(retention=7), TypeError, ["retention:", '{"files_max": 7}']),
        (handler(rotation={"every": "dai"}), ValueError, ["rotation.every:", "`dai`", "`day`"]),
        (handler(rotation={"evry": "day"}), ValueError, ["rotation", "`evry`", "`every`"]),
        (handler(exit_timeout=-1), ValueError, ["exit_timeout:", "negative", "-1"]),
        (handler(exit_timeout="5"), ValueError, ["exit_timeout:", "unit"]),
        (handler(exit_timeout=float("inf")), ValueError, ["exit_timeout:", "inf"]),
        (handler(budget=1e9), ValueError, ["budget:"]),
        (handler(location="no"), TypeError, ["location:", "True or False", "'no'"]),
        (handler(thread=1), TypeError, ["thread:", "True or False"]),
        (handler(compression="lzma"), ValueError, ["compression:", "`lzma`"]),
        (handler(format="jsn"), ValueError, ["format", "jsn"]),
        (handler(stream="stdout"), TypeError, ["filename and stream"]),
        (lambda _: offloop.Handler(stream=sys.stderr), ValueError, ["stream:", "'stderr'"]),
        (lambda _: offloop.Handler(""), ValueError, ["filename:", "empty"]),
        (lambda _: offloop.Handler(config="/nope.toml"), FileNotFoundError, ["/nope.toml"]),
        (requests(slow_after=-1), ValueError, ["slow_after:", "negative"]),
        (requests(quite=["/h"]), ValueError, ["`quite`", "`quiet`"]),
        (requests(sample="half"), ValueError, ["sample"]),
    ],
)
def test_an_error_names_the_option_and_what_is_right(
    log: Path, make: Callable[[Path], Any], kind: type[Exception], words: list[str]
) -> None:
    with pytest.raises(kind) as raised:
        make(log)
    assert type(raised.value) is kind
    assert [word for word in words if word not in str(raised.value)] == [], str(raised.value)
    assert not log.exists()


def test_a_file_name_may_be_bytes(log: Path) -> None:
    handler = offloop.Handler(str(log).encode())
    handler.close()
    assert log.exists()
