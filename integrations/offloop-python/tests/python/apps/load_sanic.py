"""The same as `load_app` for Sanic's own server."""

import logging
import os

import offloop
import offloop.sanic
from sanic import Request, Sanic, Websocket
from sanic.response import HTTPResponse, text

offloop.install(os.environ["OFFLOOP_TEST_LOG"], process=True)
log = logging.getLogger("load")
app = Sanic("load")
offloop.sanic.setup(app)


@app.get("/<key>")
async def answer(request: Request, key: str) -> HTTPResponse:
    for step in range(5):
        log.info("step", extra={"key": key, "step": step})
    return text("ok")


@app.websocket("/socket/<name>")
async def talk(request: Request, socket: Websocket, name: str) -> None:
    if name == "raises":
        raise ValueError("on purpose")
    async for message in socket:
        log.info("heard %s", message)
        await socket.send("heard")
        if name == "closes":
            await socket.close(4000)
