"""uvicorn starlette_app:app"""

import os

import offloop
from offloop.asgi import RequestLog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

offloop.install(os.environ.get("OFFLOOP_TEST_LOG", "logs/app.jsonl"))
log = offloop.get_logger("hello")


async def hello(request: Request) -> PlainTextResponse:
    log.info("greeted", name=request.path_params["name"])
    offloop.add("plan", "gold")
    return PlainTextResponse("hello")


app = RequestLog(Starlette(routes=[Route("/hello/{name}", hello)]))
