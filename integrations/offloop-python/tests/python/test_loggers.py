"""The quick way, and that nobody can tell it from the other."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import offloop
import pytest
from conftest import read_lines


@pytest.fixture
def installed(log: Path) -> Any:
    """As after `offloop.install()`, but for one logger alone."""
    handler = offloop.Handler(log)
    logger = logging.getLogger("quick")
    offloop.adopt(logger)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger
    logger.handlers = []
    logger.filters = []
    handler.close()


def lines(logger: logging.Logger, log: Path) -> list[dict[str, Any]]:
    offloop.flush()
    return read_lines(log)


def test_a_quick_record_is_as_one_that_went_the_other_way(
    installed: logging.Logger, log: Path
) -> None:
    def log_all() -> None:
        installed.debug("plain")
        installed.info("%s is %d", "one", 1)
        installed.warning("%(a)s", {"a": "b"})
        installed.warning("%(a)s", MappingProxyType({"a": "b"}))
        installed.info("started", extra={"color_message": "\x1b[36mstarted"})
        installed.error("extra", extra={"user": 42, "message_": "m", "list": [1]})
        installed.critical("critical")
        installed.log(25, "custom")
        try:
            raise ValueError("bad")
        except ValueError as error:
            installed.exception("raised")
            installed.info("given", exc_info=error)
            installed.info("tuple", exc_info=sys.exc_info())
        installed.info("no exception", exc_info=False)

    log_all()
    installed.handlers[0].addFilter(lambda record: True)
    log_all()
    both = lines(installed, log)
    assert len(both) == 24
    for line in both:
        del line["timestamp"]
    assert both[:12] == both[12:]


def test_the_quick_way_makes_no_record(
    installed: logging.Logger, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("a record was made")

    monkeypatch.setattr(logging.LogRecord, "__init__", make)
    installed.info("quick", extra={"user": 1})
    offloop.get_logger("x")
    monkeypatch.undo()
    assert [line["message"] for line in lines(installed, log)] == ["quick"]


class Seen(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_other_handlers_see_what_is_logged_while_they_are_there(
    installed: logging.Logger, log: Path
) -> None:
    seen = Seen()
    installed.info("before")
    installed.addHandler(seen)
    installed.info("during")
    installed.removeHandler(seen)
    installed.info("after")
    installed.handlers.append(seen)
    installed.info("appended")
    installed.handlers = [seen]
    installed.info("replaced")
    assert [record.msg for record in seen.records] == ["during", "appended", "replaced"]
    assert seen.records[0].funcName == "test_other_handlers_see_what_is_logged_while_they_are_there"
    messages = [line["message"] for line in lines(installed, log)]
    assert messages == ["before", "during", "after", "appended"]


def test_levels_count_at_once(installed: logging.Logger, log: Path) -> None:
    installed.info("1")
    installed.setLevel(logging.WARNING)
    installed.info("no")
    installed.setLevel(logging.INFO)
    installed.info("2")
    installed.disabled = True
    installed.info("no")
    installed.disabled = False
    logging.disable(logging.INFO)
    installed.info("no")
    logging.disable(logging.NOTSET)
    installed.info("3")
    installed.handlers[0].setLevel(logging.ERROR)
    installed.info("no")
    installed.error("4")
    assert [line["message"] for line in lines(installed, log)] == ["1", "2", "3", "4"]


def test_filters_factories_and_patches_send_records_the_long_way(
    installed: logging.Logger, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def factory(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*arguments, **options)
        record.made = True
        return record

    installed.info("quick")
    logging.setLogRecordFactory(factory)
    installed.info("factory")
    logging.setLogRecordFactory(logging.LogRecord)
    seen: list[str] = []
    original = logging.Logger.callHandlers

    def patched(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        original(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", patched)
    installed.info("patched")
    monkeypatch.undo()
    installed.addFilter(lambda record: record.getMessage() != "unwanted")
    installed.info("unwanted")
    found = [(line["message"], line.get("made")) for line in lines(installed, log)]
    assert found == [("quick", None), ("factory", True), ("patched", None)]
    assert seen == ["patched"]


def test_what_logging_refuses_is_refused(installed: logging.Logger, log: Path) -> None:
    with pytest.raises(KeyError):
        installed.info("clash", extra={"name": "x"})
    with pytest.raises(TypeError):
        installed.info("unknown", user=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        installed.info()  # type: ignore[call-arg]


def test_the_caller_is_found_through_adapters_and_stack_levels(
    installed: logging.Logger, log: Path
) -> None:
    def helper() -> None:
        installed.info("level", stacklevel=2)

    logging.LoggerAdapter(installed, {"adapted": 1}).info("adapter")
    helper()
    found = lines(installed, log)
    own = "test_the_caller_is_found_through_adapters_and_stack_levels"
    assert [line["function"] for line in found] == [own, own]
    assert found[0]["adapted"] == 1


def test_children_take_the_way_of_their_parents(log: Path) -> None:
    handler = offloop.Handler(log)
    offloop.adopt(logging.getLogger("family"))
    parent = logging.getLogger("family")
    parent.addHandler(handler)
    parent.propagate = False
    parent.setLevel(logging.INFO)
    child = logging.getLogger("family.child")
    offloop.adopt(child)
    child.info("1")
    parent.setLevel(logging.ERROR)
    child.info("no")
    child.setLevel(logging.DEBUG)
    child.debug("2")
    child.propagate = False
    child.debug("nowhere")
    handler.flush()
    assert [line["message"] for line in read_lines(log)] == ["1", "2"]


def test_keyword_arguments_are_fields(log: Path) -> None:
    handler = offloop.Handler(log)
    logger = logging.getLogger("keywords")
    offloop.adopt(logger)
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for _ in range(2):
        keywords = offloop.get_logger("keywords", service="api").bind(user=1)
        keywords.debug("no")
        keywords.info("signed %s", "in", rows=3, user=2)
        try:
            raise ValueError("bad")
        except ValueError:
            keywords.exception("failed", rows=4)
        # Then the long way.
        handler.addFilter(lambda record: True)
    handler.flush()
    found = read_lines(log)
    for line in found:
        del line["timestamp"], line["line"]
    assert found[:2] == found[2:]
    assert (found[0]["message"], found[0]["service"]) == ("signed in", "api")
    assert (found[0]["user"], found[0]["rows"]) == (2, 3)
    assert found[1]["error"] == ["ValueError: bad"]


def test_a_program_s_own_class_of_loggers_stays_in_charge() -> None:
    class Own(offloop.Logger):
        def info(self, *arguments: Any, **options: Any) -> None:
            calls.append(arguments)

    calls: list[Any] = []
    Own("own").info("mine")
    assert calls == [("mine",)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="logging tells tasks from 3.12 on")
def test_the_task_is_told(installed: logging.Logger, log: Path) -> None:
    async def work() -> None:
        asyncio.current_task().set_name("mine")  # type: ignore[union-attr]
        installed.info("quick")
        installed.handlers[0].addFilter(lambda record: True)
        installed.info("long")

    asyncio.run(work())
    assert [line["task"] for line in lines(installed, log)] == ["mine", "mine"]


@pytest.mark.parametrize("way", ["quick", "standard"])
def test_records_tell_the_name_of_their_thread_as_python_has_it(log: Path, way: str) -> None:
    handler = offloop.Handler(log, thread=True)
    logger = logging.getLogger(f"threads.{way}")
    if way == "quick":
        offloop.adopt(logger)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        logger.info("here")
        with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
            pool.submit(logger.info, "there").result()
        worker = threading.Thread(target=logger.info, args=("elsewhere",), name="worker")
        worker.start()
        worker.join()
    finally:
        logger.removeHandler(handler)
    names = {line["message"]: line["thread"] for line in lines(logger, log)}
    assert names == {"here": "MainThread", "there": "pool_0", "elsewhere": "worker"}


def test_a_record_that_was_made_by_another_thread_does_not_rename_this_one(log: Path) -> None:
    handler = offloop.Handler(log, thread=True)
    logger = logging.getLogger("threads.others")
    make = lambda: logger.makeRecord("t", 20, "f", 1, "made", (), None)  # noqa: E731
    with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
        record = pool.submit(make).result()
    handler.handle(record)
    handler.handle(make())
    assert {line["thread"] for line in lines(logger, log)} == {"MainThread"}


def test_arguments_of_keyword_loggers_are_what_the_stub_says(
    installed: logging.Logger, log: Path
) -> None:
    own = offloop.get_logger("quick", tenant="t1", user=1)
    own.info("%s", "positional", user=42, event="e", self="s", level=3)
    own.log(26, "by number", **{"not an identifier": True})
    getattr(own, "warning")("plain")
    with pytest.raises(TypeError):
        own.info()
    with pytest.raises(TypeError):
        own.info(user=42)
    with pytest.raises(TypeError):
        type(own).info(installed, "of another type")
    first, second, third = lines(installed, log)
    assert (first["message"], first["tenant"], first["user"]) == ("positional", "t1", 42)
    assert (first["event"], first["self"], first["fields.level"]) == ("e", "s", 3)
    assert second["not an identifier"] is True and second["level_name"] == "Level 26"
    assert (third["message"], third["level"], third["user"]) == ("plain", "WARN", 1)


@pytest.mark.parametrize("way", ["quick", "standard"])
def test_a_value_s_own_error_is_no_error_of_the_call(
    installed: logging.Logger, log: Path, way: str
) -> None:
    class Failing:
        def __str__(self) -> str:
            raise ValueError("on purpose")

    if way == "standard":
        installed.addFilter(lambda record: True)
    assert offloop.get_logger("quick").info("m", value=Failing()) is None
    (line,) = lines(installed, log)
    assert line["value"] == "[formatting Failing failed: ValueError]"


def test_what_passes_a_call_on_is_not_its_place(installed: logging.Logger, log: Path) -> None:
    keyword = offloop.get_logger("quick")

    def through(call: Any) -> None:
        call("carried")

    for is_quick in (True, False):
        if not is_quick:
            installed.handlers[0].addFilter(lambda record: True)
        for each in (installed.info, keyword.info):
            through(offloop.carry(each))
            offloop.carry(through)(each)
    found = lines(installed, log)
    assert len(found) == 8
    assert {line["function"] for line in found} == {"through"}
    assert {line["file"] for line in found} == {__file__}


def test_a_keyword_logger_can_be_copied_and_sent_to_other_processes(
    installed: logging.Logger, log: Path
) -> None:
    logger: offloop.KeywordLogger = offloop.get_logger("quick", user=42)
    for other in (pickle.loads(pickle.dumps(logger)), copy.copy(logger), copy.deepcopy(logger)):
        assert type(other) is offloop.KeywordLogger and other.name == "quick"
        other.info("bound")
    assert [line["user"] for line in lines(installed, log)] == [42, 42, 42]


def test_a_keyword_logger_tells_whether_a_level_is_wanted(installed: logging.Logger) -> None:
    logger = offloop.get_logger("quick")
    installed.setLevel(logging.WARNING)
    assert logger.isEnabledFor(logging.WARNING) and not logger.isEnabledFor(logging.INFO)


def test_options_that_are_bound_are_options_of_each_call(
    installed: logging.Logger, log: Path
) -> None:
    logger = offloop.get_logger("quick").bind(exc_info=True, user=42)
    for is_quick in (True, False):
        if not is_quick:
            installed.handlers[0].addFilter(lambda record: True)
        try:
            raise ValueError("bad")
        except ValueError:
            logger.info("with")
            logger.info("without", exc_info=False)
    found = lines(installed, log)
    types = [line.get("error.type") for line in found]
    assert types == ["ValueError", None] * 2
    assert all("exc_info" not in line and line["user"] == 42 for line in found)


def test_a_message_has_no_line_break_at_its_end(installed: logging.Logger, log: Path) -> None:
    for is_quick in (True, False):
        if not is_quick:
            installed.handlers[0].addFilter(lambda record: True)
        installed.error("Exception in ASGI application\n")
        installed.error("%s\r\n", "two\nlines")
    messages = [line["message"] for line in lines(installed, log)]
    assert messages == ["Exception in ASGI application", "two\nlines"] * 2


def test_signatures_can_be_asked_for() -> None:
    expected = "(self, event, /, *args, **fields)"
    for name in ("debug", "info", "warning", "error", "critical", "exception"):
        assert str(inspect.signature(getattr(offloop.KeywordLogger, name))) == expected
    assert offloop.__version__.count(".") == 2
