"""sanic sanic_app:app --workers 2"""

import logging
import os

import offloop
import offloop.sanic
from sanic import Request, Sanic
from sanic.response import HTTPResponse, text

offloop.install(os.environ.get("OFFLOOP_TEST_LOG", "logs/app.jsonl"))
app = Sanic("example")
offloop.sanic.setup(app)


@app.get("/hello/<name>")
async def hello(request: Request, name: str) -> HTTPResponse:
    logging.getLogger("hello").info("greeted", extra={"name_": name})
    return text("hello")


@app.get("/stream")
async def stream(request: Request) -> None:
    response = await request.respond(content_type="text/plain")
    for part in ("one", "two"):
        await response.send(part)
    await response.eof()


@app.get("/raises")
async def raises(request: Request) -> HTTPResponse:
    raise ValueError("on purpose")
