"""An application that knows nothing of us."""

import logging

log = logging.getLogger("plain")


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    log.info("hello %s", scope["path"], extra={"user": 42})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def wsgi(environ, start_response):
    log.info("hello %s", environ["PATH_INFO"], extra={"user": 42})
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]
