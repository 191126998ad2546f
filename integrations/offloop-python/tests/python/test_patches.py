"""Tools and tests that put functions of theirs into `logging` see what they would see without us."""

from __future__ import annotations

import logging
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import offloop
import pytest
import wrapt
from conftest import read_lines, run_program

#: What a record goes through.
ON_THE_WAY = ["_log", "callHandlers", "findCaller", "handle", "isEnabledFor", "makeRecord"]

#: What programs call.
CALLED = ["critical", "debug", "error", "info", "warning"]


@pytest.fixture(params=["warm", "cold"])
def logger(request: pytest.FixtureRequest, log: Path) -> Iterator[logging.Logger]:
    """A logger that has logged, or has not."""
    handler = offloop.Handler(log)
    logger = logging.getLogger(f"patched.{request.param}.{request.node.name}")
    offloop.adopt(logger)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    if request.param == "warm":
        logger.info("warm")
    yield logger
    logger.handlers = []
    handler.close()


def messages(log: Path) -> list[str]:
    offloop.flush()
    return [line["message"] for line in read_lines(log) if line["message"] != "warm"]


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_a_method_that_was_replaced_sees_each_record(
    logger: logging.Logger, log: Path, name: str
) -> None:
    keywords = offloop.get_logger(logger.name)
    original = getattr(logging.Logger, name)
    with mock.patch.object(logging.Logger, name, autospec=True, side_effect=original) as seen:
        logger.info("one")
        assert seen.called
        seen.reset_mock()
        keywords.info("two")
        assert seen.called
    seen.reset_mock()
    logger.info("three")
    assert not seen.called
    assert messages(log) == ["one", "two", "three"]


def test_a_wrapper_that_looks_like_what_it_wraps_sees_each_record(
    logger: logging.Logger, log: Path
) -> None:
    def mark(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        record = wrapped(*args, **kwargs)
        record.marked = instance.name
        return record

    original = logging.Logger.makeRecord
    wrapt.wrap_function_wrapper(logging, "Logger.makeRecord", mark)
    try:
        logger.info("wrapped")
        offloop.get_logger(logger.name).info("keywords")
    finally:
        logging.Logger.makeRecord = original
    offloop.flush()
    marks = [line.get("marked") for line in read_lines(log) if line["message"] != "warm"]
    assert marks == [logger.name] * 2


@pytest.mark.parametrize("name", CALLED)
def test_a_mock_in_place_of_a_call_is_called_as_the_program_calls_it(
    logger: logging.Logger, log: Path, name: str
) -> None:
    call = getattr(logger, name)
    with mock.patch.object(logging.Logger, name) as seen:
        call("plain %s", 1, extra={"a": 1})
    assert seen.mock_calls == [mock.call("plain %s", 1, extra={"a": 1})]
    with mock.patch.object(logging.Logger, name, autospec=True) as seen:
        call("bound")
    assert seen.mock_calls == [mock.call(logger, "bound")]
    assert messages(log) == []


def test_so_are_those_of_log_and_exception(logger: logging.Logger, log: Path) -> None:
    with mock.patch.object(logging.Logger, "log") as seen:
        logger.log(17, "by number")
    assert seen.mock_calls == [mock.call(17, "by number")]
    with mock.patch.object(logging.Logger, "exception") as seen:
        logger.exception("raised")
    assert seen.mock_calls == [mock.call("raised")]
    with mock.patch.object(logging.Logger, "error") as seen:
        logger.exception("raised")
    assert seen.mock_calls == [mock.call("raised", exc_info=True)]
    assert messages(log) == []


def test_a_wrapper_around_a_call_passes_it_on(logger: logging.Logger, log: Path) -> None:
    original = logging.Logger.info

    def info(self: logging.Logger, message: str, *arguments: Any, **options: Any) -> None:
        original(self, "wrapped " + message, *arguments, **options)

    with mock.patch.object(logging.Logger, "info", info):
        logger.info("%s", "one")
    logger.info("two")
    assert messages(log) == ["wrapped one", "two"]


def test_a_method_of_one_logger_alone_counts(logger: logging.Logger, log: Path) -> None:
    def mark(self: logging.Logger, *arguments: Any) -> logging.LogRecord:
        record = logging.Logger.makeRecord(self, *arguments)
        record.msg = "mine"
        return record

    logger.makeRecord = types.MethodType(mark, logger)  # type: ignore[method-assign]
    logger.info("one")
    del logger.makeRecord
    logger.info("two")
    assert messages(log) == ["mine", "two"]


def test_what_was_replaced_before_the_package_was_loaded_counts(tmp_path: Path, log: Path) -> None:
    run_program(
        f"""
        import logging, wrapt

        def mark(wrapped, instance, args, kwargs):
            record = wrapped(*args, **kwargs)
            record.marked = True
            return record

        wrapt.wrap_function_wrapper(logging, "Logger.makeRecord", mark)
        import offloop
        offloop.install({str(log)!r})
        logging.getLogger("a").info("one")
        logging.getLogger("a").info("two")
        """,
        tmp_path,
    )
    assert [line.get("marked") for line in read_lines(log)] == [True, True]
