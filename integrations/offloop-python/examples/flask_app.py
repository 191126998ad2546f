"""gunicorn --workers 2 --logger-class offloop.gunicorn.Logger flask_app:app"""

import logging
import os

import offloop
from flask import Flask
from offloop.wsgi import RequestLog

offloop.install(os.environ.get("OFFLOOP_TEST_LOG", "logs/app.jsonl"))
flask = Flask(__name__)


@flask.get("/hello/<name>")
def hello(name: str) -> str:
    logging.getLogger("hello").info("greeted", extra={"name_": name})
    return "hello"


@flask.get("/raises")
def raises() -> str:
    raise ValueError("on purpose")


flask.wsgi_app = RequestLog(flask.wsgi_app)  # type: ignore[method-assign]
app = flask
