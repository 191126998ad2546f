"""`install`: what it takes the place of, and by whose levels."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import read_lines, run_program


def messages(log: Path) -> list[str]:
    return [line["message"] for line in read_lines(log)]


def test_handlers_of_other_kinds_stay_at_the_root(tmp_path: Path, log: Path) -> None:
    done = run_program(
        f"""
        import logging, offloop

        class Slack(logging.Handler):
            def emit(self, record):
                print("slack:", record.getMessage())

        logging.basicConfig(level=logging.DEBUG)
        logging.root.addHandler(Slack())
        for _ in range(2):
            offloop.install({str(log)!r})
        logging.warning("disk is full")
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["slack: disk is full"]
    assert "disk is full" not in done.stderr
    assert messages(log) == ["disk is full"]


@pytest.mark.parametrize("wrong", ['level="LOUD"', "level=2.5", 'format="nonsense"'])
def test_an_install_that_raises_has_changed_nothing(tmp_path: Path, log: Path, wrong: str) -> None:
    run_program(
        f"""
        import logging, offloop
        offloop.install({str(log)!r}, level="DEBUG")
        try:
            offloop.install("other.jsonl", {wrong})
        except (TypeError, ValueError):
            logging.debug("goes on")
        """,
        tmp_path,
    )
    assert messages(log) == ["goes on"]
    assert not (tmp_path / "other.jsonl").exists()


LEVELS = [
    ("", "", ["info"]),
    ('level = "debug"', "", ["debug", "info", "db"]),
    ('level = "warn,db=debug"', "", ["db"]),
    ('level = "info"\n[env.staging]\nlevel = "debug"', "", ["debug", "info", "db"]),
    ('level = "debug"', "level='WARNING'", []),
]


@pytest.mark.parametrize(("text", "arguments", "expected"), LEVELS)
def test_the_levels_of_the_configuration_file_count(
    tmp_path: Path, text: str, arguments: str, expected: list[str]
) -> None:
    sink = '[sinks.main]\nkind = "file"\npath = "configured.jsonl"\n'
    top, *environments = text.split("\n", 1)
    (tmp_path / "offloop.toml").write_text("\n".join([top, sink, *environments]))
    run_program(
        f"""
        import logging, os, offloop
        os.environ["OFFLOOP_ENV"] = "staging"
        offloop.install({arguments})
        logging.debug("debug")
        logging.info("info")
        logging.getLogger("db").debug("db")
        """,
        tmp_path,
    )
    assert messages(tmp_path / "configured.jsonl") == expected


DIRECTIVES = [
    ("", ["info"]),
    ("filter='debug'", ["debug", "info"]),
    ("filter='debug', level='INFO'", ["info"]),
    ("rust_log=True", []),
    ("config={'sinks': {'main': {'kind': 'file', 'path': 'app.jsonl'}}}", ["info"]),
    ("config='one.toml'", ["info"]),
    ("config='two.toml'", []),
]


@pytest.mark.parametrize(("arguments", "expected"), DIRECTIVES)
def test_rust_log_counts_only_where_it_is_asked_for(
    tmp_path: Path, arguments: str, expected: list[str]
) -> None:
    sink = '[sinks.main]\nkind = "file"\npath = "app.jsonl"\n'
    (tmp_path / "one.toml").write_text(sink)
    (tmp_path / "two.toml").write_text("rust_log = true\n" + sink)
    name = "" if "config" in arguments else "'app.jsonl', "
    run_program(
        f"""
        import logging, os
        os.environ["RUST_LOG"] = "tokenizers=debug"
        import offloop
        offloop.install({name}{arguments})
        logging.debug("debug")
        logging.info("info")
        """,
        tmp_path,
    )
    assert messages(tmp_path / "app.jsonl") == expected


def test_the_figures_of_each_sink_add_up(tmp_path: Path) -> None:
    run_program(
        """
        import logging, offloop
        sinks = {
            "all": {"kind": "file", "path": "all.jsonl"},
            "errors": {"kind": "file", "path": "errors.jsonl", "level": "error"},
        }
        offloop.install(config={"sinks": sinks})
        logging.info("one")
        logging.error("two")
        offloop.flush()
        stats = offloop.stats()
        for sink in stats["sinks"]:
            parts = [sink[name] for name in ("written", "filtered", "waiting", "lost")]
            assert sink["accepted"] == sum(parts) == 2, stats
        assert [sink["filtered"] for sink in stats["sinks"]] == [0, 1], stats
        assert [sink["name"] for sink in stats["sinks"]] == ["all", "errors"], stats
        files = [sink["destination"].rpartition("/")[2] for sink in stats["sinks"]]
        assert files == ["all.jsonl", "errors.jsonl"], stats
        assert (stats["accepted"], stats["written"], stats["filtered"]) == (2, 3, 1), stats
        """,
        tmp_path,
    )
