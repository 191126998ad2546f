"""As little as an ASGI application can be, with five records for each request."""

import asyncio
import fcntl
import logging
import os
import signal

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
    if scope["path"] == "/dies":
        die()
    key = scope["path"].strip("/")
    for step in range(5):
        log.info("step", extra={"key": key, "step": step})
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def die():
    # Lines are written under the file's lock: this one is in no file when the process is gone.
    with open(os.environ["OFFLOOP_TEST_LOG"]) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        log.info("last words")
        os.kill(os.getpid(), signal.SIGKILL)


async def talk(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/sleeps":
        await asyncio.sleep(3600)
    while (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": "heard"})


app = answer if "OFFLOOP_TEST_UNFOLLOWED" in os.environ else RequestLog(answer)
