"""`offloop.Handler` in a program's `logging`."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

import offloop
import pytest
from conftest import read_lines, run_program


@pytest.fixture
def handler(log: Path) -> Any:
    handler = offloop.Handler(log)
    logger = logging.getLogger("t")
    logger.addHandler(handler)
    logger.setLevel(1)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    handler.close()


def written(handler: offloop.Handler, log: Path) -> list[dict[str, Any]]:
    assert handler.flush() == 0
    return read_lines(log)


def test_values_keep_their_types(handler: offloop.Handler, log: Path) -> None:
    values = {
        "text": "ü\u2028\n",
        "integer": -5,
        "large": 2**63,
        "larger": 2**70,
        "huge": 10**5000,
        "share": 0.25,
        "yes": True,
        "none": None,
        "nested": {"a": [1, (2, 3), {"b": None}], 4: {5}},
        "surrogate": "a\ud800b",
        "bytes": b"\x00\xff",
        "path": Path("/x"),
        "error": ValueError("bad"),
        "not_a_number": float("nan"),
    }
    logging.getLogger("t").info("typed", extra=values)
    (line,) = written(handler, log)
    assert (line["level"], line["target"], line["message"]) == ("INFO", "t", "typed")
    shown = {name: line[name] for name in values}
    assert shown.pop("huge").startswith("0x")
    assert shown == {
        "text": "ü\u2028\n",
        "integer": -5,
        "large": 2**63,
        "larger": str(2**70),
        "share": 0.25,
        "yes": True,
        "none": None,
        "nested": {"a": [1, [2, 3], {"b": None}], "4": [5]},
        "surrogate": "a\ufffdb",
        "bytes": "00ff",
        "path": "/x",
        "error": ["ValueError: bad"],
        "not_a_number": "NaN",
    }


def test_a_line_is_one_line_whatever_a_nested_value_holds(
    handler: offloop.Handler, log: Path
) -> None:
    hostile = "\n\r\x00\x1b[2J\x7f\u2028\u202e\"\\"
    logging.getLogger("t").info("nested", extra={"nested": {hostile: [hostile]}})
    (line,) = written(handler, log)
    assert line["nested"] == {hostile: [hostile]}
    text = log.read_text()
    assert not any(character in text[:-1] for character in "\n\r\x00\x1b\x7f\u2028\u202e")


def test_values_beyond_all_limits_are_still_a_line(handler: offloop.Handler, log: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    wide = {str(number): "x" * 100 for number in range(10_000)}
    logging.getLogger("t").info("deep", extra={"circle": circle, "wide": wide})
    logging.getLogger("t").info("x" * 3_000_000)
    deep, long = written(handler, log)
    assert deep["message"] == "deep" and len(deep["wide"]) < 10_000
    assert long["cut"] is True and len(long["message"]) < 2_000_000


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        ("%s and %d", ("one", 2), "one and 2"),
        ("%(name)s", ({"name": "dict"},), "dict"),
        ("100 %", (), "100 %"),
        ("%d", ("no number",), "%d [arguments do not fit: ('no number',)]"),
        ("nothing", (1,), "nothing [arguments do not fit: (1,)]"),
        (("a", 1), (), "('a', 1)"),
    ],
)
def test_arguments_are_formatted_or_stand_beside(
    handler: offloop.Handler, log: Path, message: Any, arguments: Any, shown: str
) -> None:
    logging.getLogger("t").info(message, *arguments)
    assert [line["message"] for line in written(handler, log)] == [shown]


def test_a_value_that_raises_says_so_and_nobody_else_notices(
    handler: offloop.Handler, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Raises:
        def __str__(self) -> str:
            raise RuntimeError("on purpose")

        def __repr__(self) -> str:
            raise RuntimeError("on purpose")

    logging.getLogger("t").info("%s", Raises(), extra={"value": Raises()})
    (line,) = written(handler, log)
    assert line["value"] == "[formatting Raises failed: RuntimeError]"
    assert capsys.readouterr().err == ""


def test_a_value_may_log_itself(handler: offloop.Handler, log: Path) -> None:
    class Logs:
        def __str__(self) -> str:
            logging.getLogger("t").info("inner")
            return "outer"

    logging.getLogger("t").info("%s", Logs())
    assert {line["message"] for line in written(handler, log)} == {"inner", "outer"}


def test_an_exception_has_its_chain_and_its_frames(handler: offloop.Handler, log: Path) -> None:
    def fails() -> None:
        raise KeyError("inner")

    try:
        try:
            fails()
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError:
        logging.getLogger("t").exception("failed")
    (line,) = written(handler, log)
    assert line["error.type"] == "ValueError"
    assert line["error"] == ["ValueError: outer", "KeyError: 'inner'"]
    outer, inner = line["exception"]
    assert (outer["type"], inner["message"]) == ("ValueError", "'inner'")
    assert [frame["function"] for frame in inner["frames"]][-1].endswith("fails")
    assert inner["frames"][-1]["file"] == __file__


def test_a_chain_that_is_a_circle_comes_to_an_end(handler: offloop.Handler, log: Path) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("t").error("circle", exc_info=first)
    (line,) = written(handler, log)
    assert line["error"] == ["ValueError: first", "ValueError: second"]


def test_stack_place_and_level_name_are_told(handler: offloop.Handler, log: Path) -> None:
    logging.addLevelName(25, "NOTICE")
    logging.getLogger("t").log(25, "notice", stack_info=True)
    (line,) = written(handler, log)
    assert (line["level"], line["level_name"]) == ("INFO", "NOTICE")
    assert "Stack (most recent call last)" in line["stack"]
    assert line["file"] == __file__ and line["function"].startswith("test_stack")


def test_filters_see_every_record_however_they_came(handler: offloop.Handler, log: Path) -> None:
    def tag(record: logging.LogRecord) -> bool:
        record.tagged = True
        return record.getMessage() != "unwanted"

    log_it = logging.getLogger("t").info
    log_it("before")
    handler.addFilter(tag)
    log_it("unwanted")
    log_it("wanted")
    handler.removeFilter(tag)
    handler.filters = [tag]
    log_it("unwanted")
    handler.filters = []
    handler.filters.append(tag)
    log_it("unwanted")
    lines = written(handler, log)
    assert [(line["message"], line.get("tagged")) for line in lines] == [
        ("before", None),
        ("wanted", True),
    ]


def test_levels_of_handlers_count(handler: offloop.Handler, log: Path) -> None:
    handler.setLevel(logging.WARNING)
    logging.getLogger("t").info("no")
    logging.getLogger("t").warning("yes")
    assert [line["message"] for line in written(handler, log)] == ["yes"]


def test_a_subclass_is_asked_for_each_record(log: Path) -> None:
    class Shouting(offloop.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            record.msg = record.msg.upper()
            super().emit(record)

    handler = Shouting(log)
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    logger.info("loud")
    assert [line["message"] for line in written(handler, log)] == ["LOUD"]


def test_a_subclass_may_filter_by_itself(log: Path) -> None:
    class Picky(offloop.Handler):
        def filter(self, record: logging.LogRecord) -> bool:
            return record.msg == "wanted"

    handler = Picky(log)
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    logger.info("unwanted")
    logger.info("wanted")
    assert [line["message"] for line in written(handler, log)] == ["wanted"]


@pytest.mark.parametrize("is_quick", [False, True])
@pytest.mark.parametrize("method", ["emit", "filter", "handle"])
def test_a_method_that_a_program_replaces_is_called(
    handler: offloop.Handler, log: Path, method: str, is_quick: bool
) -> None:
    logger = logging.getLogger("t")
    if is_quick:
        logger = offloop.Logger("t")
        logger.addHandler(handler)
    seen: list[str] = []
    logger.info("before")
    setattr(handler, method, lambda record: seen.append(record.msg))
    logger.info("during")
    # Whoever sets these thinks of no method.
    handler.filters = []
    logger.info("after")
    assert seen == ["during", "after"]
    assert [line["message"] for line in written(handler, log)] == ["before"]


def test_a_record_from_another_process_is_as_good(handler: offloop.Handler, log: Path) -> None:
    record = logging.LogRecord("t", 20, "f.py", 7, "%s", ("hello",), None)
    record.user = 42
    copy = logging.makeLogRecord(pickle.loads(pickle.dumps(record.__dict__)))
    handler.handle(copy)
    (line,) = written(handler, log)
    assert (line["message"], line["user"], line["line"]) == ("hello", 42, 7)


def test_dict_config_makes_handlers_that_share_one_file(log: Path) -> None:
    handler = {"class": "offloop.Handler", "filename": str(log)}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"only_a": {"name": "configured.a"}},
        "handlers": {"one": {**handler, "filters": ["only_a"]}, "two": {**handler, "level": 30}},
        "loggers": {"configured": {"handlers": ["one", "two"], "level": "INFO"}},
    }
    for _ in range(2):
        logging.config.dictConfig(config)
    logging.getLogger("configured.a").info("once")
    logging.getLogger("configured.b").info("never")
    logging.getLogger("configured.b").error("once")
    assert offloop.flush() == 0
    assert [line["message"] for line in read_lines(log)] == ["once", "once"]


def test_wrong_settings_say_what_is_allowed(log: Path) -> None:
    with pytest.raises(TypeError, match="'colour' is no setting"):
        offloop.Handler(log, colour="red")
    with pytest.raises(TypeError, match="one is enough"):
        offloop.Handler(log, stream="stdout")
    with pytest.raises(OSError, match="create log directory"):
        offloop.Handler("/proc/no/such/directory/app.jsonl")


def test_threads_lose_nothing_and_mix_nothing_up(handler: offloop.Handler, log: Path) -> None:
    def work(thread: int) -> None:
        for number in range(2000):
            logging.getLogger("t").info("m", extra={"own": thread, "number": number, "same": thread})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = written(handler, log)
    assert all(line["own"] == line["same"] for line in lines)
    for thread in range(4):
        assert [line["number"] for line in lines if line["own"] == thread] == list(range(2000))


def test_what_is_logged_last_is_written_however_the_program_ends(tmp_path: Path, log: Path) -> None:
    ends = {
        "pass": 0,
        "sys.exit(3)": 3,
        "raise SystemExit(4)": 4,
        "1 / 0": 1,
        "os.kill(os.getpid(), signal.SIGTERM)": -15,
        "threading.Thread(target=lambda: [logging.info('x') for _ in range(1)]).start()": 0,
    }
    for end, code in ends.items():
        log.unlink(missing_ok=True)
        done = run_program(
            f"""
            import logging, offloop, os, signal, sys, threading
            offloop.install({str(log)!r})
            for number in range(20_000):
                logging.info("n", extra={{"number": number}})
            {end}
            """,
            tmp_path,
            check=False,
        )
        assert done.returncode == code, done.stderr
        numbers = [line["number"] for line in read_lines(log) if line["message"] == "n"]
        assert numbers == list(range(20_000)), end


def test_an_interrupt_that_comes_within_a_value_comes_again(
    handler: offloop.Handler, log: Path
) -> None:
    class Interrupted:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    # Whoever runs this in the background of a shell has SIGINT ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            logging.getLogger("t").info("%s", "message", extra={"value": Interrupted()})
            for _ in range(1000):
                pass
    finally:
        signal.signal(signal.SIGINT, before)
    (line,) = written(handler, log)
    assert line["value"] == "[formatting Interrupted failed: KeyboardInterrupt]"
