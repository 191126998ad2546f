"""The configuration file says something else while a program runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import read_lines, run_program

PROGRAM = """
    import logging, offloop, os, pathlib, signal, sys, time

    file, log = pathlib.Path("live.toml"), pathlib.Path("app.jsonl")

    def say(level, live):
        file.write_text(f'level = "{level}"\\n{live}\\n[sinks.main]\\nkind = "file"\\npath = "{log}"\\n')

    def messages():
        offloop.flush()
        return log.read_text() if log.exists() else ""

    def wait_for(condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)
"""


def run(text: str, directory: Path) -> None:
    run_program(PROGRAM + text, directory)


@pytest.mark.parametrize("way", ["hangup", "watch", "call"])
def test_levels_follow_the_file(tmp_path: Path, way: str) -> None:
    live = {"hangup": 'on_hangup = "reload"', "watch": "watch = true", "call": ""}[way]
    run(
        f"""
    say("info", {live!r})
    offloop.install(config=file)
    logger = logging.getLogger("app")
    assert logging.root.level == logging.INFO
    logger.debug("no")
    say("info,app.db=debug", {live!r})
    if {way!r} == "hangup":
        os.kill(os.getpid(), signal.SIGHUP)
    elif {way!r} == "call":
        offloop.reload()
    wait_for(lambda: logging.root.level == logging.DEBUG)
    logger.debug("no")
    logger.info("one")
    logging.getLogger("app.db").debug("two")
    assert "configuration reloaded" in messages()
    """,
        tmp_path,
    )
    lines = read_lines(tmp_path / "app.jsonl")
    assert [line["message"] for line in lines if line["target"] != "offloop"] == ["one", "two"]


def test_a_mistake_in_the_file_is_told_and_changes_nothing(tmp_path: Path) -> None:
    run(
        """
    say("info", "")
    offloop.install(config=file)
    file.write_text("levle = 1")
    try:
        offloop.reload()
    except ValueError as error:
        assert "levle" in str(error) and "level" in str(error)
    else:
        raise AssertionError
    say("info", 'on_hangup = "reload"')
    offloop.reload()
    file.write_text("levle = 1")
    os.kill(os.getpid(), signal.SIGHUP)
    wait_for(lambda: "levle" in messages())
    logging.info("one")
    """,
        tmp_path,
    )
    assert read_lines(tmp_path / "app.jsonl")[-1]["message"] == "one"


def test_a_level_that_the_program_sets_stays(tmp_path: Path) -> None:
    run(
        """
    say("warn", "")
    offloop.install(config=file, level="ERROR")
    say("debug", "")
    offloop.reload()
    assert logging.root.level == logging.ERROR
    offloop.install(config=file)
    assert logging.root.level == logging.DEBUG
    logging.root.setLevel(logging.CRITICAL)
    say("info", "")
    offloop.reload()
    assert logging.root.level == logging.CRITICAL
    """,
        tmp_path,
    )


@pytest.mark.parametrize("way", ["hangup", "watch"])
def test_the_interpreter_may_come_down_while_the_file_is_read(tmp_path: Path, way: str) -> None:
    run(
        f"""
    say("info", 'on_hangup = "reload"' if {way!r} == "hangup" else "watch = true")
    offloop.install(config=file)

    class Last:
        def __del__(self):
            say("debug", "")
            signal_self()

    def signal_self(kill=os.kill, pid=os.getpid()):
        kill(pid, 1)

    if {way!r} == "hangup":
        last = Last()
    logging.info("one")
    """,
        tmp_path,
    )
    assert "one" in [line["message"] for line in read_lines(tmp_path / "app.jsonl")]
