"""What is left out of a record, and that the record says so."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import offloop
import pytest
from conftest import read_lines

#: Groups of exceptions, and notes, came with it.
since_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="from Python 3.11 on")


@pytest.fixture
def logger(log: Path) -> Iterator[logging.Logger]:
    handler = offloop.Handler(log)
    logger = logging.getLogger("values")
    logger.addHandler(handler)
    logger.setLevel(1)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    handler.close()


def line(log: Path) -> dict[str, Any]:
    assert offloop.flush() == 0
    (only,) = read_lines(log)
    return only


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as error:
        return error


@since_311
def test_groups_within_groups_tell_all_their_exceptions(logger: logging.Logger, log: Path) -> None:
    async def fails() -> None:
        async with asyncio.TaskGroup() as inner:
            inner.create_task(raise_(ValueError("innermost")))

    async def raise_(error: Exception) -> None:
        raise error

    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as outer:
                outer.create_task(fails())
        except BaseExceptionGroup:
            logger.exception("failed")

    asyncio.run(main())
    found = line(log)
    group = "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"
    assert found["error"] == [group, group, "ValueError: innermost"]
    (outer,) = found["exception"]
    ((inner,),) = outer["exceptions"]
    ((innermost,),) = inner["exceptions"]
    assert (innermost["type"], innermost["message"]) == ("ValueError", "innermost")
    assert innermost["frames"][-1]["function"].endswith("raise_")
    assert "cut" not in found


@since_311
def test_notes_are_told(logger: logging.Logger, log: Path) -> None:
    error = ValueError("bad")
    error.add_note("row 7")
    error.add_note("of two\nlines")
    logger.error("failed", exc_info=error)
    found = line(log)
    assert found["exception"][0]["notes"] == ["row 7", "of two\nlines"]


@since_311
def test_what_is_left_out_of_a_group_is_counted(logger: logging.Logger, log: Path) -> None:
    group = ExceptionGroup("many", [ValueError(str(number)) for number in range(1000)])
    logger.error("failed", exc_info=group)
    found = line(log)
    *shown, mark = found["exception"][0]["exceptions"]
    assert mark == {"left_out": 1000 - len(shown)} and shown
    assert found["error"][-1] == f"[{1000 - (len(found['error']) - 2)} more left out]"
    assert found["cut"] is True


@since_311
def test_wide_and_deep_groups_stay_within_one_budget(logger: logging.Logger, log: Path) -> None:
    group: Exception = ValueError("x" * 1000)
    for _ in range(30):
        group = ExceptionGroup("g", [group] * 20)
    logger.error("failed", exc_info=group)
    found = line(log)
    assert found["message"] == "failed" and found["cut"] is True
    assert "left_out" in json.dumps(found["exception"])
    assert len(json.dumps(found)) < 256 * 1024


def test_what_is_left_out_of_a_chain_is_counted(logger: logging.Logger, log: Path) -> None:
    error = last = ValueError("0")
    for number in range(1, 100):
        last.__cause__ = ValueError(str(number))
        last = last.__cause__
    logger.error("failed", exc_info=error)
    found = line(log)
    *shown, mark = found["exception"]
    assert mark == {"left_out": 100 - len(shown)} and shown[0]["message"] == "0"
    *messages, mark = found["error"]
    assert mark == f"[{100 - len(messages)} more left out]"


def test_what_is_left_out_of_the_frames_is_counted(logger: logging.Logger, log: Path) -> None:
    def recurse(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        recurse(depth - 1)

    try:
        recurse(200)
    except ValueError:
        logger.exception("failed")
    found = line(log)
    mark, *frames = found["exception"][0]["frames"]
    # The test's own, and the innermost.
    assert mark == {"left_out": 202 - len(frames)}
    assert frames[-1]["function"].endswith("recurse")


@pytest.mark.parametrize("size", [2_000_000, 20_000])
def test_a_long_message_of_an_exception_leaves_the_rest_whole(
    logger: logging.Logger, log: Path, size: int
) -> None:
    logger.error("failed", exc_info=raised(ValueError("x" * size)))
    found = line(log)
    (only,) = found["exception"]
    assert only["message"].startswith("xxx")
    assert ("cut" in found) == (size == 2_000_000)


@pytest.mark.parametrize(
    "many",
    [
        list(range(200_000)),
        tuple(range(200_000)),
        set(range(200_000)),
        {"inner": {"list": ["x" * 10] * 100_000}, "after": 1},
        ["x" * 1_000_000, 1],
    ],
    ids=["list", "tuple", "set", "nested", "text"],
)
def test_a_long_list_is_cut_and_says_so(logger: logging.Logger, log: Path, many: Any) -> None:
    logger.info("many", extra={"many": many})
    found = line(log)
    assert found["cut"] is True
    assert isinstance(found["many"], (list, dict))
    assert "…[cut]" in json.dumps(found["many"], ensure_ascii=False)
    assert 200_000 < len(json.dumps(found["many"], ensure_ascii=False, separators=(",", ":")))


def test_a_long_dict_is_cut_and_says_so(logger: logging.Logger, log: Path) -> None:
    logger.info("many", extra={"many": {str(number): number for number in range(100_000)}})
    found = line(log)
    assert found["cut"] is True
    *_, last = found["many"].items()
    assert last == ("…[cut]", True)


def test_a_list_of_the_usual_size_is_whole(logger: logging.Logger, log: Path) -> None:
    logger.info("many", extra={"many": list(range(20_000))})
    found = line(log)
    assert found["many"] == list(range(20_000)) and "cut" not in found


def test_the_limit_is_that_of_the_settings(log: Path) -> None:
    handler = offloop.Handler(log, limits={"field_bytes": "1 KiB"})
    logger = logging.getLogger("values.limits")
    logger.addHandler(handler)
    logger.warning("many", extra={"many": list(range(1000))})
    handler.flush()
    found = read_lines(log)[0]
    logger.removeHandler(handler)
    assert found["many"][0] == 0 and found["many"][-1] == "…[cut]"


def test_a_list_whose_iterator_fails_says_so(logger: logging.Logger, log: Path) -> None:
    class Rows(list[int]):
        def __iter__(self) -> Iterator[int]:
            yield 1
            raise ConnectionError("lost")

    class Broken(list[int]):
        def __iter__(self) -> Iterator[int]:
            raise ConnectionError("lost")

    logger.info("rows", extra={"rows": Rows([1, 2]), "broken": Broken([1])})
    found = line(log)
    assert found["rows"] == [1, "[iterating Rows failed: ConnectionError]"]
    assert found["broken"] == ["[iterating Broken failed: ConnectionError]"]


def test_integers_of_other_types_are_numbers(logger: logging.Logger, log: Path) -> None:
    class Index:
        def __init__(self, number: int) -> None:
            self.number = number

        def __index__(self) -> int:
            return self.number

    class Fails:
        def __index__(self) -> int:
            raise ValueError("none")

        def __str__(self) -> str:
            return "fails"

    numbers = {"one": Index(1), "large": Index(2**63), "list": [Index(2)], "fails": Fails()}
    logger.info("numbers", extra=numbers)
    found = line(log)
    assert {name: found[name] for name in numbers} == {
        "one": 1,
        "large": 2**63,
        "list": [2],
        "fails": "fails",
    }


def test_an_argument_that_raises_is_told_by_its_type(logger: logging.Logger, log: Path) -> None:
    class Raises:
        def __str__(self) -> str:
            raise RuntimeError("on purpose")

        __repr__ = __str__

    logger.info("%s and %s", "one", Raises())
    expected = "%s and %s [arguments do not fit: ('one', [formatting Raises failed: RuntimeError])]"
    assert line(log)["message"] == expected


def test_half_a_pair_of_surrogates_is_one_replacement(logger: logging.Logger, log: Path) -> None:
    logger.info("a\ud800b%s", "\udfff", extra={"list": ["\ud800\ud801x"]})
    found = line(log)
    assert found["message"] == "a\ufffdb\ufffd"
    assert found["list"] == ["\ufffd\ufffdx"]
