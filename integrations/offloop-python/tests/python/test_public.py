"""Public test-suites, as green as without us. Taken from where they are published, not copied."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

#: What only a hang reaches.
DEADLINE_S = 1200

is_long = pytest.mark.skipif(
    os.environ.get("OFFLOOP_LONG") != "1", reason="takes long: OFFLOOP_LONG=1"
)


def run(arguments: list[str], directory: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
    )
    return done.stdout


def test_cpython_s_tests_of_logging_pass_with_our_class_of_loggers(tmp_path: Path) -> None:
    pytest.importorskip("test.test_logging", reason="this interpreter came without its tests")
    (tmp_path / "with_ours.py").write_text(
        "import offloop._loggers, unittest\n"
        "offloop._loggers.adopt_all()\n"
        "unittest.main('test.test_logging')\n"
    )
    output = run(["with_ours.py"], tmp_path)
    found = set(re.findall(r"^(?:FAIL|ERROR): (\S+)", output, re.MULTILINE))
    if found:
        # Some fail on some machines whoever's the class.
        names = [argument for name in sorted(found) for argument in ("-k", name)]
        output = run(["-m", "unittest", "test.test_logging", *names], tmp_path)
        found -= set(re.findall(r"^(?:FAIL|ERROR): (\S+)", output, re.MULTILINE))
    assert not found, output
    assert re.search(r"Ran \d+ tests?", output), output


@is_long
def test_starlette_s_tests_pass_with_requests_followed(tmp_path: Path) -> None:
    release = f"starlette=={version('starlette')}"
    run(
        ["-m", "pip", "download", "-q", "--no-deps", "--no-binary", "starlette", release],
        tmp_path,
    )
    # What its tests need besides.
    needed = ["httpx2", "itsdangerous", "jinja2", "opentelemetry-sdk", "python-multipart", "trio"]
    run(["-m", "pip", "install", "-q", "--target", "needed", *needed], tmp_path)
    (archive,) = tmp_path.glob("starlette-*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.glob("starlette-*") if path.is_dir())
    (source / "follow_requests.py").write_text(
        "import starlette.testclient as testclient\n"
        "from offloop.asgi import RequestLog\n"
        "original = testclient.TestClient.__init__\n"
        "def init(self, app, *arguments, **options):\n"
        "    if testclient._is_asgi3(app):\n"
        # Some compare all headers that come back.
        "        app = RequestLog(app, send_back=False)\n"
        "    original(self, app, *arguments, **options)\n"
        "testclient.TestClient.__init__ = init\n"
    )
    # Theirs, not the installed one, and without what only their own repository has installed.
    plain = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "tests"]
    options = ["-o", "filterwarnings="]
    paths = os.pathsep.join([".", str(tmp_path / "needed")])
    without = outcome(run([*plain, *options], source, PYTHONPATH=paths))
    options += ["-p", "follow_requests"]
    within = outcome(run([*plain, *options], source, PYTHONPATH=paths))
    assert "passed" in within[-1] and within == without


CORRELATION_ID = os.environ.get("OFFLOOP_ASGI_CORRELATION_ID", "")

#: Every handler for a stream becomes ours, with its filters, and all loggers are quick ones.
WITH_OURS = """
import copy, logging.config
import offloop, offloop._loggers
original = logging.config.dictConfig

def with_ours(config):
    config = copy.deepcopy(config)
    for handler in config.get("handlers", {}).values():
        if handler.get("class") == "logging.StreamHandler":
            handler.update({"class": "offloop.Handler", "filename": "with_ours.jsonl"})
            handler.pop("formatter", None)
    original(config)
    offloop._loggers.adopt_all()

logging.config.dictConfig = with_ours

def pytest_sessionfinish(session):
    offloop.flush()
    stats = offloop.stats()
    assert stats["written"] == stats["accepted"] != 0, stats
"""


@pytest.mark.skipif(
    not CORRELATION_ID, reason="not in any package: OFFLOOP_ASGI_CORRELATION_ID names a checkout"
)
def test_asgi_correlation_id_s_tests_pass_with_its_filter_on_our_handler(tmp_path: Path) -> None:
    # Their event loop's fixture and their clients are of that time.
    needed = ["pytest<8.4", "pytest-asyncio<0.24", "httpx<0.28"]
    needed += ["celery", "fastapi", "pytest-mock", "requests", "sentry-sdk"]
    run(["-m", "pip", "install", "-q", "--target", "needed", *needed], tmp_path)
    (tmp_path / "with_ours.py").write_text(WITH_OURS)
    paths = os.pathsep.join([str(tmp_path / "needed"), CORRELATION_ID, str(tmp_path)])
    # What its workers of celery need is not here, with us or without.
    plain = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "-W", "ignore"]
    plain += ["-c", os.path.join(CORRELATION_ID, "setup.cfg"), os.path.join(CORRELATION_ID, "tests")]
    without = outcome(run(plain, tmp_path, PYTHONPATH=paths))
    output = run([*plain, "-p", "with_ours"], tmp_path, PYTHONPATH=paths)
    assert "passed" in without[-1] and outcome(output) == without, output
    lines = (tmp_path / "with_ours.jsonl").read_text().splitlines()
    assert any("correlation_id" in line for line in lines)


def outcome(output: str) -> list[str]:
    """What failed, and how many tests there were."""
    lines = output.strip().splitlines()
    failed = sorted(line.split(" - ")[0] for line in lines if line.startswith(("FAILED", "ERROR ")))
    return [*failed, re.sub(r" in [\d.]+s.*", "", lines[-1])]
