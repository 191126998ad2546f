"""What type checkers say of programs that use the package as its documentation does."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = """
    import offloop, offloop.asgi, offloop.structlog, offloop.wsgi
    import structlog
    from fastapi import FastAPI
    from flask import Flask
    from starlette.middleware import Middleware

    app = FastAPI()
    wrapped = offloop.asgi.RequestLog(app, quiet=["/health"], slow_after=0.5)
    app.add_middleware(offloop.asgi.RequestLog, quiet=["/health"])
    Middleware(offloop.asgi.RequestLog, query={{"values_of": ["page"]}})
    offloop.wsgi.RequestLog(Flask("shop").wsgi_app, {option})
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, offloop.structlog.Emit()]
    )
    log: offloop.KeywordLogger = offloop.get_logger("shop", user=42).bind(plan="gold")
    is_wanted: bool = log.isEnabledFor(10)
    version: str = offloop.__version__
"""


@pytest.mark.parametrize(
    ("option", "error"), [("sample=0.1", ""), ("sampel=0.1", 'Unexpected keyword argument "sampel"')]
)
def test_documented_programs_are_well_typed(tmp_path: Path, option: str, error: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM.format(option=option)))
    options = ("--strict", "--cache-dir", str(tmp_path / "cache"))
    done = run("mypy", *options, str(program), directory=tmp_path)
    assert error in done.stdout and (done.returncode == 0) == (error == ""), done.stdout


def test_what_is_said_of_the_native_half_is_so(tmp_path: Path) -> None:
    done = run("mypy.stubtest", "offloop._offloop", directory=tmp_path)
    assert done.returncode == 0, done.stdout


def run(tool: str, *arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", tool, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=directory)
