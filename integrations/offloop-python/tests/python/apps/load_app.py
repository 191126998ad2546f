"""As little as an ASGI application can be, with five records for each request."""

import logging
import os

import offloop
from offloop.asgi import RequestLog

offloop.install(os.environ["OFFLOOP_TEST_LOG"], process=True)
log = logging.getLogger("load")


async def answer(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    key = scope["path"].strip("/")
    for step in range(5):
        log.info("step", extra={"key": key, "step": step})
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


app = RequestLog(answer)
