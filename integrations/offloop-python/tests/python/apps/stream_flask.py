"""A Flask application whose answers come in parts, and fail in some ways."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import offloop
from flask import Flask, Response
from offloop.wsgi import RequestLog

offloop.install(os.environ["OFFLOOP_TEST_LOG"])
flask = Flask(__name__)

ERRORS = {"error": RuntimeError, "os": ConnectionError}


@flask.get("/parts")
def parts() -> Response:
    return Response(part for part in ["0123456789"] * 3)


@flask.get("/fails/<kind>")
def fails(kind: str) -> Response:
    def body() -> Iterator[str]:
        yield "0123456789"
        raise ERRORS[kind]("on purpose")

    return Response(body())


@flask.get("/endless")
def endless() -> Response:
    def body() -> Iterator[bytes]:
        while True:
            yield b"0" * 100_000

    return Response(body())


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """Flask's, but for one that raises, and one that calls what `start_response` has returned."""
    if environ["PATH_INFO"] == "/breaks":
        raise ValueError("on purpose")
    if environ["PATH_INFO"] != "/written":
        return flask(environ, start_response)
    write = start_response("200 OK", [("content-type", "text/plain")])
    write(b"0123456789")
    write(b"0123456789")
    return [b"end"]


app = RequestLog(app)
