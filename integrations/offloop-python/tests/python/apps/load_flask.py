"""The same as `load_app` for Flask."""

import logging
import os

import offloop
from flask import Flask, request
from offloop.wsgi import RequestLog

offloop.install(os.environ["OFFLOOP_TEST_LOG"], process=True)
log = logging.getLogger("load")
app = Flask(__name__)


@app.get("/<key>")
def answer(key: str) -> str:
    for step in range(5):
        log.info("step", extra={"key": key, "step": step})
    return "ok"


@app.post("/whole")
def read_whole() -> str:
    return str(len(request.get_data()))


@app.post("/lines")
def read_lines() -> str:
    return str(sum(len(line) for line in request.environ["wsgi.input"]))


@app.post("/half")
def read_half() -> str:
    return str(len(request.environ["wsgi.input"].read(500)))


@app.post("/unread")
def read_nothing() -> str:
    return "0"


app.wsgi_app = RequestLog(app.wsgi_app)
