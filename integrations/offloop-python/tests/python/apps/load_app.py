"""As little as an ASGI application can be, with five records for each request."""

import asyncio
import logging
import os

import offloop
from offloop.asgi import RequestLog

rotation = os.environ.get("OFFLOOP_TEST_ROTATION")
offloop.install(
    os.environ["OFFLOOP_TEST_LOG"],
    process=True,
    rotation={"at_bytes": int(rotation)} if rotation else None,
)
log = logging.getLogger("load")


async def answer(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["type"] == "websocket":
        return await talk(scope, receive, send)
    key = scope["path"].strip("/")
    for step in range(5):
        log.info("step", extra={"key": key, "step": step})
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def talk(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/sleeps":
        await asyncio.sleep(3600)
    while (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": "heard"})


app = answer if "OFFLOOP_TEST_UNFOLLOWED" in os.environ else RequestLog(answer)
